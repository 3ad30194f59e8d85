"""Brings the camera registry onto a chain, or a new version of it, and goes on where it broke off.

The buffer that a program is written into has an address that follows from who pays, the program's
address and its content. So another try finds the buffer of the one before, and writes what is
missing in it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from mmoment_chain import program_deploy as loader
from mmoment_chain.chain_tools import ChainTools, NotDone
from mmoment_chain.program_deploy import LOADER, ProgramData
from mmoment_chain.transaction_building import Plan, Signer
from mmoment_chain.wallet import wallet_text
from mmoment_chain.wallet_file import WalletKey

SENT_AT_ONCE = 8
ROOM = 2
"""How much larger than now a program may become by upgrades, as a factor."""
SLOT_PAUSE_S = 0.1
SLOT_WAIT_S = 30.0


class Kind(str, Enum):
    """What is to be done."""

    NOTHING = 'nothing'
    DEPLOY = 'deploy'
    UPGRADE = 'upgrade'


@dataclass(frozen=True, slots=True)
class Situation:
    """How far a delivery is."""

    kind: Kind
    buffer: bytes  # its address
    has_buffer: bool
    missing: tuple[int, ...]  # parts of the program that are not in the buffer yet
    parts: int
    more_room_bytes: int  # that the program needs before the upgrade
    needs_lamports: int  # of who pays, from here on

    @property
    def transactions(self) -> int:
        """How many are to be sent."""
        if self.kind is Kind.NOTHING:
            return 0
        return len(self.missing) + (not self.has_buffer) + (self.more_room_bytes > 0) + 1


class Delivery:
    """Of one program to one chain. payer: pays, and is who may replace the program later."""

    def __init__(self, tools: ChainTools, payer: Signer, program: bytes, content: bytes) -> None:
        self._tools = tools
        self._payer = payer
        self._program = program
        self._content = content
        self._buffer = _buffer_key(payer, program, content)
        self._writes = loader.writes(self._buffer.public, payer.public, content)

    async def look(self) -> Situation:
        """How far it is. Raises NotDone where it cannot be done, RpcError."""
        found = await self._deployed()
        if found is not None and found.is_same(self._content):
            return Situation(Kind.NOTHING, self._buffer.public, False, (), 0, 0, 0)
        if found is not None and found.authority != self._payer.public:
            who = 'nobody' if found.authority is None else wallet_text(found.authority)
            raise NotDone(f'this program may be replaced by {who} only')
        written = await self._written()
        missing = tuple(
            number for number in range(len(self._writes)) if not self._is_there(written, number)
        )
        more = 0 if found is None else max(0, len(self._content) - len(found.content))
        kind = Kind.DEPLOY if found is None else Kind.UPGRADE
        needs = await self._needs(kind, written is not None, len(missing), more)
        return Situation(
            kind, self._buffer.public, written is not None, missing, len(self._writes), more, needs
        )

    async def run(
        self, program_key: Signer | None, progress: Callable[[int, int], None]
    ) -> tuple[Kind, int]:
        """Do what is missing; returns what was done and how many transactions that took.

        program_key: signs for the address when the program is new there. progress: is told
        how many of the transactions are done. Raises NotDone, WouldFail, RpcError; then another
        try goes on from there.
        """
        situation = await self.look()
        if situation.kind is Kind.NOTHING:
            return situation.kind, 0
        if situation.kind is Kind.DEPLOY and program_key is None:
            raise NotDone('the program is new at this address: the key of the address has to sign')
        counter = _Counter(situation.transactions, progress)
        if not situation.has_buffer:
            await self._do(self._made_buffer(await self._rent_of_buffer()), counter)
        await self._write(situation.missing, counter)
        if situation.kind is Kind.DEPLOY:
            assert program_key is not None
            await self._deploy(program_key, counter)
        else:
            await self._upgrade(situation.more_room_bytes, counter)
        found = await self._deployed()
        if found is None or not found.is_same(self._content):
            raise NotDone('what is deployed now is not this program: look at who else deploys it')
        return situation.kind, counter.done

    # --- looking ----------------------------------------------------------------------------------

    async def _deployed(self) -> ProgramData | None:
        account = await self._tools.account(self._program)
        if account is None or bytes(account.owner) == bytes(32):
            return None
        if account.owner != LOADER:
            raise NotDone('at this address there is something else than an upgradeable program')
        data = await self._tools.account(loader.data_address(self._program))
        if data is None:
            raise NotDone('the program at this address was closed for good: choose another address')
        return ProgramData.from_bytes(bytes(data.data))

    async def _written(self) -> bytes | None:
        """What the buffer holds; None: there is none."""
        account = await self._tools.account(self._buffer.public)
        if account is None:
            return None
        data = bytes(account.data)
        begin = loader.BUFFER_STATE.to_bytes(4, 'little') + b'\1' + self._payer.public
        is_ours = account.owner == LOADER and data[: loader.BUFFER_HEADER_BYTES] == begin
        if not is_ours or len(data) != loader.buffer_bytes(len(self._content)):
            raise NotDone(f'the account {wallet_text(self._buffer.public)} is no buffer of ours')
        return data[loader.BUFFER_HEADER_BYTES :]

    def _is_there(self, written: bytes | None, number: int) -> bool:
        if written is None:
            return False
        part = slice(number * loader.WRITE_BYTES, (number + 1) * loader.WRITE_BYTES)
        return written[part] == self._content[part]

    async def _needs(self, kind: Kind, has_buffer: bool, missing: int, more: int) -> int:
        size = len(self._content)
        sizes = (
            loader.PROGRAM_BYTES,
            loader.DATA_HEADER_BYTES + ROOM * size,
            loader.buffer_bytes(size),
            more,
            0,
        )
        rents = await self._tools.rents(sizes)
        fees = (missing + 4) * loader.SIGNATURE_LAMPORTS + rents[0]
        buffer = 0 if has_buffer else rents[sizes[2]]
        if kind is Kind.UPGRADE:
            return fees + buffer + rents[more] - rents[0]
        # The rent of the buffer goes into that of the data.
        stays = rents[sizes[0]] + rents[sizes[1]] - (rents[sizes[2]] if has_buffer else 0)
        return fees + max(stays, buffer + rents[sizes[0]])

    async def _rent_of_buffer(self) -> int:
        size = loader.buffer_bytes(len(self._content))
        return (await self._tools.rents([size]))[size]

    # --- doing ------------------------------------------------------------------------------------

    def _made_buffer(self, lamports: int) -> Plan:
        payer, size = self._payer.public, len(self._content)
        made = loader.make_buffer(payer, self._buffer.public, payer, size, lamports)
        return Plan(made, payer, others=(self._buffer,))

    async def _write(self, missing: Sequence[int], counter: _Counter) -> None:
        if not missing:
            return
        # The first is tried; the others need as much.
        units = await self._do(Plan([self._writes[missing[0]]], self._payer.public), counter)
        room = asyncio.Semaphore(SENT_AT_ONCE)

        async def write(number: int) -> None:
            async with room:
                plan = Plan([self._writes[number]], self._payer.public, units=units)
                await self._do(plan, counter)

        tasks = [asyncio.ensure_future(write(number)) for number in missing[1:]]
        try:
            await asyncio.gather(*tasks)
        finally:
            # If one fails, nothing is sent behind the back of who is told so.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _deploy(self, key: Signer, counter: _Counter) -> None:
        payer, room = self._payer.public, ROOM * len(self._content)
        rent = (await self._tools.rents([loader.PROGRAM_BYTES]))[loader.PROGRAM_BYTES]
        steps = loader.deploy(payer, self._program, self._buffer.public, payer, room, rent)
        await self._do(Plan(steps, payer, others=(key,)), counter)

    async def _upgrade(self, more_bytes: int, counter: _Counter) -> None:
        payer = self._payer.public
        if more_bytes:
            await self._do(Plan([loader.extend(self._program, payer, more_bytes)], payer), counter)
            await self._next_slot()
        step = loader.upgrade(self._program, self._buffer.public, payer, payer)
        await self._do(Plan([step], payer), counter)

    async def _do(self, plan: Plan, counter: _Counter) -> int:
        built, _ = await self._tools.do(plan, self._payer)
        counter.add()
        return built.units

    async def _next_slot(self) -> None:
        """A slot takes one change of a program."""
        found = await self._deployed()
        assert found is not None
        for _ in range(round(SLOT_WAIT_S / SLOT_PAUSE_S)):
            slot = (await self._tools.pool.read(lambda client: client.get_slot())).value
            if slot > found.slot:
                return
            await asyncio.sleep(SLOT_PAUSE_S)
        raise NotDone('the chain makes no blocks')


class _Counter:
    def __init__(self, of: int, progress: Callable[[int, int], None]) -> None:
        self.done = 0
        self._of = of
        self._progress = progress

    def add(self) -> None:
        self.done += 1
        self._progress(self.done, self._of)


def _buffer_key(payer: Signer, program: bytes, content: bytes) -> WalletKey:
    """Only who pays can make it, and makes the same one each time: signatures are deterministic."""
    digest = hashlib.sha256(content).digest()
    signature = payer.sign(b'mmoment: buffer of a program\n' + program + digest)
    return WalletKey.of_seed(hashlib.sha256(signature).digest())
