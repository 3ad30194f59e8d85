"""Ends visits on the chain that this camera does not know of, once its owner wants no more of them.

An older copy of the store that was put back misses the visits that began after it. Nobody would ever
check those people out, and a camera with a visit is not taken off the chain. That the owner had the
chain take no more visits is the sign: until then another process may know them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from solders.pubkey import Pubkey

from mmoment_chain import program_instructions as program
from mmoment_chain import visits
from mmoment_chain.base58 import base58
from mmoment_chain.blinding import BlindingKey
from mmoment_chain.clock import Clock
from mmoment_chain.held_back import HeldBack
from mmoment_chain.outbox_sending import ChainPlace, OutboxSender, held_back_by
from mmoment_chain.program_layout import SESSION, SESSION_CAMERA_AT, Camera, ChainSession, Mode, tag
from mmoment_chain.rpc_client import MemcmpOpts
from mmoment_chain.rpc_errors import RpcError
from mmoment_chain.rpc_pool import RpcPool
from mmoment_chain.store import Store
from mmoment_chain.transaction_building import Plan, WouldFail
from mmoment_chain.visit_sending import LOOK_AGAIN
from mmoment_chain.wallet import parse_wallet

ENDED_AT_A_LOOK = 8
"""The log waits meanwhile; the next look ends more."""
NO_REASON = 0
NOT_LISTED = (
    'Visits that are not known here wait to be ended, and which ones they are is not told ({}). If '
    'that stays so, name a server that lists the accounts of a program (`endpoints`)'
)


class StrayVisits:
    """Belongs to one event loop."""

    def __init__(
        self,
        store: Store,
        place: ChainPlace,
        blinding: BlindingKey,
        pool: RpcPool,
        sender: OutboxSender,
        clock: Clock,
        look_s: float,
    ) -> None:
        """look_s: between looks at which visits the chain has."""
        self._store = store
        self._place = place
        self._blinding = blinding
        self._pool = pool
        self._sender = sender
        self._clock = clock
        self._look_s = look_s
        self._looked_s: float | None = None
        self._refused: set[bytes] = set()  # subjects; their turn comes after that of all others
        self.text = ''
        """Why visits that there must be are not ended; empty: nothing keeps them."""

    async def end(self, camera: Camera, commitment: str) -> None:
        """End some, if there are any. Raises HeldBack, StoreError, and RpcError of what is sent.

        HeldBack once all have had their turn: what one of them is refused for keeps no other.
        """
        if camera.is_active or not camera.sessions:
            self.text = ''
            return
        if not self._is_look_due():
            return
        # First who is known: whoever comes afterwards is not taken by the chain.
        count, known = await asyncio.to_thread(self._known, camera)
        try:
            strays = await self._listed(known)
        except RpcError as error:
            # Not every server lists accounts; all else goes on.
            self.text = NOT_LISTED.format(error.text) if camera.sessions > count else ''
            return
        self.text = ''
        held: HeldBack | None = None
        for there, lamports in strays:
            try:
                await self._end(there, lamports, commitment)
            except HeldBack as failure:
                self._refused.add(there.subject)
                held = held or failure
        if held is not None:
            raise held

    def _is_look_due(self) -> bool:
        now_s = self._clock.elapsed_s()
        if self._looked_s is not None and now_s - self._looked_s < self._look_s:
            return False
        self._looked_s = now_s
        return True

    def _known(self, camera: Camera) -> tuple[int, set[bytes]]:
        """How many visits are for the outbox to end, and their subjects."""
        with self._store.reading() as query:
            rows = visits.unfinished(query)
        known = {subject for _, subject, _ in rows if subject is not None}
        if camera.mode is Mode.PRIVATE:
            known |= {self._blinding.visit_subject(session_id) for session_id, _, _ in rows}
        else:
            known |= {parse_wallet(wallet) for _, _, wallet in rows if wallet is not None}
        return len(rows), known

    async def _listed(self, known: set[bytes]) -> list[tuple[ChainSession, int]]:
        """Visits of others, and what their accounts hold in lamports. Raises RpcError."""
        place = self._place
        owner = Pubkey.from_bytes(place.program)
        filters = [
            SESSION.size,
            MemcmpOpts(offset=0, bytes=base58(tag('Session'))),
            MemcmpOpts(offset=SESSION_CAMERA_AT, bytes=base58(place.camera)),
        ]

        def ask(client: Any) -> Any:
            return client.get_program_accounts(owner, encoding='base64', filters=filters)

        found = (await self._pool.read(ask)).value
        read = [
            (ChainSession.from_bytes(bytes(each.account.data)), int(each.account.lamports))
            for each in found
        ]
        strays = [each for each in read if each[0].subject not in known]
        # Else those that are refused for good would keep all others from their turn.
        strays.sort(key=lambda each: each[0].subject in self._refused)
        return strays[:ENDED_AT_A_LOOK]

    async def _end(self, there: ChainSession, lamports: int, commitment: str) -> None:
        place, subject = self._place, there.subject
        instructions = [
            program.close_session(
                place.program, place.camera, place.device, subject=subject, paid_by=there.payer
            )
        ]
        if there.is_present:
            out = program.check_out(
                place.program,
                place.camera,
                place.device,
                subject=subject,
                number=there.visit,
                checked_out_s=max(self._clock.utc_ms() // 1000, there.checked_in_s),
                reason=NO_REASON,
            )
            instructions.insert(0, out)
        rent = -lamports if there.payer == place.device else 0
        try:
            await self._sender.send(Plan(instructions, place.device), commitment, rent=rent)
        except WouldFail as failure:
            # It was ended since, or the clocks differ: the next look tells.
            if failure.verdict.code not in LOOK_AGAIN:
                raise held_back_by(failure.verdict) from failure
