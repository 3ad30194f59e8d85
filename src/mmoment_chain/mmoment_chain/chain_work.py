"""All that works on the chain for one camera: connection, outbox, balance, checks and transactions.

It lives in one event loop. Whatever is asked while the chain is away fails at once with RpcError, and
works again once it is back; the outbox waits.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from mmoment_chain import template_records, visits
from mmoment_chain.balance_watch import Balance, BalanceWatch
from mmoment_chain.blinding import BlindingKey
from mmoment_chain.chain_reading import FACE, NftChecks, Reader
from mmoment_chain.clock import Clock
from mmoment_chain.device_keys import SigningKey
from mmoment_chain.errors import Refused
from mmoment_chain.face_fields import OWN_CUSTODIES, SealedFace
from mmoment_chain.face_kinds import group_key
from mmoment_chain.faucet import Faucet
from mmoment_chain.nft_rules import Judgement, Trusted
from mmoment_chain.outbox import Outbox, OutboxSettings, OutboxStatus
from mmoment_chain.outbox_sending import ChainPlace
from mmoment_chain.pending_transactions import Pending, PendingTransactions
from mmoment_chain.program_addresses import camera_address
from mmoment_chain.program_layout import Mode
from mmoment_chain.rpc_errors import RpcError
from mmoment_chain.rpc_pool import PoolSettings, PoolStatus, RpcPool
from mmoment_chain.sent_elsewhere import SentElsewhere
from mmoment_chain.store import Store
from mmoment_chain.transaction_building import BuildSettings, TransactionBuilder
from mmoment_chain.transaction_desk import TransactionDesk
from mmoment_chain.transaction_kinds import FacePlace, Here
from mmoment_chain.transaction_sending import Sent, TransactionSender
from mmoment_chain.transaction_verdict import Verdicts, camera_table
from mmoment_chain.wallet import wallet_text


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """Which chain, how, and for how much."""

    urls: tuple[str, ...]  # of RPC servers, the preferred one first
    cluster: str
    program: bytes
    mode: Mode = Mode.PRIVATE  # of a camera that is not registered yet
    low_lamports: int = 0
    device_pays_for: frozenset[str] = frozenset()
    group: bytes | None = None  # of face NFTs; None: the camera's own
    group_authority: bytes | None = None  # None: this device
    cache_s: float = 45.0
    check_s: float = 15.0
    pool: PoolSettings = field(default_factory=PoolSettings)
    building: BuildSettings = field(default_factory=BuildSettings)
    outbox: OutboxSettings = field(default_factory=OutboxSettings)


@dataclass(frozen=True, slots=True)
class ChainReport:
    """How all of it does, at one moment."""

    cluster: str
    place: ChainPlace
    group: bytes
    pool: PoolStatus
    balance: Balance
    outbox: OutboxStatus
    is_used: bool  # the camera was on the chain at some time, as far as is known here

    @property
    def is_registered(self) -> bool:
        """Whether the camera is on the chain with our key."""
        camera = self.outbox.camera
        return camera is not None and camera.device == self.place.device

    @property
    def is_key_used(self) -> bool:
        """Whether the key of the device is worth something on the chain: it signs, or has SOL."""
        return self.is_registered or self.balance.lamports > 0

    @property
    def is_to_be_paid(self) -> bool:
        """Whether somebody has to send SOL; a camera that is not registered needs none."""
        return self.is_registered and self.balance.is_low

    @property
    def error(self) -> str:
        """What is wrong, our sentence; empty: nothing."""
        away = '' if self.pool.is_live else self.pool.recovery.last_error
        return away or self.outbox.text or (self.balance.text if self.is_to_be_paid else '')


class ChainWork:
    """Belongs to one event loop, in which it is made; `report` may be called from any thread."""

    def __init__(
        self,
        store: Store,
        key: SigningKey,
        blinding: BlindingKey,
        settings: ChainSettings,
        clock: Clock,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """store: may be one beside the process that keeps it. on_change: called in the event loop."""
        self._store = store
        self._blinding = blinding
        self._settings = settings
        self._on_change = on_change
        self._awake = asyncio.Event()
        first_key = key.statements[0].old if key.statements else key.public
        self._place = place = ChainPlace(
            settings.program, camera_address(settings.program, first_key), key.public
        )
        own_group = group_key(key) if settings.group is None else None
        self._group = own_group.public if own_group is not None else settings.group or b''
        authority = settings.group_authority or key.public
        self.pool = RpcPool(settings.urls, clock, settings.pool, on_change=self._pool_changed)
        self._was_live = False
        self._faucet = Faucet(self.pool, settings.urls)
        with store.reading() as query:
            self._was_told = visits.was_told(query)
        verdicts = Verdicts({settings.program: camera_table()})
        builder = TransactionBuilder(self.pool, key, verdicts, settings.building)
        sender = TransactionSender(self.pool, verdicts, clock)
        self.outbox = Outbox(
            store, place, blinding, self.pool, builder, sender, clock, settings.outbox,
            on_change=lambda status: on_change(), sleep=self._sleep,
        )  # fmt: skip
        self._balance = BalanceWatch(
            self.pool, key.public, settings.low_lamports, clock, lambda balance: on_change()
        )
        self.checks = NftChecks(
            self.pool,
            Trusted(self._group, authority, settings.program, place.camera),
            self._grant_subject,
            clock,
            settings.cache_s,
        )
        self.desk = TransactionDesk(
            self._here(
                FacePlace(self._group, authority, own_group, self._kept, self._found), clock
            ),
            PendingTransactions(clock),
            builder,
            sender,
            SentElsewhere(self.pool, sender),
            store,
            lambda: self.outbox.status.budget_lamports,
            self._sent,
            self._help,
        )

    async def run(self) -> None:
        """Work until cancelled."""
        works = [
            asyncio.ensure_future(work)
            for work in (
                self.pool.watch(),
                self._watch_balance(),
                self.outbox.run(),
            )
        ]
        try:
            await asyncio.gather(*works)
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
            await self.pool.close()

    def _here(self, faces: FacePlace, clock: Clock) -> Here:
        """The camera, as whoever wants a transaction finds it."""
        settings = self._settings
        return Here(
            place=self._place,
            mode=settings.mode,
            reader=Reader(self.pool, settings.program),
            blinded=self._blinding.grant_subject,
            utc_s=lambda: clock.utc_ms() // 1000,
            faces=faces,
            device_pays_for=settings.device_pays_for,
        )

    def report(self) -> ChainReport:
        """How it does."""
        return ChainReport(
            self._settings.cluster,
            self._place,
            self._group,
            self.pool.status,
            self._balance.balance,
            self.outbox.status,
            self._was_told or self.outbox.status.camera is not None,
        )

    async def forget(self, wallet: bytes) -> None:
        """Keep nothing in memory of somebody who is forgotten: what was built, and what they hold."""
        self.desk.forget(wallet)
        self.checks.erase(wallet)

    async def set_budget(self, lamports: int) -> None:
        """Let the device spend so much in 24 hours from now on; 0: no limit."""
        self.outbox.set_budget(lamports)
        self._awake.set()

    async def _watch_balance(self) -> None:
        """Look at it, and for what is old, for ever; on a dev chain the faucet helps, once each time that it gets low."""
        is_helped = False
        while True:
            # What failed is told by the status of the pool.
            with contextlib.suppress(RpcError):
                is_low = (await self._balance.check()).is_low
                if is_low and not is_helped and await self._faucet.give(self._place.device):
                    await self._balance.check()
                is_helped = is_low
            # People are remembered for a while only, also where nobody asks any more.
            self.desk.tidy()
            self.checks.tidy()
            await asyncio.sleep(self._settings.check_s)

    async def _help(self, wallet: bytes) -> None:
        """Whoever is to pay on a dev chain and has nothing gets something."""
        with contextlib.suppress(RpcError):
            await self._faucet.help_once(wallet)

    async def _sleep(self, seconds: float) -> None:
        """Between rounds of the outbox; news end it."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._awake.wait(), seconds)
        self._awake.clear()

    def _pool_changed(self, status: PoolStatus) -> None:
        if status.is_live and not self._was_live:
            # After hours without a chain, what waits does not wait for the end of a long pause.
            self._awake.set()
        self._was_live = status.is_live
        self._on_change()

    def _sent(self, pending: Pending, sent: Sent) -> None:
        """What somebody signed is decided: what was known before may be wrong now."""
        # Whoever signed, and whom it was about: the wallet of a grant.
        self.checks.forget(pending.wallet)
        if pending.about is not None:
            self.checks.forget(pending.about)
        self.outbox.look_soon()
        self._awake.set()

        async def look() -> None:
            with contextlib.suppress(RpcError):
                await self._balance.check()

        if sent.slot:
            self._looking = asyncio.ensure_future(look())

    def _grant_subject(self, wallet: bytes) -> bytes:
        """By which a grant at this camera names a wallet."""
        camera = self.outbox.status.camera
        mode = self._settings.mode if camera is None else camera.mode
        return wallet if mode is Mode.PUBLIC else self._blinding.grant_subject(wallet)

    async def _found(self, wallet: bytes) -> Judgement:
        return (await self.checks.verify(wallet, FACE, is_fresh=True)).judgement

    def _kept(self, wallet: bytes, record_id: str) -> SealedFace:
        """A template that the camera keeps and only its owner opens. Refused 'no_template'."""
        with self._store.reading() as query:
            kept = template_records.of_wallet(query, wallet_text(wallet))
        fitting = [
            each
            for each in kept
            if each.custody in OWN_CUSTODIES and record_id in ('', each.record_id)
        ]
        if not fitting:
            raise Refused('no_template', 'The camera keeps no such template that only you can open')
        newest = max(fitting, key=lambda each: each.created_ms)
        return SealedFace(newest.envelope, newest.model_id, newest.record_id, newest.custody)
