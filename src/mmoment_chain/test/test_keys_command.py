import base64
import re
import shutil
from pathlib import Path

import pytest
from fake_clock import FakeClock
from store_world import OTHER_WALLET, WALLET, session

from mmoment_chain import (
    chain_use,
    event_log,
    keys_command,
    session_records,
    template_records,
    vault,
    visits,
)
from mmoment_chain.camera_home import CameraHome
from mmoment_chain.device_keys import SigningKey, UnsealingKeys, create_missing, follow
from mmoment_chain.envelope import Custody, Envelope, Record
from mmoment_chain.keys_command import main
from mmoment_chain.places import camera_folder
from mmoment_chain.sealing import key_id, public_of
from mmoment_chain.secret_bytes import SecretBytes
from mmoment_chain.store import Store
from mmoment_chain.template_records import TemplateRecord
from tests.killed_child import killed_at_line

NAMESPACE = 'gym'
TEMPLATES = {'anna': b'template of anna', 'bert': b'template of bert'}
# What it calls is killed in tests of its own.
MODULES = ('keys_command',)


def records():
    return {
        name: Record(wallet, 'model-1', name)
        for name, wallet in zip(TEMPLATES, (WALLET, OTHER_WALLET), strict=True)
    }


def put(store, record, custody, envelope):
    with store.transaction() as tx:
        ids = (record.record_id, record.wallet, record.model_id)
        template_records.put(tx, TemplateRecord(*ids, custody, envelope, 5))


@pytest.fixture
def home(tmp_path):
    """A camera that has stopped, with two templates in its keeping and one that is not."""
    home = CameraHome(camera_folder(NAMESPACE, {'MMOMENT_DATA': str(tmp_path)}))
    create_missing(home.keys, 1)
    with Store(home.store, FakeClock()) as store, UnsealingKeys.load(home.keys) as keys:
        for name, record in records().items():
            envelope = vault.seal(TEMPLATES[name], keys.public, record, Custody.CAMERA)
            put(store, record, 'camera', envelope.to_bytes())
        with SecretBytes.random(32) as own:
            record = Record(WALLET, 'model-2', 'own')
            envelope = vault.seal(b'own', public_of(own), record)
            put(store, record, 'user', envelope.to_bytes())
    return home


def call(home, action, *more):
    folder = home.folder.parents[1]
    return main([action, '--namespace', NAMESPACE, '--data-folder', str(folder), *more])


def envelopes(home):
    with Store(home.store, FakeClock(), read_only=True) as store, store.reading() as query:
        names = [*TEMPLATES, 'own']
        return {name: template_records.get(query, name).envelope for name in names}


def opened(home):
    """What the camera opens of what it keeps."""
    with UnsealingKeys.load(home.keys) as keys:
        found = {}
        for name, record in records().items():
            sealed = Envelope.from_bytes(envelopes(home)[name])
            with vault.open_in_custody(sealed, record, keys) as template:
                found[name] = bytes(template.view)
        return found


def publics(home):
    with SigningKey.load(home.keys) as signing, UnsealingKeys.load(home.keys) as unsealing:
        return signing.camera_id, signing.public, unsealing.public, len(unsealing.retired_ids)


def test_the_public_keys_are_told_and_no_private_one(home, capsys):
    assert call(home, 'show') == 0
    out = capsys.readouterr().out
    camera_id, _, unsealing, _ = publics(home)
    assert f'camera id: {camera_id}\n' in out
    assert f'unsealing key: {base64.b64encode(unsealing).decode()}\n' in out
    assert 'replaced: 0 times' in out
    content = (home.keys / 'unsealing.key').read_bytes()
    secret = re.escape(base64.b64encode(content[8:40]).decode().rstrip('='))
    assert not re.search(secret, out)
    assert content[8:40].hex() not in out


def test_keys_that_are_not_there_are_told_and_not_made(tmp_path, capsys):
    for action in ('show', 'rotate'):
        assert main([action, '--data-folder', str(tmp_path)]) == 2
        assert 'there are no keys in' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_all_that_the_camera_keeps_is_sealed_to_the_new_key_and_the_old_one_goes(home, capsys):
    camera_id, signing, unsealing, _ = publics(home)
    before = envelopes(home)
    assert call(home, 'rotate') == 0
    assert 'templates sealed to the new key: 2\n' in capsys.readouterr().out

    after = publics(home)
    assert (after[0], after[3]) == (camera_id, 0)
    assert after[1] != signing
    assert after[2] != unsealing
    with SigningKey.load(home.keys) as key:
        assert follow(key.statements, signing) == key.public
    assert opened(home) == TEMPLATES
    now = envelopes(home)
    assert now['own'] == before['own']
    assert all(
        Envelope.from_bytes(now[name]).recipient_id == key_id(after[2]) for name in TEMPLATES
    )
    with Store(home.store, FakeClock(), read_only=True) as store, store.reading() as query:
        (event,) = event_log.read(query)
        assert event_log.verify(query).is_good
    assert (event.kind, event.data['resealed']) == ('keys_in_use', 2)
    assert event.data['unsealing_key'] == key_id(after[2]).hex()


def test_what_was_sealed_to_the_old_key_is_in_no_file_any_more(home):
    old = [Envelope.from_bytes(envelopes(home)[name]).sealed_key for name in TEMPLATES]
    assert call(home, 'rotate') == 0
    for path in home.folder.iterdir():
        if path.is_file():
            assert not any(sealed in path.read_bytes() for sealed in old), path.name


def test_the_keys_of_a_running_camera_stay(home, capsys):
    before = publics(home)
    with Store(home.store, FakeClock()):
        assert call(home, 'rotate') == 2
        assert 'stop that camera' in capsys.readouterr().err
        assert call(home, 'show') == 0
    assert publics(home) == before


def test_a_key_that_is_in_use_on_a_chain_stays_unless_its_owner_insists(home, capsys):
    with SigningKey.load(home.keys) as key:
        before = key.public
    chain_use.note(home.folder, before)
    assert call(home, 'rotate') == 2
    told = capsys.readouterr().err
    assert all(word in told for word in ('--force', 'rotate_device', 'SOL', 'group'))
    with SigningKey.load(home.keys) as key:
        assert key.public == before
    assert call(home, 'rotate', '--force') == 0
    with SigningKey.load(home.keys) as key:
        assert key.public != before
    # What was noted of the old key is nothing against the new one.
    assert call(home, 'rotate') == 0


def test_a_key_that_the_chain_needs_to_check_somebody_out_stays(home, capsys):
    with Store(home.store, FakeClock()) as store, store.transaction() as tx:
        session_records.add(tx, session())
        visits.moved(tx, session().id, visits.IN, 5)
    assert call(home, 'rotate') == 2
    with Store(home.store, FakeClock()) as store, store.transaction() as tx:
        visits.moved(tx, session().id, visits.DONE, 6)
    assert call(home, 'rotate') == 0


def test_a_damaged_template_keeps_its_key_and_nothing_else(home, capsys):
    envelope = bytearray(envelopes(home)['anna'])
    envelope[40] ^= 1
    with Store(home.store, FakeClock()) as store, store.transaction() as tx:
        template_records.replace_envelope(tx, 'anna', bytes(envelope))
    for _ in range(2):
        assert call(home, 'rotate') == 1
        assert '1 of the templates' in capsys.readouterr().err
        assert publics(home)[3] == 1
        assert envelopes(home)['anna'] == envelope
        with UnsealingKeys.load(home.keys) as keys:
            sealed = Envelope.from_bytes(envelopes(home)['bert'])
            vault.open_in_custody(sealed, records()['bert'], keys).close()


def test_killed_at_any_line_nothing_is_lost_and_another_try_completes_it(home):
    first, states = publics(home), []

    def rotate(folder):
        with Store(CameraHome(folder).store, FakeClock()) as store:
            keys_command.rotate(CameraHome(folder).keys, store)

    while True:
        copy = CameraHome(Path(f'{home.folder}-{len(states)}'))
        shutil.copytree(home.folder, copy.folder)
        was_killed = killed_at_line(len(states), MODULES, lambda folder=copy.folder: rotate(folder))
        assert opened(copy) == TEMPLATES
        if not was_killed:
            break
        _, signing, unsealing, retired = publics(copy)
        states.append((signing != first[1], unsealing != first[2], retired))
        rotate(copy.folder)
        assert opened(copy) == TEMPLATES
        assert publics(copy)[0] == first[0]
        assert publics(copy)[3] == 0
        shutil.rmtree(copy.folder)
    # It was killed before, between and after each of the steps.
    steps = [(False, False, 0), (True, False, 0), (True, True, 1), (True, True, 0)]
    assert sorted(set(states), key=steps.index) == steps
    assert states == sorted(states, key=steps.index)
