import random

import memo_vectors
import pytest
import small_order
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.transaction import Transaction, VersionedTransaction

from mmoment_chain.errors import Refused
from mmoment_chain.memo_sign_in import MEMO_PROGRAM, signed_text, unsigned_transaction

PERSON = Keypair.from_seed(bytes(range(32)))
WALLET = bytes(PERSON.pubkey())
OTHER = Keypair.from_seed(bytes(32))
TEXT = 'camera.example wants you to sign in with your Solana account:\n' + 'x' * 300


def signed(transaction, signer=PERSON):
    """What a wallet makes of an unsigned transaction."""
    message = Transaction.from_bytes(transaction).message
    return bytes(VersionedTransaction(message, [signer]))


def refusal(transaction, wallet=WALLET):
    with pytest.raises(Refused) as caught:
        signed_text(wallet, transaction)
    return caught.value.code


def changed(transaction, **parts):
    """The transaction with parts of its message replaced, signed anew by the right wallet."""
    message = Transaction.from_bytes(transaction).message
    original = message.instructions[0]
    instruction = Instruction(
        parts.get('program', MEMO_PROGRAM),
        parts.get('data', bytes(original.data)),
        parts.get('accounts', [AccountMeta(PERSON.pubkey(), True, True)]),
    )
    instructions = [*parts.get('before', []), instruction, *parts.get('after', [])]
    block_hash = parts.get('block_hash', message.recent_blockhash)
    made = Message.new_with_blockhash(instructions, PERSON.pubkey(), block_hash)
    return bytes(VersionedTransaction(made, [PERSON]))


def test_a_signed_transaction_gives_its_text_back():
    assert signed_text(WALLET, signed(unsigned_transaction(WALLET, TEXT))) == TEXT


def test_the_helper_of_these_tests_changes_nothing_by_itself():
    unsigned = unsigned_transaction(WALLET, TEXT)
    assert changed(unsigned) == signed(unsigned)


def test_no_cluster_takes_it():
    vm = LiteSVM()
    vm.airdrop(PERSON.pubkey(), 1_000_000_000)
    ours = signed(unsigned_transaction(WALLET, TEXT))
    refused = vm.send_transaction(Transaction.from_bytes(ours))
    assert 'BlockhashNotFound' in str(refused.err())
    # With a block hash of the cluster the same transaction is taken: nothing else stops it.
    real = changed(ours, block_hash=vm.latest_blockhash())
    taken = vm.send_transaction(Transaction.from_bytes(real))
    assert 'Memo' in ''.join(taken.logs())


def test_each_text_has_a_block_hash_of_its_own():
    hashes = {
        str(Transaction.from_bytes(unsigned_transaction(WALLET, text)).message.recent_blockhash)
        for text in ('a', 'b', 'c')
    }
    assert len(hashes) == 3


def test_the_vectors_are_what_is_made():
    assert memo_vectors.written() == memo_vectors.FILE.read_text(encoding='utf-8')


def test_an_unsigned_transaction_proves_nothing():
    assert refusal(unsigned_transaction(WALLET, TEXT)) == 'bad_signature'


def test_another_wallet_cannot_sign_for_this_one():
    unsigned = unsigned_transaction(WALLET, TEXT)
    spoilt = b'\x01' + bytes(OTHER.sign_message(unsigned[65:])) + unsigned[65:]
    assert refusal(spoilt) == 'bad_signature'


def test_a_transaction_of_another_wallet_is_not_this_ones():
    others = signed(unsigned_transaction(bytes(OTHER.pubkey()), TEXT), OTHER)
    assert signed_text(bytes(OTHER.pubkey()), others) == TEXT
    assert refusal(others) == 'wrong_wallet'


@pytest.mark.parametrize(('key', 'order'), small_order.KEYS)
def test_a_key_of_small_order_signs_no_transaction(key, order):
    unsigned = unsigned_transaction(key, TEXT)
    forged = small_order.forged(key, order, unsigned[65:])
    assert refusal(b'\x01' + forged + unsigned[65:], key) == 'bad_signature'


@pytest.mark.parametrize(
    'parts',
    [
        {'data': b'another text'},
        {'data': b'\xff\xfe'},
        {'data': b''},
        {'block_hash': Hash.default()},
        {'program': Pubkey.from_string('Memo1UhkJRfHyvLMcVucJwxXeuD728EqVddwQDxFMNo')},
        {'accounts': []},
        {'accounts': [AccountMeta(OTHER.pubkey(), False, False)]},
        {'after': [Instruction(MEMO_PROGRAM, b'more', [])]},
        {'before': [Instruction(Pubkey.default(), bytes(12), [])]},
    ],
)
def test_a_transaction_with_anything_else_in_it_is_not_ours(parts):
    assert refusal(changed(unsigned_transaction(WALLET, TEXT), **parts)) == 'malformed'


def test_a_transaction_of_another_version_is_not_ours():
    message = Transaction.from_bytes(unsigned_transaction(WALLET, TEXT)).message
    memo = Instruction(
        MEMO_PROGRAM,
        bytes(message.instructions[0].data),
        [AccountMeta(PERSON.pubkey(), True, True)],
    )
    made = MessageV0.try_compile(PERSON.pubkey(), [memo], [], message.recent_blockhash)
    assert refusal(bytes(VersionedTransaction(made, [PERSON]))) == 'malformed'


def test_a_transaction_may_not_be_larger_than_a_packet():
    largest = 'x' * 1000
    assert signed_text(WALLET, signed(unsigned_transaction(WALLET, largest))) == largest
    with pytest.raises(ValueError, match='1232 is the limit'):
        unsigned_transaction(WALLET, 'x' * 1100)
    assert refusal(bytes(1_000_000)) == 'malformed'


def test_the_program_itself_as_a_wallet_does_no_harm():
    assert refusal(unsigned_transaction(bytes(MEMO_PROGRAM), TEXT), bytes(MEMO_PROGRAM)) in (
        'malformed',
        'bad_signature',
    )


def test_damaged_transactions_are_refused_and_nothing_worse():
    """Random damage: cut, longer, bytes changed; whatever comes, the answer is a refusal."""
    whole = signed(unsigned_transaction(WALLET, TEXT))
    chance = random.Random(4)
    for _ in range(5000):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.choice((chance.randrange(len(data)), chance.randrange(140)))
            way = chance.randrange(4)
            if way == 0:
                data[at % len(data)] ^= chance.randrange(1, 256)
            elif way == 1:
                data.insert(at, chance.randrange(256))
            elif way == 2 and len(data) > 1:
                del data[at % len(data)]
            else:
                data = data[: max(1, at)]
        if bytes(data) == whole:
            continue
        assert refusal(bytes(data)) in ('malformed', 'wrong_wallet', 'bad_signature')
