"""Brings a program onto a chain by Solana's upgradeable loader, replaces it, and takes it off again.

A program is written into a buffer, piece by piece, and deployed from there; what it takes is the
account of the program, which says where its data lies, and the account of the data, with room to
grow. Instructions are a number of 32 bits, then arguments in bincode, as Solana's loader documents
them. Nothing here talks to a chain: these are the instructions, in the order in which they are sent.
Keys are 32 bytes, amounts lamports.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, create_account

from mmoment_chain.errors import ChainError

LOADER = Pubkey.from_string('BPFLoaderUpgradeab1e11111111111111111111111')
SYSTEM = Pubkey.default()
RENT = Pubkey.from_string('SysvarRent111111111111111111111111111111111')
CLOCK = Pubkey.from_string('SysvarC1ock11111111111111111111111111111111')
INITIALIZE_BUFFER, WRITE, DEPLOY, UPGRADE, SET_AUTHORITY, CLOSE, EXTEND = range(7)
BUFFER_HEADER_BYTES = 37
DATA_HEADER_BYTES = 45
PROGRAM_BYTES = 36
BUFFER_STATE, DATA_STATE = 1, 3
WRITE_BYTES = 900
"""In one transaction, with a compute budget and a priority fee, where who pays is the authority."""
SIGNATURE_LAMPORTS = 5000


class DeployError(ChainError):
    """These bytes are not what the loader keeps."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a deployment takes, without priority fees."""

    transactions: int
    fee_lamports: int
    rent_lamports: int  # stays with program and data; `close_program` gives that of the data back
    peak_lamports: int  # what the payer needs at the beginning


@dataclass(frozen=True, slots=True)
class ProgramData:
    """What the loader keeps of a program."""

    slot: int  # of the last deployment
    authority: bytes | None  # who may replace or close it; None: nobody any more
    content: bytes  # the program, and zeros up to the end of its room

    @classmethod
    def from_bytes(cls, data: bytes) -> ProgramData:
        """Read the account at `data_address`. Raises DeployError."""
        if len(data) < DATA_HEADER_BYTES:
            raise DeployError('this account is too short for that of a program')
        state, slot, is_there, authority = struct.unpack_from('<IQB32s', data)
        if state != DATA_STATE:
            raise DeployError('this account is not the data of a program')
        return cls(slot, authority if is_there else None, data[DATA_HEADER_BYTES:])

    def is_same(self, program: bytes) -> bool:
        """Whether this program is deployed, and nothing behind it."""
        return self.content.rstrip(b'\0') == program.rstrip(b'\0')


def data_address(program: bytes) -> bytes:
    """Where the data of the program at this address lies."""
    return bytes(Pubkey.find_program_address([program], LOADER)[0])


def make_buffer(
    payer: bytes, buffer: bytes, authority: bytes, program_bytes: int, lamports: int
) -> list[Instruction]:
    """A buffer for that many bytes. Payer and buffer sign. lamports: rent of `buffer_bytes`."""
    size = buffer_bytes(program_bytes)
    accounts = [_writable(buffer), _read(authority)]
    return [
        _account(payer, buffer, lamports, size),
        _made(INITIALIZE_BUFFER, accounts),
    ]


def write(buffer: bytes, authority: bytes, begin: int, part: bytes) -> Instruction:
    """Write a part into a buffer. The authority signs."""
    accounts = [_writable(buffer), _signer(authority)]
    return _made(WRITE, accounts, struct.pack('<IQ', begin, len(part)) + part)


def writes(buffer: bytes, authority: bytes, program: bytes) -> list[Instruction]:
    """All of a program, each part for a transaction of its own; their order does not matter."""
    return [
        write(buffer, authority, begin, program[begin : begin + WRITE_BYTES])
        for begin in range(0, len(program), WRITE_BYTES)
    ]


def deploy(
    payer: bytes, program: bytes, buffer: bytes, authority: bytes, room_bytes: int, lamports: int
) -> list[Instruction]:
    """Make a program of a buffer that is full; the buffer is gone afterwards, its rent is used.

    Payer, program and authority sign. lamports: rent of PROGRAM_BYTES. room_bytes: how large the
    program may become by upgrades, at least its size now.
    """
    accounts = [
        AccountMeta(Pubkey.from_bytes(payer), is_signer=True, is_writable=True),
        _writable(data_address(program)),
        _writable(program),
        _writable(buffer),
        _read(bytes(RENT)),
        _read(bytes(CLOCK)),
        _read(bytes(SYSTEM)),
        _signer(authority),
    ]
    return [
        _account(payer, program, lamports, PROGRAM_BYTES),
        _made(DEPLOY, accounts, struct.pack('<Q', room_bytes)),
    ]


def upgrade(program: bytes, buffer: bytes, authority: bytes, spill: bytes) -> Instruction:
    """Replace a program by what is in a buffer; what the buffer has left goes to `spill`.

    The authority signs. It takes effect with the next slot; a slot takes one upgrade.
    """
    accounts = [
        _writable(data_address(program)),
        _writable(program),
        _writable(buffer),
        _writable(spill),
        _read(bytes(RENT)),
        _read(bytes(CLOCK)),
        _signer(authority),
    ]
    return _made(UPGRADE, accounts)


def extend(program: bytes, payer: bytes, more_bytes: int) -> Instruction:
    """Give a program more room. The payer signs, and pays the rent of it."""
    accounts = [
        _writable(data_address(program)),
        _writable(program),
        _read(bytes(SYSTEM)),
        AccountMeta(Pubkey.from_bytes(payer), is_signer=True, is_writable=True),
    ]
    return _made(EXTEND, accounts, struct.pack('<I', more_bytes))


def set_authority(program: bytes, authority: bytes, new: bytes | None) -> Instruction:
    """Let somebody else replace and close the program; None: nobody, for good."""
    accounts = [_writable(data_address(program)), _signer(authority)]
    return _made(SET_AUTHORITY, accounts + ([] if new is None else [_read(new)]))


def close_buffer(buffer: bytes, authority: bytes, recipient: bytes) -> Instruction:
    """Give up a buffer; all its rent goes to the recipient. The authority signs."""
    return _made(CLOSE, [_writable(buffer), _writable(recipient), _signer(authority)])


def close_program(program: bytes, authority: bytes, recipient: bytes) -> Instruction:
    """Take a program off the chain for good: its address cannot be used again.

    The rent of its data goes to the recipient; that of PROGRAM_BYTES stays. The authority signs.
    """
    accounts = [
        _writable(data_address(program)),
        _writable(recipient),
        _signer(authority),
        _writable(program),
    ]
    return _made(CLOSE, accounts)


def buffer_bytes(program_bytes: int) -> int:
    """Size of a buffer's account."""
    return BUFFER_HEADER_BYTES + program_bytes


def cost(program_bytes: int, room_bytes: int, rent: Callable[[int], int]) -> Cost:
    """Of a deployment; `rent` tells the least lamports of an account of that many bytes."""
    parts = -(-program_bytes // WRITE_BYTES)
    # Signatures: payer and buffer; the payer for each part; payer and program.
    fee = (2 + parts + 2) * SIGNATURE_LAMPORTS
    stays = rent(PROGRAM_BYTES) + rent(DATA_HEADER_BYTES + room_bytes)
    buffer = rent(buffer_bytes(program_bytes))
    # The loader pays the data out of the buffer's rent where that is enough.
    return Cost(parts + 2, fee, stays, fee + max(stays, buffer + rent(PROGRAM_BYTES)))


def _account(payer: bytes, made: bytes, lamports: int, size: int) -> Instruction:
    return create_account(
        CreateAccountParams(
            from_pubkey=Pubkey.from_bytes(payer),
            to_pubkey=Pubkey.from_bytes(made),
            lamports=lamports,
            space=size,
            owner=LOADER,
        )
    )


def _made(number: int, accounts: Sequence[AccountMeta], arguments: bytes = b'') -> Instruction:
    return Instruction(LOADER, struct.pack('<I', number) + arguments, list(accounts))


def _read(key: bytes) -> AccountMeta:
    return AccountMeta(Pubkey.from_bytes(key), is_signer=False, is_writable=False)


def _writable(key: bytes) -> AccountMeta:
    return AccountMeta(Pubkey.from_bytes(key), is_signer=False, is_writable=True)


def _signer(key: bytes) -> AccountMeta:
    return AccountMeta(Pubkey.from_bytes(key), is_signer=True, is_writable=False)
