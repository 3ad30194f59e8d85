"""Calls of the unmodified client of solana-py to a running dev chain."""

import asyncio

import pytest
from devchain_world import asked, funded, noted, sent, server, someone
from solana.rpc.commitment import Finalized, Processed

from mmoment_chain import program_build


@pytest.fixture(scope='module')
def chain(tmp_path_factory):
    with server(tmp_path_factory.mktemp('chain'), program=program_build.program()) as running:
        yield running


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
        assert (await asking.get_recent_prioritization_fees()).value[-1].prioritization_fee == 0

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
