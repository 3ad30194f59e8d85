"""JSON-RPC as such, and what is refused."""

import base64
import json
import os
import random

import pytest
from devchain_world import SOL, Offline, body, paying, someone, text

from mmoment_chain.devchain_control import Control
from mmoment_chain.devchain_rpc import BATCH_AT_MOST, METHODS
from mmoment_chain.transaction_size import WIRE_BYTES_AT_MOST

ROUNDS = int(os.environ.get('MMOMENT_FUZZ_ROUNDS', '3000'))
PARSE_ERROR, INVALID_REQUEST, NO_METHOD, BAD_PARAMS = -32700, -32600, -32601, -32602
KEY = '11111111111111111111111111111111'


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    made = Offline(tmp_path_factory.mktemp('rpc'))
    made.rpc.control = Control(made.rpc.faults).methods()
    yield made
    made.close()


@pytest.fixture(scope='module')
def payer(world):
    return world.payer()


def answer(world, given):
    reply = world.rpc.answer(given if isinstance(given, bytes) else json.dumps(given).encode())
    return json.loads(reply.body) if reply.body else None


def call(method, params=None, **more):
    given = {'jsonrpc': '2.0', 'id': 7, 'method': method, **more}
    return given if params is None else {**given, 'params': params}


@pytest.mark.parametrize(
    ('given', 'code'),
    [
        (b'', PARSE_ERROR),
        (b'{"jsonrpc": "2.0", "method', PARSE_ERROR),
        (b'[' * 100_000, PARSE_ERROR),
        (b'\xff\xfe', PARSE_ERROR),
        ([], INVALID_REQUEST),
        ([1], INVALID_REQUEST),
        ('getSlot', INVALID_REQUEST),
        ({'method': 'getSlot', 'id': 1}, INVALID_REQUEST),
        ({'jsonrpc': '1.0', 'method': 'getSlot', 'id': 1}, INVALID_REQUEST),
        ({'jsonrpc': '2.0', 'method': 1, 'id': 1}, INVALID_REQUEST),
        ({'jsonrpc': '2.0', 'method': 'getSlot', 'id': {}}, INVALID_REQUEST),
        ([call('getSlot')] * (BATCH_AT_MOST + 1), INVALID_REQUEST),
        (call('getNothing'), NO_METHOD),
        (call('devchain_fork', [1]), NO_METHOD),
        (call('getSlot', {'commitment': 'processed'}), BAD_PARAMS),
        (call('getSlot', ['processed']), BAD_PARAMS),
        (call('getSlot', [{'commitment': 'soon'}]), BAD_PARAMS),
        (call('getSlot', [{'minContextSlot': -1}]), BAD_PARAMS),
        (call('getBalance'), BAD_PARAMS),
        (call('getBalance', ['not an address']), BAD_PARAMS),
        (call('getBalance', [KEY + '1']), BAD_PARAMS),
        (call('getBalance', [[KEY]]), BAD_PARAMS),
        (call('getAccountInfo', [KEY, {'encoding': 'morse'}]), BAD_PARAMS),
        (call('getAccountInfo', [KEY, {'encoding': ['base64']}]), BAD_PARAMS),
        (call('getAccountInfo', [KEY, {'dataSlice': {'offset': -1, 'length': 1}}]), BAD_PARAMS),
        (call('getMultipleAccounts', [[KEY] * 101]), BAD_PARAMS),
        (call('getProgramAccounts', [KEY, {'filters': [{'memcmp': {'offset': 0}}]}]), BAD_PARAMS),
        (call('getProgramAccounts', [KEY, {'filters': [{'dataSize': 1}] * 5}]), BAD_PARAMS),
        (call('getProgramAccounts', [KEY, {'filters': [{'memcmp': {'offset': 0, 'bytes': '2' * 9999}}]}]), BAD_PARAMS),
        (call('getSignatureStatuses', [['1' * 64] * 257]), BAD_PARAMS),
        (call('getSignatureStatuses', [['short']]), BAD_PARAMS),
        (call('getSignaturesForAddress', [KEY, {'limit': 1001}]), BAD_PARAMS),
        (call('getTransaction', ['1' * 64 + '0']), BAD_PARAMS),
        (call('getTokenAccountsByOwner', [KEY, {}]), BAD_PARAMS),
        (call('getTokenAccountsByOwner', [KEY, {'programId': KEY}]), BAD_PARAMS),
        (call('getTokenAccountBalance', [KEY]), BAD_PARAMS),
        (call('getTokenSupply', [KEY]), BAD_PARAMS),
        (call('requestAirdrop', [KEY, 0]), BAD_PARAMS),
        (call('requestAirdrop', [KEY, 10**18]), BAD_PARAMS),
        (call('getBlock', [10**12]), -32004),
        (call('getBlock', [1]), -32009),
        (call('getHighestSnapshotSlot'), -32008),
        (call('getSlot', [{'minContextSlot': 10**12}]), -32016),
        (call('sendTransaction', ['AAAA', {'encoding': 'base64'}]), BAD_PARAMS),
        (call('sendTransaction', ['0OIl']), BAD_PARAMS),
        (call('sendTransaction', ['!', {'encoding': 'base64'}]), BAD_PARAMS),
        (call('sendTransaction', ['', {'encoding': 'json'}]), BAD_PARAMS),
        (call('sendTransaction', [7]), BAD_PARAMS),
        (call('sendTransaction', ['A' * 1645, {'encoding': 'base64'}]), BAD_PARAMS),
        (call('sendTransaction', ['1' * (WIRE_BYTES_AT_MOST + 1)]), BAD_PARAMS),
    ],
)  # fmt: skip
def test_refusals_have_their_codes(world, given, code):
    told = answer(world, given)
    if isinstance(told, list):
        (told,) = told
    assert told['error']['code'] == code
    assert 'result' not in told


def test_id_comes_back_as_it_was(world):
    for number in (0, 7, 'seven', None, 1.5):
        assert answer(world, call('getHealth', id=number)) == {
            'jsonrpc': '2.0',
            'result': 'ok',
            'id': number,
        }


def test_several_calls_in_one_request_are_answered_in_order(world):
    told = answer(world, [call('getHealth', id=1), call('nothing', id=2), call('getSlot', id=3)])
    assert [each['id'] for each in told] == [1, 2, 3]
    assert [('error' in each) for each in told] == [False, True, False]


def test_call_without_an_id_is_done_and_not_answered(world):
    friend = someone()
    silent = call('requestAirdrop', [str(friend), SOL])
    del silent['id']
    assert answer(world, silent) is None
    assert world.lamports(friend) == SOL
    assert answer(world, [silent, call('getHealth')])[0]['result'] == 'ok'


def test_control_is_for_those_who_may(world):
    body_of_fork = body('devchain_state')
    assert b'Method not found' in world.rpc.answer(body_of_fork).body
    assert b'faultsWaiting' in world.rpc.answer(body_of_fork, may_control=True).body


def test_control_methods(world):
    def control(method, *params):
        return world.ask(f'devchain_{method}', *params, may_control=True)

    assert control('addFaults', {'kind': 'error', 'code': -1, 'message': 'no'})['result'] == 1
    assert world.code('getSlot') == -1
    control('addFaults', {'kind': 'drop', 'times': 0, 'methods': ['sendTransaction']})
    assert control('state')['result']['faultsWaiting'] == 1
    assert control('clearFaults')['result']
    assert control('state')['result']['faultsStruck'] == {'error': 1}
    height = world.chain.open.height
    assert control('advance', 3)['result'] == height + 3
    assert control('fork', 2)['result'] == 2
    assert world.chain.open.height == height + 1
    time_s = world.chain.open.time_s
    assert control('shiftClock', 100)['result'] >= time_s + 100
    assert control('pause', True)['result'] is True
    assert control('pause', 1)['error']['code'] == BAD_PARAMS
    assert control('advance', 10**9)['error']['code'] == BAD_PARAMS
    assert control('closeSockets')['result'] == 0


def test_preflight_tells_error_logs_and_units(world, payer):
    poor = paying(payer, world.hash(), someone(), 10**15)
    wire = base64.b64encode(bytes(poor)).decode()
    error = world.ask('sendTransaction', wire, {'encoding': 'base64'})['error']
    assert error['code'] == -32002
    assert error['message'] == (
        'Transaction simulation failed: Error processing Instruction 0: custom program error: 0x1'
    )
    data = error['data']
    assert data['err'] == {'InstructionError': [0, {'Custom': 1}]}
    assert data['unitsConsumed'] == 150
    assert data['logs'][-1].endswith('failed: custom program error: 0x1')
    assert {'accounts', 'returnData'} <= set(data)


def test_what_wallets_look_for_in_an_account_is_there(world, payer):
    told = world.result('getAccountInfo', str(payer.pubkey()), {'encoding': 'base64'})
    assert set(told['context']) == {'slot', 'apiVersion'}
    assert told['value'] == {
        'lamports': 1000 * SOL,
        'owner': KEY,
        'data': ['', 'base64'],
        'executable': False,
        'rentEpoch': 2**64 - 1,
        'space': 0,
    }


def test_old_transactions_are_found_only_by_a_search(world, payer):
    row = world.pay(payer, someone())
    world.chain.advance(301)
    assert world.result('getSignatureStatuses', [text(row)])['value'] == [None]
    (found,) = world.result(
        'getSignatureStatuses', [text(row)], {'searchTransactionHistory': True}
    )['value']
    assert (found['confirmationStatus'], found['confirmations']) == ('finalized', None)


def test_history_does_not_tell_what_is_not_confirmed(world, payer):
    friend = someone()
    row = world.pay(payer, friend)
    anything = {'commitment': 'processed', 'maxSupportedTransactionVersion': 0}
    assert world.result('getSignaturesForAddress', str(friend), anything) == []
    assert world.result('getTransaction', text(row), anything) is None
    world.chain.close_block()
    confirmed = {**anything, 'commitment': 'confirmed'}
    assert world.result('getTransaction', text(row), confirmed)['slot'] == row.slot
    # Which is not final yet.
    assert world.result('getTransaction', text(row), {'maxSupportedTransactionVersion': 0}) is None


def test_blockhash_of_a_level_is_that_of_its_block(world):
    world.chain.advance(10)
    seen = [
        world.result('getLatestBlockhash', {'commitment': level})['value']
        for level in ('processed', 'confirmed', 'finalized')
    ]
    newest, final = seen[0], seen[2]
    assert seen[1] == newest
    assert newest['lastValidBlockHeight'] == world.chain.open.height - 1 + 150
    assert final['lastValidBlockHeight'] < newest['lastValidBlockHeight']
    assert world.result('isBlockhashValid', final['blockhash'])['value'] is True
    assert world.result('isBlockhashValid', newest['blockhash'])['value'] is False
    assert world.result('isBlockhashValid', KEY)['value'] is False


def test_slots_of_blocks(world, payer):
    row = world.pay(payer, someone())
    world.chain.advance(600)
    # Empty blocks of long ago are not kept.
    assert world.result('getBlocks', row.slot, row.slot + 3) == [row.slot]
    assert world.code('getBlock', row.slot + 1) == -32009
    last = world.chain.block_at('finalized').slot
    assert world.result('getBlocks', last - 2) == [last - 2, last - 1, last]
    assert world.result('getBlocksWithLimit', last - 5, 3) == [last - 5, last - 4, last - 3]
    details = {'transactionDetails': 'signatures', 'rewards': False}
    assert world.result('getBlock', row.slot, details)['signatures'] == [text(row)]
    accounts = {'transactionDetails': 'accounts', 'maxSupportedTransactionVersion': 0}
    (told,) = world.result('getBlock', row.slot, accounts)['transactions']
    assert told['transaction']['accountKeys'][0]['signer']
    block = world.result('getBlock', last, {'maxSupportedTransactionVersion': 0})
    assert (block['transactions'], block['parentSlot']) == ([], last - 1)


def test_damaged_transactions_never_break_anything(world, payer):
    chance = random.Random(7)
    good = bytes(paying(payer, world.hash(), someone(), SOL))
    codes = set()
    for number in range(ROUNDS):
        wire = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            wire[chance.randrange(len(wire))] = chance.randrange(256)
        if number % 3 == 0:
            wire = wire[: chance.randrange(len(wire))]
        method = ('sendTransaction', 'simulateTransaction')[number % 2]
        told = world.ask(method, base64.b64encode(wire).decode(), {'encoding': 'base64'})
        codes.add(told.get('error', {}).get('code'))
    assert None in codes  # Simulations need no signature.
    assert codes <= {None, BAD_PARAMS, -32002, -32003, -32015}


def test_no_parameters_whatever_break_a_method(world):
    odd = [None, True, -1, 2**70, 1.5, '', KEY, 'x' * 90, [], [KEY], {}, {'commitment': 1},
           {'encoding': 7, 'filters': 3, 'accounts': 4, 'limit': 'all', 'mint': 1}]  # fmt: skip
    chance = random.Random(1)
    for method in METHODS:
        for _ in range(12):
            params = [chance.choice(odd) for _ in range(chance.randrange(4))]
            told = world.ask(method, *params)
            assert told.get('error', {}).get('code') != -32603, (method, params, told)
