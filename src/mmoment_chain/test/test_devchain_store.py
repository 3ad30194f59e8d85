import pytest
from solders.account import Account
from solders.pubkey import Pubkey

from mmoment_chain.devchain_errors import DevchainError
from mmoment_chain.devchain_store import BlockRow, DevchainStore, TransactionRow

HOLDER = bytes([7]) * 32


@pytest.fixture
def store(tmp_path):
    opened = DevchainStore(tmp_path)
    yield opened
    opened.close()


def row(slot, position, error=None):
    signature = bytes([slot, position]) * 32
    return TransactionRow(
        slot, position, signature, 1000, b'wire', error, {'fee': 5000}, None, (HOLDER, HOLDER)
    )


def fill(store):
    with store.writing():
        for slot in (3, 4, 6):
            block = BlockRow(slot, slot, slot - 1, bytes([slot]) * 32, bytes(32), 1000)
            store.put_block(block, [row(slot, 0), row(slot, 1, 'AccountNotFound')])


def test_blocks_and_transactions_come_back(store):
    fill(store)
    assert store.block(4).hash == bytes([4]) * 32
    assert store.block(5) is None
    assert store.slots(4, 9) == [4, 6]
    first, second = store.of_block(3)
    assert (first.meta, first.error, second.error) == ({'fee': 5000}, None, 'AccountNotFound')
    assert store.status(second.signature) == (3, 'AccountNotFound')
    assert store.transaction(bytes(64)) is None
    assert store.count() == 6


def test_history_is_newest_first_within_its_bounds(store):
    fill(store)

    def places(last=99, before=None, until=(0, 0), limit=99):
        found = store.mentioning(HOLDER, last, before, until, limit)
        return [(each.slot, each.position) for each in found]

    assert places() == [(6, 1), (6, 0), (4, 1), (4, 0), (3, 1), (3, 0)]
    assert places(last=5) == [(4, 1), (4, 0), (3, 1), (3, 0)]
    assert places(before=(4, 1), until=(3, 0)) == [(4, 0), (3, 1)]
    assert places(before=(6, 1), last=3, limit=1) == [(3, 1)]


def test_forgotten_blocks_are_gone_everywhere(store):
    fill(store)
    with store.writing():
        store.forget_after(3)
    assert store.slots(0, 99) == [3]
    assert store.count() == 2
    assert len(store.mentioning(HOLDER, 99, None, (0, 0), 99)) == 2


def test_interrupted_change_leaves_nothing(store):
    with store.writing():
        store.put_accounts([(Pubkey.default(), Account(1, b'', Pubkey.default()))])
    with pytest.raises(TypeError), store.writing():
        store.put_accounts([(bytes(32), None), None])
    assert len(list(store.accounts())) == 1


def test_accounts_that_programs_need_come_before_them(store):
    keys = [Pubkey.new_unique() for _ in range(6)]
    with store.writing():
        store.put_accounts(
            (key, Account(1, b'', Pubkey.default(), executable=number % 2 == 0))
            for number, key in enumerate(keys)
        )
        store.put_accounts([(keys[0], None)])
    found = [account.executable for _, account in store.accounts()]
    assert found == [False, False, False, True, True]


def test_file_is_for_its_owner_alone(store):
    assert store.path.stat().st_mode & 0o077 == 0


def test_file_of_another_version_is_refused(tmp_path):
    made = DevchainStore(tmp_path)
    made._db.execute('PRAGMA user_version = 99')
    made.close()
    with pytest.raises(DevchainError, match=r'another version.*--reset'):
        DevchainStore(tmp_path)


def test_second_user_is_refused_until_the_first_is_done(tmp_path):
    first = DevchainStore(tmp_path)
    with pytest.raises(DevchainError, match='in use by another dev chain'):
        DevchainStore(tmp_path)
    first.close()
    DevchainStore(tmp_path).close()
