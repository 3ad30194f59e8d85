"""Calls that send, try and find transactions."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from solders.message import from_bytes_versioned
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from mmoment_chain import devchain_records as records
from mmoment_chain.base58 import base58
from mmoment_chain.devchain_account_methods import shown
from mmoment_chain.devchain_bank import Outcome
from mmoment_chain.devchain_blocks import BLOCKHASH_LIFE_BLOCKS
from mmoment_chain.devchain_calls import Call, View, flag, pubkey, signature
from mmoment_chain.devchain_errors import (
    INVALID_PARAMS,
    PREFLIGHT_FAILURE,
    SIGNATURE_VERIFICATION_FAILURE,
    RpcError,
    invalid,
    transaction_error_text,
)
from mmoment_chain.devchain_store import TransactionRow
from mmoment_chain.devchain_wire import (
    TransactionRefused,
    WireTransaction,
    decoded,
    loaded,
    parse,
)

LAMPORTS_PER_SIGNATURE = 5000
SIGNATURES_AT_MOST = 256
HISTORY_AT_MOST = 1000
AIRDROP_AT_MOST = 1_000_000 * 10**9
STATUS_SLOTS = 300
"""Nodes know without a search what was done in so many slots."""


def send_transaction(call: Call) -> Any:
    """Run a signed transaction; returns its signature."""
    config = call.config(1)
    wire = _received(call, config, 'base58')
    if not wire.has_good_signatures():
        raise RpcError(SIGNATURE_VERIFICATION_FAILURE, 'Transaction signature verification failure')
    if not flag(config, 'skipPreflight'):
        outcome, _ = tried(call, wire, checks_hash=True)
        if outcome.error is not None:
            raise RpcError(
                PREFLIGHT_FAILURE,
                f'Transaction simulation failed: {transaction_error_text(outcome.error)}',
                {**_simulated(outcome), 'accounts': None},
            )
    # Of a refusal nobody is told: a node only passes a transaction on.
    with contextlib.suppress(TransactionRefused):
        call.chain.run(wire)
    return str(wire.transaction.signatures[0])


def simulate_transaction(call: Call) -> Any:
    """What a transaction would do now."""
    config, view = call.config(1), call.view(1)
    wire = _received(call, config, 'base58')
    checks, replaces = flag(config, 'sigVerify'), flag(config, 'replaceRecentBlockhash')
    if checks and replaces:
        raise RpcError(INVALID_PARAMS, 'sigVerify may not be used with replaceRecentBlockhash')
    if checks and not wire.has_good_signatures():
        raise RpcError(SIGNATURE_VERIFICATION_FAILURE, 'Transaction signature verification failure')
    outcome, after = tried(call, wire, checks_hash=not replaces)
    told = {**_simulated(outcome), 'accounts': _wanted_accounts(view, config, after, outcome)}
    if flag(config, 'innerInstructions'):
        told['innerInstructions'] = outcome.inner
    if replaces:
        made, last = call.chain.latest_hash(view.block)
        told['replacementBlockhash'] = {
            'blockhash': _hash_text(made),
            'lastValidBlockHeight': last,
        }
    return view.answer(told)


def tried(call: Call, wire: WireTransaction, *, checks_hash: bool) -> tuple[Outcome, Mapping]:
    """Outcome of a transaction that leaves nothing, and the accounts that it would have left."""
    try:
        if checks_hash:
            call.chain.judge(wire)
        return call.chain.bank.simulate(wire)
    except TransactionRefused as refused:
        return Outcome(refused.error, [], 0, 0, [], None), {}


def request_airdrop(call: Call) -> Any:
    """Lamports out of nothing."""
    key, lamports = call.pubkey(0), call.integer(1)
    if not 0 < lamports <= AIRDROP_AT_MOST:
        raise invalid(f'between 1 and {AIRDROP_AT_MOST} lamports are given at once')
    return str(Signature.from_bytes(call.faucet.airdrop(key, lamports)))


def get_signature_statuses(call: Call) -> Any:
    """Where transactions stand."""
    signatures = [signature(each) for each in call.items(0, SIGNATURES_AT_MOST)]
    searches = flag(call.config(1), 'searchTransactionHistory')
    view = call.view_of('processed')
    return view.answer([_status(call, view, each, searches) for each in signatures])


def get_signatures_for_address(call: Call) -> Any:
    """Transactions that name an address, newest first."""
    config, view, key = call.config(1), call.view(1), call.pubkey(0)
    limit = config.get('limit') or HISTORY_AT_MOST
    if not isinstance(limit, int) or not 0 < limit <= HISTORY_AT_MOST:
        raise RpcError(INVALID_PARAMS, f'Invalid limit; max {HISTORY_AT_MOST}')
    before, until = None, (0, 0)
    if config.get('before') is not None:
        before = _place(call, config['before'])
        if before is None:
            return []
    if config.get('until') is not None:
        until = _place(call, config['until']) or until
    last = min(view.slot, call.view_of('confirmed').slot)
    rows = call.chain.store.mentioning(bytes(key), last, before, until, limit)
    return [_history_line(call, row) for row in rows]


def get_transaction(call: Call) -> Any:
    """A transaction with all that is known of it; null where there is none."""
    row = call.chain.store.transaction(signature(call.given(0)))
    config, encoding = _format(call, 1)
    view = call.view(1)
    if row is None or row.slot > min(view.slot, call.view_of('confirmed').slot):
        return None
    told = records.transaction_json(row, encoding, config.get('maxSupportedTransactionVersion'))
    return {'slot': row.slot, 'blockTime': row.time_s, 'transactionIndex': row.position, **told}


def get_fee_for_message(call: Call) -> Any:
    """Fee of a message; null where its blockhash is not known."""
    view = call.view(1)
    try:
        message = from_bytes_versioned(base64.b64decode(str(call.given(0)), validate=True))
    except (ValueError, binascii.Error) as error:
        raise RpcError(INVALID_PARAMS, f'invalid message: {error}') from error
    if not call.chain.hashes.is_valid(bytes(message.recent_blockhash), call.chain.open.height):
        return view.answer(None)
    count = message.header.num_required_signatures
    transaction = VersionedTransaction.populate(message, [Signature.default()] * count)
    try:
        # The machine knows best, also what is paid to be first.
        outcome, _ = call.chain.bank.simulate(loaded(transaction, call.chain.bank.account))
    except TransactionRefused:
        return view.answer(LAMPORTS_PER_SIGNATURE * count)
    return view.answer(outcome.fee)


def get_latest_blockhash(call: Call) -> Any:
    """The blockhash that a new transaction names, and up to which height it serves."""
    view = call.view(0)
    made, last = call.chain.latest_hash(view.block)
    return view.answer({'blockhash': _hash_text(made), 'lastValidBlockHeight': last})


def is_blockhash_valid(call: Call) -> Any:
    """Whether a new transaction may name this blockhash."""
    view = call.view(1)
    height = call.chain.hashes.height_of(bytes(pubkey(call.given(0))))
    is_known = height is not None and height <= view.block.height
    return view.answer(is_known and view.block.height <= (height or 0) + BLOCKHASH_LIFE_BLOCKS)


METHODS: Mapping[str, Callable[[Call], Any]] = {
    'sendTransaction': send_transaction,
    'simulateTransaction': simulate_transaction,
    'requestAirdrop': request_airdrop,
    'getSignatureStatuses': get_signature_statuses,
    'getSignaturesForAddress': get_signatures_for_address,
    'getTransaction': get_transaction,
    'getFeeForMessage': get_fee_for_message,
    'getLatestBlockhash': get_latest_blockhash,
    'isBlockhashValid': is_blockhash_valid,
}


def confirmation(call: Call, slot: int) -> str:
    """Level of commitment of the block of this slot."""
    for level in ('finalized', 'confirmed'):
        if slot <= call.view_of(level).slot:
            return level
    return 'processed'


def _received(call: Call, config: Mapping[str, Any], default: str) -> WireTransaction:
    text = call.given(0)
    if not isinstance(text, str):
        raise invalid('a transaction is expected as text')
    transaction = parse(decoded(text, config.get('encoding') or default))
    try:
        return loaded(transaction, call.chain.bank.account)
    except TransactionRefused as refused:
        raise RpcError(
            INVALID_PARAMS, f'invalid transaction: {transaction_error_text(refused.error)}'
        ) from refused


def _simulated(outcome: Outcome) -> dict[str, Any]:
    return {
        'err': outcome.error,
        'logs': outcome.logs,
        'unitsConsumed': outcome.units,
        'returnData': outcome.return_data,
        'innerInstructions': None,
        'loadedAccountsDataSize': 0,
    }


def _wanted_accounts(
    view: View, config: Mapping[str, Any], after: Mapping, outcome: Outcome
) -> list[Any] | None:
    wanted = config.get('accounts')
    if wanted is None:
        return None
    if not isinstance(wanted, dict) or not isinstance(wanted.get('addresses'), list):
        raise invalid('accounts has addresses and encoding')
    keys = [pubkey(each) for each in wanted['addresses']]
    if outcome.error is not None:
        return [None for _ in keys]
    found = [after.get(key, view.chain.bank.account(key)) for key in keys]
    # What a transaction has emptied is no account any more.
    kept = [account if account is not None and account.lamports else None for account in found]
    return [shown(view, account, wanted, 'base64') for account in kept]


def _status(call: Call, view: View, wanted: bytes, searches: bool) -> dict[str, Any] | None:
    status = call.chain.status(wanted)
    if status is None or status.slot > view.slot:
        return None
    if not searches and status.slot < view.slot - STATUS_SLOTS:
        return None
    level = confirmation(call, status.slot)
    newer = sum(1 for block in call.chain.closed if status.slot < block.slot <= view.slot)
    return {
        'slot': status.slot,
        'confirmations': None if level == 'finalized' else newer,
        'err': status.error,
        'status': {'Ok': None} if status.error is None else {'Err': status.error},
        'confirmationStatus': level,
    }


def _place(call: Call, text: Any) -> tuple[int, int] | None:
    """Where the transaction with this signature stands; None: it is unknown."""
    row = call.chain.store.transaction(signature(text))
    return None if row is None else (row.slot, row.position)


def _history_line(call: Call, row: TransactionRow) -> dict[str, Any]:
    return {
        'signature': str(Signature.from_bytes(row.signature)),
        'slot': row.slot,
        'err': row.error,
        'memo': row.memo,
        'blockTime': row.time_s,
        'confirmationStatus': confirmation(call, row.slot),
    }


def _format(call: Call, place: int) -> tuple[Mapping[str, Any], str]:
    """Configuration and encoding; the encoding alone may stand in the place of the configuration."""
    if call.has(place) and isinstance(call.params[place], str):
        encoding = call.params[place]
        call.params[place] = {'encoding': encoding}
    config = call.config(place)
    return config, config.get('encoding') or 'json'


def _hash_text(made: bytes) -> str:
    return base58(made)
