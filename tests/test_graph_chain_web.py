"""The chain over REST, by real nodes and a dev chain: the owner registers the camera, and somebody puts
their sealed face there, fetches it and takes it off again, each by what their own wallet signs.
"""

import base64
import os

import pytest

from mmoment_chain import vault
from mmoment_chain.consent_texts import VERSIONS
from mmoment_chain.envelope import Custody, Record, new_record_id
from tests.chain_web import MODEL, Somebody, ask, served_camera, status_of
from tests.graph import wait_until

pytestmark = pytest.mark.graph


@pytest.fixture(scope='module')
def camera(tmp_path_factory):
    with served_camera(tmp_path_factory.mktemp('chain')) as graph:
        yield graph


def test_the_owner_registers_the_camera(camera):
    owner = Somebody(camera)
    owner.token = camera.owner_token
    wait_until(lambda: status_of(camera)['state'] == 'live', 'the connection to the chain')
    assert status_of(camera)['registered'] is False
    done, _ = owner.carry_out('register_camera', {'name': 'Garden'})
    wait_until(lambda: status_of(camera)['registered'], 'the registration')
    status = status_of(camera)
    assert done['accounts'] == [status['camera_address']]
    assert (status['mode'], status['detail']['owner']) == ('private', owner.wallet)
    info = ask(camera.url, 'GET', '/api/camera/info')[1]
    assert info['camera_pda'] == status['camera_address']
    assert info['device_pubkey'] == status['device']
    again = {'kind': 'register_camera', 'wallet_address': owner.wallet, 'values': {'name': 'Two'}}
    status, refused = owner.call('POST', '/api/chain/transactions', again)
    assert (status, refused['error']) == (409, 'already_there')
    owner.carry_out('create_group', {})


def test_a_face_is_put_there_fetched_and_taken_off_by_its_person_only(camera):
    ann, ben = (Somebody(camera) for _ in range(2))
    for person in (ann, ben):
        assert person.check_in()['camera_pda'] == status_of(camera)['camera_address']
    record = Record(ann.wallet, MODEL, new_record_id())
    sealed = vault.seal(os.urandom(512), os.urandom(32), record, Custody.USER).to_bytes()
    face = {
        'envelope': base64.b64encode(sealed).decode(),
        'model_id': MODEL,
        'record_id': record.record_id,
        'custody': 'user',
    }
    done, count = ann.carry_out('mint_face', face)
    (mint,) = done['accounts']
    assert count >= 1
    verdict = ann.call('POST', '/api/chain/nft/verify', {'fresh': True})[1]
    assert (verdict['holds'], verdict['mint']) == (True, mint)
    answer = ann.call('GET', '/api/chain/face')[1]
    assert base64.b64decode(answer['envelope']) == sealed
    assert (answer['record_id'], answer['mint']) == (record.record_id, mint)
    assert ben.call('GET', f'/api/chain/face?wallet_address={ann.wallet}')[0] == 403
    assert ben.call('GET', '/api/chain/face')[0] == 404
    assert not ben.call('POST', '/api/chain/nft/verify', {'fresh': True})[1]['holds']
    ann.carry_out('burn_face', {})
    assert not ann.call('POST', '/api/chain/nft/verify', {'fresh': True})[1]['holds']
    assert ann.call('GET', '/api/chain/face')[0] == 404


def test_what_the_camera_keeps_is_put_there_without_naming_it(camera):
    ann = Somebody(camera)
    ann.check_in()
    status, refused = ann.call('POST', '/api/chain/transactions', {'kind': 'mint_face'})
    assert (status, refused['error']) == (404, 'no_template')
    record = Record(ann.wallet, MODEL, new_record_id())
    sealed = vault.seal(os.urandom(512), os.urandom(32), record, Custody.USER).to_bytes()
    kept = {
        'record_id': record.record_id,
        'model_id': MODEL,
        'envelope': base64.b64encode(sealed).decode(),
        'custody': 'user',
        'consent_version': VERSIONS[0],
    }
    assert ann.call('PUT', '/api/face/template', kept)[0] == 200
    ann.carry_out('mint_face', {})
    assert ann.call('GET', '/api/chain/face')[1]['envelope'] == kept['envelope']


def test_what_concerns_the_camera_its_owner_on_the_chain_has_to_sign(camera):
    ann, ben = (Somebody(camera) for _ in range(2))
    owner = Somebody(camera)
    owner.token = camera.owner_token
    wish = {'kind': 'set_active', 'wallet_address': ann.wallet, 'values': {'active': 'no'}}
    status, refused = owner.call('POST', '/api/chain/transactions', wish)
    assert (status, refused['error']) == (403, 'not_owner')
    ben.check_in()
    unsigned = {'id': 'nothing', 'transaction': base64.b64encode(bytes(100)).decode()}
    status, refused = ben.call('POST', '/api/chain/transactions/submit', unsigned)
    assert (status, refused['error']) == (422, 'not_ours')
