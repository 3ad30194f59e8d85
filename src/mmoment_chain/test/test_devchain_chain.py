import sqlite3

import pytest
from devchain_world import FINAL_AFTER, SOL, Offline, paying, signed, someone
from fake_clock import FakeClock
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from mmoment_chain.devchain_blocks import BLOCKHASH_LIFE_BLOCKS
from mmoment_chain.devchain_chain import RESERVED_BLOCKS
from mmoment_chain.devchain_wire import TransactionRefused


@pytest.fixture
def world(tmp_path):
    made = Offline(tmp_path)
    yield made
    made.close()


@pytest.fixture
def payer(world):
    return world.payer()


def refusal(world, transaction):
    with pytest.raises(TransactionRefused) as caught:
        world.run(transaction)
    return caught.value.error


def level(world, row):
    slot = world.chain.status(row.signature).slot
    for commitment in ('finalized', 'confirmed'):
        if slot <= world.chain.block_at(commitment).slot:
            return commitment
    return 'processed'


def test_transaction_goes_through_the_levels_of_commitment(world, payer):
    row = world.pay(payer, someone())

    seen = [level(world, row)]
    for _ in range(FINAL_AFTER + 1):
        world.chain.close_block()
        seen.append(level(world, row))

    assert seen == ['processed', *['confirmed'] * FINAL_AFTER, 'finalized']


def test_each_level_sees_the_accounts_of_its_block(world, payer):
    friend = someone()
    seen = []
    for _ in range(FINAL_AFTER + 2):
        world.pay(payer, friend, SOL)
        levels = ('processed', 'confirmed', 'finalized')
        seen.append([world.lamports(friend, each) // SOL for each in levels])
        world.chain.close_block()

    assert seen == [[1, 0, 0], [2, 1, 0], [3, 2, 0], [4, 3, 0], [5, 4, 0], [6, 5, 1]]


def test_a_level_does_not_see_accounts_that_came_later_or_went(world, payer):
    chain, short_lived = world.chain, Keypair()
    world.pay(payer, short_lived.pubkey(), SOL)
    chain.settle()
    owner = chain.bank.account(payer.pubkey()).owner
    everything = TransferParams(
        from_pubkey=short_lived.pubkey(), to_pubkey=payer.pubkey(), lamports=SOL - 5000
    )
    world.run(signed(short_lived, world.hash(), [transfer(everything)]))
    newcomer = someone()
    world.pay(payer, newcomer)

    now = chain.program_accounts(owner, chain.open.slot)
    before = chain.program_accounts(owner, chain.block_at('confirmed').slot)
    assert newcomer in now
    assert newcomer not in before
    assert short_lived.pubkey() not in now
    assert before[short_lived.pubkey()].lamports == SOL


def test_same_transaction_runs_once(world, payer):
    friend = someone()
    transaction = paying(payer, world.hash(), friend, SOL)
    world.run(transaction)

    assert refusal(world, transaction) == 'AlreadyProcessed'
    world.chain.close_block()
    assert refusal(world, transaction) == 'AlreadyProcessed'
    assert world.lamports(friend) == SOL


def test_same_transaction_is_refused_after_a_restart_too(world, payer):
    transaction = paying(payer, world.hash(), someone())
    world.run(transaction)
    world.chain.close_block()

    again = world.reopened()
    # Its blockhash is known still, so nothing else would stop it.
    assert again.chain.hashes.height_of(bytes(transaction.message.recent_blockhash)) is not None
    assert refusal(again, transaction) == 'AlreadyProcessed'
    again.close()


def test_blockhash_serves_for_150_blocks(world, payer):
    made = world.hash()
    world.chain.advance(BLOCKHASH_LIFE_BLOCKS - 1)
    world.run(paying(payer, made, someone()))

    world.chain.advance(1)
    assert refusal(world, paying(payer, made, someone())) == 'BlockhashNotFound'


def test_hash_of_the_open_block_serves_nobody(world, payer):
    assert refusal(world, paying(payer, world.chain.open.hash, someone())) == 'BlockhashNotFound'


def test_client_can_tell_by_the_height_when_a_blockhash_is_over(world, payer):
    made, last = world.chain.latest_hash(world.chain.open)
    while world.chain.open.height <= last:
        assert world.chain.hashes.is_valid(made, world.chain.open.height)
        world.chain.close_block()
    assert not world.chain.hashes.is_valid(made, world.chain.open.height)


def test_fork_undoes_its_blocks_and_nothing_before(world, payer):
    friend = someone()
    kept = world.pay(payer, friend, SOL)
    world.chain.close_block()
    lost = [world.pay(payer, friend, SOL)]
    world.chain.close_block()
    lost.append(world.pay(payer, friend, 2 * SOL))

    assert world.chain.fork(1) == 1

    assert world.lamports(friend) == SOL
    assert world.chain.status(kept.signature) is not None
    assert [world.chain.status(row.signature) for row in lost] == [None, None]
    assert (
        world.store.mentioning(bytes(friend), 2**60, None, (0, 0), 9)[0].signature == kept.signature
    )


def test_what_a_fork_undid_may_run_again(world, payer):
    friend = someone()
    transaction = paying(payer, world.hash(), friend, SOL)
    world.run(transaction)
    world.chain.close_block()
    world.chain.fork(1)

    world.run(transaction)
    world.chain.close_block()
    assert world.lamports(friend, 'confirmed') == SOL


def test_blockhashes_of_a_fork_are_unknown_and_never_come_back(world, payer):
    world.chain.close_block()
    gone = world.hash()
    world.chain.fork(1)
    assert refusal(world, paying(payer, gone, someone())) == 'BlockhashNotFound'
    world.chain.advance(3)
    assert refusal(world, paying(payer, gone, someone())) == 'BlockhashNotFound'


def test_slots_go_on_over_a_fork_and_heights_go_back(world):
    world.chain.advance(3)
    slot, height = world.chain.open.slot, world.chain.open.height
    world.chain.fork(2)
    assert (world.chain.open.slot, world.chain.open.height) == (slot + 1, height - 2)


def test_nothing_undoes_what_is_final_however_often_there_is_a_fork(world, payer):
    friend = someone()
    row = world.pay(payer, friend, SOL)
    world.chain.advance(FINAL_AFTER + 1)
    final = world.chain.block_at('finalized').slot
    for _ in range(5):
        world.chain.fork(100)
        assert world.chain.block_at('finalized').slot == final
    assert world.lamports(friend, 'finalized') == SOL
    assert world.chain.status(row.signature) is not None


def test_fork_lasts_over_a_restart(world, payer):
    friend = someone()
    world.pay(payer, friend, SOL)
    world.chain.close_block()
    gone = world.hash()
    world.chain.fork(1)

    again = world.reopened()
    assert again.lamports(friend) == 0
    assert again.chain.hashes.height_of(gone) is None
    again.close()


def test_closed_blocks_are_there_after_a_restart_and_final(world, payer):
    friend = someone()
    row = world.pay(payer, friend, SOL)
    world.chain.close_block()
    lost = world.pay(payer, friend, SOL)
    before = (world.chain.open.slot, world.chain.open.height, world.chain.genesis_hash)

    again = world.reopened()

    assert again.lamports(friend, 'finalized') == SOL
    assert level(again, row) == 'finalized'
    assert again.chain.status(lost.signature) is None
    assert again.chain.genesis_hash == before[2]
    assert again.chain.transaction_count == 2  # the airdrop of the payer, and this
    again.close()


@pytest.mark.parametrize('empty_blocks', [0, 1, RESERVED_BLOCKS, 3 * RESERVED_BLOCKS + 1])
def test_no_slot_and_no_hash_is_used_twice_over_a_restart(world, payer, empty_blocks):
    world.pay(payer, someone())
    world.chain.advance(1 + empty_blocks)
    told, last = world.chain.latest_hash(world.chain.open)
    slot, height = world.chain.open.slot, world.chain.open.height

    again = world.reopened()

    assert again.chain.open.slot > slot
    assert again.chain.open.height > height
    # What clients were told before is still worth what they were told, and no more.
    assert again.chain.hashes.height_of(told) == last - BLOCKHASH_LIFE_BLOCKS
    again.close()


def test_idle_chain_rarely_writes(world):
    writes = []
    world.store._db.set_trace_callback(writes.append)
    world.chain.advance(4 * RESERVED_BLOCKS)
    assert sum('BEGIN' in each for each in writes) <= 5


def told_time_s(world):
    """The time that programs read: 8 bytes behind slot and epochs."""
    clock = Pubkey.from_string('SysvarC1ock11111111111111111111111111111111')
    return int.from_bytes(bytes(world.chain.bank.account(clock).data)[32:40], 'little')


def test_programs_see_the_wall_clock_and_it_never_goes_back(tmp_path):
    clock = FakeClock()
    world = Offline(tmp_path, clock)
    before = told_time_s(world)
    assert before == clock.utc_ms() // 1000
    clock.advance(5)
    world.chain.close_block()
    assert told_time_s(world) == before + 5
    clock.set_wall(clock.utc_ms() - 60_000)
    world.chain.close_block()
    assert world.chain.open.time_s == before + 5
    world.payer()
    again = world.reopened(clock=clock)
    assert again.chain.open.time_s == before + 5
    again.close()


def test_clock_that_was_put_forward_stays_so(world):
    before = world.chain.open.time_s
    world.chain.shift_clock(3600)
    assert world.chain.open.time_s - before in range(3600, 3660)
    again = world.reopened()
    assert again.chain.open.time_s - before in range(3600, 3660)
    again.close()


def test_block_that_cannot_be_written_confirms_nothing_and_is_written_later(world, payer):
    friend = someone()
    row = world.pay(payer, friend, SOL)
    (pages,) = world.store._db.execute('PRAGMA page_count').fetchone()
    world.store._db.execute(f'PRAGMA max_page_count = {pages}')
    big = [world.pay(payer, someone()) for _ in range(30)]
    with pytest.raises(sqlite3.Error):
        world.chain.close_block()
    assert level(world, row) == level(world, big[-1]) == 'processed'
    assert world.lamports(friend, 'confirmed') == 0

    world.store._db.execute('PRAGMA max_page_count = 100000')
    world.chain.close_block()
    assert level(world, big[-1]) == 'confirmed'
    again = world.reopened()
    assert again.lamports(friend) == SOL
    again.close()


def test_listeners_hear_of_transactions_at_once_and_of_blocks_when_closed(world, payer):
    heard = []
    world.chain.on_transaction.append(lambda row, touched: heard.append((row.signature, touched)))
    world.chain.on_block.append(lambda block: heard.append([each.signature for each in block.rows]))
    friend = someone()
    row = world.pay(payer, friend)
    world.chain.close_block()
    assert heard == [(row.signature, {payer.pubkey(), friend}), [row.signature]]
