"""Builds what people sign, and sends what they have signed, or looks for what their wallets have sent.

What the device pays for is counted in its budget, and noted before it is sent, as the outbox does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mmoment_chain import session_records, spending
from mmoment_chain.errors import Refused
from mmoment_chain.face_kinds import DONE, FACE_KINDS, check_again
from mmoment_chain.held_back import HeldBack
from mmoment_chain.pending_transactions import (
    LookedFor,
    Looking,
    Pending,
    PendingTransactions,
)
from mmoment_chain.sent_elsewhere import SentElsewhere, is_of
from mmoment_chain.store import Store
from mmoment_chain.transaction_building import NO_SIGNATURE, TransactionBuilder, signed_by_all
from mmoment_chain.transaction_kinds import CAMERA_KINDS, Here, Row, Stay, Wish, require_owner
from mmoment_chain.transaction_sending import Outcome, Sent, TransactionSender
from mmoment_chain.transaction_values import Values

KINDS = {**CAMERA_KINDS, **FACE_KINDS}
CHECK_IN = 'check_in'
OWNERS_KINDS = frozenset(CAMERA_KINDS) - {CHECK_IN}
AFTER = 'after'
"""Value that names the transaction before, of a row."""
FOR_GOOD = frozenset(Outcome) - {Outcome.UNKNOWN}
LOOKS_PER_WALLET = 2
"""For what a wallet has sent itself: each asks the chain, and a server answers only so often."""
OTHERS_FIRST = 'Others that this wallet has sent are being looked for: ask again in a moment'
GOES_ON = 'This was begun by somebody who was checked in: check in, then go on'
FORGOTTEN = 'Whom this was built for was forgotten meanwhile: ask for a new one'


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asks to be built."""

    kind: str
    wallet: bytes
    stay: Stay | None  # None: the owner of the camera asks
    values: dict[str, str]


class TransactionDesk:
    """Belongs to one event loop. on_sent: called with each that the chain has decided."""

    def __init__(
        self,
        here: Here,
        pending: PendingTransactions,
        builder: TransactionBuilder,
        sender: TransactionSender,
        elsewhere: SentElsewhere,
        store: Store,
        budget: Callable[[], int],
        on_sent: Callable[[Pending, Sent], None] = lambda pending, sent: None,
        help_payer: Callable[[bytes], Awaitable[None]] | None = None,
    ) -> None:
        """budget: lamports that the device may spend in 24 hours; 0: no limit.

        help_payer: called with each wallet that is to pay, before it is tried.
        """
        self._help_payer = help_payer
        self._here = here
        self._pending = pending
        self._builder = builder
        self._sender = sender
        self._elsewhere = elsewhere
        self._store = store
        self._budget = budget
        self._on_sent = on_sent
        self._building: dict[object, bytes] = {}  # wallets for which something is being built

    async def build(self, order: Order) -> Pending:
        """Build and try it. Raises Refused, also WouldFail; RpcError."""
        this = object()
        self._building[this] = order.wallet
        try:
            row, number = await self._wanted(order)
            if self._help_payer is not None and row.plans[number].payer == order.wallet:
                await self._help_payer(order.wallet)
            built = await self._builder.build(row.plans[number])
            if this not in self._building:
                raise Refused('not_ours', FORGOTTEN)
        finally:
            self._building.pop(this, None)
        session_id = '' if order.stay is None else order.stay.id
        return self._pending.add(order.kind, order.wallet, row, number, built, session_id)

    def forget(self, wallet: bytes) -> None:
        """Let go of all that was or is being built for somebody: they are to be forgotten.

        What was handed to the chain before cannot be called back.
        """
        self._pending.forget(wallet)
        for this in [this for this, whose in self._building.items() if whose == wallet]:
            del self._building[this]

    def tidy(self) -> None:
        """Let go of what is too old."""
        self._pending.tidy()

    async def _wanted(self, order: Order) -> tuple[Row, int]:
        """The row, and which of it is to be built."""
        if order.kind not in KINDS:
            raise Refused('bad_value', f'There is no kind {order.kind!r}: {", ".join(KINDS)}')
        if AFTER in order.values:
            return await self._next_of(order)
        wish = Wish(order.kind, order.wallet, Values(order.values), order.stay)
        return await KINDS[order.kind](wish, self._here), 0

    def get(self, pending_id: str) -> Pending:
        """What was built with this id. Refused 'not_ours'."""
        return self._pending.get(pending_id)

    def offered(self, pending: Pending) -> bytes:
        """The transaction as a wallet is given it.

        Of what the device pays for, and of a check-in, its signature is added when it comes back:
        whoever had it could send the transaction by another way, past the budget or after the
        session. All else its wallet may send itself, for as long as its blockhash lives.
        """
        built, device = pending.built, self._here.place.device
        is_free = self._payer(pending) != device and pending.kind != CHECK_IN
        if is_free or device not in built.signers:
            return built.transaction
        begin = 1 + 64 * built.signers.index(device)
        return built.transaction[:begin] + NO_SIGNATURE + built.transaction[begin + 64 :]

    def is_wallets_to_send(self, pending: Pending) -> bool:
        """Whether nothing but the signature of the wallet is missing in what it is given."""
        built = pending.built
        return set(built.missing) <= {pending.wallet} and (
            self.offered(pending) == built.transaction
        )

    async def submit(self, pending_id: str, transaction: bytes) -> Sent:
        """Send a transaction with all signatures; returns what the chain says.

        Asked again for the same one it is not sent twice. What is under way goes on if this is
        cancelled. Raises Refused 'not_ours', 'unsigned', 'no_session', 'budget'; StoreError.
        """
        pending = self._pending.get(pending_id)
        wire = signed_by_all(pending.built, transaction)
        if pending.sent is not None and pending.sent.outcome in FOR_GOOD:
            return pending.sent
        if pending.sending is None and pending.session_id:
            # It may have ended while the wallet was open.
            await asyncio.to_thread(self._require_open, pending.session_id)
            # Whose it is may have been forgotten meanwhile.
            self._pending.get(pending_id)
        if pending.sending is None:
            pending.sending = asyncio.ensure_future(self._see_through(pending, wire))
            # Whoever asked may have gone.
            pending.sending.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(pending.sending)

    async def confirm(self, pending_id: str, signature: bytes) -> Sent:
        """What became of a transaction that its wallet has sent itself, by what the chain says.

        Asked again, it answers the same. What is under way goes on if this is cancelled. Raises
        Refused 'not_ours', 'foreign_transaction', 'unknown_signature'; RpcError.
        """
        pending = self._pending.get(pending_id)
        known = pending.sent
        if known is not None and known.signature == signature and known.outcome in FOR_GOOD:
            return known
        if pending.is_confirmed:
            raise Refused('foreign_transaction', 'What was built was sent by another transaction')
        if pending.looking is None:
            if self._pending.looks_of(pending.wallet) >= LOOKS_PER_WALLET:
                return Sent(Outcome.UNKNOWN, signature, text=OTHERS_FIRST)
            task = asyncio.ensure_future(self._look(pending, signature))
            task.add_done_callback(lambda task: task.cancelled() or task.exception())
            pending.looking = Looking(signature, task)
        elif pending.looking.signature != signature:
            return Sent(Outcome.UNKNOWN, signature, text=OTHERS_FIRST)
        return await asyncio.shield(pending.looking.task)

    async def _look(self, pending: Pending, signature: bytes) -> Sent:
        built, known = pending.built, pending.looked_for
        try:
            if known is None or known.signature != signature:
                height = await self._elsewhere.last_valid_height(built, signature)
                pending.looked_for = known = LookedFor(signature, height)
            sent = await self._elsewhere.look(built, signature, known.last_valid_height)
        finally:
            pending.looking = None
        # What fails under another message says nothing of the one that was built.
        is_settled = sent.is_confirmed or is_of(built, signature)
        if sent.outcome in FOR_GOOD and is_settled and not pending.is_confirmed:
            pending.sent = sent
            self._on_sent(pending, sent)
        return sent

    async def _next_of(self, order: Order) -> tuple[Row, int]:
        """The transaction that follows, or one that was built before and got lost."""
        before = self._pending.get(order.values[AFTER])
        if (before.kind, before.wallet) != (order.kind, order.wallet) or len(order.values) > 1:
            raise Refused('not_ours')
        if before.sending is not None and not before.is_confirmed:
            raise Refused('out_of_order', 'It is being sent: wait for what the chain says')
        if before.is_confirmed and before.is_last:
            raise Refused('already_there', DONE)
        if before.session_id and order.stay is None:
            raise Refused('no_session', GOES_ON)
        row, number = before.row, before.number + int(before.is_confirmed)
        # What may be signed now is signed, whatever could be when the row was begun.
        wish = Wish(order.kind, order.wallet, Values({}), order.stay)
        if order.kind in OWNERS_KINDS:
            require_owner(wish)
        await check_again(wish, self._here, row, number)
        return row, number

    @staticmethod
    def _payer(pending: Pending) -> bytes:
        return pending.row.plans[pending.number].payer

    async def _see_through(self, pending: Pending, wire: bytes) -> Sent:
        built, is_paid_here = pending.built, self._payer(pending) == self._here.place.device
        # The first signature is the payer's, and only now is it known in any case.
        signature = wire[1:65]
        try:
            if is_paid_here:
                await asyncio.to_thread(self._reserve, pending, signature)
            sent = await self._sender.send(wire, built.last_valid_height)
            if is_paid_here and sent.outcome in (Outcome.REFUSED, Outcome.EXPIRED):
                await asyncio.to_thread(self._correct, sent)
        finally:
            pending.sending = None
        if pending.sent is not None and pending.is_confirmed:
            # Its wallet has sent it as well, and the chain took that one: see `confirm`.
            return pending.sent
        pending.sent = sent
        self._on_sent(pending, sent)
        return sent

    def _require_open(self, session_id: str) -> None:
        with self._store.reading() as query:
            session = session_records.get(query, session_id)
            if session is None or session.ended_ms is not None:
                raise Refused('no_session', 'This session is over: check in again')
            if session.expires_ms <= query.utc_ms():
                raise Refused('no_session', 'The time of this session is over: check in again')

    def _reserve(self, pending: Pending, signature: bytes) -> None:
        built = pending.built
        try:
            with self._store.transaction() as tx:
                spending.reserve(
                    tx, signature, built.fee_lamports, built.rent_lamports, self._budget()
                )
        except HeldBack as held:
            raise Refused(held.code, held.text) from None

    def _correct(self, sent: Sent) -> None:
        with self._store.transaction() as tx:
            (spending.failed if sent.slot else spending.not_sent)(tx, sent.signature)
