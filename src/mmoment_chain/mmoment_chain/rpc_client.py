"""solana-py's client, and the one place that imports it.

An answer with an error in it is told by our own reading: solders panics at some of them, and takes
others, with numbers that it does not know, for something else.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from solders.rpc import requests

from mmoment_chain.rpc_errors import BadAnswer, refusal

if sys.version_info < (3, 11):
    # solana-py of Python 3.10 names a request that is gone from solders; nothing ever makes one.
    requests.GetStakeActivation = requests.GetSlot  # type: ignore[attr-defined]

from solana.rpc import commitment
from solana.rpc.async_api import AsyncClient
from solana.rpc.models import MemcmpOpts, TokenAccountOpts, TxOpts

# Their type differs between the releases of solana-py.
CONFIRMED: Any = commitment.Confirmed
FINALIZED: Any = commitment.Finalized

__all__ = [
    'AsyncClient',
    'CONFIRMED',
    'FINALIZED',
    'MemcmpOpts',
    'RpcClient',
    'TokenAccountOpts',
    'TxOpts',
]


class RpcClient(AsyncClient):
    """One server. Its errors are those of rpc_errors.py once `guarded` is around a call."""

    def __init__(self, url: str, name: str, timeout_s: float) -> None:
        super().__init__(url, commitment=CONFIRMED, timeout=timeout_s)
        self._provider: Any = _Reader(self._provider, name)


class _Reader:
    """Stands in for the provider of a client: reads errors before solders does."""

    def __init__(self, provider: Any, name: str) -> None:
        self._provider = provider
        self._name = name

    async def make_request(self, body: Any, parser: Any) -> Any:
        """The answer as an object of that class."""
        raw = await self._provider.make_request_unparsed(body)
        # Long answers, which are good ones as a rule, are not read twice.
        if '"error"' in raw:
            self._look_for_error(raw)
        answer = parser.from_json(raw)
        if not isinstance(answer, parser):
            raise BadAnswer(f'{self._name} gave an answer of another kind')
        return answer

    def _look_for_error(self, raw: str) -> None:
        try:
            read = json.loads(raw)
        except (ValueError, RecursionError):
            raise BadAnswer(f'{self._name} gave an answer that is no JSON') from None
        if isinstance(read, dict) and read.get('error') is not None:
            raise refusal(self._name, read['error'])

    async def close(self) -> None:
        """End its connections."""
        await self._provider.close()
