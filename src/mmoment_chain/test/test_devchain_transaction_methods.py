"""Calls of the unmodified client of solana-py to a running dev chain."""

import pytest
from devchain_world import (
    SOL,
    asked,
    confirmed,
    funded,
    latest,
    minting,
    noted,
    paying,
    sent,
    server,
    signed,
    someone,
)
from solana.rpc.commitment import Confirmed, Processed
from solana.rpc.core import RPCException, TransactionExpiredBlockheightExceededError
from solana.rpc.models import TxOpts
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.rpc.errors import SendTransactionPreflightFailureMessage
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction
from solders.transaction_status import TransactionConfirmationStatus
from spl.token.constants import TOKEN_2022_PROGRAM_ID

from mmoment_chain import program_build
from mmoment_chain.devchain_wire import LOOKUP_TABLE_PROGRAM
from mmoment_chain.transaction_size import WIRE_BYTES_AT_MOST


@pytest.fixture(scope='module')
def chain(tmp_path_factory):
    with server(tmp_path_factory.mktemp('chain'), program=program_build.program()) as running:
        yield running


def test_confirmation_waits_for_each_level(chain):
    async def work(asking):
        payer = await funded(asking)
        made = await latest(asking)
        signature = (await asking.send_transaction(paying(payer, made.blockhash, someone()))).value
        levels = []
        for level in ('processed', 'confirmed', 'finalized'):
            last = made.last_valid_block_height
            answer = await asking.confirm_transaction(signature, level, 0.005, last)
            levels.append(answer.value[0].confirmation_status)
        assert levels[2] == TransactionConfirmationStatus.Finalized
        assert levels[1] != TransactionConfirmationStatus.Processed
        unknown = (await asking.get_signature_statuses([Signature.new_unique(), signature])).value
        assert unknown[0] is None
        assert unknown[1].confirmations is None

    asked(chain, work)


def test_history_of_an_address_is_told_page_by_page_with_memos(chain):
    async def work(asking):
        payer = await funded(asking)
        made = [await sent(asking, payer, [noted(payer, f'visit {n}')]) for n in range(4)]
        lines = (await asking.get_signatures_for_address(payer.pubkey())).value
        assert [line.signature for line in lines[:4]] == made[::-1]
        assert [line.memo for line in lines[:4]] == [f'[7] visit {n}' for n in (3, 2, 1, 0)]
        page = await asking.get_signatures_for_address(payer.pubkey(), before=made[3], limit=2)
        assert [line.signature for line in page.value] == [made[2], made[1]]
        page = await asking.get_signatures_for_address(payer.pubkey(), until=made[1])
        assert [line.signature for line in page.value] == [made[3], made[2]]
        unknown = Signature.new_unique()
        page = await asking.get_signatures_for_address(payer.pubkey(), before=unknown)
        assert page.value == []

    asked(chain, work)


def test_transaction_is_told_in_every_encoding(chain):
    async def work(asking):
        payer = await funded(asking)
        signature = await sent(asking, payer, [noted(payer, 'hello')])
        told = {}
        for encoding in ('json', 'jsonParsed', 'base64', 'base58'):
            answer = await asking.get_transaction(signature, encoding, None, 0)
            told[encoding] = answer.value.transaction.transaction
            assert 'hello' in ' '.join(answer.value.transaction.meta.log_messages)
        assert told['base64'] == told['base58']
        assert told['base64'].signatures == [signature]
        assert told['json'].message.account_keys[0] == payer.pubkey()
        assert told['jsonParsed'].message.account_keys[0].signer
        assert (await asking.get_transaction(Signature.new_unique())).value is None
        with pytest.raises(RPCException, match='maxSupportedTransactionVersion'):
            await asking.get_transaction(signature)

    asked(chain, work)


def test_simulation_tells_what_would_be_and_changes_nothing(chain):
    async def work(asking):
        payer, friend = await funded(asking), someone()
        made = (await latest(asking)).blockhash
        unsigned = VersionedTransaction.populate(
            paying(payer, made, friend, SOL).message, [Signature.default()]
        )
        told = (
            await asking.simulate_transaction(unsigned, accounts_addresses=[friend, someone()])
        ).value
        assert told.err is None
        assert told.units_consumed == 150
        assert told.accounts[0].lamports == SOL
        assert told.accounts[1] is None
        assert (await asking.get_balance(friend, Processed)).value == 0
        with pytest.raises(RPCException, match='SignatureVerificationFailure'):
            await asking.simulate_transaction(unsigned, sig_verify=True)
        old = paying(payer, bytes(32), friend)
        assert (await asking.simulate_transaction(old)).value.err is not None
        replaced = await asking.simulate_transaction(old, replace_recent_blockhash=True)
        assert replaced.value.err is None

    asked(chain, work)


def test_preflight_tells_why_in_the_form_that_clients_read(chain):
    async def work(asking):
        payer = await funded(asking, SOL)
        poor = paying(payer, (await latest(asking)).blockhash, someone(), 2 * SOL)
        with pytest.raises(RPCException) as caught:
            await asking.send_transaction(poor)
        failure = caught.value.args[0]
        assert isinstance(failure, SendTransactionPreflightFailureMessage)
        assert 'custom program error: 0x1' in failure.message
        assert 'insufficient lamports' in ' '.join(failure.data.logs)
        assert failure.data.units_consumed == 150
        assert failure.data.err.index == 0
        # It cost nothing.
        assert (await asking.get_balance(payer.pubkey(), Processed)).value == SOL
        signature = (await asking.send_transaction(poor, TxOpts(skip_preflight=True))).value
        status = await confirmed(asking, signature)
        assert status.err.err.code == 1
        assert (await asking.get_balance(payer.pubkey())).value == SOL - 5000
        assert (await asking.get_signatures_for_address(payer.pubkey())).value[0].err is not None

    asked(chain, work)


@pytest.mark.parametrize(
    ('old', 'reason'), [(True, 'Blockhash not found'), (False, 'already been processed')]
)
def test_expired_and_repeated_transactions_are_refused(chain, old, reason):
    async def work(asking):
        payer, friend = await funded(asking), someone()
        made = (await latest(asking)).blockhash
        if old:
            chain.call(lambda each: each.advance(151))
        else:
            await asking.send_transaction(paying(payer, made, friend, SOL))
        again = paying(payer, made, friend, SOL)
        with pytest.raises(RPCException, match=reason) as caught:
            await asking.send_transaction(again)
        assert isinstance(caught.value.args[0], SendTransactionPreflightFailureMessage)
        # Without preflight nobody is told, and still nothing happens.
        await asking.send_transaction(again, TxOpts(skip_preflight=True))
        wanted = 0 if old else SOL
        assert (await asking.get_balance(friend, Processed)).value == wanted

    asked(chain, work)


def test_client_that_waits_for_a_lost_transaction_is_told_when_it_is_over(chain):
    async def work(asking):
        last = (await latest(asking)).last_valid_block_height
        chain.call(lambda each: each.advance(151))
        with pytest.raises(TransactionExpiredBlockheightExceededError):
            await asking.confirm_transaction(
                Signature.new_unique(), sleep_seconds=0.01, last_valid_block_height=last
            )

    asked(chain, work)


def test_wire_limit_is_1232_bytes(chain):
    async def work(asking):
        payer = await funded(asking)
        made = (await latest(asking)).blockhash
        fixed = len(bytes(signed(payer, made, [noted(payer, 'x' * 900)]))) - 900
        fits = signed(payer, made, [noted(payer, 'x' * (WIRE_BYTES_AT_MOST - fixed))])
        assert len(bytes(fits)) == WIRE_BYTES_AT_MOST
        await asking.simulate_transaction(fits)
        await asking.send_transaction(fits)
        large = signed(payer, made, [noted(payer, 'x' * (WIRE_BYTES_AT_MOST - fixed + 1))])
        for work in (asking.send_transaction, asking.simulate_transaction):
            with pytest.raises(RPCException, match='too large'):
                await work(large)

    asked(chain, work)


def test_forged_signature_is_refused(chain):
    async def work(asking):
        payer = await funded(asking)
        good = paying(payer, (await latest(asking)).blockhash, someone())
        forged = VersionedTransaction.populate(good.message, [Signature.new_unique()])
        with pytest.raises(RPCException, match='SignatureVerificationFailure'):
            await asking.send_transaction(forged, TxOpts(skip_preflight=True))

    asked(chain, work)


def test_fee_of_a_message_has_what_is_paid_to_be_first(chain):
    async def work(asking):
        payer = await funded(asking)
        made = (await latest(asking)).blockhash
        given = TransferParams(from_pubkey=payer.pubkey(), to_pubkey=payer.pubkey(), lamports=1)
        plain = signed(payer, made, [transfer(given)]).message
        assert (await asking.get_fee_for_message(plain)).value == 5000
        dear = [set_compute_unit_limit(100_000), set_compute_unit_price(50_000), transfer(given)]
        assert (await asking.get_fee_for_message(signed(payer, made, dear).message)).value == 10_000
        old = signed(payer, bytes(32), [transfer(given)]).message
        assert (await asking.get_fee_for_message(old)).value is None

    asked(chain, work)


def test_addresses_of_a_lookup_table_stand_for_themselves(chain):
    """The table is the real program's; a transaction that uses it is told with what it loaded."""

    async def work(asking):
        payer, friends = await funded(asking), [someone() for _ in range(5)]
        slot = (await asking.get_slot(Confirmed)).value - 1
        table, bump = Pubkey.find_program_address(
            [bytes(payer.pubkey()), slot.to_bytes(8, 'little')], LOOKUP_TABLE_PROGRAM
        )
        who = [
            AccountMeta(table, False, True),
            AccountMeta(payer.pubkey(), True, False),
            AccountMeta(payer.pubkey(), True, True),
            AccountMeta(Pubkey.default(), False, False),
        ]
        made = bytes(4) + slot.to_bytes(8, 'little') + bytes([bump])
        added = b'\2\0\0\0' + len(friends).to_bytes(8, 'little') + b''.join(map(bytes, friends))
        await sent(asking, payer, [Instruction(LOOKUP_TABLE_PROGRAM, made, who)])
        await sent(asking, payer, [Instruction(LOOKUP_TABLE_PROGRAM, added, who)])
        given = [
            transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=each, lamports=SOL))
            for each in friends
        ]
        message = MessageV0.try_compile(
            payer.pubkey(),
            given,
            [AddressLookupTableAccount(table, friends)],
            (await latest(asking)).blockhash,
        )
        assert len(message.account_keys) == 2
        signature = (await asking.send_transaction(VersionedTransaction(message, [payer]))).value
        await confirmed(asking, signature)
        assert (await asking.get_balance(friends[4])).value == SOL
        found = (await asking.get_transaction(signature, 'json', None, 0)).value.transaction
        assert found.meta.loaded_addresses.writable == friends
        assert (await asking.get_signatures_for_address(friends[0])).value[0].signature == signature

    asked(chain, work)


def test_calls_inside_a_transaction_are_told(chain):
    async def work(asking):
        payer, mint = await funded(asking), Keypair()
        signature = await sent(asking, payer, minting(payer, mint, TOKEN_2022_PROGRAM_ID), mint)
        for encoding in ('json', 'jsonParsed'):
            found = (await asking.get_transaction(signature, encoding, None, 0)).value.transaction
            # The third instruction makes the token account by calls of its own.
            inner = found.meta.inner_instructions
            assert [each.index for each in inner] == [2]
            assert len(inner[0].instructions) >= 3

    asked(chain, work)
