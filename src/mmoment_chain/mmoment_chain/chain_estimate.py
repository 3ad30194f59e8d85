"""What a camera will cost on a chain: by record, by visit and by day, from what that chain asks now.

Amounts are lamports, whole ones. Fees are spent. Rent is locked while an account exists, and comes
back. A priority fee comes on top where a chain is busy; it is told as the most that is ever paid.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from mmoment_chain import program_costs
from mmoment_chain import program_deploy as loader
from mmoment_chain.chain_tools import ChainTools, NotDone
from mmoment_chain.program_costs import FACE_BYTES, Row
from mmoment_chain.program_layout import CAMERA, FACE, GRANT, RECORDS_AT_MOST, SESSION, Mode
from mmoment_chain.transaction_building import MICRO_LAMPORTS, BuildSettings

DAY_S = 86_400
LOG_ONE, LOG_FULL = 'append_log, 1 record', f'append_log, {RECORDS_AT_MOST} records'
_SIZES = {
    'register_camera': CAMERA.size,
    'grant': GRANT.size,
    'check_in': SESSION.size,
    f'open_face, {FACE_BYTES} bytes': FACE.size + FACE_BYTES,
    'revoke': -GRANT.size,
    'close_session': -SESSION.size,
    'close_face': -(FACE.size + FACE_BYTES),
    'close_camera': -CAMERA.size,
}
"""Bytes of the account that an instruction makes, or gives back where it is negative."""


@dataclass(frozen=True, slots=True)
class Use:
    """How a camera is used."""

    visits_a_day: int = 100
    records_a_visit: int = 6
    other_records_a_day: int = 100
    at_once: int = 20  # people who are checked in at the same time, at most
    flush_after_s: int = 10  # how long records wait for others (OutboxSettings)
    mode: Mode = Mode.PRIVATE

    @property
    def records_a_day(self) -> int:
        """All of them."""
        return self.visits_a_day * self.records_a_visit + self.other_records_a_day


@dataclass(frozen=True, slots=True)
class Prices:
    """What a chain asks for, and each instruction of the registry at these prices."""

    signature: int
    rents: Mapping[int, int]  # by bytes of an account
    rows: Sequence[Row]
    price_at_most: int  # millionths of a lamport for a compute unit
    deployment: loader.Cost

    def row(self, name: str) -> Row:
        """That instruction."""
        return next(row for row in self.rows if row.name == name)

    def priority(self, *names: str) -> int:
        """Most that is paid on top for these instructions in one transaction."""
        margin = 1 + BuildSettings().units_margin
        units = math.ceil(sum(self.row(name).most_units for name in names) * margin)
        return -(-units * self.price_at_most // MICRO_LAMPORTS)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Fees without priority, and the most that priority adds in a day."""

    record_alone: int
    record_in_full_batch: int
    records_a_transaction: int
    transactions_a_day: int
    visit: int
    day: int
    day_priority_at_most: int
    locked_camera: int
    locked_visits: int  # while so many people as are expected at once are checked in


async def ask(tools: ChainTools, payer: bytes, content: bytes) -> Prices:
    """The prices of that chain. content: the program. Raises RpcError, NotDone."""
    signature = await _signature_fee(tools, payer)
    room = 2 * len(content)
    sizes = sorted({
        0, loader.PROGRAM_BYTES, loader.DATA_HEADER_BYTES + room, loader.buffer_bytes(len(content)),
        *(abs(size) for size in _SIZES.values()),
    })  # fmt: skip
    rents = await tools.rents(sizes)
    measured = await asyncio.to_thread(program_costs.measure)
    return Prices(
        signature,
        rents,
        [_priced(row, signature, rents) for row in measured],
        tools.build_settings.price_at_most,
        loader.cost(len(content), room, lambda size: rents[size]),
    )


def estimate(use: Use, prices: Prices) -> Estimate:
    """What that use costs at these prices."""
    fee = prices.signature
    # The first record of a batch waits for those that come within that time.
    batch = min(RECORDS_AT_MOST, 1 + use.records_a_day * use.flush_after_s // DAY_S)
    sent = -(-use.records_a_day // batch)
    if use.mode is Mode.PRIVATE:
        # Check-in; check-out and the closing of the account in one.
        visit = 2 * fee
        priority = prices.priority('check_in') + prices.priority('check_out', 'close_session')
        locked = use.at_once * prices.row('check_in').rent_lamports
    else:
        # People send their own check-ins; the camera ends the visits that nobody ended.
        visit, priority, locked = fee, prices.priority('check_out'), 0
    name = LOG_ONE if batch == 1 else LOG_FULL
    return Estimate(
        record_alone=fee,
        record_in_full_batch=-(-fee // RECORDS_AT_MOST),
        records_a_transaction=batch,
        transactions_a_day=sent,
        visit=visit,
        day=sent * fee + use.visits_a_day * visit,
        day_priority_at_most=sent * prices.priority(name) + use.visits_a_day * priority,
        locked_camera=prices.row('register_camera').rent_lamports,
        locked_visits=locked,
    )


def _priced(row: Row, signature: int, rents: Mapping[int, int]) -> Row:
    """The same instruction at the prices of another chain than the one it was measured on."""
    size = _SIZES.get(row.name, 0)
    rent = 0 if size == 0 else rents[abs(size)] * (1 if size > 0 else -1)
    signatures = row.fee_lamports // loader.SIGNATURE_LAMPORTS
    return replace(row, fee_lamports=signatures * signature, rent_lamports=rent)


async def _signature_fee(tools: ChainTools, payer: bytes) -> int:
    key = Pubkey.from_bytes(payer)
    step = transfer(TransferParams(from_pubkey=key, to_pubkey=key, lamports=0))
    latest = (await tools.pool.read(lambda client: client.get_latest_blockhash())).value
    message = MessageV0.try_compile(key, [step], [], latest.blockhash)
    fee = (await tools.pool.read(lambda client: client.get_fee_for_message(message))).value
    if fee is None:
        raise NotDone('the chain told no fee: try again')
    return int(fee)
