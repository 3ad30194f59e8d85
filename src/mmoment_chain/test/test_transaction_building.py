import asyncio
import base64
from types import SimpleNamespace

import pytest
from rpc_world import RpcWorld, rpc_refused
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from mmoment_chain.errors import Refused
from mmoment_chain.rpc_errors import ChainAway, EndpointAway, NodeBehind
from mmoment_chain.transaction_building import (
    BuildSettings,
    Plan,
    TransactionBuilder,
    WouldFail,
    signed_by_all,
    sol,
)
from mmoment_chain.transaction_verdict import Verdicts, camera_table

PROGRAM = bytes([9]) * 32
BLOCKHASH = '4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZAMdL4VZHirAn'
UNIT_LIMIT, UNIT_PRICE = 2, 3
"""First byte of the instructions of the compute budget program."""


class Key:
    """A key that signs, as the device's does."""

    def __init__(self, number):
        self._pair = Keypair.from_seed(bytes([number]) * 32)
        self.public = bytes(self._pair.pubkey())

    def sign(self, message):
        return bytes(self._pair.sign_message(message))


DEVICE, WALLET, MINT = Key(1), Key(2), Key(3)


def instruction(*signers, data=b'x'):
    metas = [AccountMeta(Pubkey.from_bytes(key.public), True, True) for key in signers]
    return Instruction(Pubkey.from_bytes(PROGRAM), data, metas)


def plan(*signers, payer=DEVICE, data=b'x', **more):
    return Plan([instruction(*signers, data=data)], payer.public, **more)


def build(world, made, **settings):
    verdicts = Verdicts({PROGRAM: camera_table()})
    builder = TransactionBuilder(world.pool, DEVICE, verdicts, BuildSettings(**settings))
    return asyncio.run(builder.build(made))


@pytest.fixture
def chain():
    return RpcWorld()


def budget(transaction, kind):
    message = VersionedTransaction.from_bytes(transaction).message
    for each in message.instructions:
        if bytes(each.data)[0] == kind and each.program_id_index != len(message.account_keys):
            program = message.account_keys[each.program_id_index]
            if str(program).startswith('ComputeBudget'):
                return int.from_bytes(bytes(each.data)[1:], 'little')
    return None


def test_what_the_device_signs_alone_is_ready_to_send(chain):
    built = build(chain, plan(DEVICE))
    read = VersionedTransaction.from_bytes(built.transaction)
    assert read.verify_with_results() == [True]
    assert str(read.message.recent_blockhash) == BLOCKHASH
    assert built.missing == ()
    assert built.signature == bytes(read.signatures[0])
    assert base64.b64decode(built.base64) == built.transaction
    assert built.last_valid_height == chain.ledger.height + 150
    assert built.programs[-1] == PROGRAM
    assert built.transaction.endswith(built.message)


def test_a_wallet_gets_it_with_every_signature_but_its_own(chain):
    built = build(chain, plan(DEVICE, WALLET, MINT, payer=WALLET, others=(MINT,)))
    assert built.signers[0] == WALLET.public
    assert set(built.signers) == {WALLET.public, DEVICE.public, MINT.public}
    assert built.missing == (WALLET.public,)
    read = VersionedTransaction.from_bytes(built.transaction)
    fitting = dict(zip(built.signers, read.verify_with_results(), strict=True))
    assert fitting == {WALLET.public: False, DEVICE.public: True, MINT.public: True}


def test_compute_units_are_those_of_the_trial_with_a_margin(chain):
    chain.ledger.simulated['unitsConsumed'] = 12_345
    built = build(chain, plan(DEVICE), units_margin=0.2)
    assert built.units == budget(built.transaction, UNIT_LIMIT) == 14_814
    tried = bytes(chain.nodes[0].tried)
    assert budget(tried, UNIT_LIMIT) == 1_400_000


def test_never_more_compute_units_than_the_chain_gives(chain):
    chain.ledger.simulated['unitsConsumed'] = 1_399_999
    assert build(chain, plan(DEVICE)).units == 1_400_000


def test_a_known_need_is_not_tried(chain):
    built = build(chain, plan(DEVICE, units=3000))
    assert (built.units, budget(built.transaction, UNIT_LIMIT)) == (3000, 3000)
    assert 'simulate_transaction' not in chain.nodes[0].calls


@pytest.mark.parametrize(
    ('percentile', 'at_most', 'price'),
    [(60, 1000, 50), (100, 1000, 90), (0, 1000, 0), (60, 30, 30), (60, 0, 0)],
)
def test_the_priority_fee_is_what_others_pay_up_to_a_limit(chain, percentile, at_most, price):
    built = build(chain, plan(DEVICE), price_percentile=percentile, price_at_most=at_most)
    assert budget(built.transaction, UNIT_PRICE) == price


def test_without_knowing_what_others_pay_nothing_more_is_paid(chain):
    chain.ledger.fees = []
    assert budget(build(chain, plan(DEVICE)).transaction, UNIT_PRICE) == 0
    chain.nodes[0].faults['get_recent_prioritization_fees'] = [rpc_refused(-32601)]
    assert budget(build(chain, plan(DEVICE)).transaction, UNIT_PRICE) == 0


def test_what_would_fail_is_not_built_and_says_why(chain):
    chain.ledger.simulated['err'] = {'InstructionError': [2, {'Custom': 6012}]}
    with pytest.raises(WouldFail) as caught:
        build(chain, plan(DEVICE))
    assert caught.value.code == 'would_fail'
    assert caught.value.verdict.code == 'no_grant'
    assert caught.value.text == caught.value.verdict.text


def test_the_size_is_told_in_numbers_before_anything_is_asked(chain):
    assert len(build(chain, plan(DEVICE, data=bytes(1007))).transaction) == 1232
    chain.nodes[0].calls.clear()
    with pytest.raises(Refused, match='1233 bytes; the chain takes 1232') as caught:
        build(chain, plan(DEVICE, data=bytes(1008)))
    assert caught.value.code == 'too_large'
    assert chain.nodes[0].calls == []


def test_the_summary_says_what_is_done_and_what_it_costs(chain):
    made = plan(
        DEVICE, WALLET, payer=WALLET, sentences=('Registers this camera',), rent_lamports=2_345_000
    )
    built = build(chain, made)
    assert built.summary[0] == 'Registers this camera'
    assert '0.00001 SOL' in built.summary[1]
    assert str(Pubkey.from_bytes(WALLET.public)) in built.summary[1]
    assert built.summary[2].startswith('0.002345 SOL')
    assert (built.fee_lamports, built.rent_lamports) == (10_000, 2_345_000)
    assert len(build(chain, plan(DEVICE)).summary) == 1


def test_a_chain_that_is_away_is_told(chain):
    chain.nodes[0].is_down = EndpointAway('gone')
    with pytest.raises(ChainAway):
        build(chain, plan(DEVICE))


def test_a_server_that_does_not_know_its_own_blockhash_is_asked_again(chain):
    original, left = chain.nodes[0].get_fee_for_message, [1, 1]

    async def sometimes(message):
        answer = await original(message)
        return SimpleNamespace(value=None) if left and left.pop() else answer

    chain.nodes[0].get_fee_for_message = sometimes
    assert build(chain, plan(DEVICE)).fee_lamports == 5000
    left.extend([1, 1, 1])
    with pytest.raises(NodeBehind):
        build(chain, plan(DEVICE))


def test_a_trial_with_a_blockhash_that_is_not_known_is_made_again(chain):
    original = chain.nodes[0].simulate_transaction
    errors = ['BlockhashNotFound', 'BlockhashNotFound', None]

    async def lags(transaction):
        chain.ledger.simulated['err'] = errors.pop(0)
        return await original(transaction)

    chain.nodes[0].simulate_transaction = lags
    assert build(chain, plan(DEVICE)).units == 1200
    assert errors == []


def test_rent_is_asked_of_the_chain(chain):
    builder = TransactionBuilder(chain.pool, DEVICE, Verdicts({}))
    assert asyncio.run(builder.rent_lamports(536)) == (536 + 128) * 6960


# --- what comes back from a wallet ----------------------------------------------------------------


@pytest.fixture
def built(chain):
    return build(chain, plan(DEVICE, WALLET, payer=WALLET))


def with_signatures(built, *signatures):
    return bytes([len(signatures)]) + b''.join(signatures) + built.message


def test_signed_by_the_wallet_it_is_complete(built):
    theirs = WALLET.sign(built.message)
    whole = signed_by_all(built, with_signatures(built, theirs, DEVICE.sign(built.message)))
    assert VersionedTransaction.from_bytes(whole).verify_with_results() == [True, True]


def test_what_a_wallet_blanked_of_ours_is_put_back(built):
    theirs = WALLET.sign(built.message)
    whole = signed_by_all(built, with_signatures(built, theirs, bytes(64)))
    assert VersionedTransaction.from_bytes(whole).verify_with_results() == [True, True]


def test_without_the_wallet_it_is_not_signed(built):
    stranger = Key(7).sign(built.message)
    other_text = WALLET.sign(built.message + b'x')
    for signature in (bytes(64), stranger, other_text, DEVICE.sign(built.message)):
        with pytest.raises(Refused) as caught:
            signed_by_all(built, with_signatures(built, signature, bytes(64)))
        assert caught.value.code == 'unsigned'
        assert str(Pubkey.from_bytes(WALLET.public)) in caught.value.text


def test_any_change_of_the_message_makes_it_another_one(built):
    theirs = WALLET.sign(built.message)
    whole = with_signatures(built, theirs, DEVICE.sign(built.message))
    for changed in (b'', whole[:-1], whole + b'x', bytes([3]) + whole[1:], whole[1:], whole[64:]):
        with pytest.raises(Refused) as caught:
            signed_by_all(built, changed)
        assert caught.value.code == 'not_ours'
    for place in range(len(whole) - len(built.message), len(whole), 7):
        bent = bytearray(whole)
        bent[place] ^= 1
        with pytest.raises(Refused) as caught:
            signed_by_all(built, bytes(bent))
        assert caught.value.code == 'not_ours'


@pytest.mark.parametrize(
    ('lamports', 'text'),
    [(0, '0'), (5000, '0.000005'), (1, '0.000000001'), (10**9, '1'), (-15 * 10**8, '-1.5')],
)
def test_amounts_are_exact(lamports, text):
    assert sol(lamports) == text
