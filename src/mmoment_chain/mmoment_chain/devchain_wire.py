"""Transactions as they come over the wire, held against the rules that come before any program."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from solders.account import Account
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.transaction import SanitizeError, VersionedTransaction

from mmoment_chain.base58 import base58, from_base58
from mmoment_chain.devchain_errors import INVALID_PARAMS, UNSUPPORTED_VERSION, RpcError, invalid
from mmoment_chain.transaction_size import WIRE_BYTES_AT_MOST

# The longest transaction in base64 and base58, whose texts nobody need decode to know that they are too long.
TEXT_AT_MOST = {'base64': 1644, 'base58': 1683}
LOOKUP_TABLE_PROGRAM = Pubkey.from_string('AddressLookupTab1e1111111111111111111111111')
LOOKUP_TABLE_HEAD_BYTES = 56
KEY_BYTES = 32

FindAccount = Callable[[Pubkey], Account | None]


class TransactionRefused(Exception):
    """It cannot run; `error` is in the JSON form of Solana's TransactionError."""

    def __init__(self, error: Any) -> None:
        self.error = error
        super().__init__(str(error))


@dataclass(frozen=True, slots=True)
class WireTransaction:
    """A transaction with the addresses that its lookup tables stand for."""

    transaction: VersionedTransaction
    wire: bytes
    keys: tuple[Pubkey, ...]  # in the message, then loaded: writable ones before the others
    writable: tuple[bool, ...]  # of each key, as the message has it
    loaded_writable: int  # how many keys are loaded to be written
    loaded_readonly: int

    @property
    def message(self) -> Message | MessageV0:
        """What was signed."""
        message = self.transaction.message
        assert isinstance(message, Message | MessageV0)
        return message

    @property
    def signature(self) -> bytes:
        """The first one, by which it is known."""
        return bytes(self.transaction.signatures[0])

    @property
    def signers(self) -> int:
        """How many sign."""
        return self.message.header.num_required_signatures

    @property
    def version(self) -> str | int:
        """As told in JSON."""
        return 'legacy' if isinstance(self.message, Message) else 0

    def has_good_signatures(self) -> bool:
        """Whether every signature is that of its key."""
        return all(self.transaction.verify_with_results())


def decoded(text: str, encoding: str) -> bytes:
    """The wire form of a transaction in base64 or base58. Raises RpcError."""
    if encoding not in list(TEXT_AT_MOST):
        raise invalid(f'unsupported encoding: {encoding}. Supported encodings: base58, base64')
    kind = f'{encoding} encoded solana_transaction::versioned::VersionedTransaction too large'
    if len(text) > TEXT_AT_MOST[encoding]:
        raise RpcError(
            INVALID_PARAMS,
            f'{kind}: {len(text)} bytes (max: encoded/raw {TEXT_AT_MOST[encoding]}/{WIRE_BYTES_AT_MOST})',
        )
    try:
        wire = base64.b64decode(text, validate=True) if encoding == 'base64' else from_base58(text)
    except (ValueError, binascii.Error) as error:
        raise RpcError(INVALID_PARAMS, f'invalid {encoding} encoding: {error}') from error
    if len(wire) > WIRE_BYTES_AT_MOST:
        raise RpcError(
            INVALID_PARAMS,
            f'{kind}: {len(wire)} bytes (max: encoded/raw {TEXT_AT_MOST[encoding]}/{WIRE_BYTES_AT_MOST})',
        )
    return wire


def parse(wire: bytes) -> VersionedTransaction:
    """The transaction of these bytes, with a whole and sound form. Raises RpcError."""
    try:
        transaction = VersionedTransaction.from_bytes(wire)
        is_whole = bytes(transaction) == wire
        transaction.sanitize()
    except (ValueError, SanitizeError) as error:
        raise RpcError(
            INVALID_PARAMS,
            f'failed to deserialize solana_transaction::versioned::VersionedTransaction: {error}',
        ) from error
    if not is_whole or not transaction.signatures:
        raise RpcError(INVALID_PARAMS, 'invalid transaction: it has bytes that nothing asks for')
    if not isinstance(transaction.message, Message | MessageV0):
        raise RpcError(UNSUPPORTED_VERSION, 'Transaction version is not supported by this chain')
    return transaction


def loaded(transaction: VersionedTransaction, find: FindAccount) -> WireTransaction:
    """The transaction with the addresses of its lookup tables. Raises TransactionRefused."""
    writable: list[Pubkey] = []
    readonly: list[Pubkey] = []
    for lookup in getattr(transaction.message, 'address_table_lookups', ()):
        addresses = _table(find(lookup.account_key))
        try:
            writable += [addresses[place] for place in bytes(lookup.writable_indexes)]
            readonly += [addresses[place] for place in bytes(lookup.readonly_indexes)]
        except IndexError:
            raise TransactionRefused('InvalidAddressLookupTableIndex') from None
    return completed(transaction, writable, readonly)


def completed(
    transaction: VersionedTransaction, writable: Sequence[Pubkey], readonly: Sequence[Pubkey]
) -> WireTransaction:
    """The transaction with the addresses that were loaded for it."""
    message = transaction.message
    header = message.header
    static = list(message.account_keys)
    signers = header.num_required_signatures
    flags = [
        place < signers - header.num_readonly_signed_accounts
        or signers <= place < len(static) - header.num_readonly_unsigned_accounts
        for place in range(len(static))
    ]
    return WireTransaction(
        transaction=transaction,
        wire=bytes(transaction),
        keys=(*static, *writable, *readonly),
        writable=(*flags, *(True for _ in writable), *(False for _ in readonly)),
        loaded_writable=len(writable),
        loaded_readonly=len(readonly),
    )


def message_json(wire: WireTransaction, *, is_parsed: bool = False) -> dict[str, Any]:
    """The message as `json` or, with keys in place of their numbers, `jsonParsed` tell it."""
    message, keys = wire.message, wire.keys
    told: dict[str, Any] = {'recentBlockhash': str(message.recent_blockhash)}
    tables = [
        {
            'accountKey': str(lookup.account_key),
            'writableIndexes': list(bytes(lookup.writable_indexes)),
            'readonlyIndexes': list(bytes(lookup.readonly_indexes)),
        }
        for lookup in getattr(message, 'address_table_lookups', ())
    ]
    if wire.version != 'legacy':
        told['addressTableLookups'] = tables
    if is_parsed:
        static = len(message.account_keys)
        told['accountKeys'] = [
            {
                'pubkey': str(key),
                'signer': place < wire.signers,
                'writable': wire.writable[place],
                'source': 'transaction' if place < static else 'lookupTable',
            }
            for place, key in enumerate(keys)
        ]
        told['instructions'] = [instruction_json(each, None, keys) for each in message.instructions]
        return told
    header = message.header
    told['header'] = {
        'numRequiredSignatures': header.num_required_signatures,
        'numReadonlySignedAccounts': header.num_readonly_signed_accounts,
        'numReadonlyUnsignedAccounts': header.num_readonly_unsigned_accounts,
    }
    told['accountKeys'] = [str(key) for key in message.account_keys]
    told['instructions'] = [instruction_json(each, None) for each in message.instructions]
    return told


def instruction_json(
    compiled: Any, stack_height: int | None, keys: tuple[Pubkey, ...] | None = None
) -> dict[str, Any]:
    """One instruction; with `keys` the addresses stand in place of their numbers."""
    data = base58(bytes(compiled.data))
    accounts = list(bytes(compiled.accounts))
    if keys is None:
        told: dict[str, Any] = {'programIdIndex': compiled.program_id_index, 'accounts': accounts}
    else:
        told = {
            'programId': str(keys[compiled.program_id_index]),
            'accounts': [str(keys[place]) for place in accounts],
        }
    return {**told, 'data': data, 'stackHeight': stack_height}


def _table(account: Account | None) -> list[Pubkey]:
    if account is None:
        raise TransactionRefused('AddressLookupTableNotFound')
    if account.owner != LOOKUP_TABLE_PROGRAM:
        raise TransactionRefused('InvalidAddressLookupTableOwner')
    data = bytes(account.data)
    if len(data) < LOOKUP_TABLE_HEAD_BYTES or (len(data) - LOOKUP_TABLE_HEAD_BYTES) % KEY_BYTES:
        raise TransactionRefused('InvalidAddressLookupTableData')
    return [
        Pubkey.from_bytes(data[start : start + KEY_BYTES])
        for start in range(LOOKUP_TABLE_HEAD_BYTES, len(data), KEY_BYTES)
    ]
