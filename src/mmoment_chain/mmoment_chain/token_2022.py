"""Instructions of Token-2022, of its metadata and groups, and of associated token accounts.

No library encodes the extensions, so all are written here by hand, one function for each. Keys are
32 bytes, amounts are the smallest units of a token. Formats: the interfaces `spl-token-2022`,
`spl-token-metadata` and `spl-token-group` of the programs themselves. An instruction of the latter
two begins with 8 bytes of SHA-256 over its long name; texts follow their length (32 bits,
little-endian).

Extensions of a mint are set up before the mint itself, metadata and groups after it. The program
makes the account longer for these, but it takes no rent: that must be there before.
"""

from __future__ import annotations

import hashlib
import struct
from enum import IntEnum

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, TransferParams, create_account, transfer

from mmoment_chain.wallet import parse_wallet

TOKEN_2022 = parse_wallet('TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb')
CLASSIC_TOKEN = parse_wallet('TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA')
ASSOCIATED = parse_wallet('ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL')
SYSTEM = bytes(32)
NOBODY = bytes(32)
"""How an extension writes that there is no such key."""

UNLIMITED = (1 << 64) - 1


class Call(IntEnum):
    """First byte of an instruction of the token program itself."""

    SET_AUTHORITY = 6
    MINT_TO = 7
    BURN = 8
    CLOSE_ACCOUNT = 9
    INITIALIZE_MINT = 20
    INITIALIZE_MINT_CLOSE_AUTHORITY = 25
    INITIALIZE_NON_TRANSFERABLE = 32
    INITIALIZE_PERMANENT_DELEGATE = 35
    METADATA_POINTER = 39
    GROUP_POINTER = 40
    GROUP_MEMBER_POINTER = 41


class Authority(IntEnum):
    """What an authority is for; those that are needed here."""

    MINT_TOKENS = 0


def create_mint_account(payer: bytes, mint: bytes, space: int, lamports: int) -> Instruction:
    """An empty account of the token program. Payer and mint sign."""
    return create_account(
        CreateAccountParams(
            from_pubkey=_key(payer),
            to_pubkey=_key(mint),
            lamports=lamports,
            space=space,
            owner=_key(TOKEN_2022),
        )
    )


def send_lamports(payer: bytes, to: bytes, lamports: int) -> Instruction:
    """Rent for what is to grow. The payer signs."""
    return transfer(TransferParams(from_pubkey=_key(payer), to_pubkey=_key(to), lamports=lamports))


def initialize_metadata_pointer(
    mint: bytes, metadata: bytes, authority: bytes | None
) -> Instruction:
    """Where the metadata of a mint are. authority: may change that."""
    return _pointer(Call.METADATA_POINTER, mint, metadata, authority)


def initialize_group_pointer(mint: bytes, group: bytes, authority: bytes | None) -> Instruction:
    """Where the group is that a mint stands for. authority: may change that."""
    return _pointer(Call.GROUP_POINTER, mint, group, authority)


def initialize_group_member_pointer(
    mint: bytes, member: bytes, authority: bytes | None
) -> Instruction:
    """Where it is written of which group a mint is a member. authority: may change that."""
    return _pointer(Call.GROUP_MEMBER_POINTER, mint, member, authority)


def initialize_non_transferable(mint: bytes) -> Instruction:
    """Tokens of this mint stay where they are minted to."""
    return _token([_writable(mint)], bytes([Call.INITIALIZE_NON_TRANSFERABLE]))


def initialize_permanent_delegate(mint: bytes, delegate: bytes) -> Instruction:
    """Who may burn tokens of this mint wherever they are."""
    return _token([_writable(mint)], bytes([Call.INITIALIZE_PERMANENT_DELEGATE]) + _32(delegate))


def initialize_mint_close_authority(mint: bytes, authority: bytes) -> Instruction:
    """Who may close this mint once no token of it is left."""
    data = bytes([Call.INITIALIZE_MINT_CLOSE_AUTHORITY]) + _option(authority)
    return _token([_writable(mint)], data)


def initialize_mint(
    mint: bytes, decimals: int, authority: bytes, freeze_authority: bytes | None = None
) -> Instruction:
    """Make a mint of an account (InitializeMint2). authority: may mint tokens."""
    data = bytes([Call.INITIALIZE_MINT, decimals]) + _32(authority) + _option(freeze_authority)
    return _token([_writable(mint)], data)


def initialize_metadata(
    mint: bytes, authority: bytes, mint_authority: bytes, *, name: str, symbol: str, uri: str
) -> Instruction:
    """Metadata in the mint itself. authority: may change them. The mint authority signs."""
    accounts = [_writable(mint), _read(authority), _read(mint), _signer(mint_authority)]
    return _token(accounts, _tag(_METADATA, 'initialize_account'), _texts(name, symbol, uri))


def update_field(mint: bytes, authority: bytes, key: str, value: str) -> Instruction:
    """Set a field of the metadata, in the place of what it was. The authority of these signs."""
    accounts = [_writable(mint), _signer(authority)]
    return _token(accounts, _tag(_METADATA, 'updating_field'), _OWN_KEY, _texts(key, value))


def remove_field(mint: bytes, authority: bytes, key: str) -> Instruction:
    """Take a field out of the metadata, if it is there. The authority of these signs."""
    accounts = [_writable(mint), _signer(authority)]
    return _token(accounts, _tag(_METADATA, 'remove_key_ix'), _IF_THERE, _texts(key))


def initialize_group(
    mint: bytes, authority: bytes, mint_authority: bytes, most_members: int = UNLIMITED
) -> Instruction:
    """A group in the mint itself. authority: admits members. The mint authority signs."""
    accounts = [_writable(mint), _read(mint), _signer(mint_authority)]
    data = _32(authority) + struct.pack('<Q', most_members)
    return _token(accounts, _tag(_GROUP, 'initialize_token_group'), data)


def initialize_member(
    mint: bytes, mint_authority: bytes, group: bytes, group_authority: bytes
) -> Instruction:
    """Make a mint a member of a group, for good. The authorities of both sign."""
    accounts = [
        _writable(mint),
        _read(mint),
        _signer(mint_authority),
        _writable(group),
        _signer(group_authority),
    ]
    return _token(accounts, _tag(_GROUP, 'initialize_member'))


def associated_address(owner: bytes, mint: bytes) -> bytes:
    """Where a wallet keeps its tokens of a mint of Token-2022."""
    seeds = [owner, TOKEN_2022, mint]
    return bytes(Pubkey.find_program_address(seeds, _key(ASSOCIATED))[0])


def create_token_account(payer: bytes, owner: bytes, mint: bytes) -> Instruction:
    """The associated account of a wallet, unless it is there already. The payer signs."""
    # Anybody may make it a moment before: that must not keep us from going on.
    return Instruction(
        _key(ASSOCIATED),
        _IF_THERE,
        [
            _payer(payer),
            _writable(associated_address(owner, mint)),
            _read(owner),
            _read(mint),
            _read(SYSTEM),
            _read(TOKEN_2022),
        ],
    )


def mint_to(mint: bytes, account: bytes, mint_authority: bytes, amount: int) -> Instruction:
    """New tokens into an account. The mint authority signs."""
    accounts = [_writable(mint), _writable(account), _signer(mint_authority)]
    return _token(accounts, struct.pack('<BQ', Call.MINT_TO, amount))


def burn(account: bytes, mint: bytes, authority: bytes, amount: int) -> Instruction:
    """Destroy tokens. authority: owner of the account, or permanent delegate; signs."""
    accounts = [_writable(account), _writable(mint), _signer(authority)]
    return _token(accounts, struct.pack('<BQ', Call.BURN, amount))


def set_authority(
    account: bytes, kind: Authority, current: bytes, new: bytes | None
) -> Instruction:
    """Hand an authority on or, with None, give it up for good. Who has it signs."""
    data = bytes([Call.SET_AUTHORITY, kind]) + _option(new)
    return _token([_writable(account), _signer(current)], data)


def close_account(account: bytes, to: bytes, authority: bytes) -> Instruction:
    """Close an empty token account, or a mint without tokens; all its lamports go to `to`."""
    accounts = [_writable(account), _writable(to), _signer(authority)]
    return _token(accounts, bytes([Call.CLOSE_ACCOUNT]))


_METADATA = 'spl_token_metadata_interface'
_GROUP = 'spl_token_group_interface'
_OWN_KEY = b'\x03'  # after name, symbol and address, which are 0 to 2
_IF_THERE = b'\x01'


def _pointer(call: Call, mint: bytes, to: bytes, authority: bytes | None) -> Instruction:
    data = bytes([call, 0]) + _32(authority or NOBODY) + _32(to)
    return _token([_writable(mint)], data)


def _token(accounts: list[AccountMeta], *parts: bytes) -> Instruction:
    return Instruction(_key(TOKEN_2022), b''.join(parts), accounts)


def _tag(interface: str, name: str) -> bytes:
    return hashlib.sha256(f'{interface}:{name}'.encode()).digest()[:8]


def _texts(*texts: str) -> bytes:
    encoded = [text.encode() for text in texts]
    return b''.join(struct.pack('<I', len(text)) + text for text in encoded)


def _option(key: bytes | None) -> bytes:
    return b'\x00' if key is None else b'\x01' + _32(key)


def _32(key: bytes) -> bytes:
    # Extensions have no length: what is one byte short would be read as another key.
    if len(key) != len(NOBODY):
        raise ValueError(f'a key has {len(NOBODY)} bytes, not {len(key)}')
    return key


def _key(key: bytes) -> Pubkey:
    return Pubkey.from_bytes(key)


def _read(key: bytes) -> AccountMeta:
    return AccountMeta(_key(key), is_signer=False, is_writable=False)


def _writable(key: bytes) -> AccountMeta:
    return AccountMeta(_key(key), is_signer=False, is_writable=True)


def _signer(key: bytes) -> AccountMeta:
    return AccountMeta(_key(key), is_signer=True, is_writable=False)


def _payer(key: bytes) -> AccountMeta:
    return AccountMeta(_key(key), is_signer=True, is_writable=True)
