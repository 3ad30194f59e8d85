"""JSON-RPC 2.0 over a chain: from the body of a request to the body of its answer."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mmoment_chain import (
    devchain_account_methods,
    devchain_cluster_methods,
    devchain_transaction_methods,
)
from mmoment_chain.base58 import base58
from mmoment_chain.devchain_calls import Call, Faucet
from mmoment_chain.devchain_chain import Chain
from mmoment_chain.devchain_errors import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    NODE_UNHEALTHY,
    PARSE_ERROR,
    RpcError,
    invalid,
)
from mmoment_chain.devchain_faults import Fault, FaultKind, Faults
from mmoment_chain.devchain_wire import decoded, parse

BATCH_AT_MOST = 100
METHODS: Mapping[str, Callable[[Call], Any]] = {
    **devchain_account_methods.METHODS,
    **devchain_transaction_methods.METHODS,
    **devchain_cluster_methods.METHODS,
}
# A hash of a block that never was stands for one that was long ago.
EXPIRED_HASH = bytes(31) + b'\1'

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Reply:
    """What goes back over HTTP. is_cut: the connection ends in the middle of it."""

    body: bytes = b''
    status: int = 200
    delay_s: float = 0.0
    retry_after_s: float | None = None
    is_cut: bool = False


class _Struck(Exception):
    """A fault hits the whole request."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__()


@dataclass(slots=True)
class Rpc:
    """Answers the calls of clients.

    control: methods of the chain's own, which make it misbehave; empty where nobody may.
    trouble: what keeps the chain from going on, empty if nothing does.
    """

    chain: Chain
    faucet: Faucet
    faults: Faults = field(default_factory=Faults)
    control: Mapping[str, Callable[[Call], Any]] = field(default_factory=dict)
    trouble: str = ''

    def answer(self, body: bytes, *, may_control: bool = False) -> Reply:
        """Do what a request asks for: one call, or a list of them."""
        reply = Reply()
        try:
            told = self._answered(body, reply, may_control)
        except _Struck as struck:
            struck.reply.delay_s += reply.delay_s
            return struck.reply
        reply.body = b'' if told is None else json.dumps(told, separators=(',', ':')).encode()
        return reply

    def _answered(self, body: bytes, reply: Reply, may_control: bool) -> Any:
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            return _failed(None, RpcError(PARSE_ERROR, 'Parse error'))
        if not isinstance(given, list):
            return self._one(given, reply, may_control)
        if not given:
            return _failed(None, RpcError(INVALID_REQUEST, 'Invalid request'))
        if len(given) > BATCH_AT_MOST:
            message = f'Too many calls in one request; max {BATCH_AT_MOST}'
            return _failed(None, RpcError(INVALID_REQUEST, message))
        answers = [self._one(each, reply, may_control) for each in given]
        return [each for each in answers if each is not None] or None

    def _one(self, given: Any, reply: Reply, may_control: bool) -> Any:
        is_object = isinstance(given, dict) and given.get('jsonrpc') == '2.0'
        name = given.get('method') if is_object else None
        number = given.get('id') if isinstance(given, dict) else None
        if not isinstance(name, str) or not isinstance(number, str | int | float | None):
            return _failed(None, RpcError(INVALID_REQUEST, 'Invalid request'))
        try:
            result = self._done(name, given.get('params'), reply, may_control)
        except RpcError as error:
            told = _failed(number, error)
        else:
            told = {'jsonrpc': '2.0', 'result': result, 'id': number}
        # Who gives no id wants no answer.
        return told if 'id' in given else None

    def _done(self, name: str, params: Any, reply: Reply, may_control: bool) -> Any:
        if params is not None and not isinstance(params, list):
            raise invalid('a list is expected')
        call = Call(self.chain, self.faucet, list(params or ()))
        if name in self.control and may_control:
            return self._called(self.control[name], call)
        method = METHODS.get(name)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, 'Method not found')
        fault = self.faults.take(name)
        if fault is not None:
            return self._faulty(fault, name, method, call, reply)
        if self.trouble and name in ('getHealth', 'sendTransaction'):
            raise RpcError(NODE_UNHEALTHY, f'Node is unhealthy: {self.trouble}')
        return self._called(method, call)

    @staticmethod
    def _called(method: Callable[[Call], Any], call: Call) -> Any:
        try:
            return method(call)
        except RpcError:
            raise
        except Exception as error:
            _log.exception('a call failed: %s', method.__name__)
            raise RpcError(INTERNAL_ERROR, f'Internal error: {type(error).__name__}') from error

    def _faulty(
        self,
        fault: Fault,
        name: str,
        method: Callable[[Call], Any],
        call: Call,
        reply: Reply,
    ) -> Any:
        """The result of a call that a fault hits. Raises RpcError, _Struck."""
        match fault.kind:
            case FaultKind.DELAY:
                reply.delay_s += fault.seconds
            case FaultKind.TOO_MANY:
                body = json.dumps(_failed(None, RpcError(429, 'Too many requests'))).encode()
                raise _Struck(Reply(body, 429, retry_after_s=fault.seconds))
            case FaultKind.CLOSE:
                raise _Struck(Reply(is_cut=True))
            case FaultKind.BODY:
                raise _Struck(Reply(fault.message.encode(), fault.code or 200))
            case FaultKind.LOSE_ANSWER:
                reply.is_cut = True
            case FaultKind.ERROR:
                raise RpcError(fault.code, fault.message, fault.data)
            case FaultKind.BEHIND:
                message = f'Node is behind by {fault.blocks} slots'
                raise RpcError(NODE_UNHEALTHY, message, {'numSlotsBehind': fault.blocks})
            case FaultKind.STALE:
                call = replace(call, lag_blocks=fault.blocks)
            case FaultKind.DROP if name == 'sendTransaction':
                return _dropped(call)
            case FaultKind.EXPIRED if name == 'getLatestBlockhash':
                result = self._called(method, call)
                last = max(0, self.chain.open.height - 1)
                value = {'blockhash': base58(EXPIRED_HASH), 'lastValidBlockHeight': last}
                return {**result, 'value': value}
        return self._called(method, call)


def _failed(number: Any, error: RpcError) -> dict[str, Any]:
    return {'jsonrpc': '2.0', 'error': error.to_json(), 'id': number}


def _dropped(call: Call) -> str:
    """The signature of a transaction that nobody will see again."""
    encoding = call.config(1).get('encoding') or 'base58'
    return str(parse(decoded(str(call.given(0)), encoding)).signatures[0])
