"""Watches what the device has left to pay with, and tells before it is too little."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from solders.pubkey import Pubkey

from mmoment_chain.clock import Clock
from mmoment_chain.rpc_errors import RpcError
from mmoment_chain.rpc_pool import RpcPool
from mmoment_chain.transaction_building import sol
from mmoment_chain.wallet import wallet_text

NOT_KNOWN = -1
AGAIN_ABOVE = 1.1
"""The alarm ends this far above its limit, so that fees do not make it come and go."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What the chain says that the device has."""

    lamports: int = NOT_KNOWN
    is_low: bool = False
    since_ms: int = 0  # wall clock; when the alarm began or ended
    text: str = ''  # our sentence while it is low


class BalanceWatch:
    """Belongs to one event loop; `balance` may be read from any thread."""

    def __init__(
        self,
        pool: RpcPool,
        address: bytes,
        low_lamports: int,
        clock: Clock,
        on_change: Callable[[Balance], None] = lambda balance: None,
    ) -> None:
        """low_lamports: below this is an alarm; 0: never. on_change: called in the event loop."""
        self._pool = pool
        self._address = Pubkey.from_bytes(address)
        self._low_lamports = low_lamports
        self._clock = clock
        self._on_change = on_change
        self.balance = Balance()

    async def check(self) -> Balance:
        """Ask the chain. Raises RpcError; what was known stays."""
        answer = await self._pool.read(lambda client: client.get_balance(self._address))
        old, lamports = self.balance, int(answer.value)
        limit = self._low_lamports * AGAIN_ABOVE if old.is_low else self._low_lamports
        is_low = lamports < limit
        has_turned = is_low is not old.is_low
        since_ms = self._clock.utc_ms() if has_turned else old.since_ms
        new = Balance(lamports, is_low, since_ms, self._text(lamports) if is_low else '')
        if new != old:
            self.balance = new
            self._on_change(new)
        return new

    async def watch(
        self, every_s: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Check for ever; while the chain is away nothing changes."""
        while True:
            # What failed is told by the status of the pool.
            with contextlib.suppress(RpcError):
                await self.check()
            await sleep(every_s)

    def _text(self, lamports: int) -> str:
        return (
            f'The device has {sol(lamports)} SOL left, less than {sol(self._low_lamports)} SOL: '
            f'send some to {wallet_text(bytes(self._address))}'
        )
