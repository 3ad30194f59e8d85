"""SOL of a dev chain for whoever has none, so that a camera and its people can begin at once.

A dev chain is one of this machine, on which nothing is worth anything; no other is ever asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from solders.pubkey import Pubkey

from mmoment_chain.rpc_addresses import is_loopback
from mmoment_chain.rpc_pool import RpcPool

GIFT_LAMPORTS = 10**9
KNOWN_AT_MOST = 10_000
PAUSE_S = 0.1
WAIT_S = 5.0


async def is_dev_chain(pool: RpcPool, urls: Sequence[str]) -> bool:
    """Whether all these are servers of a dev chain of this machine. Raises RpcError."""
    if not all(is_loopback(url) for url in urls):
        return False
    version = (await pool.read(lambda client: client.get_version())).value
    # Every other kind of node tells which features it has.
    return bool(version.feature_set == 0)


class Faucet:
    """Belongs to one event loop. On another than a dev chain it gives nothing."""

    def __init__(
        self,
        pool: RpcPool,
        urls: Sequence[str],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pool = pool
        self._urls = tuple(urls)
        self._sleep = sleep
        self._given: set[bytes] = set()

    async def help_once(self, address: bytes) -> bool:
        """Give something to an address that has nothing, once; whether it got it. Raises RpcError."""
        if address in self._given or len(self._given) >= KNOWN_AT_MOST:
            return False
        if await self._lamports(address):
            return False
        return await self.give(address)

    async def give(self, address: bytes) -> bool:
        """Have the chain give a little, and wait until it is there. Raises RpcError."""
        if not await is_dev_chain(self._pool, self._urls):
            return False
        self._given.add(address)
        before, key = await self._lamports(address), Pubkey.from_bytes(address)
        await self._pool.read(lambda client: client.request_airdrop(key, GIFT_LAMPORTS))
        for _ in range(round(WAIT_S / PAUSE_S)):
            if await self._lamports(address) > before:
                return True
            await self._sleep(PAUSE_S)
        return False

    async def _lamports(self, address: bytes) -> int:
        key = Pubkey.from_bytes(address)
        return int((await self._pool.read(lambda client: client.get_balance(key))).value)
