"""One RPC server: its client, how it does, and when it may be asked again."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from mmoment_chain.clock import Clock
from mmoment_chain.clusters import cluster_of
from mmoment_chain.rpc_addresses import shown
from mmoment_chain.rpc_client import RpcClient
from mmoment_chain.rpc_errors import (
    BadAnswer,
    NodeBehind,
    RateLimited,
    RpcError,
    RpcRefused,
    WrongCluster,
    guarded,
)
from mmoment_node.recovery import BackOff, RecoverySnapshot, RecoveryState

Result = TypeVar('Result')
Connect = Callable[[str, str, float], Any]
"""Makes a client of address, name for people, and time limit (seconds)."""


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """How one server does; its name has neither credentials nor keys."""

    name: str
    recovery: RecoverySnapshot
    slot: int = 0  # as last heard, confirmed; 0: never
    latency_ms: float = 0.0  # of the last check
    is_behind: bool = False
    is_limited: bool = False


class Endpoint:
    """Belongs to one event loop."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        timeout_s: float,
        back_off: BackOff,
        connect: Connect = RpcClient,
        random_0_1: Callable[[], float] = random.random,
        cluster: str = '',
    ) -> None:
        """cluster: the chain that it has to be of; empty: any."""
        self._cluster = cluster
        self._is_proven = not cluster
        self._wrong: WrongCluster | None = None
        self._url = url
        self._clock = clock
        self._timeout_s = timeout_s
        self._back_off = back_off
        self._connect = connect
        self._random_0_1 = random_0_1
        self._client: Any = None
        self._failures = 0
        self._ready_at_s = 0.0
        self._last_error: RpcError | None = None
        self.name = shown(url)
        self.status = EndpointStatus(self.name, RecoverySnapshot(since_s=clock.utc_ms() / 1000))

    @property
    def is_waiting(self) -> bool:
        """Whether the pause after a failure is not over."""
        return self._clock.elapsed_s() < self._ready_at_s

    @property
    def is_usable(self) -> bool:
        """Whether it is worth asking: nothing is known against it."""
        state = self.status.recovery.state
        if self.status.is_limited:
            # A limit is over when its time is.
            return not self.is_waiting
        return state is not RecoveryState.WAITING_TO_RETRY and not self.status.is_behind

    @property
    def limited(self) -> RpcError | None:
        """What to tell instead of asking, while it takes no requests or is of another chain."""
        if self._wrong is not None and self.is_waiting:
            return self._wrong
        if not (self.status.is_limited and self.is_waiting):
            return None
        left_s = self._ready_at_s - self._clock.elapsed_s()
        return RateLimited(f'{self.name} takes no more requests for now', retry_after_s=left_s)

    async def ask(
        self, question: Callable[[Any], Awaitable[Result]], timeout_s: float | None = None
    ) -> Result:
        """Answer of this server. Raises RpcError; what that says about the server is noted."""
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        # Making one takes a third of a second, for its certificates.
        client = self._connected()
        try:
            if not self._is_proven:
                await self._prove(client, limit_s)
            result = await guarded(lambda: question(client), self.name, limit_s)
        except RpcRefused:
            self._works()
            raise
        except RpcError as error:
            self._fails(error)
            raise
        self._works()
        return result

    async def check(self) -> None:
        """Ask how it does and where it is. Never raises RpcError: that is in `status`."""
        begin_s = self._clock.elapsed_s()
        try:
            slot = await self.ask(_healthy_slot)
        except RpcError as error:
            # A server that refuses what every server answers is none.
            if isinstance(error, RpcRefused):
                self._fails(error)
            return
        latency_ms = (self._clock.elapsed_s() - begin_s) * 1000
        self.status = replace(self.status, slot=slot, latency_ms=latency_ms, is_behind=False)

    def fall_behind(self, slots: int) -> None:
        """Note that others are that far ahead."""
        self.status = replace(self.status, is_behind=True)
        self._enter(RecoveryState.LIVE, f'{self.name} is {slots} slots behind the other endpoints')

    async def close(self) -> None:
        """End its connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _prove(self, client: Any, limit_s: float) -> None:
        answer = await guarded(lambda: client.get_genesis_hash(), self.name, limit_s)
        found, self._wrong = cluster_of(str(answer.value)), None
        if found != self._cluster:
            self._wrong = WrongCluster(
                f'{self.name} is a server of {found}, and {self._cluster} is configured: name '
                'another server, or the right cluster and your program_id there'
            )
            raise self._wrong
        self._is_proven = True

    def _connected(self) -> Any:
        if self._client is None:
            self._client = self._connect(self._url, self.name, self._timeout_s)
        return self._client

    def _works(self) -> None:
        self._failures = 0
        self._ready_at_s = 0.0
        if self.status.recovery.state is not RecoveryState.LIVE or self.status.is_limited:
            self.status = replace(self.status, is_limited=False)
            self._enter(RecoveryState.LIVE, retries=0)

    def _fails(self, error: RpcError) -> None:
        self._failures += 1
        pause_s = self._back_off.pause_s(self._failures, self._random_0_1())
        pause_s = max(pause_s, error.retry_after_s)
        # Another may answer there when it is back.
        self._is_proven = not self._cluster
        self._ready_at_s = self._clock.elapsed_s() + pause_s
        self.status = replace(
            self.status,
            is_limited=isinstance(error, RateLimited),
            is_behind=isinstance(error, NodeBehind),
        )
        self._enter(
            RecoveryState.WAITING_TO_RETRY,
            error.text,
            retries=self._failures,
            next_try_s=pause_s,
        )

    def _enter(
        self,
        state: RecoveryState,
        error: str | None = None,
        retries: int | None = None,
        next_try_s: float = 0.0,
    ) -> None:
        old = self.status.recovery
        self.status = replace(
            self.status,
            recovery=RecoverySnapshot(
                state=state,
                since_s=old.since_s if state is old.state else self._clock.utc_ms() / 1000,
                last_error=old.last_error if error is None else error,
                retries=old.retries if retries is None else retries,
                next_try_s=next_try_s,
            ),
        )


async def _healthy_slot(client: Any) -> int:
    if not await client.is_connected():
        raise NodeBehind('the node says that it is not well')
    slot = (await client.get_slot()).value
    if not isinstance(slot, int):
        raise BadAnswer('the number of a slot was no number')
    return slot
