"""Calls about the chain itself: slots, blocks, epochs, and the one node that there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mmoment_chain import devchain_records as records
from mmoment_chain.base58 import base58
from mmoment_chain.devchain_bank import SLOTS_PER_EPOCH, SYSTEM_PROGRAM
from mmoment_chain.devchain_calls import API_VERSION, Call, pubkey
from mmoment_chain.devchain_errors import (
    BLOCK_NOT_AVAILABLE,
    INVALID_PARAMS,
    NO_SNAPSHOT,
    SLOT_SKIPPED,
    RpcError,
)
from mmoment_chain.devchain_store import BlockRow

BLOCKS_AT_MOST = 500_000
LEADERS_AT_MOST = 5000
SAMPLES_AT_MOST = 720
SAMPLE_S = 60
NO_INFLATION = {'initial': 0.0, 'terminal': 0.0, 'taper': 0.0, 'foundation': 0.0, 'foundationTerm': 0.0}  # fmt: skip


def get_health(call: Call) -> Any:
    """That the node is well; who makes it ill says so in its faults."""
    return 'ok'


def get_version(call: Call) -> Any:
    """Version of the node."""
    return {'solana-core': API_VERSION, 'feature-set': 0}


def get_identity(call: Call) -> Any:
    """Key of the node."""
    return {'identity': str(call.faucet.address)}


def get_genesis_hash(call: Call) -> Any:
    """What tells this chain from others."""
    return base58(call.chain.genesis_hash)


def get_slot(call: Call) -> Any:
    """The newest slot."""
    return call.view(0).slot


def get_block_height(call: Call) -> Any:
    """How many blocks lie below the newest one."""
    return call.view(0).block.height


def get_transaction_count(call: Call) -> Any:
    """How many transactions there have been."""
    call.view(0)
    return call.chain.transaction_count


def get_epoch_info(call: Call) -> Any:
    """Where the chain stands in its epoch."""
    view = call.view(0)
    return {
        'absoluteSlot': view.slot,
        'blockHeight': view.block.height,
        'epoch': view.slot // SLOTS_PER_EPOCH,
        'slotIndex': view.slot % SLOTS_PER_EPOCH,
        'slotsInEpoch': SLOTS_PER_EPOCH,
        'transactionCount': call.chain.transaction_count,
    }


def get_epoch_schedule(call: Call) -> Any:
    """How long epochs are."""
    return {
        'slotsPerEpoch': SLOTS_PER_EPOCH,
        'leaderScheduleSlotOffset': SLOTS_PER_EPOCH,
        'warmup': False,
        'firstNormalEpoch': 0,
        'firstNormalSlot': 0,
    }


def get_block(call: Call) -> Any:
    """A block with its transactions."""
    slot, config = call.integer(0), _config(call, 1)
    view = call.view_of(config.get('commitment') or 'finalized')
    if slot > min(view.slot, call.view_of('confirmed').slot):
        raise RpcError(BLOCK_NOT_AVAILABLE, f'Block not available for slot {slot}')
    block = _block(call, slot)
    told: dict[str, Any] = {
        'blockhash': base58(block.hash),
        'previousBlockhash': base58(block.previous_hash),
        'parentSlot': block.parent,
        'blockTime': block.time_s,
        'blockHeight': block.height,
    }
    if config.get('rewards') is not False:
        told['rewards'] = []
    rows = call.chain.store.of_block(slot)
    details = config.get('transactionDetails') or 'full'
    if details == 'signatures':
        told['signatures'] = [base58(row.signature) for row in rows]
    elif details == 'full':
        encoding = config.get('encoding') or 'json'
        newest = config.get('maxSupportedTransactionVersion')
        told['transactions'] = [records.transaction_json(row, encoding, newest) for row in rows]
    elif details == 'accounts':
        told['transactions'] = [records.accounts_json(row) for row in rows]
    return told


def get_blocks(call: Call) -> Any:
    """Slots of blocks from one slot to another; of old ones, those with transactions."""
    first = call.integer(0)
    ends = call.has(1) and not isinstance(call.params[1], dict)
    view = call.view(2 if ends else 1)
    last = min(call.integer(1) if ends else view.slot, call.view_of('confirmed').slot)
    if last - first > BLOCKS_AT_MOST:
        raise RpcError(INVALID_PARAMS, f'Slot range too large; max {BLOCKS_AT_MOST}')
    return _slots(call, first, last)


def get_blocks_with_limit(call: Call) -> Any:
    """Slots of so many blocks from one slot on."""
    first, limit = call.integer(0), call.integer(1)
    if limit > BLOCKS_AT_MOST:
        raise RpcError(INVALID_PARAMS, f'Limit too large; max {BLOCKS_AT_MOST}')
    last = min(call.view(2).slot, call.view_of('confirmed').slot)
    return _slots(call, first, last)[:limit]


def get_block_time(call: Call) -> Any:
    """When a block was made."""
    return _block(call, call.integer(0)).time_s


def get_block_commitment(call: Call) -> Any:
    """Votes on a block: there is nobody to vote."""
    call.integer(0)
    return {'commitment': None, 'totalStake': 0}


def get_first_available_block(call: Call) -> Any:
    """The oldest slot that the history knows."""
    slots = call.chain.store.slots(0, call.chain.open.slot)
    return slots[0] if slots else call.chain.closed[0].slot


def get_recent_performance_samples(call: Call) -> Any:
    """How much went on in the blocks of the last minutes."""
    limit = call.integer(0) if call.has(0) else SAMPLES_AT_MOST
    if limit > SAMPLES_AT_MOST:
        raise RpcError(INVALID_PARAMS, f'Invalid limit; max {SAMPLES_AT_MOST}')
    blocks = list(call.chain.closed)
    count = sum(block.transactions for block in blocks)
    sample = {
        'slot': blocks[-1].slot,
        'numTransactions': count,
        'numNonVoteTransactions': count,
        'numSlots': len(blocks),
        'samplePeriodSecs': max(1, min(SAMPLE_S, blocks[-1].time_s - blocks[0].time_s)),
    }
    return [sample][:limit]


def get_recent_prioritization_fees(call: Call) -> Any:
    """What others pay to be first: nothing, there is room for all."""
    if call.has(0):
        for each in call.items(0, 128):
            pubkey(each)
    blocks = list(call.chain.closed)[-150:]
    return [{'slot': block.slot, 'prioritizationFee': 0} for block in blocks]


def get_cluster_nodes(call: Call) -> Any:
    """The nodes: this one."""
    return [
        {
            'pubkey': str(call.faucet.address),
            'gossip': None,
            'tpu': None,
            'rpc': None,
            'version': API_VERSION,
            'featureSet': 0,
            'shredVersion': 0,
        }
    ]


def get_slot_leader(call: Call) -> Any:
    """Who makes the blocks."""
    call.view(0)
    return str(call.faucet.address)


def get_slot_leaders(call: Call) -> Any:
    """Who makes the blocks of so many slots."""
    call.integer(0)
    count = call.integer(1)
    if count > LEADERS_AT_MOST:
        raise RpcError(INVALID_PARAMS, f'Invalid limit; max {LEADERS_AT_MOST}')
    return [str(call.faucet.address)] * count


def get_leader_schedule(call: Call) -> Any:
    """Who makes which blocks of an epoch: always the same, so there is no schedule."""
    return None


def get_vote_accounts(call: Call) -> Any:
    """Who votes: nobody."""
    return {'current': [], 'delinquent': []}


def get_supply(call: Call) -> Any:
    """How many lamports there are."""
    view = call.view(0)
    accounts = view.program_accounts(SYSTEM_PROGRAM)
    total = sum(account.lamports for account in accounts.values())
    rest = {'nonCirculating': 0, 'nonCirculatingAccounts': []}
    return view.answer({'total': total, 'circulating': total, **rest})


def get_inflation_governor(call: Call) -> Any:
    """Terms of inflation: there is none."""
    return NO_INFLATION


def get_inflation_rate(call: Call) -> Any:
    """Inflation of this epoch: there is none."""
    epoch = call.view_of('finalized').slot // SLOTS_PER_EPOCH
    return {'total': 0.0, 'validator': 0.0, 'foundation': 0.0, 'epoch': epoch}


def get_inflation_reward(call: Call) -> Any:
    """Rewards of stakes: there are none."""
    return [None for _ in call.items(0, 100)]


def minimum_ledger_slot(call: Call) -> Any:
    """The oldest slot that is kept."""
    return get_first_available_block(call)


def get_highest_snapshot_slot(call: Call) -> Any:
    """Snapshots: there are none."""
    raise RpcError(NO_SNAPSHOT, 'No snapshot')


def get_stake_minimum_delegation(call: Call) -> Any:
    """The least that a stake may be."""
    return call.view(0).answer(1_000_000_000)


METHODS: Mapping[str, Callable[[Call], Any]] = {
    'getHealth': get_health,
    'getVersion': get_version,
    'getIdentity': get_identity,
    'getGenesisHash': get_genesis_hash,
    'getSlot': get_slot,
    'getBlockHeight': get_block_height,
    'getTransactionCount': get_transaction_count,
    'getEpochInfo': get_epoch_info,
    'getEpochSchedule': get_epoch_schedule,
    'getBlock': get_block,
    'getBlocks': get_blocks,
    'getBlocksWithLimit': get_blocks_with_limit,
    'getBlockTime': get_block_time,
    'getBlockCommitment': get_block_commitment,
    'getFirstAvailableBlock': get_first_available_block,
    'getRecentPerformanceSamples': get_recent_performance_samples,
    'getRecentPrioritizationFees': get_recent_prioritization_fees,
    'getClusterNodes': get_cluster_nodes,
    'getSlotLeader': get_slot_leader,
    'getSlotLeaders': get_slot_leaders,
    'getLeaderSchedule': get_leader_schedule,
    'getVoteAccounts': get_vote_accounts,
    'getSupply': get_supply,
    'getInflationGovernor': get_inflation_governor,
    'getInflationRate': get_inflation_rate,
    'getInflationReward': get_inflation_reward,
    'minimumLedgerSlot': minimum_ledger_slot,
    'getHighestSnapshotSlot': get_highest_snapshot_slot,
    'getStakeMinimumDelegation': get_stake_minimum_delegation,
}


def _config(call: Call, place: int) -> Mapping[str, Any]:
    """The configuration; the encoding alone may stand in its place."""
    if call.has(place) and isinstance(call.params[place], str):
        return {'encoding': call.params[place]}
    return call.config(place)


def _block(call: Call, slot: int) -> BlockRow:
    for block in call.chain.closed:
        if block.slot == slot:
            hashes = (block.hash, block.previous_hash)
            return BlockRow(slot, block.height, block.parent, *hashes, block.time_s)
    kept = call.chain.store.block(slot)
    if kept is None:
        raise RpcError(SLOT_SKIPPED, f'Slot {slot} was skipped, or missing in long-term storage')
    return kept


def _slots(call: Call, first: int, last: int) -> list[int]:
    recent = [block.slot for block in call.chain.closed]
    kept = call.chain.store.slots(first, last)
    return sorted({*kept, *(slot for slot in recent if first <= slot <= last)})
