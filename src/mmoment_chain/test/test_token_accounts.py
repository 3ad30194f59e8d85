"""Accounts as the token programs really make them, and any bytes at all."""

import os
import random
import struct
from contextlib import suppress

import pytest
from face_world import FaceWorld

from mmoment_chain import token_2022 as token
from mmoment_chain.program_layout import LayoutError
from mmoment_chain.token_accounts import (
    EXTENDED_BYTES,
    METADATA,
    SEVERAL_SIGNATURES_BYTES,
    Extension,
    Mint,
    TokenAccount,
    metadata_bytes,
    mint_bytes,
)

INPUTS = int(os.environ.get('MMOMENT_FUZZ_INPUTS', '4000'))


@pytest.fixture(scope='module')
def world():
    world = FaceWorld()
    world.make_group()
    return world


@pytest.fixture(scope='module')
def face(world):
    """Address of a face NFT that Anna holds."""
    return world.mint_face('anna')


@pytest.fixture(scope='module')
def accounts(world, face):
    """Content of each kind of account that is read here."""
    return {
        'face': world.data(face),
        'group': world.data(world.key('group')),
        'tokens': world.data(world.tokens('anna', face)),
    }


def test_the_mint_of_a_face(world, face):
    mint = world.mint(face)
    assert (mint.authority, mint.freeze_authority) == (None, None)
    assert (mint.supply, mint.decimals, mint.is_transferable) == (1, 0, False)
    assert mint.permanent_delegate == mint.close_authority == world.key('anna')
    for pointer in (Extension.METADATA_POINTER, Extension.MEMBER_POINTER):
        assert mint.points_to(pointer) == face
    assert mint.points_to(Extension.GROUP_POINTER) is None
    member = mint.member()
    assert (member.mint, member.group) == (face, world.key('group'))
    assert member.number == world.mint(world.key('group')).group().members == 1
    assert mint.metadata().authority == world.key('anna')
    assert mint.metadata().mint == face
    assert mint.group() is None


def test_the_mint_of_a_group(world):
    address = world.key('group')
    mint = world.mint(address)
    assert (mint.group().authority, mint.group().mint) == (world.owner, address)
    assert mint.group().most_members == token.UNLIMITED
    assert mint.points_to(Extension.GROUP_POINTER) == address
    assert mint.metadata().name == 'Gym faces'
    assert (mint.supply, mint.authority) == (0, None)
    assert mint.member() is None


def test_tokens_of_a_face(world, face):
    tokens = TokenAccount.from_bytes(world.data(world.tokens('anna', face)))
    assert (tokens.mint, tokens.owner, tokens.amount) == (face, world.key('anna'), 1)
    assert not tokens.is_frozen
    assert set(tokens.extensions) == {Extension.IMMUTABLE_OWNER, Extension.NON_TRANSFERABLE_ACCOUNT}


def test_lengths_are_those_of_the_program(world, face):
    metadata = world.mint(face).metadata()
    assert len(world.data(face)) == mint_bytes(
        64, 0, 32, 64, 32, 72, metadata_bytes(metadata.name, metadata.symbol, '', metadata.fields)
    )


def test_no_mint_has_the_length_of_several_signatures():
    length = SEVERAL_SIGNATURES_BYTES - EXTENDED_BYTES - 4
    assert mint_bytes(length) == SEVERAL_SIGNATURES_BYTES + 2
    assert mint_bytes(length - 1) == SEVERAL_SIGNATURES_BYTES - 1


def test_what_has_the_length_of_several_signatures_is_none(accounts):
    length = SEVERAL_SIGNATURES_BYTES - EXTENDED_BYTES - 4
    data = accounts['face'][:EXTENDED_BYTES] + struct.pack('<HH', 99, length) + bytes(length)
    with pytest.raises(LayoutError):
        Mint.from_bytes(data)
    assert Mint.from_bytes(data + bytes(2)).supply == 1


def test_one_is_not_taken_for_the_other(accounts):
    with pytest.raises(LayoutError):
        Mint.from_bytes(accounts['tokens'])
    with pytest.raises(LayoutError):
        TokenAccount.from_bytes(accounts['face'])


@pytest.mark.parametrize('place', [82, 164, EXTENDED_BYTES - 1])
def test_a_mint_is_filled_up_with_zeros_and_says_that_it_is_one(accounts, place):
    data = bytearray(accounts['face'])
    data[place] = 2
    with pytest.raises(LayoutError, match='no mint'):
        Mint.from_bytes(bytes(data))


def test_without_extensions(accounts):
    # As the older program has them.
    assert Mint.from_bytes(accounts['face'][:82]).extensions == {}
    assert TokenAccount.from_bytes(accounts['tokens'][:165]).amount == 1


@pytest.mark.parametrize('kind', [Mint, TokenAccount])
@pytest.mark.parametrize('size', [0, 1, 81, 82, 83, 164, 165, 166, 355, 400])
def test_zeros_are_no_account(kind, size):
    with pytest.raises(LayoutError):
        kind.from_bytes(bytes(size))


def test_every_account_that_is_cut_off_is_refused(accounts):
    for length in range(len(accounts['face'])):
        if length not in (82, EXTENDED_BYTES):
            try:
                mint = Mint.from_bytes(accounts['face'][:length])
            except LayoutError:
                continue
            # Cut between two extensions: then the one that came after is not there.
            assert mint.metadata() is None or mint.member() is None


def with_metadata(data, content):
    """The mint of a face without extensions but this."""
    return data[:EXTENDED_BYTES] + struct.pack('<HH', Extension.METADATA, len(content)) + content


@pytest.mark.parametrize(
    'content',
    [
        b'',
        bytes(METADATA.size),
        bytes(METADATA.size) + b'\xff\xff\xff\xff',
        bytes(METADATA.size + 16) + b'.',
        bytes(METADATA.size) + b'\x01\0\0\0\xff' + bytes(12),
        bytes(METADATA.size + 12) + b'\xff\xff\xff\xff' + bytes(80),
    ],
    ids=['nothing', 'no texts', 'too long', 'more than it says', 'no UTF-8', 'too many fields'],
)
def test_damaged_metadata_are_refused(accounts, content):
    mint = Mint.from_bytes(with_metadata(accounts['face'], content))
    with pytest.raises(LayoutError):
        mint.metadata()


def test_the_first_of_two_extensions_counts(accounts):
    data = accounts['face']
    second = struct.pack('<HH', Extension.MEMBER, 72) + bytes(72)
    assert Mint.from_bytes(data + second).member() == Mint.from_bytes(data).member()


def test_bytes_after_the_last_extension_say_nothing(accounts):
    data = accounts['face']
    assert Mint.from_bytes(data + bytes(50)) == Mint.from_bytes(data)


READERS = [
    Mint.group,
    Mint.member,
    Mint.metadata,
    Mint.close_authority.fget,
    Mint.permanent_delegate.fget,
    *(lambda mint, one=one: mint.points_to(one) for one in Extension),
]


def read_all(data):
    """Everything that can be read of an account; raises nothing but LayoutError."""
    with suppress(LayoutError):
        TokenAccount.from_bytes(data)
    with suppress(LayoutError):
        mint = Mint.from_bytes(data)
        for read in READERS:
            with suppress(LayoutError):
                read(mint)


def test_any_bytes(accounts):
    source = random.Random(7)
    originals = list(accounts.values())
    for _ in range(INPUTS):
        data = bytearray(source.choice(originals))
        for _ in range(source.choice((0, 1, 2, 8))):
            # Where lengths and counts are, mostly.
            place = source.randrange(EXTENDED_BYTES, len(data)) if source.random() < 0.8 else 0
            data[place] = source.choice((0, 1, 0x7F, 0xFF, source.randrange(256)))
        change = source.randrange(4)
        if change == 1:
            data = data[: source.randrange(len(data))]
        if change == 2:
            begin = source.randrange(len(data))
            data[begin:begin] = source.randbytes(source.randrange(40))
        if change == 3 and source.random() < 0.3:
            data = bytearray(source.randbytes(source.randrange(600)))
        read_all(bytes(data))
