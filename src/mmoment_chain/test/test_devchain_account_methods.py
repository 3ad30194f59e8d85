"""Calls of the unmodified client of solana-py to a running dev chain."""

import asyncio

import pytest
from devchain_world import SOL, asked, confirmed, funded, minting, sent, server, someone
from solana.rpc.core import RPCException
from solana.rpc.models import DataSliceOpts, MemcmpOpts, TokenAccountOpts
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, TransferParams, create_account, transfer
from spl.token import instructions as spl
from spl.token import models
from spl.token.constants import TOKEN_2022_PROGRAM_ID, TOKEN_PROGRAM_ID

from mmoment_chain import program_build


@pytest.fixture(scope='module')
def chain(tmp_path_factory):
    with server(tmp_path_factory.mktemp('chain'), program=program_build.program()) as running:
        yield running


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
        assert supply.total == supply.circulating > 500_000_000 * SOL
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
