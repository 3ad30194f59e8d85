"""Sends transactions until the chain has said what became of them.

Only the chain decides. A server that fails while it is sent to, or says nothing, proves nothing: the
same bytes, which the chain takes once at most, are sent again. A transaction can be given up when
a finalized block is past the last that would have taken it, and no block has it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from solders.signature import Signature
from solders.transaction import VersionedTransaction

from mmoment_chain.clock import Clock
from mmoment_chain.rpc_client import CONFIRMED, FINALIZED, TxOpts
from mmoment_chain.rpc_errors import PREFLIGHT_FAILED, RpcError, RpcRefused
from mmoment_chain.rpc_pool import Line, RpcPool
from mmoment_chain.transaction_verdict import (
    ALREADY_PROCESSED,
    BLOCKHASH_NOT_FOUND,
    Verdict,
    Verdicts,
)

_LEVELS = {'processed': 0, 'confirmed': 1, 'finalized': 2}


class Outcome(str, Enum):
    """What became of a transaction."""

    CONFIRMED = 'confirmed'
    REFUSED = 'refused'  # for good: it is on the chain as failed, or can never get there
    EXPIRED = 'expired'  # for good: it is not on the chain; the same may be tried anew
    UNKNOWN = 'unknown'  # the chain has not said so yet: `follow` it later


@dataclass(frozen=True, slots=True)
class Sent:
    """Exactly one for each transaction that was sent or followed."""

    outcome: Outcome
    signature: bytes
    slot: int = 0  # of the block that has it; 0: none
    verdict: Verdict | None = None  # of what is refused
    text: str = ''  # our sentence, for what is not confirmed

    @property
    def is_confirmed(self) -> bool:
        """Whether it did what it says."""
        return self.outcome is Outcome.CONFIRMED


@dataclass(frozen=True, slots=True)
class SendSettings:
    """How long to wait for what."""

    commitment: str = 'confirmed'  # or finalized
    skip_preflight: bool = False  # the first time; later it always is
    resend_every_s: float = 2.0
    ask_first_s: float = 0.05  # pauses between questions grow from this ...
    ask_every_s: float = 0.5  # ... to this
    give_up_after_s: float = 180.0  # a blockhash lives 60 to 90 s, and 15 s to be finalized


@dataclass(slots=True)
class _Case:
    signature: bytes
    last_valid_height: int
    programs: Sequence[bytes]
    transaction: bytes | None  # None: not ours to send
    patience_s: float | None = None  # None: as long as it may take
    is_submitted: bool = False


@dataclass(frozen=True, slots=True)
class _Status:
    level: int
    slot: int
    error: Any  # JSON; None: none


class TransactionSender:
    """Sends to one chain; any number of transactions at a time."""

    def __init__(
        self,
        pool: RpcPool,
        verdicts: Verdicts,
        clock: Clock,
        settings: SendSettings | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pool = pool
        self._verdicts = verdicts
        self._clock = clock
        self._settings = settings or SendSettings()
        self._sleep = sleep

    async def send(
        self, transaction: bytes, last_valid_height: int, commitment: str | None = None
    ) -> Sent:
        """Send a transaction that has all signatures, and see it through.

        last_valid_height: of a block, as told with the blockhash. Never raises RpcError. If this is
        cancelled, the outcome is unknown: `follow` it.
        """
        read = VersionedTransaction.from_bytes(transaction)
        keys = read.message.account_keys
        programs = [bytes(keys[each.program_id_index]) for each in read.message.instructions]
        case = _Case(bytes(read.signatures[0]), last_valid_height, programs, transaction)
        return await self._see_through(case, commitment)

    async def follow(
        self,
        signature: bytes,
        last_valid_height: int,
        programs: Sequence[bytes] = (),
        commitment: str | None = None,
        patience_s: float | None = None,
    ) -> Sent:
        """What became of a transaction that was sent before, perhaps; it is not sent again.

        patience_s: after it the outcome is unknown; None: as long as it may take.
        """
        case = _Case(signature, last_valid_height, programs, None, patience_s)
        return await self._see_through(case, commitment)

    async def _see_through(self, case: _Case, commitment: str | None) -> Sent:
        level = _LEVELS[commitment or self._settings.commitment]
        line = self._pool.line()
        begin_s = self._clock.elapsed_s()
        sent_s = begin_s - self._settings.resend_every_s
        pause_s, longest_s = self._pauses(case)
        give_up_s = self._settings.give_up_after_s if case.patience_s is None else case.patience_s
        fault = 'the chain has not decided'
        while True:
            try:
                now_s = self._clock.elapsed_s()
                is_due = now_s - sent_s >= self._settings.resend_every_s
                if is_due:
                    sent_s = now_s
                decided = await self._one_round(line, case, level, is_due)
                if decided is not None:
                    return decided
            except RpcError as error:
                fault = error.text
            if self._clock.elapsed_s() - begin_s >= give_up_s:
                text = f'It is not known yet what became of the transaction: {fault}'
                return Sent(Outcome.UNKNOWN, case.signature, text=text)
            await self._sleep(pause_s)
            pause_s = min(2 * pause_s, longest_s)

    def _pauses(self, case: _Case) -> tuple[float, float]:
        """Between questions: the first one, and the longest.

        What others say that they have sent must not use up what a server answers: it may never come.
        """
        settings = self._settings
        if case.transaction is not None:
            return settings.ask_first_s, settings.ask_every_s
        is_impatient = case.patience_s is not None
        first_s = settings.ask_every_s if is_impatient else settings.ask_first_s
        return first_s, settings.resend_every_s

    async def _one_round(self, line: Line, case: _Case, level: int, is_due: bool) -> Sent | None:
        if is_due and case.transaction is not None:
            decided = await self._submit(line, case, case.transaction)
            if decided is not None:
                return decided
        # What was sent just now is among the recent ones; to look through all is dear to a server.
        is_old = case.transaction is None and is_due
        _, status = await self._status(line, case, history=is_old)
        if status is not None:
            return self._judged(case, status, level)
        return await self._expired(line, case, level) if is_due else None

    async def _submit(self, line: Line, case: _Case, transaction: bytes) -> Sent | None:
        """Hand it to a server; decided only if it can never get onto the chain."""
        is_first, moves = not case.is_submitted, line.moves
        case.is_submitted = True
        options = TxOpts(
            skip_preflight=self._settings.skip_preflight or not is_first,
            preflight_commitment=CONFIRMED,
            # We send again ourselves, and know when to stop.
            max_retries=0,
        )
        try:
            await line.ask(lambda client: client.send_raw_transaction(transaction, options))
        except RpcRefused as refused:
            # If a server may have taken it before, the refusal may be about that.
            if is_first and line.moves == moves:
                return await self._refused(line, case, self._of_refused(refused, case))
        except RpcError:
            # It may have been taken all the same.
            pass
        return None

    async def _refused(self, line: Line, case: _Case, verdict: Verdict) -> Sent | None:
        # A server that lags does not know a new blockhash yet.
        if verdict.code in (ALREADY_PROCESSED, BLOCKHASH_NOT_FOUND):
            return None
        # Whoever signed it may have sent it, too.
        _, status = await self._status(line, case, history=True)
        if status is not None:
            return None
        return Sent(Outcome.REFUSED, case.signature, verdict=verdict, text=verdict.text)

    def _of_refused(self, refused: RpcRefused, case: _Case) -> Verdict:
        if refused.number != PREFLIGHT_FAILED:
            return Verdict('bad_transaction', refused.text)
        logs = refused.data.get('logs')
        texts = [line for line in logs if isinstance(line, str)] if isinstance(logs, list) else []
        return self._verdicts.of(refused.data.get('err'), case.programs, texts)

    async def _status(
        self, line: Line, case: _Case, *, history: bool
    ) -> tuple[int, _Status | None]:
        """Slot up to which that server knows the chain, and what it knows of the transaction."""
        names = [Signature.from_bytes(case.signature)]
        answer = await line.ask(lambda client: client.get_signature_statuses(names, history))
        found = answer.value[0]
        if found is None:
            return answer.context.slot, None
        read = json.loads(found.to_json())
        # Old blocks have no level: they are final.
        level = _LEVELS[read['confirmationStatus'] or 'finalized']
        return answer.context.slot, _Status(level, found.slot, read['err'])

    def _judged(self, case: _Case, status: _Status, level: int) -> Sent | None:
        if status.level < level:
            return None
        if status.error is None:
            return Sent(Outcome.CONFIRMED, case.signature, status.slot)
        verdict = self._verdicts.of(status.error, case.programs)
        return Sent(Outcome.REFUSED, case.signature, status.slot, verdict, verdict.text)

    async def _expired(self, line: Line, case: _Case, level: int) -> Sent | None:
        """Looks for it once more when no further block can take it."""
        epoch = (await line.ask(lambda client: client.get_epoch_info(FINALIZED))).value
        if epoch.block_height <= case.last_valid_height:
            return None
        slot, status = await self._status(line, case, history=True)
        if status is not None:
            return self._judged(case, status, level)
        # Behind one address there may be several nodes: this one must have got as far.
        if slot < epoch.absolute_slot:
            return None
        text = 'The chain did not take it in time, and cannot take it any more'
        return Sent(Outcome.EXPIRED, case.signature, text=text)
