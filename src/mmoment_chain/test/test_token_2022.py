"""Every instruction, byte for byte, and where a library knows it too, held against that."""

import inspect

import pytest
from solders.pubkey import Pubkey
from spl.token import instructions as library
from spl.token import models

from mmoment_chain import token_2022 as token
from mmoment_chain.token_2022 import Authority


def k(number):
    return bytes([number]) * 32


def h(number):
    return k(number).hex()


PROGRAM = '06ddf6e1ee758fde18425dbce46ccddab61afc4d83b90d27febdf928d8a18bfc'
TOKENS_OF_3 = token.associated_address(k(3), k(2))

# Instruction, data in hex, accounts: key, and w(ritable) and s(igner).
VECTORS = {
    'create_mint_account': (
        token.create_mint_account(k(1), k(2), 378, 5_000_000),
        f'00000000 404b4c0000000000 7a01000000000000 {PROGRAM}',
        [(k(1), 'ws'), (k(2), 'ws')],
    ),
    'send_lamports': (
        token.send_lamports(k(1), k(2), 77),
        '02000000 4d00000000000000',
        [(k(1), 'ws'), (k(2), 'w')],
    ),
    'initialize_metadata_pointer': (
        token.initialize_metadata_pointer(k(2), k(5), None),
        f'27 00 {h(0)} {h(5)}',
        [(k(2), 'w')],
    ),
    'initialize_group_pointer': (
        token.initialize_group_pointer(k(2), k(5), k(3)),
        f'28 00 {h(3)} {h(5)}',
        [(k(2), 'w')],
    ),
    'initialize_group_member_pointer': (
        token.initialize_group_member_pointer(k(2), k(5), k(3)),
        f'29 00 {h(3)} {h(5)}',
        [(k(2), 'w')],
    ),
    'initialize_non_transferable': (
        token.initialize_non_transferable(k(2)),
        '20',
        [(k(2), 'w')],
    ),
    'initialize_permanent_delegate': (
        token.initialize_permanent_delegate(k(2), k(3)),
        f'23 {h(3)}',
        [(k(2), 'w')],
    ),
    'initialize_mint_close_authority': (
        token.initialize_mint_close_authority(k(2), k(3)),
        f'19 01 {h(3)}',
        [(k(2), 'w')],
    ),
    'initialize_mint': (
        token.initialize_mint(k(2), 0, k(3)),
        f'14 00 {h(3)} 00',
        [(k(2), 'w')],
    ),
    'initialize_mint, with a freeze authority': (
        token.initialize_mint(k(2), 6, k(3), k(4)),
        f'14 06 {h(3)} 01 {h(4)}',
        [(k(2), 'w')],
    ),
    'initialize_metadata': (
        token.initialize_metadata(k(2), k(3), k(4), name='Ü', symbol='F', uri=''),
        'd2e11ea258b84d8d 02000000 c39c 01000000 46 00000000',
        [(k(2), 'w'), (k(3), ''), (k(2), ''), (k(4), 's')],
    ),
    'update_field': (
        token.update_field(k(2), k(3), 'face', 'AB=='),
        'dde9312db5cadcc8 03 04000000 66616365 04000000 41423d3d',
        [(k(2), 'w'), (k(3), 's')],
    ),
    'remove_field': (
        token.remove_field(k(2), k(3), 'face'),
        'ea122038598d25b5 01 04000000 66616365',
        [(k(2), 'w'), (k(3), 's')],
    ),
    'initialize_group': (
        token.initialize_group(k(2), k(3), k(4), 9),
        f'79716c2736330004 {h(3)} 0900000000000000',
        [(k(2), 'w'), (k(2), ''), (k(4), 's')],
    ),
    'initialize_member': (
        token.initialize_member(k(2), k(3), k(5), k(6)),
        '9820deb0dfed7486',
        [(k(2), 'w'), (k(2), ''), (k(3), 's'), (k(5), 'w'), (k(6), 's')],
    ),
    'mint_to': (
        token.mint_to(k(2), k(5), k(3), 1),
        '07 0100000000000000',
        [(k(2), 'w'), (k(5), 'w'), (k(3), 's')],
    ),
    'burn': (
        token.burn(k(5), k(2), k(3), 258),
        '08 0201000000000000',
        [(k(5), 'w'), (k(2), 'w'), (k(3), 's')],
    ),
    'set_authority, given up': (
        token.set_authority(k(2), Authority.MINT_TOKENS, k(3), None),
        '06 00 00',
        [(k(2), 'w'), (k(3), 's')],
    ),
    'set_authority, handed on': (
        token.set_authority(k(2), Authority.MINT_TOKENS, k(3), k(4)),
        f'06 00 01 {h(4)}',
        [(k(2), 'w'), (k(3), 's')],
    ),
    'close_account': (
        token.close_account(k(5), k(1), k(3)),
        '09',
        [(k(5), 'w'), (k(1), 'w'), (k(3), 's')],
    ),
    'create_token_account': (
        token.create_token_account(k(1), k(3), k(2)),
        '01',
        [
            (k(1), 'ws'),
            (TOKENS_OF_3, 'w'),
            (k(3), ''),
            (k(2), ''),
            (k(0), ''),
            (bytes.fromhex(PROGRAM), ''),
        ],
    ),
}
SYSTEM = ('create_mint_account', 'send_lamports')


def marks(account):
    return ('w' if account.is_writable else '') + ('s' if account.is_signer else '')


@pytest.mark.parametrize('name', VECTORS)
def test_bytes_of_an_instruction(name):
    made, data, accounts = VECTORS[name]
    assert bytes(made.data) == bytes.fromhex(data)
    assert [(bytes(each.pubkey), marks(each)) for each in made.accounts] == accounts
    program = {'create_token_account': token.ASSOCIATED, **dict.fromkeys(SYSTEM, token.SYSTEM)}
    assert bytes(made.program_id) == program.get(name, token.TOKEN_2022)


def test_every_instruction_has_a_vector():
    functions = inspect.getmembers(token, inspect.isfunction)
    made_here = {
        name
        for name, function in functions
        if function.__module__ == token.__name__
        and function.__annotations__['return'] == 'Instruction'
        and not name.startswith('_')
    }
    assert made_here == {name.partition(',')[0] for name in VECTORS}


def as_library(number):
    return Pubkey.from_bytes(k(number))


TOKEN_2022 = Pubkey.from_bytes(token.TOKEN_2022)
COMMON = {'program_id': TOKEN_2022}


@pytest.mark.parametrize(
    ('ours', 'theirs'),
    [
        (
            token.initialize_mint(k(2), 6, k(3), k(4)),
            library.initialize_mint2(
                models.InitializeMint2Params(
                    decimals=6,
                    mint=as_library(2),
                    mint_authority=as_library(3),
                    freeze_authority=as_library(4),
                    **COMMON,
                )
            ),
        ),
        (
            token.mint_to(k(2), k(5), k(3), 7),
            library.mint_to(
                models.MintToParams(
                    mint=as_library(2),
                    dest=as_library(5),
                    mint_authority=as_library(3),
                    amount=7,
                    **COMMON,
                )
            ),
        ),
        (
            token.burn(k(5), k(2), k(3), 7),
            library.burn(
                models.BurnParams(
                    account=as_library(5),
                    mint=as_library(2),
                    owner=as_library(3),
                    amount=7,
                    **COMMON,
                )
            ),
        ),
        (
            token.close_account(k(5), k(1), k(3)),
            library.close_account(
                models.CloseAccountParams(
                    account=as_library(5), dest=as_library(1), owner=as_library(3), **COMMON
                )
            ),
        ),
        (
            token.create_token_account(k(1), k(3), k(2)),
            library.create_idempotent_associated_token_account(
                as_library(1), as_library(3), as_library(2), TOKEN_2022
            ),
        ),
    ],
    ids=['initialize_mint', 'mint_to', 'burn', 'close_account', 'create_token_account'],
)
def test_same_as_the_library_makes_it(ours, theirs):
    assert bytes(ours.data) == bytes(theirs.data)
    assert ours.program_id == theirs.program_id
    assert [each.pubkey for each in ours.accounts] == [each.pubkey for each in theirs.accounts]
    assert list(map(marks, ours.accounts)) == list(map(marks, theirs.accounts))


@pytest.mark.parametrize('key', [b'', bytes(31), bytes(33)])
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(ValueError, match='32 bytes'):
        token.initialize_permanent_delegate(k(2), key)
