"""Proves a log by the chain: recomputes the chain of hashes that must lead to the head there.

Two sources lead to that head: the events of the camera (its store, or an export of its log) and the
transactions that brought them, as any server of the chain that keeps history tells them. The head
alone says whether a log is the right one; the transactions say which entry is the first that is not.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from mmoment_chain import outbox_records
from mmoment_chain.base58 import from_base58
from mmoment_chain.event_log import Link
from mmoment_chain.log_export import ExportDamaged
from mmoment_chain.outbox_records import LogDamaged
from mmoment_chain.program_events import LogAppended, events
from mmoment_chain.program_instructions import discriminator
from mmoment_chain.program_layout import NO_HEAD, RECORD, LogRecord, RecordKind, next_head
from mmoment_chain.rpc_errors import BadAnswer
from mmoment_chain.rpc_pool import Line, RpcPool
from mmoment_chain.store import Query

SIGNATURES_AT_ONCE = 1000
ASKED_AT_ONCE = 8
APPEND_LOG = discriminator('append_log')
_BEGIN = struct.Struct('<8sQI')


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `first_wrong` and `reason` are None if all is well.

    first_wrong: number of the first record that is wrong or missing; 0: some record is, nobody can
    tell which from a head alone.
    """

    records: int  # that were looked at
    head: bytes  # that they lead to, as far as they are good
    first_wrong: int | None = None
    reason: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether the chain proves it."""
        return self.first_wrong is None


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that one instruction added."""

    first: int
    records: tuple[LogRecord, ...]
    signature: str  # of the transaction, base58
    slot: int
    head: bytes | None = None  # after it, as the program said; None: its logs are not kept


def of_store(query: Query, at_most: int | None = None) -> Iterator[LogRecord]:
    """Yield the records of the event log in the store. Raises LogDamaged at what was changed."""
    after = 0
    while at_most is None or after < at_most:
        limit = 1000 if at_most is None else min(1000, at_most - after)
        found = outbox_records.read(query, after, limit)
        yield from found
        after += len(found)
        if len(found) < limit:
            return


def of_links(links: Iterable[Link]) -> Iterator[LogRecord]:
    """Yield the records of an exported log (`log_export.links_of`). Raises LogDamaged.

    It must be read to the end: the last line of the file says whether it is whole.
    """
    reached = 0
    try:
        for link in links:
            reached += 1
            yield outbox_records.record_of(link.text, link.hash)
    except ExportDamaged as damage:
        raise LogDamaged(damage.number, damage.reason) from None
    except ValueError as error:
        raise LogDamaged(reached, str(error)) from None


def check_records(records: Iterable[LogRecord], count: int, head: bytes) -> Finding:
    """Whether these, from the first on, are the `count` records that lead to that head.

    There may be more of them: those are not on the chain yet.
    """
    found, reached = NO_HEAD, 0
    for number, record in enumerate(records, 1):
        # The rest is read as well: what is damaged there is told.
        if number <= count:
            found, reached = next_head(found, number, record), number
    if reached < count:
        reason = f'the chain has {count} records, here are only {reached}'
        return Finding(reached, found, reached + 1, reason)
    if found != head:
        return Finding(reached, found, 0, 'they lead to another head than the chain has')
    return Finding(reached, found)


def check_batches(
    batches: Sequence[Batch], count: int, head: bytes, own: Iterable[LogRecord] | None = None
) -> Finding:
    """Whether what the transactions brought leads to the head, and is what the camera logged.

    batches: in order. own: the camera's records, from the first on.
    """
    found, reached = NO_HEAD, 0
    for batch in batches:
        if batch.first != reached + 1:
            reason = f'no transaction that brought it was found; the next brings {batch.first}'
            return Finding(reached, found, reached + 1, reason)
        for number, record in enumerate(batch.records, batch.first):
            found = next_head(found, number, record)
        if batch.head is not None and batch.head != found:
            reason = f'transaction {batch.signature} says that it led to another head'
            return Finding(reached, found, batch.first, reason)
        reached += len(batch.records)
    if reached != count:
        reason = f'the chain has {count} records, its transactions {reached}'
        return Finding(reached, found, min(reached, count) + 1, reason)
    if found != head:
        return Finding(
            reached, found, 0, 'the transactions lead to another head than the chain has'
        )
    return Finding(reached, found) if own is None else _compared(batches, own, found)


async def fetch_batches(pool: RpcPool, program: bytes, camera: bytes) -> list[Batch]:
    """What was ever added to the log of the camera at that address, in order.

    Of a camera that was closed and registered again, what came since. Raises RpcError.
    """
    line = pool.line()
    newest_first: list[Batch] = []
    async for names in _signatures(line, camera):
        answers = await asyncio.gather(
            *(_batches_of(line, name, program, camera) for name in names)
        )
        for batches in answers:
            newest_first += reversed(batches)
            if any(batch.first == 1 for batch in batches):
                return newest_first[::-1]
    return newest_first[::-1]


def _compared(batches: Sequence[Batch], own: Iterable[LogRecord], head: bytes) -> Finding:
    told = [record for batch in batches for record in batch.records]
    number = 0
    try:
        for number, (there, here) in enumerate(zip_longest(told, own), 1):
            # What is not on the chain yet is read as well: it may be damaged.
            if number <= len(told) and there != here:
                what = 'is not here' if here is None else 'is not the one on the chain'
                return Finding(number - 1, head, number, f'entry {number} {what}')
    except LogDamaged as damage:
        return Finding(number, head, damage.sequence, str(damage))
    return Finding(len(told), head)


async def _signatures(line: Line, camera: bytes) -> AsyncIterator[list[Signature]]:
    """Yield signatures of transactions that went well and name this address, newest first."""
    key = Pubkey.from_bytes(camera)
    before: Signature | None = None

    def ask(client: Any) -> Any:
        return client.get_signatures_for_address(key, before=before, limit=SIGNATURES_AT_ONCE)

    while True:
        answer = await line.ask(ask)
        names = [status.signature for status in answer.value if status.err is None]
        for begin in range(0, len(names), ASKED_AT_ONCE):
            yield names[begin : begin + ASKED_AT_ONCE]
        if len(answer.value) < SIGNATURES_AT_ONCE:
            return
        before = answer.value[-1].signature


async def _batches_of(line: Line, name: Signature, program: bytes, camera: bytes) -> list[Batch]:
    answer = await line.ask(
        lambda client: client.get_transaction(
            name, encoding='base64', max_supported_transaction_version=0
        )
    )
    if answer.value is None:
        raise BadAnswer(f'the server does not keep transaction {name}: ask one with full history')
    return batches_in(json.loads(answer.to_json())['result'], program, camera)


def batches_in(transaction: dict[str, Any], program: bytes, camera: bytes) -> list[Batch]:
    """What a transaction, as `getTransaction` tells it (JSON, base64), added to the camera's log."""
    meta = transaction['meta']
    wire = base64.b64decode(transaction['transaction'][0])
    read = VersionedTransaction.from_bytes(wire)
    keys = [bytes(key) for key in read.message.account_keys]
    loaded = meta.get('loadedAddresses') or {}
    for kind in ('writable', 'readonly'):
        keys += [bytes(Pubkey.from_string(text)) for text in loaded.get(kind, ())]
    inner = {each['index']: each['instructions'] for each in meta.get('innerInstructions') or ()}
    calls: list[tuple[int, Sequence[int], bytes]] = []
    for index, each in enumerate(read.message.instructions):
        calls.append((each.program_id_index, list(each.accounts), bytes(each.data)))
        # The bytes of inner instructions come in base58, whatever is asked for.
        calls += [
            (call['programIdIndex'], call['accounts'], from_base58(call['data']))
            for call in inner.get(index, ())
        ]
    heads = iter(
        [
            event.log_head
            for event in events(meta.get('logMessages') or (), program)
            if isinstance(event, LogAppended) and event.camera == camera
        ]
    )
    return [
        Batch(first, records, str(read.signatures[0]), transaction['slot'], next(heads, None))
        for whose, accounts, data in calls
        if keys[whose] == program and accounts and keys[accounts[0]] == camera
        for first, records in _appended(data)
    ]


def _appended(data: bytes) -> Iterator[tuple[int, tuple[LogRecord, ...]]]:
    """Number of the first record and all records, if this is the data of append_log."""
    if len(data) < _BEGIN.size or not data.startswith(APPEND_LOG):
        return
    _, first, count = _BEGIN.unpack_from(data)
    content = data[_BEGIN.size : _BEGIN.size + count * RECORD.size]
    yield (
        first,
        tuple(
            LogRecord(RecordKind(kind), at, digest)
            for kind, at, digest in RECORD.iter_unpack(content)
        ),
    )
