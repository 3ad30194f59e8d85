"""What calls tell of a transaction that ran: its meta data, its memo, and both in JSON."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey

from mmoment_chain import devchain_tokens as tokens
from mmoment_chain.base58 import base58
from mmoment_chain.devchain_bank import Outcome
from mmoment_chain.devchain_errors import UNSUPPORTED_VERSION, RpcError, invalid
from mmoment_chain.devchain_store import TransactionRow
from mmoment_chain.devchain_wire import (
    FindAccount,
    WireTransaction,
    completed,
    message_json,
    parse,
)

MEMO_PROGRAMS = (
    Pubkey.from_string('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr'),
    Pubkey.from_string('Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo'),
)


def meta(
    wire: WireTransaction,
    outcome: Outcome,
    before: Mapping[Pubkey, Account | None],
    find: FindAccount,
) -> dict[str, Any]:
    """The meta data of a transaction that just ran. `find` looks at the state that it left."""
    after = {key: find(key) for key in wire.keys}
    static = len(wire.keys) - wire.loaded_writable - wire.loaded_readonly
    readonly = static + wire.loaded_writable
    told: dict[str, Any] = {
        'err': outcome.error,
        'status': {'Ok': None} if outcome.error is None else {'Err': outcome.error},
        'fee': outcome.fee,
        'preBalances': [_lamports(before[key]) for key in wire.keys],
        'postBalances': [_lamports(after[key]) for key in wire.keys],
        'innerInstructions': outcome.inner,
        'logMessages': outcome.logs,
        'preTokenBalances': tokens.balances(wire.keys, before, find),
        'postTokenBalances': tokens.balances(wire.keys, after, find),
        'rewards': [],
        'loadedAddresses': {
            'writable': [str(key) for key in wire.keys[static:readonly]],
            'readonly': [str(key) for key in wire.keys[readonly:]],
        },
        'computeUnitsConsumed': outcome.units,
    }
    if outcome.return_data is not None:
        told['returnData'] = outcome.return_data
    return told


def memo(wire: WireTransaction) -> str | None:
    """The memos of a transaction, as histories show them: `[bytes] text`, more of them by `; `."""
    texts = [
        bytes(each.data)
        for each in wire.message.instructions
        if wire.keys[each.program_id_index] in MEMO_PROGRAMS
    ]
    told = [f'[{len(text)}] {text.decode("utf-8", "replace")}' for text in texts]
    return '; '.join(told) or None


def transaction_json(row: TransactionRow, encoding: str, at_most_version: int | None) -> dict:
    """A transaction with its meta data, in one of the encodings. Raises RpcError."""
    wire = _restored(row)
    if wire.version != 'legacy' and at_most_version is None:
        raise RpcError(
            UNSUPPORTED_VERSION,
            f'Transaction version ({wire.version}) is not supported by the requesting client. '
            'Please try the request again with the following configuration parameter: '
            f'"maxSupportedTransactionVersion": {wire.version}',
        )
    told: Any
    if encoding in ('json', 'jsonParsed'):
        told = {
            'signatures': [str(each) for each in wire.transaction.signatures],
            'message': message_json(wire, is_parsed=encoding == 'jsonParsed'),
        }
    elif encoding == 'base64':
        told = [base64.b64encode(row.wire).decode('ascii'), encoding]
    elif encoding in ('base58', 'binary'):
        told = [base58(row.wire), encoding] if encoding == 'base58' else base58(row.wire)
    else:
        raise invalid(f'unknown encoding {encoding}')
    shown = row.meta
    if encoding == 'jsonParsed':
        shown = {**row.meta, 'innerInstructions': _parsed_inner(row.meta, wire)}
        shown.pop('loadedAddresses')
    body = {'transaction': told, 'meta': shown}
    return body if at_most_version is None else {**body, 'version': wire.version}


def accounts_json(row: TransactionRow) -> dict[str, Any]:
    """A transaction of which only the accounts are of interest."""
    wire = _restored(row)
    shown = ('err', 'status', 'fee', 'preBalances', 'postBalances',
             'preTokenBalances', 'postTokenBalances')  # fmt: skip
    return {
        'transaction': {
            'signatures': [str(each) for each in wire.transaction.signatures],
            'accountKeys': message_json(wire, is_parsed=True)['accountKeys'],
        },
        'meta': {name: row.meta[name] for name in shown},
        'version': wire.version,
    }


def _restored(row: TransactionRow) -> WireTransaction:
    """The transaction with the addresses that were loaded when it ran."""
    addresses = row.meta['loadedAddresses']
    writable, readonly = (
        [Pubkey.from_string(key) for key in addresses[kind]] for kind in ('writable', 'readonly')
    )
    return completed(parse(row.wire), writable, readonly)


def _parsed_inner(meta: Mapping[str, Any], wire: WireTransaction) -> list[dict[str, Any]]:
    def named(call: Mapping[str, Any]) -> dict[str, Any]:
        return {
            'programId': str(wire.keys[call['programIdIndex']]),
            'accounts': [str(wire.keys[place]) for place in call['accounts']],
            'data': call['data'],
            'stackHeight': call['stackHeight'],
        }

    return [
        {**each, 'instructions': [named(call) for call in each['instructions']]}
        for each in meta['innerInstructions']
    ]


def _lamports(account: Account | None) -> int:
    return 0 if account is None else account.lamports
