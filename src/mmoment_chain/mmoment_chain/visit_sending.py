"""Tells the chain of visits: each step once, as far as the chain can tell.

A step counts once it is final, so that no fork undoes it unnoticed. In private mode a visit has an
account while it lasts; whoever came and went before the chain was told is told of in one
transaction, which leaves no account. What was sent is asked for by its signature; where none is
noted, the account says how far a visit is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from solders.instruction import Instruction

from mmoment_chain import check_out, visits
from mmoment_chain import program_instructions as program
from mmoment_chain.blinding import BlindingKey
from mmoment_chain.outbox_sending import (
    AccountAt,
    ChainPlace,
    OutboxSender,
    account_at,
    held_back_by,
)
from mmoment_chain.program_addresses import session_address
from mmoment_chain.program_layout import SESSION, Camera, ChainSession, Mode
from mmoment_chain.program_refusals import Refusal
from mmoment_chain.rpc_client import FINALIZED
from mmoment_chain.rpc_pool import RpcPool
from mmoment_chain.store import Store, Transaction
from mmoment_chain.transaction_building import Built, Plan, TransactionBuilder, WouldFail
from mmoment_chain.transaction_sending import Outcome, Sent
from mmoment_chain.transaction_verdict import Verdict
from mmoment_chain.visits import DONE, IN, TO_CHECK_IN, Visit
from mmoment_chain.wallet import parse_wallet

FINAL = 'finalized'
ENTER, LEAVE, WHOLE = 'enter', 'leave', 'whole'
AFTER = {ENTER: IN, LEAVE: DONE, WHOLE: DONE}
FIRST_VISIT = 1
# The chain will not take this visit, whatever is done.
NEVER = {'inactive', 'no_grant', 'grant_expired'}
# What is there is not what it seemed to be: to be looked at again.
LOOK_AGAIN = {
    each.name.lower()
    for each in (
        Refusal.ALREADY_DONE,
        Refusal.ALREADY_THERE,
        Refusal.OUT_OF_ORDER,
        Refusal.STILL_PRESENT,
        Refusal.WRONG_OWNER,
        # By the chain's clock, which comes after.
        Refusal.WRONG_TIME,
    )
}


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be sent for a visit."""

    name: str
    instructions: tuple[Instruction, ...]
    rent: int  # lamports that it locks; negative: that come back


class VisitSender:
    """Sees visits through, many at a time. Belongs to one event loop."""

    def __init__(
        self,
        store: Store,
        place: ChainPlace,
        blinding: BlindingKey,
        pool: RpcPool,
        builder: TransactionBuilder,
        sender: OutboxSender,
        *,
        at_once: int,
        again_s: float,
    ) -> None:
        """again_s: after something was not as expected, the visit is looked at again so much later."""
        self._store = store
        self._place = place
        self._blinding = blinding
        self._pool = pool
        self._builder = builder
        self._sender = sender
        self._at_once = at_once
        self._again_s = again_s
        self._left_out_s: int | None = None
        self._is_failing = False
        self.is_early = False
        """Whether the chain refused the last one by its clock, which is behind ours."""
        self._running: dict[str, asyncio.Task[None]] = {}

    @property
    def is_busy(self) -> bool:
        """Whether a visit is being told of."""
        return bool(self._running)

    @property
    def is_failing(self) -> bool:
        """Whether one has failed, and none went well since."""
        return self._is_failing

    async def begin(self, camera: Camera) -> None:
        """Begin with visits that wait, as many as are told of at a time.

        Raises what one of those before has failed with: RpcError, HeldBack, StoreError.
        """
        self._collect()
        if camera.registered_s != self._left_out_s:
            before_ms = camera.registered_s * 1000
            await self._change(lambda tx: visits.leave_out(tx, before_ms))
            self._left_out_s = camera.registered_s
        room = self._at_once - len(self._running)
        if room <= 0:
            return
        for visit in await asyncio.to_thread(self._due, camera.mode is Mode.PUBLIC):
            if visit.session_id not in self._running and room:
                room -= 1
                work = asyncio.ensure_future(self._see_on(visit, camera))
                self._running[visit.session_id] = work
        if not self._running:
            # Nothing waits any more.
            self._is_failing = self.is_early = False

    async def note_people(self) -> None:
        """Public mode: know whose visit is to end, also if they are forgotten before it has."""

        def note() -> None:
            with self._store.reading() as query:
                unnamed = visits.unnamed(query)
            if unnamed:
                with self._store.transaction() as tx:
                    for session_id, wallet in visits.unnamed(tx).items():
                        visits.name(tx, session_id, parse_wallet(wallet))

        await asyncio.to_thread(note)

    async def forget_people(self) -> None:
        """Take out what tells which visit on the chain was that of somebody who was forgotten."""

        def forget() -> None:
            with self._store.reading() as query:
                is_due = visits.has_forgotten(query)
            if is_due:
                with self._store.transaction() as tx:
                    visits.forget_wallets(tx)

        await asyncio.to_thread(forget)

    async def wait(self, timeout_s: float) -> None:
        """Wait until one of them is done, or so long."""
        if self._running:
            running = self._running.values()
            await asyncio.wait(running, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """Begin nothing more; what is under way is asked for next time."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._running.clear()

    def _collect(self) -> None:
        """Let go of those that are done. Raises what the first of them failed with."""
        done = [each for each, task in self._running.items() if task.done()]
        results = [self._running.pop(each).exception() for each in done]
        faults = [fault for fault in results if fault is not None]
        if results:
            self._is_failing = bool(faults)
        if faults:
            raise faults[0]

    def _due(self, is_public: bool) -> list[Visit]:
        with self._store.reading() as query:
            # Those that are being told of are among them.
            return visits.due(query, 2 * self._at_once, is_public=is_public)

    async def _see_on(self, visit: Visit, camera: Camera) -> None:
        """Do the next thing for a visit."""
        if visit.signature is not None and visit.last_valid_height is not None:
            sent = await self._sender.follow(visit.signature, visit.last_valid_height, FINAL)
            await self._judge(visit, visit.step or ENTER, sent)
            return
        subject = visit.subject or self._subject(visit, camera)
        if subject is None:
            await self._change(lambda tx: visits.refused(tx, visit.session_id, 'forgotten'))
            return
        address = session_address(self._place.program, self._place.camera, subject)
        there = await account_at(self._pool, self._place.program, address)
        step = await self._next(visit, subject, camera, there)
        if isinstance(step, str):
            state = step
            final = await account_at(self._pool, self._place.program, address, FINALIZED)
            if await self._next(visit, subject, camera, final) != state:
                # A fork may still undo it.
                await asyncio.sleep(self._again_s)
                return
            await self._change(lambda tx: visits.moved(tx, visit.session_id, state, final.slot))
        elif step is None:
            await asyncio.sleep(self._again_s)
        else:
            await self._take(visit, subject, step)

    def _subject(self, visit: Visit, camera: Camera) -> bytes | None:
        if camera.mode is Mode.PRIVATE:
            return self._blinding.visit_subject(visit.session_id)
        return None if visit.wallet is None else parse_wallet(visit.wallet)

    async def _next(
        self, visit: Visit, subject: bytes, camera: Camera, there: AccountAt
    ) -> Step | str | None:
        """A step to send, the state that the visit is in already, or None: look again later."""
        if there.slot < visit.slot:
            # This server does not know yet what the chain has said before.
            return None
        if there.data is not None:
            return self._go_on(visit, subject, camera, there.data, there.lamports)
        if visit.state != TO_CHECK_IN or camera.mode is Mode.PUBLIC:
            return DONE
        rent = await self._builder.rent_lamports(SESSION.size)
        enter = self._enter(visit, subject, camera)
        if visit.ended_ms is None:
            return Step(ENTER, (enter,), rent)
        leave = self._leave(visit, subject, FIRST_VISIT, enter_s(visit), self._place.device)
        return Step(WHOLE, (enter, *leave), 0)

    def _go_on(
        self, visit: Visit, subject: bytes, camera: Camera, data: bytes, lamports: int
    ) -> Step | str | None:
        there = ChainSession.from_bytes(data)
        if visit.ended_ms is None:
            return IN
        if camera.mode is Mode.PUBLIC and self._is_here_again(visit):
            return DONE
        leave = self._leave(visit, subject, there.visit, there.checked_in_s, there.payer)
        is_ours = there.payer == self._place.device
        return Step(LEAVE, leave[not there.is_present :], -lamports if is_ours else 0)

    def _is_here_again(self, visit: Visit) -> bool:
        with self._store.reading() as query:
            return visits.others_here(query, visit.session_id, visit.wallet)

    def _enter(self, visit: Visit, subject: bytes, camera: Camera) -> Instruction:
        place, granted = self._place, None
        if camera.has_closed_list and visit.wallet is not None:
            granted = self._blinding.grant_subject(parse_wallet(visit.wallet))
        begin_s = enter_s(visit)
        told = program.Visit(
            subject, FIRST_VISIT, begin_s, max(visit.expires_ms // 1000, begin_s + 1)
        )
        return program.check_in(
            place.program, place.camera, place.device, place.device, told, granted_to=granted
        )

    def _leave(
        self, visit: Visit, subject: bytes, number: int, begin_s: int, payer: bytes
    ) -> tuple[Instruction, ...]:
        place = self._place
        names: tuple[str, ...] = check_out.REASONS
        reason = names.index(visit.end_reason) + 1 if visit.end_reason in names else 0
        return (
            program.check_out(
                place.program,
                place.camera,
                place.device,
                subject=subject,
                number=number,
                # The clock may have been set meanwhile.
                checked_out_s=max((visit.ended_ms or 0) // 1000, begin_s),
                reason=reason,
            ),
            program.close_session(
                place.program, place.camera, place.device, subject=subject, paid_by=payer
            ),
        )

    async def _take(self, visit: Visit, subject: bytes, step: Step) -> None:
        def note(tx: Transaction, built: Built) -> None:
            visits.name(tx, visit.session_id, subject)
            height = built.last_valid_height
            visits.sending(tx, visit.session_id, step.name, built.signature, height)

        plan = Plan(step.instructions, self._place.device, rent_lamports=max(0, step.rent))
        try:
            _, sent = await self._sender.send(plan, FINAL, rent=step.rent, note=note)
        except WouldFail as failure:
            await self._refused(visit, failure.verdict)
            return
        await self._judge(visit, step.name, sent)

    async def _judge(self, visit: Visit, step: str, sent: Sent) -> None:
        if sent.is_confirmed:
            self.is_early = False
            state = AFTER[step]
            await self._change(lambda tx: visits.moved(tx, visit.session_id, state, sent.slot))
            return
        await self._change(lambda tx: visits.not_sent(tx, visit.session_id))
        if sent.outcome is Outcome.REFUSED and sent.verdict is not None:
            await self._refused(visit, sent.verdict)

    async def _refused(self, visit: Visit, verdict: Verdict) -> None:
        if verdict.code in LOOK_AGAIN:
            self.is_early = verdict.code == Refusal.WRONG_TIME.name.lower()
            await asyncio.sleep(self._again_s)
            return
        if verdict.code not in NEVER:
            raise held_back_by(verdict)
        await self._change(lambda tx: visits.refused(tx, visit.session_id, verdict.code))

    async def _change(self, change: Callable[[Transaction], object]) -> None:
        def work() -> None:
            with self._store.transaction() as tx:
                change(tx)

        await asyncio.to_thread(work)


def enter_s(visit: Visit) -> int:
    """When a visit began, in seconds as the chain takes them."""
    return max(1, visit.created_ms // 1000)
