"""What can be done with a camera on a chain from a command line: each action, from values to words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer

from mmoment_chain import chain_verify, event_log, log_export, visits
from mmoment_chain import program_deploy as loader
from mmoment_chain.chain_tools import ChainTools, NotDone
from mmoment_chain.chain_verify import Batch, Finding
from mmoment_chain.clock import SystemClock
from mmoment_chain.errors import StoreError
from mmoment_chain.outbox_sending import account_at
from mmoment_chain.program_addresses import camera_address
from mmoment_chain.program_instructions import Description, register_camera
from mmoment_chain.program_layout import CAMERA, Camera, LogRecord, Mode
from mmoment_chain.store import Store
from mmoment_chain.transaction_building import Plan, Signer, sol
from mmoment_chain.wallet import wallet_text

FIRST_LINE = {'format': 'mmoment-chain-log', 'version': 1}
DEMO_LAMPORTS = 10**10
"""What the demo wallet has for whatever it does; the faucet of a dev chain gives it."""
EXIT_BAD = 1
EARLIER = 'what the camera has logged so far is published as well: kinds and times of events'


@dataclass(frozen=True, slots=True)
class Answer:
    """What is told at the end: lines for a person, values for a program."""

    lines: Sequence[str]
    values: dict[str, Any] = field(default_factory=dict)
    code: int = 0


@dataclass(frozen=True, slots=True)
class Registration:
    """A camera that is to be put on the chain."""

    device: Signer
    owner: Signer
    mode: Mode
    about: Description
    device_lamports: int = 0  # that the owner gives the device, which pays for what it sends


async def camera_at(tools: ChainTools, address: bytes) -> Camera | None:
    """The account of a camera; None: it is not registered. Raises RpcError, LayoutError."""
    found = await account_at(tools.pool, tools.program, address)
    return None if found.data is None else Camera.from_bytes(found.data)


async def register(
    tools: ChainTools, wanted: Registration, *, is_demo: bool, is_dry: bool
) -> Answer:
    """Put the camera on the chain. is_demo: the faucet pays. Raises NotDone, WouldFail, RpcError."""
    device, owner = wanted.device.public, wanted.owner.public
    address = camera_address(tools.program, device)
    there = await camera_at(tools, address)
    if there is not None:
        return _registered_already(address, there, owner)
    if is_demo:
        await tools.provide(owner, DEMO_LAMPORTS + wanted.device_lamports)
    made = register_camera(
        tools.program, device=device, owner=owner, payer=owner, mode=wanted.mode, about=wanted.about
    )
    rent = (await tools.rents([CAMERA.size]))[CAMERA.size]
    steps: list[Instruction] = [made]
    if wanted.device_lamports:
        payer, given = Pubkey.from_bytes(owner), Pubkey.from_bytes(device)
        params = TransferParams(from_pubkey=payer, to_pubkey=given, lamports=wanted.device_lamports)
        steps.append(transfer(params))
    plan = Plan(steps, owner, (), rent, (wanted.device,))
    built = await tools.build(plan, wanted.owner)
    values = {
        'camera': wallet_text(address),
        'owner': wallet_text(owner),
        'device': wallet_text(device),
        'mode': wanted.mode.name.lower(),
        'fee_lamports': built.fee_lamports,
        'rent_lamports': rent,
        'device_lamports': wanted.device_lamports,
    }
    costs = f'fee {sol(built.fee_lamports)} SOL, rent {sol(rent)} SOL, paid by {values["owner"]}'
    if is_dry:
        return Answer([f'the chain would take it: {costs}', EARLIER], {**values, 'is_done': False})
    built, sent = await tools.do(plan, wanted.owner)
    signature = str(Signature.from_bytes(sent.signature))
    lines = [f'registered: {values["camera"]}', costs, f'transaction: {signature}', EARLIER]
    return Answer(lines, {**values, 'is_done': True, 'signature': signature, 'slot': sent.slot})


def _registered_already(address: bytes, camera: Camera, owner: bytes) -> Answer:
    told, by = wallet_text(address), wallet_text(camera.owner)
    if camera.owner != owner:
        raise NotDone(f'{told} is registered already, and belongs to {by}')
    values = {'camera': told, 'owner': by, 'mode': camera.mode.name.lower(), 'is_done': True}
    return Answer([f'registered already: {told}'], values)


async def status(
    tools: ChainTools, address: bytes, device: bytes | None, store: Path | None
) -> Answer:
    """What the chain says of a camera, and how far its store is ahead. Raises RpcError, StoreError.

    device: key of the camera here, to see whether it may still sign; store: None where there is none.
    """
    camera = await camera_at(tools, address)
    paying = device if device is not None else None if camera is None else camera.device
    balance = None if paying is None else await tools.balance(paying)
    program = await tools.account(loader.data_address(tools.program))
    here, waiting = (None, None) if store is None else _in_store(store, camera)
    values: dict[str, Any] = {
        'program': wallet_text(tools.program),
        'program_is_there': program is not None,
        'camera': wallet_text(address),
        'is_registered': camera is not None,
        'device_lamports': balance,
        'log_here': here,
        'visits_waiting': waiting,
    }
    lines = [
        f'program: {values["program"]}{"" if program is not None else " (not on this chain)"}',
        f'camera: {values["camera"]}{"" if camera is not None else " (not registered)"}',
    ]
    if camera is not None:
        values |= _values_of(camera)
        values['device_is_ours'] = None if device is None else device == camera.device
        lines += _lines_of(camera)
        if values['device_is_ours'] is False:
            lines.append('the key of the camera here is another: its owner has to sign for it')
    if balance is not None:
        lines.append(f'device has: {sol(balance)} SOL')
    if here is not None:
        there = 0 if camera is None else camera.log_count
        lines.append(f'records here: {here}, of them on the chain: {there}')
        lines.append(f'check-ins and check-outs that wait: {waiting}')
    return Answer(lines, values)


def _in_store(path: Path, camera: Camera | None) -> tuple[int, int]:
    is_public = camera is not None and camera.mode is Mode.PUBLIC
    with Store(path, SystemClock(), read_only=True) as store, store.reading() as query:
        count, _ = event_log.head(query)
        return count, visits.waiting(query, is_public=is_public)


def _values_of(camera: Camera) -> dict[str, Any]:
    values = asdict(camera)
    for name in ('id', 'owner', 'device', 'payer'):
        values[name] = wallet_text(values[name])
    values['log_head'] = camera.log_head.hex()
    values['mode'] = camera.mode.name.lower()
    return values


def _lines_of(camera: Camera) -> list[str]:
    takes = 'takes check-ins' if camera.is_active else 'takes no check-ins'
    return [
        f'name: {camera.name}',
        f'owner: {wallet_text(camera.owner)}',
        f'device: {wallet_text(camera.device)}',
        f'mode: {camera.mode.name.lower()}, {takes}'
        f'{", of people with a grant only" if camera.has_closed_list else ""}',
        f'people present: {camera.present}, visits ever: {camera.visits}, grants: {camera.grants}',
        f'log: {camera.log_count} records, head {camera.log_head.hex()}',
    ]


@dataclass(frozen=True, slots=True)
class ChainLog:
    """The log of a camera as the transactions brought it, and what its account says of it."""

    camera: Camera
    batches: Sequence[Batch]


async def fetch_log(tools: ChainTools, address: bytes) -> ChainLog:
    """All of it. Raises NotDone, RpcError."""
    camera = await camera_at(tools, address)
    if camera is None:
        raise NotDone(f'{wallet_text(address)} is not registered on this chain')
    batches = await chain_verify.fetch_batches(tools.pool, tools.program, address)
    # What came while it was fetched is for the next time.
    known = [batch for batch in batches if batch.first <= camera.log_count]
    return ChainLog(camera, known)


def export_log(log: ChainLog, file: BinaryIO) -> int:
    """Write it as JSON lines; returns how many records there are.

    First line: the format. A line for each record: number, kind, at (ms since 1970), digest,
    signature of the transaction that brought it, slot. Last line: how many, and the head.
    """
    count = 0
    _write(file, FIRST_LINE)
    for batch in log.batches:
        for number, record in enumerate(batch.records, batch.first):
            _write(
                file,
                {
                    'number': number,
                    'kind': record.kind.name.lower(),
                    'at': record.at,
                    'digest': record.digest.hex(),
                    'signature': batch.signature,
                    'slot': batch.slot,
                },
            )
            count += 1
    _write(file, {'records': count, 'head': log.camera.log_head.hex()})
    return count


def verify_log(log: ChainLog, store: Path | None, exported: Path | None) -> Answer:
    """Recompute the head from the transactions, and hold the camera's own log against it.

    exported: a file of `log export` of the camera; store: else its store; neither: the chain alone.
    Raises StoreError.
    """
    if exported is not None:
        try:
            with exported.open('rb') as file:
                links = log_export.links_of(file)
                finding = _checked(log, chain_verify.of_links(links))
        except OSError as error:
            raise StoreError(f'{exported} cannot be read: {error.strerror}') from error
    elif store is not None:
        with Store(store, SystemClock(), read_only=True) as opened, opened.reading() as query:
            finding = _checked(log, chain_verify.of_store(query, log.camera.log_count))
    else:
        finding = _checked(log, None)
    against = ' and the log of the camera' if exported or store else ''
    values = {
        'records': finding.records,
        'head': finding.head.hex(),
        'is_good': finding.is_good,
        'first_wrong': finding.first_wrong,
        'reason': finding.reason,
        'with_own_log': bool(exported or store),
    }
    if not finding.is_good:
        where = f'record {finding.first_wrong}' if finding.first_wrong else 'some record'
        return Answer([f'error: {where}: {finding.reason}'], values, EXIT_BAD)
    lines = [
        f'{finding.records} records: transactions{against} lead to the head on the chain',
        f'head: {finding.head.hex()}',
    ]
    return Answer(lines, values)


def _checked(log: ChainLog, own: Iterator[LogRecord] | None) -> Finding:
    camera = log.camera
    return chain_verify.check_batches(log.batches, camera.log_count, camera.log_head, own)


def _write(file: BinaryIO, content: dict[str, Any]) -> None:
    file.write(json.dumps(content, separators=(',', ':')).encode('ascii') + b'\n')
