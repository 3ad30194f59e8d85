"""Subscriptions of WebSocket clients: who is told what, when something happens on the chain."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from solders.pubkey import Pubkey

from mmoment_chain.base58 import base58
from mmoment_chain.devchain_account_methods import filters, shown
from mmoment_chain.devchain_blocks import Block
from mmoment_chain.devchain_calls import COMMITMENTS, Call, Faucet, View, flag, pubkey, signature
from mmoment_chain.devchain_chain import Chain
from mmoment_chain.devchain_errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RpcError,
    invalid,
)
from mmoment_chain.devchain_store import TransactionRow

SUBSCRIPTIONS_AT_MOST = 1000
"""Of one client."""

_log = logging.getLogger(__name__)

Send = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One wish of a client."""

    number: int
    kind: str
    commitment: str
    about: Any  # address, signature, or addresses that logs mention; None: everything
    config: Mapping[str, Any]
    tests: tuple[Callable[[bytes], bool], ...] = ()


@dataclass(slots=True)
class Client:
    """One connection. `send` takes a text and does not wait."""

    send: Send
    subscriptions: dict[int, Subscription] = field(default_factory=dict)


class Subscriptions:
    """Tells clients what happens. Used by the thread of the chain."""

    def __init__(self, chain: Chain, faucet: Faucet) -> None:
        self._chain = chain
        self._faucet = faucet
        self._numbers = itertools.count(1)
        self._clients: list[Client] = []
        chain.on_transaction.append(self._on_transaction)
        chain.on_block.append(self._on_block)

    def join(self, send: Send) -> Client:
        """A client has connected."""
        client = Client(send)
        self._clients.append(client)
        return client

    def leave(self, client: Client) -> None:
        """A client has gone."""
        self._clients.remove(client)

    def receive(self, client: Client, text: str) -> None:
        """Do what a client asks for."""
        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            _tell(client, error=RpcError(PARSE_ERROR, 'Parse error').to_json(), id=None)
            return
        for each in given if isinstance(given, list) else [given]:
            if not isinstance(each, dict) or not isinstance(each.get('method'), str):
                error = RpcError(INVALID_REQUEST, 'Invalid request')
                _tell(client, error=error.to_json(), id=None)
                continue
            try:
                self._call(client, each)
            except RpcError as error:
                _tell(client, error=error.to_json(), id=each.get('id'))
            except Exception as error:
                _log.exception('a call failed: %s', each['method'])
                failure = RpcError(INTERNAL_ERROR, f'Internal error: {type(error).__name__}')
                _tell(client, error=failure.to_json(), id=each.get('id'))

    def _call(self, client: Client, given: Mapping[str, Any]) -> None:
        name, params = given['method'], given.get('params') or []
        if not isinstance(params, list):
            raise invalid('a list is expected')
        call = Call(self._chain, self._faucet, params)
        if name.endswith('Unsubscribe') and name.removesuffix('Unsubscribe') in KINDS:
            number = call.integer(0)
            if client.subscriptions.pop(number, None) is None:
                raise RpcError(INVALID_PARAMS, 'Invalid subscription id.')
            _tell(client, result=True, id=given.get('id'))
            return
        kind = name.removesuffix('Subscribe')
        if kind == name or kind not in KINDS:
            raise RpcError(METHOD_NOT_FOUND, 'Method not found')
        if len(client.subscriptions) >= SUBSCRIPTIONS_AT_MOST:
            raise RpcError(INVALID_REQUEST, f'Too many subscriptions; max {SUBSCRIPTIONS_AT_MOST}')
        made = KINDS[kind](call, next(self._numbers))
        client.subscriptions[made.number] = made
        _tell(client, result=made.number, id=given.get('id'))
        if made.kind == 'signature':
            self._tell_what_was(client, made)

    # --- what happens -----------------------------------------------------------------------------

    def _on_transaction(self, row: TransactionRow, touched: frozenset[Pubkey]) -> None:
        view = self._view('processed')
        for client in list(self._clients):
            for each in list(client.subscriptions.values()):
                if each.about == row.signature and each.config.get('enableReceivedNotification'):
                    _notify(client, each, view.answer('receivedSignature'))
        self._tell_of([row], touched, view, 'processed')

    def _on_block(self, block: Block) -> None:
        chain = self._chain
        confirmed = self._view('confirmed')
        final = chain.block_at('finalized')
        self._tell_of(block.rows, block.touched, confirmed, 'confirmed')
        self._tell_of(final.rows, final.touched, View(chain, final), 'finalized')
        news = {'slot': chain.open.slot, 'parent': block.slot, 'root': final.slot}
        for client in list(self._clients):
            for each in list(client.subscriptions.values()):
                if each.kind == 'slot':
                    _notify(client, each, news)
                elif each.kind == 'root':
                    _notify(client, each, final.slot)

    def _tell_of(
        self, rows: list[TransactionRow], touched: frozenset[Pubkey], view: View, level: str
    ) -> None:
        for client in list(self._clients):
            for each in list(client.subscriptions.values()):
                if each.commitment == level and each.kind in ABOUT:
                    ABOUT[each.kind](client, each, rows, touched, view)

    def _tell_what_was(self, client: Client, made: Subscription) -> None:
        status = self._chain.status(made.about)
        view = self._view(made.commitment)
        if status is not None and status.slot <= view.slot:
            _tell_end(client, made, status.error, view)

    def _view(self, commitment: str) -> View:
        return View(self._chain, self._chain.block_at(commitment))


def _tell_account(
    client: Client,
    wish: Subscription,
    rows: list[TransactionRow],
    touched: frozenset[Pubkey],
    view: View,
) -> None:
    if wish.about in touched:
        account = view.account(wish.about)
        told = shown(view, account, wish.config, 'binary')
        # Where nothing is any more, clients want an empty account.
        empty = {'lamports': 0, 'owner': str(Pubkey.default()), 'data': ['', 'base64'],
                 'executable': False, 'rentEpoch': 0, 'space': 0}  # fmt: skip
        _notify(client, wish, view.answer(told or empty))


def _tell_program(
    client: Client,
    wish: Subscription,
    rows: list[TransactionRow],
    touched: frozenset[Pubkey],
    view: View,
) -> None:
    for key in sorted(touched, key=bytes):
        account = view.account(key)
        if account is None or account.owner != wish.about:
            continue
        if all(test(bytes(account.data)) for test in wish.tests):
            told = shown(view, account, wish.config, 'binary')
            _notify(client, wish, view.answer({'pubkey': str(key), 'account': told}))


def _tell_logs(
    client: Client,
    wish: Subscription,
    rows: list[TransactionRow],
    touched: frozenset[Pubkey],
    view: View,
) -> None:
    for row in rows:
        if wish.about is None or bytes(wish.about) in row.keys:
            told = {
                'signature': base58(row.signature),
                'err': row.error,
                'logs': row.meta['logMessages'],
            }
            _notify(client, wish, view.answer(told))


def _tell_signature(
    client: Client,
    wish: Subscription,
    rows: list[TransactionRow],
    touched: frozenset[Pubkey],
    view: View,
) -> None:
    for row in rows:
        if row.signature == wish.about:
            _tell_end(client, wish, row.error, view)


ABOUT = {
    'account': _tell_account,
    'program': _tell_program,
    'logs': _tell_logs,
    'signature': _tell_signature,
}


def _tell_end(client: Client, wish: Subscription, error: Any, view: View) -> None:
    """A transaction is where the client wanted it: that ends the subscription."""
    _notify(client, wish, view.answer({'err': error}))
    client.subscriptions.pop(wish.number, None)


# --- what clients may wish for --------------------------------------------------------------------


def _account_wish(call: Call, number: int) -> Subscription:
    key, config = call.pubkey(0), call.config(1)
    return Subscription(number, 'account', _commitment(config), key, config)


def _program_wish(call: Call, number: int) -> Subscription:
    key, config = call.pubkey(0), call.config(1)
    tests = tuple(filters(config))
    return Subscription(number, 'program', _commitment(config), key, config, tests)


def _logs_wish(call: Call, number: int) -> Subscription:
    wanted, config = call.given(0), call.config(1)
    about: Pubkey | None = None
    if isinstance(wanted, dict):
        mentioned = wanted.get('mentions')
        if not isinstance(mentioned, list) or len(mentioned) != 1:
            raise RpcError(INVALID_PARAMS, 'Invalid Request: Only 1 address supported')
        about = pubkey(mentioned[0])
    elif wanted not in ('all', 'allWithVotes'):
        raise invalid('logs are of all, allWithVotes, or of what mentions an address')
    return Subscription(number, 'logs', _commitment(config), about, config)


def _signature_wish(call: Call, number: int) -> Subscription:
    wanted, config = signature(call.given(0)), call.config(1)
    flag(config, 'enableReceivedNotification')
    return Subscription(number, 'signature', _commitment(config), wanted, config)


def _slot_wish(call: Call, number: int) -> Subscription:
    return Subscription(number, 'slot', 'processed', None, {})


def _root_wish(call: Call, number: int) -> Subscription:
    return Subscription(number, 'root', 'finalized', None, {})


KINDS: Mapping[str, Callable[[Call, int], Subscription]] = {
    'account': _account_wish,
    'program': _program_wish,
    'logs': _logs_wish,
    'signature': _signature_wish,
    'slot': _slot_wish,
    'root': _root_wish,
}


def _commitment(config: Mapping[str, Any]) -> str:
    given = config.get('commitment') or 'finalized'
    if given not in COMMITMENTS:
        raise invalid('commitment is processed, confirmed or finalized')
    return COMMITMENTS[given]


def _notify(client: Client, wish: Subscription, result: Any) -> None:
    params = {'result': result, 'subscription': wish.number}
    _tell(client, method=f'{wish.kind}Notification', params=params)


def _tell(client: Client, **fields: Any) -> None:
    client.send(json.dumps({'jsonrpc': '2.0', **fields}, separators=(',', ':')))
