"""Several RPC servers in order of preference, asked as if they were one.

A question goes to the first that is well, and on to the next when that one fails. `watch` looks at
all of them now and then, so that the preferred one is used again once it is back. A transaction
that is being sent has a `Line`, which stays with one server for as long as that answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mmoment_chain.clock import Clock
from mmoment_chain.rpc_client import RpcClient
from mmoment_chain.rpc_endpoint import Connect, Endpoint, EndpointStatus
from mmoment_chain.rpc_errors import ChainAway, RpcError
from mmoment_node.recovery import BackOff, RecoverySnapshot, RecoveryState

Result = TypeVar('Result')

BACK_OFF = BackOff(first_s=1.0, cap_s=60.0)


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How servers are asked."""

    timeout_s: float = 10.0  # of one question to one server
    check_every_s: float = 15.0
    slots_behind_at_most: int = 50  # 20 s; a blockhash lives 60 s
    back_off: BackOff = BACK_OFF
    cluster: str = ''  # of clusters.py; a server of another is not used. Empty: not asked for


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """How the connection to the chain does: that of the server which is used now."""

    endpoint: str  # without credentials and keys
    recovery: RecoverySnapshot
    slot: int
    endpoints: tuple[EndpointStatus, ...]  # in order of preference

    @property
    def is_live(self) -> bool:
        """Whether a server answers."""
        return self.recovery.state is RecoveryState.LIVE


class RpcPool:
    """Belongs to one event loop; `status` may be read from any thread."""

    def __init__(
        self,
        urls: Sequence[str],
        clock: Clock,
        settings: PoolSettings | None = None,
        *,
        connect: Connect = RpcClient,
        on_change: Callable[[PoolStatus], None] = lambda status: None,
    ) -> None:
        """urls: at least one, the preferred one first (`rpc_addresses.read_addresses`).

        on_change is called in the event loop with each new status.
        """
        self._settings = how = settings or PoolSettings()
        self._on_change = on_change
        self._endpoints = [
            Endpoint(url, clock, how.timeout_s, how.back_off, connect, cluster=how.cluster)
            for url in urls
        ]
        self._used = self._endpoints[0]
        self.status = self._status()

    async def read(
        self, question: Callable[[Any], Awaitable[Result]], timeout_s: float | None = None
    ) -> Result:
        """Answer to a question, a call on solana-py's client, by the first server that has one.

        timeout_s: for each server. Raises ChainAway if none has one, RpcRefused if the question
        is at fault.
        """
        return await Line(self).ask(question, timeout_s)

    def line(self) -> Line:
        """A line to one server, the best at present."""
        return Line(self)

    async def check(self) -> PoolStatus:
        """Look at every server whose time it is, all at once."""
        due = [each for each in self._endpoints if not each.is_waiting]
        await asyncio.gather(*(endpoint.check() for endpoint in due))
        newest = max(endpoint.status.slot for endpoint in self._endpoints)
        for endpoint in due:
            behind = newest - endpoint.status.slot
            is_live = endpoint.status.recovery.state is RecoveryState.LIVE
            if is_live and behind > self._settings.slots_behind_at_most:
                endpoint.fall_behind(behind)
        self.tell()
        return self.status

    async def watch(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Check for ever."""
        while True:
            await self.check()
            await sleep(self._pause_s())

    async def close(self) -> None:
        """End all connections."""
        for endpoint in self._endpoints:
            await endpoint.close()

    def by_preference(self) -> list[Endpoint]:
        """The servers in the order in which they are asked now; the hopeless last."""
        return sorted(self._endpoints, key=lambda each: not each.is_usable)

    def tell(self, used: Endpoint | None = None) -> None:
        """Make `status` new; used: who answered."""
        self._used = used or self.by_preference()[0]
        status = self._status()
        if status != self.status:
            self.status = status
            self._on_change(status)

    def _pause_s(self) -> float:
        waits = [
            each.status.recovery.next_try_s
            for each in self._endpoints
            if each.status.recovery.state is RecoveryState.WAITING_TO_RETRY
        ]
        return min([self._settings.check_every_s, *waits])

    def _status(self) -> PoolStatus:
        used = self._used.status
        every = tuple(endpoint.status for endpoint in self._endpoints)
        newest = max(status.slot for status in every)
        return PoolStatus(used.name, used.recovery, newest, every)


class Line:
    """Questions that belong together go to one server; only when it fails, to the next."""

    def __init__(self, pool: RpcPool) -> None:
        self._pool = pool
        self._endpoint: Endpoint | None = None
        self.moves = 0
        """How often a server failed at a question, so that nobody knows whether it was heard."""

    async def ask(
        self, question: Callable[[Any], Awaitable[Result]], timeout_s: float | None = None
    ) -> Result:
        """Answer to a question. Raises as `RpcPool.read`."""
        failures: list[RpcError] = []
        for endpoint in self._order():
            limited = endpoint.limited
            if limited is not None:
                failures.append(limited)
                continue
            try:
                answer = await endpoint.ask(question, timeout_s)
            except RpcError as error:
                if not error.helps_elsewhere:
                    raise
                self.moves += 1
                failures.append(error)
                continue
            self._endpoint = endpoint
            self._pool.tell(endpoint)
            return answer
        self._endpoint = None
        self._pool.tell()
        raise ChainAway(failures)

    def _order(self) -> list[Endpoint]:
        order = self._pool.by_preference()
        held = self._endpoint
        if held is None or not held.is_usable:
            return order
        return [held, *(endpoint for endpoint in order if endpoint is not held)]
