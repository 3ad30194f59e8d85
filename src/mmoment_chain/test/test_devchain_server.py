"""Every method of solana-py's AsyncClient, unmodified, against a running dev chain."""

import asyncio

import pytest
from devchain_world import (
    SOL,
    client,
    confirmed,
    funded,
    latest,
    paying,
    run,
    server,
    signed,
    someone,
)
from solana.rpc.commitment import Confirmed, Finalized, Processed
from solana.rpc.core import RPCException, TransactionExpiredBlockheightExceededError
from solana.rpc.models import DataSliceOpts, MemcmpOpts, TokenAccountOpts, TxOpts
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.rpc.errors import SendTransactionPreflightFailureMessage
from solders.signature import Signature
from solders.system_program import (
    CreateAccountParams,
    TransferParams,
    create_account,
    transfer,
)
from solders.transaction import VersionedTransaction
from solders.transaction_status import TransactionConfirmationStatus
from spl.memo.instructions import create_memo
from spl.memo.models import MemoParams
from spl.token import instructions as spl
from spl.token import models
from spl.token.constants import TOKEN_2022_PROGRAM_ID, TOKEN_PROGRAM_ID

from mmoment_chain import program_build
from mmoment_chain.devchain_wire import WIRE_BYTES_AT_MOST

SYSTEM = Pubkey.default()
MEMO = Pubkey.from_string('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr')


@pytest.fixture(scope='module')
def chain(tmp_path_factory):
    with server(tmp_path_factory.mktemp('chain'), program=program_build.program()) as running:
        yield running


def asked(chain, work, commitment=Confirmed):
    """Result of a coroutine function that is given a client."""

    async def ask():
        async with client(chain.url, commitment=commitment) as asking:
            return await work(asking)

    return run(ask())


async def sent(asking, payer, instructions, *signers):
    """Send a transaction and wait until it is confirmed; its signature."""
    made = signed(payer, (await latest(asking)).blockhash, instructions, *signers)
    signature = (await asking.send_transaction(made)).value
    status = await confirmed(asking, signature)
    assert status.err is None
    return signature


def test_node_and_chain_are_told(chain):
    async def work(asking):
        assert await asking.is_connected()
        assert (await asking.get_version()).value.solana_core
        genesis = (await asking.get_genesis_hash()).value
        assert genesis == (await asking.get_genesis_hash()).value
        identity = (await asking.get_identity()).value.identity
        assert [node.pubkey for node in (await asking.get_cluster_nodes()).value] == [identity]
        assert (await asking.get_slot_leader()).value == identity
        assert (await asking.get_slot_leaders(1, 3)).value == [identity] * 3
        assert (await asking.get_leader_schedule()).value is None
        assert (await asking.get_vote_accounts()).value.current == []
        assert (await asking.get_inflation_governor()).value.initial == 0
        assert (await asking.get_inflation_rate()).value.total == 0
        assert (await asking.get_inflation_reward([someone()])).value == [None]
        assert (await asking.get_epoch_schedule()).value.slots_per_epoch == 432_000
        assert (await asking.get_block_commitment(1)).value.total_stake == 0
        assert (await asking.get_recent_performance_samples(1)).value[0].num_slots > 0
        assert (await asking.get_recent_prioritization_fees())[-1].prioritization_fee == 0

    asked(chain, work)


def test_slots_and_blocks_go_on(chain):
    async def work(asking):
        payer = await funded(asking)
        signature = await sent(asking, payer, [noted(payer, 'in a block')])
        slot = (
            await asking.get_transaction(signature, max_supported_transaction_version=0)
        ).value.slot
        processed, finalized = [
            (await asking.get_slot(level)).value for level in (Processed, Finalized)
        ]
        assert finalized < processed
        height = (await asking.get_block_height(Processed)).value
        while (await asking.get_block_height(Processed)).value == height:
            await asyncio.sleep(0.005)
        info = (await asking.get_epoch_info()).value
        assert (info.epoch, info.slot_index) == divmod(info.absolute_slot, 432_000)
        assert (await asking.get_transaction_count()).value >= 2
        assert slot in (await asking.get_blocks(slot, slot + 5)).value
        assert (await asking.get_first_available_block()).value <= slot
        assert (await asking.get_minimum_ledger_slot()).value <= slot
        block = (await asking.get_block(slot, max_supported_transaction_version=0)).value
        assert [each.transaction.signatures[0] for each in block.transactions] == [signature]
        assert block.parent_slot == slot - 1
        assert block.block_time == (await asking.get_block_time(slot)).value

    asked(chain, work)


def noted(payer, text):
    return create_memo(MemoParams(program_id=MEMO, signer=payer.pubkey(), message=text.encode()))


def test_lamports_come_from_the_faucet_and_go_where_they_are_sent(chain):
    async def work(asking):
        payer, friend = await funded(asking, 3 * SOL), someone()
        assert (await asking.get_balance(payer.pubkey())).value == 3 * SOL
        given = TransferParams(from_pubkey=payer.pubkey(), to_pubkey=friend, lamports=SOL)
        signature = await sent(asking, payer, [transfer(given)])
        assert (await asking.get_balance(friend)).value == SOL
        assert (await asking.get_balance(payer.pubkey())).value == 2 * SOL - 5000
        found = (await asking.get_transaction(signature, 'json', None, 0)).value
        meta = found.transaction.meta
        assert (meta.fee, meta.err) == (5000, None)
        assert meta.pre_balances[:2] == [3 * SOL, 0]
        assert meta.post_balances[:2] == [2 * SOL - 5000, SOL]
        supply = (await asking.get_supply()).value
        assert 400_000_000 * SOL < supply.total <= 500_000_000 * SOL
        assert (await asking.get_largest_accounts()).value[0].lamports > SOL

    asked(chain, work)


def test_two_airdrops_alike_are_two(chain):
    async def work(asking):
        friend = someone()
        first, second = await asyncio.gather(
            *(asking.request_airdrop(friend, SOL) for _ in range(2))
        )
        for each in (first, second):
            await confirmed(asking, each.value)
        assert (await asking.get_balance(friend)).value == 2 * SOL

    asked(chain, work)


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


def test_accounts_are_told_in_every_encoding(chain):
    program = Pubkey.from_bytes(program_build.PROGRAM_ID)

    async def work(asking):
        plain = (await asking.get_account_info(program)).value
        assert plain.executable
        assert len(plain.data) == 36
        for encoding in ('base58', 'base64+zstd', 'jsonParsed'):
            told = (await asking.get_account_info(program, encoding=encoding)).value
            assert bytes(told.data) == plain.data
        part = DataSliceOpts(offset=4, length=32)
        address = (await asking.get_account_info(program, data_slice=part)).value.data
        data = (
            await asking.get_account_info(Pubkey.from_bytes(address), encoding='base64+zstd')
        ).value
        assert data.data[45:].rstrip(b'\0') == program_build.program().rstrip(b'\0')
        several = (await asking.get_multiple_accounts([program, someone()])).value
        assert several == [plain, None]
        assert (await asking.get_account_info(someone())).value is None
        with pytest.raises(RPCException, match='less than 128 bytes'):
            await asking.get_account_info(Pubkey.from_bytes(address), encoding='base58')
        rent = (await asking.get_minimum_balance_for_rent_exemption(36)).value
        assert rent == plain.lamports

    asked(chain, work)


def test_accounts_of_a_program_are_found_by_size_and_content(chain):
    async def work(asking):
        payer, owner = await funded(asking), someone()
        made = [Keypair() for _ in range(3)]
        for each, space in zip(made, (8, 8, 16), strict=True):
            given = CreateAccountParams(
                from_pubkey=payer.pubkey(), to_pubkey=each.pubkey(), lamports=SOL, space=space,
                owner=owner,
            )  # fmt: skip
            await sent(asking, payer, [create_account(given)], each)
        sized = (await asking.get_program_accounts(owner, filters=[8])).value
        assert {each.pubkey for each in sized} == {each.pubkey() for each in made[:2]}
        zeros = MemcmpOpts(offset=8, bytes='1' * 8)
        assert len((await asking.get_program_accounts(owner, filters=[zeros])).value) == 1
        ones = MemcmpOpts(offset=0, bytes='2')
        assert (await asking.get_program_accounts(owner, filters=[ones])).value == []
        assert len((await asking.get_program_accounts_json_parsed(owner)).value) == 3

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
    from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price

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


@pytest.mark.parametrize('program', [TOKEN_PROGRAM_ID, TOKEN_2022_PROGRAM_ID])
def test_tokens_are_found_by_owner_mint_and_delegate(chain, program):
    async def work(asking):
        payer, mint, friend = await funded(asking), Keypair(), someone()
        await sent(asking, payer, minting(payer, mint, program), mint)
        account = spl.get_associated_token_address(payer.pubkey(), mint.pubkey(), program)
        approve = spl.approve(
            models.ApproveParams(
                program_id=program, source=account, delegate=friend, owner=payer.pubkey(), amount=7
            )
        )
        signature = await sent(asking, payer, [approve])
        amount = (await asking.get_token_account_balance(account)).value
        assert (amount.amount, amount.decimals, amount.ui_amount_string) == ('1050', 2, '10.5')
        assert (await asking.get_token_supply(mint.pubkey())).value.amount == '1050'
        largest = (await asking.get_token_largest_accounts(mint.pubkey())).value
        assert [each.address for each in largest] == [account]
        for wish in (TokenAccountOpts(mint=mint.pubkey()), TokenAccountOpts(program_id=program)):
            found = (await asking.get_token_accounts_by_owner(payer.pubkey(), wish)).value
            assert [each.pubkey for each in found] == [account]
            parsed = await asking.get_token_accounts_by_owner_json_parsed(payer.pubkey(), wish)
            info = parsed.value[0].account.data.parsed['info']
            assert (info['mint'], info['state']) == (str(mint.pubkey()), 'initialized')
            for by_delegate in (
                asking.get_token_accounts_by_delegate,
                asking.get_token_accounts_by_delegate_json_parsed,
            ):
                assert len((await by_delegate(friend, wish)).value) == 1
        told = (await asking.get_account_info_json_parsed(mint.pubkey())).value
        assert told.data.parsed['info']['supply'] == '1050'
        several = await asking.get_multiple_accounts_json_parsed([mint.pubkey(), account])
        assert [each.data.parsed['type'] for each in several.value] == ['mint', 'account']
        meta = (await asking.get_transaction(signature, 'json', None, 0)).value.transaction.meta
        assert meta.post_token_balances[0].ui_token_amount.amount == '1050'

    asked(chain, work)


def minting(payer, mint, program):
    """A mint with two decimals, and 10.50 of it for the payer."""
    key = payer.pubkey()
    account = spl.get_associated_token_address(key, mint.pubkey(), program)
    return [
        create_account(
            CreateAccountParams(
                from_pubkey=key, to_pubkey=mint.pubkey(), lamports=SOL, space=82, owner=program
            )
        ),
        spl.initialize_mint(
            models.InitializeMintParams(
                decimals=2, program_id=program, mint=mint.pubkey(), mint_authority=key
            )
        ),
        spl.create_associated_token_account(key, key, mint.pubkey(), program),
        spl.mint_to(
            models.MintToParams(
                program_id=program,
                mint=mint.pubkey(),
                dest=account,
                mint_authority=key,
                amount=1050,
            )
        ),
    ]
