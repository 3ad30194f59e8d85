"""The outbox: brings the event log and the visits of this camera to the chain.

The event log is the queue, and the count on the chain says how far it is there: a batch of records
names the number of its first, so the chain takes each once and in order, whoever sends it how often.
Before records are sent the chain's head must be the one that this log gives for its count; if not,
nothing is sent. Outages cost nothing but time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from mmoment_chain import event_log, outbox_records, spending, visits
from mmoment_chain.blinding import BlindingKey
from mmoment_chain.clock import Clock
from mmoment_chain.errors import ChainError
from mmoment_chain.held_back import NOT_REGISTERED, WRONG_DEVICE, WRONG_LOG, WRONG_TIME, HeldBack
from mmoment_chain.outbox_records import LogDamaged, LogHeads
from mmoment_chain.outbox_sending import ChainPlace, OutboxSender, account_at, held_back_by
from mmoment_chain.program_instructions import append_log
from mmoment_chain.program_layout import RECORDS_AT_MOST, Camera, LogRecord, Mode
from mmoment_chain.program_refusals import Refusal
from mmoment_chain.rpc_errors import RpcError
from mmoment_chain.rpc_pool import RpcPool
from mmoment_chain.store import Store
from mmoment_chain.stray_visits import StrayVisits
from mmoment_chain.transaction_building import Plan, TransactionBuilder, WouldFail
from mmoment_chain.transaction_sending import Outcome, TransactionSender
from mmoment_chain.transaction_verdict import Verdict
from mmoment_chain.visit_sending import VisitSender
from mmoment_node.recovery import BackOff, RecoverySnapshot, RecoveryState

# The chain has more, or less, than it seemed to.
LOOK_AGAIN = {Refusal.ALREADY_DONE.name.lower(), Refusal.OUT_OF_ORDER.name.lower()}
BACK_OFF = BackOff(first_s=1.0, cap_s=60.0)
NOT_STARTED = RecoverySnapshot()
WAY_OUT = (
    'nothing of the log is sent. Put the newer store back; or have the owner make this camera '
    'inactive (set_active), which ends visits that are not known here, take it off the chain '
    '(close_camera) and register it again, and the whole log of here is sent'
)
CLOCKS_DIFFER = 'Visits wait: the clock of this camera is ahead of that of the chain. Set it right'


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """When what is sent."""

    flush_records: int = RECORDS_AT_MOST  # so many that wait are sent at once ...
    flush_after_s: float = 10.0  # ... and fewer so long after the first of them
    budget_lamports: int = 0  # in 24 hours; 0: no limit
    poll_s: float = 0.5  # between looks at the store
    look_s: float = 30.0  # between looks at the chain while nothing waits
    again_s: float = 2.0  # after an answer that does not fit what was seen
    visits_at_once: int = 16
    commitment: str = 'confirmed'  # of log records; should a fork take them, they are sent again
    back_off: BackOff = BACK_OFF


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """How far the chain knows what this camera does."""

    recovery: RecoverySnapshot = NOT_STARTED
    camera: Camera | None = None  # its account as last seen; None: never, or not registered
    log_here: int = 0  # records in the event log
    log_there: int = 0  # of them on the chain
    visits_waiting: int = 0
    held_back: str = ''  # code of held_back.py; empty: nothing is held back
    text: str = ''  # our sentence for that, or for what failed last
    spent_lamports: int = 0  # in the last 24 hours
    budget_lamports: int = 0
    refused: tuple[tuple[str, int], ...] = ()  # visits never taken: reason and how many
    last_signature: bytes = b''  # of what the chain has confirmed last; empty: none yet

    @property
    def waits(self) -> bool:
        """Whether there is something that the chain does not know."""
        return self.log_here > self.log_there or self.visits_waiting > 0


class Outbox:
    """Belongs to one event loop; `status` may be read from any thread."""

    def __init__(
        self,
        store: Store,
        place: ChainPlace,
        blinding: BlindingKey,
        pool: RpcPool,
        builder: TransactionBuilder,
        sender: TransactionSender,
        clock: Clock,
        settings: OutboxSettings | None = None,
        *,
        on_change: Callable[[OutboxStatus], None] = lambda status: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random_0_1: Callable[[], float] = random.random,
    ) -> None:
        """store: may be one beside the process that keeps it. on_change: called in the event loop."""
        self.settings = settings or OutboxSettings()
        self._store = store
        self._place = place
        self._pool = pool
        self._clock = clock
        self._on_change = on_change
        self._sleep = sleep
        self._random_0_1 = random_0_1
        self._sender = OutboxSender(store, builder, sender, self.settings.budget_lamports)
        self._visits = VisitSender(
            store, place, blinding, pool, builder, self._sender,
            at_once=self.settings.visits_at_once, again_s=self.settings.again_s,
        )  # fmt: skip
        self._strays = StrayVisits(
            store, place, blinding, pool, self._sender, clock, self.settings.look_s
        )
        self._sender.on_unknown = self._is_unknown
        self._heads = LogHeads()
        self._units: dict[int, int] = {}  # compute units, by number of records
        self._failures = 0
        self._waits_since_s: float | None = None
        self._looked_s: float | None = None
        self._forgot_s: float | None = None
        started = RecoverySnapshot(since_s=clock.utc_ms() / 1000)
        self.status = OutboxStatus(started, budget_lamports=self.settings.budget_lamports)

    def set_budget(self, lamports: int) -> None:
        """Allow so much in 24 hours from now on; 0: no limit."""
        self._sender.budget = lamports
        self._tell(budget_lamports=lamports)

    def look_soon(self) -> None:
        """Look at the chain in the next round: something has changed there."""
        self._looked_s = None

    async def run(self) -> None:
        """Send what there is to send, for ever."""
        try:
            while True:
                await self._sleep(await self.round())
        finally:
            await self._visits.close()

    async def drain(self) -> OutboxStatus:
        """Send all that waits, without waiting for more; returns when the chain knows it.

        Raises HeldBack, RpcError or StoreError at the first failure.
        """
        try:
            while True:
                await self._one_round(is_urgent=True)
                if self.status.log_here > self.status.log_there:
                    continue
                if not self.status.visits_waiting and not self._visits.is_busy:
                    return self.status
                await self._visits.wait(self.settings.poll_s)
        finally:
            await self._visits.close()

    async def round(self) -> float:
        """Do what is due; returns seconds until the next round. Raises nothing."""
        try:
            await self._one_round()
        except HeldBack as held:
            # A person may have to act, and then should not have to wait for long.
            pause_s = self._fails(RecoveryState.WAITING_TO_RETRY, held.text, held.code)
        except RpcError as error:
            pause_s = self._fails(RecoveryState.WAITING_TO_RETRY, error.text)
            pause_s = max(pause_s, error.retry_after_s)
        except ChainError as error:
            pause_s = self._fails(RecoveryState.WAITING_TO_RETRY, str(error))
        else:
            if self.status.recovery.state is RecoveryState.LIVE:
                self._failures = 0
            pause_s = 0.0 if self._is_batch_due() else self.settings.poll_s
        return pause_s

    async def _one_round(self, is_urgent: bool = False) -> None:
        await self._look_here()
        # Also while the chain is away.
        if self._is_public:
            await self._visits.note_people()
        await self._forget_people()
        if not is_urgent and not self._is_look_due():
            return
        camera = await self._look_there()
        await self._visits.begin(camera)
        await self._strays.end(camera, self.settings.commitment)
        # What is wrong with the log keeps nobody from being checked in and out.
        try:
            await asyncio.to_thread(self._compare, camera)
        except HeldBack as held:
            # The way out of it leads over the end of those visits.
            strays = self._strays.text
            raise HeldBack(held.code, f'{held.text}. {strays}' if strays else held.text) from held
        if self._is_batch_due(is_urgent) and not await self._send_batch(camera):
            await self._sleep(self.settings.again_s)
        await self._look_here()
        if self._visits.is_failing:
            # Those that failed are tried again: it is for them to say that all is well.
            return
        held_back, text = (WRONG_TIME, CLOCKS_DIFFER) if self._visits.is_early else ('', '')
        text = text or self._strays.text
        self._enter(RecoveryState.LIVE, held_back=held_back, text=text, retries=0)

    async def _forget_people(self) -> None:
        """Now and then take out what the store has of people who were forgotten, and count."""
        now_s, forgot_s = self._clock.elapsed_s(), self._forgot_s
        if forgot_s is None or now_s - forgot_s >= self.settings.look_s:
            await self._visits.forget_people()
            refused = await asyncio.to_thread(self._refused)
            self._tell(refused=tuple(sorted(refused.items())))
            self._forgot_s = now_s

    def _refused(self) -> dict[str, int]:
        with self._store.reading() as query:
            return visits.refusals(query)

    # --- looking ----------------------------------------------------------------------------------

    async def _look_here(self) -> None:
        """See what the store has."""

        def look() -> tuple[int, int, int]:
            with self._store.reading() as query:
                count, _ = event_log.head(query)
                return (
                    count,
                    visits.waiting(query, is_public=self._is_public),
                    spending.spent(query),
                )

        count, waiting, spent = await asyncio.to_thread(look)
        self._tell(
            log_here=count,
            visits_waiting=waiting,
            spent_lamports=spent,
            last_signature=self._sender.last_signature,
        )
        if count <= self.status.log_there:
            self._waits_since_s = None
        elif self._waits_since_s is None:
            self._waits_since_s = self._clock.elapsed_s()

    @property
    def _is_public(self) -> bool:
        camera = self.status.camera
        return camera is not None and camera.mode is Mode.PUBLIC

    def _is_look_due(self) -> bool:
        """Whether the chain is to be asked: something is to be sent, or it was not for long."""
        status = self.status
        if self._looked_s is None or status.recovery.state is not RecoveryState.LIVE:
            return True
        if status.visits_waiting or self._visits.is_busy or self._is_batch_due():
            return True
        return self._clock.elapsed_s() - self._looked_s >= self.settings.look_s

    def _is_batch_due(self, is_urgent: bool = False) -> bool:
        waiting, since_s = self.status.log_here - self.status.log_there, self._waits_since_s
        if waiting <= 0 or since_s is None:
            return False
        if is_urgent or waiting >= self.settings.flush_records:
            return True
        return self._clock.elapsed_s() - since_s >= self.settings.flush_after_s

    async def _look_there(self) -> Camera:
        """The camera's account, if it is ours. Raises HeldBack, RpcError."""
        if self.status.recovery.state in (RecoveryState.IDLE, RecoveryState.WAITING_TO_RETRY):
            self._enter(RecoveryState.CONNECTING)
        there = await account_at(self._pool, self._place.program, self._place.camera)
        self._looked_s = self._clock.elapsed_s()
        if there.data is None:
            self._tell(camera=None, log_there=0)
            raise HeldBack(NOT_REGISTERED, 'This camera is not registered on the chain')
        camera = Camera.from_bytes(there.data)
        self._tell(camera=camera, log_there=camera.log_count)
        if camera.device != self._place.device:
            raise HeldBack(
                WRONG_DEVICE,
                'On the chain this camera has another device key: its owner has to sign for the '
                'new one (rotate_device)',
            )
        return camera

    def _compare(self, camera: Camera) -> None:
        """Raises HeldBack if the log on the chain is not the one of here."""
        try:
            with self._store.reading() as query:
                head = self._heads.at(query, camera.log_count)
        except LogDamaged as damage:
            raise _damaged(damage) from damage
        if head is None:
            raise HeldBack(
                WRONG_LOG,
                f'The chain has {camera.log_count} records of this camera, its log here only '
                f'{self.status.log_here}: an older copy of the store was put back, or it is '
                f'another one; {WAY_OUT}',
            )
        if head != camera.log_head:
            raise HeldBack(
                WRONG_LOG,
                f'The {camera.log_count} records on the chain are not those of the log here: this '
                f'is another store, or it was changed; {WAY_OUT}',
            )

    # --- sending ----------------------------------------------------------------------------------

    async def _send_batch(self, camera: Camera) -> bool:
        """Send the next records; False: the chain is not where it seemed to be."""
        records = await asyncio.to_thread(self._records, camera.log_count)
        place, first = self._place, camera.log_count + 1
        instruction = append_log(place.program, place.camera, place.device, first, records)
        # What was measured once need not be tried each time.
        plan = Plan([instruction], place.device, units=self._units.get(len(records)))
        try:
            built, sent = await self._sender.send(plan, self.settings.commitment)
        except WouldFail as failure:
            return self._is_to_look_again(failure.verdict)
        self._units[len(records)] = built.units
        if sent.outcome is Outcome.REFUSED and sent.verdict is not None:
            # Whatever it was about, the next is to be tried first.
            self._units.clear()
            return self._is_to_look_again(sent.verdict)
        if sent.is_confirmed:
            self._tell(log_there=camera.log_count + len(records))
        return sent.is_confirmed

    def _records(self, after: int) -> list[LogRecord]:
        try:
            with self._store.reading() as query:
                return outbox_records.read(query, after, RECORDS_AT_MOST)
        except LogDamaged as damage:
            raise _damaged(damage) from damage

    @staticmethod
    def _is_to_look_again(verdict: Verdict) -> bool:
        if verdict.code in LOOK_AGAIN:
            return False
        raise held_back_by(verdict)

    # --- telling ----------------------------------------------------------------------------------

    def _is_unknown(self, text: str) -> None:
        """The chain has gone while something was sent; that is asked for until it is back."""
        self._enter(RecoveryState.WAITING_TO_RETRY, text=text)

    def _fails(self, state: RecoveryState, text: str, held_back: str = '') -> float:
        self._failures += 1
        pause_s = self.settings.back_off.pause_s(self._failures, self._random_0_1())
        self._enter(state, held_back=held_back, text=text, retries=self._failures, next_s=pause_s)
        return pause_s

    def _enter(
        self,
        state: RecoveryState,
        *,
        held_back: str | None = None,
        text: str | None = None,
        retries: int | None = None,
        next_s: float = 0.0,
    ) -> None:
        old = self.status.recovery
        recovery = RecoverySnapshot(
            state=state,
            since_s=old.since_s if state is old.state else self._clock.utc_ms() / 1000,
            last_error=text or old.last_error,
            retries=old.retries if retries is None else retries,
            next_try_s=next_s,
        )
        self._tell(
            recovery=recovery,
            held_back=self.status.held_back if held_back is None else held_back,
            text=self.status.text if text is None else text,
        )

    def _tell(self, **changes: object) -> None:
        status = replace(self.status, **changes)  # type: ignore[arg-type]
        if status != self.status:
            self.status = status
            self._on_change(status)


def _damaged(damage: LogDamaged) -> HeldBack:
    return HeldBack(
        WRONG_LOG, f'{damage}: nothing of the log is sent. Put back a copy of the store from before'
    )
