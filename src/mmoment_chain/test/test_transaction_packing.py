import pytest
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from mmoment_chain import token_2022 as token
from mmoment_chain.transaction_packing import _BUDGET, Packer, Step, wire_bytes

PAIRS = [Keypair.from_seed(bytes([number]) * 32) for number in range(1, 5)]
PAYER, PERSON, MINT, OTHER = (bytes(pair.pubkey()) for pair in PAIRS)


def field(text):
    return token.update_field(MINT, PERSON, 'face', text)


def signed(instructions):
    message = MessageV0.try_compile(
        Pubkey.from_bytes(PAYER), [*_BUDGET, *instructions], [], Hash.default()
    )
    keys = message.account_keys[: message.header.num_required_signatures]
    by_key = {pair.pubkey(): pair for pair in PAIRS}
    return bytes(VersionedTransaction(message, [by_key[key] for key in keys]))


@pytest.mark.parametrize('length', [0, 100, 600])
def test_length_is_that_of_the_signed_transaction(length):
    instructions = [field('x' * length), token.send_lamports(PAYER, MINT, 1)]
    assert wire_bytes(PAYER, instructions) == len(signed(instructions))


@pytest.mark.parametrize('filled', [0, 200, 640, 700])
def test_room_is_exact(filled):
    packer = Packer(PAYER)
    packer.add(field('x' * filled))
    room = packer.room(field)
    there = packer.filled[-1]
    assert wire_bytes(PAYER, [*there, field('x' * (room + 1))]) > 1232
    if room:
        assert wire_bytes(PAYER, [*there, field('x' * room)]) <= 1232


def test_goes_on_in_the_next_where_one_is_full():
    packer = Packer(PAYER)
    for _ in range(5):
        packer.add(field('x' * 300))
    assert [len(each) for each in packer.filled] == [2, 2, 1]


def test_what_belongs_together_is_not_parted():
    packer = Packer(PAYER)
    packer.add(field('x' * 500))
    packer.add(field('y' * 200), field('z' * 200))
    assert [len(each) for each in packer.filled] == [1, 2]


def test_what_fits_into_no_transaction_is_refused():
    with pytest.raises(ValueError, match='bytes too long'):
        Packer(PAYER).add(field('x' * 1000))


def test_a_step_names_its_signers():
    step = Step('', (field(''), token.create_mint_account(PAYER, MINT, 378, 1)))
    assert step.signers == {PAYER, MINT, PERSON}
