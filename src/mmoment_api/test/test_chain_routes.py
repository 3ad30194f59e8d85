import pytest
from fake_chain import CAMERA, DEVICE, MINT, STATUS, wire
from people import ANN, BEN, SIGNED

from mmoment_api.chain_control import TransactionWish, refused_by_chain
from mmoment_api.chain_turns import ChainTurns

BUILD, SUBMIT = '/api/chain/transactions', '/api/chain/transactions/submit'
VERIFY, FACE = '/api/chain/nft/verify', '/api/chain/face'


def test_everybody_is_told_addresses_and_the_owner_what_it_costs(services, caller, owner):
    silent = caller.get('/api/chain/status').json()
    assert (silent['running'], silent['state'], silent['camera_address']) == (False, 'silent', None)
    services.state.chain.hear(STATUS)
    told = caller.get('/api/chain/status').json()
    assert told == {
        'success': True,
        'running': True,
        'state': 'live',
        'cluster': 'localnet',
        'program_id': STATUS.program_id,
        'camera_address': CAMERA,
        'device': DEVICE,
        'registered': True,
        'active': True,
        'mode': 'private',
        'detail': None,
    }
    detail = owner.get('/api/chain/status').json()['detail']
    assert (detail['balance'], detail['spent'], detail['budget']) == (5_000_000_000, 15_000, 20_000)
    assert (detail['log_here'], detail['log_there'], detail['held_back']) == (12, 9, 'budget')
    assert detail['owner'] == STATUS.owner


def test_camera_and_check_in_name_the_account(services, caller, clock):
    services.state.chain.hear(STATUS)
    clock.now_s += 60.0
    info = caller.get('/api/camera/info').json()
    assert (info['camera_pda'], info['device_pubkey']) == (CAMERA, DEVICE)
    assert caller.post('/api/checkin', json=SIGNED).json()['camera_pda'] == CAMERA


def test_the_owner_registers_the_camera_with_any_wallet(services, owner):
    values = {'name': 'Garden', 'mode': 'private'}
    answer = owner.post(
        BUILD, json={'kind': 'register_camera', 'wallet_address': BEN, 'values': values}
    )
    assert answer.json() == {
        'success': True,
        'id': 'b1',
        'transaction': wire(b'message 1'),
        'can_be_sent': True,
        'accounts': [MINT],
        'summary': ['Do register_camera'],
        'number': 1,
        'count': 1,
        'fee': 10_000,
        'rent': 3_000_000,
        'last_valid_height': 500,
        'message': 'Sign this',
    }
    wish = TransactionWish('register_camera', BEN, '', (('name', 'Garden'), ('mode', 'private')))
    assert services.chain.asked == [('build', wish)]
    nobody = owner.post(BUILD, json={'kind': 'close_camera'})
    assert (nobody.status_code, nobody.json()['field']) == (422, 'wallet_address')


def test_people_build_for_themselves_only(services, ann):
    assert ann.post(BUILD, json={'kind': 'burn_face'}).status_code == 200
    assert services.chain.asked == [('build', TransactionWish('burn_face', ANN, 's1'))]
    other = ann.post(BUILD, json={'kind': 'burn_face', 'wallet_address': BEN})
    assert (other.status_code, other.json()['error']) == (403, 'wrong_wallet')
    refused = ann.post(BUILD, json={'kind': 'register_camera', 'values': {'name': 'Mine'}})
    assert (refused.status_code, refused.json()['right']) == (403, 'owner')
    assert len(services.chain.asked) == 1


def test_the_owner_has_no_face(services, owner):
    answer = owner.post(BUILD, json={'kind': 'mint_face', 'wallet_address': ANN})
    assert (answer.status_code, answer.json()['error']) == (404, 'no_session')
    assert services.chain.asked == []


def test_the_next_of_a_row_follows_the_one_before(services, ann):
    services.chain.count = 2
    body = {'kind': 'mint_face', 'after': 'b1', 'values': {'record_id': 'not needed'}}
    answer = ann.post(BUILD, json=body).json()
    assert (answer['id'], answer['number'], answer['count']) == ('b2', 2, 2)
    assert services.chain.asked[0][1].values == (('after', 'b1'),)


@pytest.mark.parametrize(
    ('body', 'field'),
    [
        ({}, 'kind'),
        ({'kind': 'take_all'}, 'kind'),
        ({'kind': 'burn_face', 'values': {'mint': 7}}, 'values.mint'),
        ({'kind': 'burn_face', 'values': {str(n): '' for n in range(17)}}, 'values'),
        ({'kind': 'burn_face', 'wallet_address': 'ann'}, 'wallet_address'),
    ],
)
def test_what_cannot_be_built_is_not_asked_for(services, ann, body, field):
    answer = ann.post(BUILD, json=body)
    assert (answer.status_code, answer.json()['field']) == (422, field)
    assert services.chain.asked == []


def test_what_is_signed_is_submitted(services, ann):
    signed = wire(b'message 1', filled=2)
    answer = ann.post(SUBMIT, json={'id': 'b1', 'transaction': signed}).json()
    assert answer == {
        'success': True,
        'transaction_id': '4' * 88,
        'slot': 79,
        'accounts': [MINT],
        'message': 'It is on the chain',
    }
    assert services.chain.asked == [('submit', 'b1', signed)]
    services.chain.refusals['submit'] = refused_by_chain('undecided', 'Not yet')
    again = ann.post(SUBMIT, json={'id': 'b1', 'transaction': signed})
    assert (again.status_code, again.json()['error']) == (409, 'undecided')
    long = ann.post(SUBMIT, json={'id': 'b1', 'transaction': 'A' * 1648})
    assert (long.status_code, long.json()['field']) == (422, 'transaction')


def test_of_what_a_wallet_has_sent_the_signature_is_enough(services, ann):
    signature = '5' * 88
    answer = ann.post(SUBMIT, json={'id': 'b1', 'signature': signature}).json()
    assert (answer['transaction_id'], answer['accounts']) == (signature, [MINT])
    assert services.chain.asked == [('confirm', 'b1', signature)]


@pytest.mark.parametrize(
    ('code', 'status'),
    [
        ('undecided', 409),
        ('refused', 409),
        ('expired', 409),
        ('unknown_signature', 409),
        ('foreign_transaction', 409),
        ('bad_signature', 422),
    ],
)
def test_what_is_not_what_was_built_is_not_confirmed(services, ann, code, status):
    services.chain.refusals['confirm'] = refused_by_chain(code, 'Why')
    answer = ann.post(SUBMIT, json={'id': 'b1', 'signature': '5' * 88})
    assert (answer.status_code, answer.json()['error']) == (status, code)
    assert 'transaction_id' not in answer.json()


@pytest.mark.parametrize(
    ('signed', 'field'),
    [
        ({}, 'transaction'),
        ({'transaction': wire(b'm'), 'signature': '5' * 88}, 'transaction'),
        ({'signature': '5' * 63}, 'signature'),
        ({'signature': '0' * 88}, 'signature'),
    ],
)
def test_one_of_the_two_is_submitted(services, ann, signed, field):
    answer = ann.post(SUBMIT, json={'id': 'b1', **signed})
    assert (answer.status_code, answer.json()['field']) == (422, field)
    assert services.chain.asked == []


def test_people_verify_their_own_wallet_and_the_owner_any(services, caller_of, session_control):
    ann = caller_of(services).checked_in(session_control.open(ANN))
    owner = caller_of(services).signed_in()
    answer = ann.post(VERIFY).json()
    assert (answer['holds'], answer['reason'], answer['mint']) == (True, 'holds', MINT)
    assert ann.post(VERIFY, json={'wallet_address': BEN}).status_code == 403
    assert owner.post(VERIFY).status_code == 422
    rule = {'wallet_address': BEN, 'rule': 'grant:view', 'fresh': True}
    assert owner.post(VERIFY, json=rule).json()['wallet_address'] == BEN
    assert services.chain.asked == [
        ('verify', ANN, 'face', False),
        ('verify', BEN, 'grant:view', True),
    ]


def test_only_whoever_holds_the_wallet_gets_its_face(services, caller_of, session_control):
    ann = caller_of(services).checked_in(session_control.open(ANN))
    for path in (FACE, f'{FACE}?wallet_address={ANN}'):
        assert ann.get(path).json() == {
            'success': True,
            'wallet_address': ANN,
            'envelope': 'c2VhbGVk',
            'model_id': 'model-1',
            'record_id': 'record-1',
            'mint': MINT,
        }
    assert ann.get(f'{FACE}?wallet_address={BEN}').status_code == 403
    owner = caller_of(services).signed_in()
    assert owner.get(f'{FACE}?wallet_address={ANN}').status_code == 404
    # Also not for people who have the owner's rights.
    admin = caller_of(services).checked_in(session_control.open(BEN, rights=('admin',)))
    assert admin.get(f'{FACE}?wallet_address={ANN}').status_code == 403
    assert services.chain.asked == [('face', ANN)] * 2


@pytest.mark.parametrize(
    ('method', 'path', 'body'),
    [
        ('POST', BUILD, {'kind': 'burn_face'}),
        ('POST', SUBMIT, {'id': 'b1', 'transaction': wire(b'm')}),
        ('POST', VERIFY, {}),
        ('GET', FACE, None),
    ],
)
def test_a_part_that_is_away_is_named_and_too_many_have_to_wait(
    make_services, caller_of, session_control, method, path, body
):
    services = make_services()
    ann = caller_of(services).checked_in(session_control.open(ANN))
    services.chain.is_away = True
    answer = ann(method, path, json=body)
    assert (answer.status_code, answer.json()['part']) == (503, 'chain_node')
    object.__setattr__(services, 'chain_turns', ChainTurns(at_most=0))
    assert ann(method, path, json=body).status_code == 429
