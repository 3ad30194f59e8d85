"""A dev chain in a process of its own, and a camera that tells it of what it does by the real outbox."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mmoment_chain import chain_verify, event_log, session_records
from mmoment_chain.blinding import BlindingKey
from mmoment_chain.chain_tools import ChainTools
from mmoment_chain.clock import SystemClock
from mmoment_chain.outbox import Outbox, OutboxSettings
from mmoment_chain.outbox_records import LogHeads
from mmoment_chain.outbox_sending import ChainPlace, account_at
from mmoment_chain.places import KEYS_NAME, STORE_NAME
from mmoment_chain.program_addresses import camera_address
from mmoment_chain.program_build import PROGRAM_ID
from mmoment_chain.program_instructions import Description, register_camera
from mmoment_chain.program_layout import Camera, Mode
from mmoment_chain.rpc_pool import PoolSettings
from mmoment_chain.session_records import Session
from mmoment_chain.store import Store
from mmoment_chain.transaction_building import Plan, TransactionBuilder
from mmoment_chain.transaction_sending import SendSettings
from mmoment_chain.transaction_verdict import Verdicts, camera_table
from mmoment_chain.wallet import wallet_text
from mmoment_chain.wallet_file import WalletKey
from mmoment_node.recovery import BackOff, RecoveryState

CLOCK = SystemClock()
PLENTY_LAMPORTS = 10**12
START_AT_MOST_S = 60.0
VISIT_MS = 600_000
BRIEF_BACK_OFF = BackOff(first_s=0.02, cap_s=0.2)
BRIEF = OutboxSettings(
    flush_records=1, flush_after_s=0.0, poll_s=0.02, look_s=0.2, again_s=0.02, back_off=BRIEF_BACK_OFF
)  # fmt: skip
"""Waits that are short, for rounds by the hundred; what is done is the same."""
Result = TypeVar('Result')


class ChainProcess:
    """`./mmoment devchain` in this folder, with control; may be killed and started again."""

    def __init__(self, folder: Path, block_ms: int, finalized_after: int = 31) -> None:
        self._words = [
            *(sys.executable, '-m', 'mmoment_chain.devchain_command', '--control'),
            *('--data', str(folder), '--block-ms', str(block_ms)),
            *('--finalized-after', str(finalized_after)),
        ]
        self._port = 0
        self.url = ''

    def start(self) -> None:
        """Start it, at the same port each time."""
        self._process = subprocess.Popen(
            [*self._words, '--port', str(self._port)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith('RPC: '):
            raise RuntimeError('the dev chain did not start')
        self.url = line.removeprefix('RPC: ').strip()
        self._port = int(self.url.rpartition(':')[2])

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, by SIGKILL for instance."""
        self._process.send_signal(number)
        self._process.communicate(timeout=START_AT_MOST_S)

    def control(self, name: str, *params: Any) -> Any:
        """Call a method of its own, such as addFaults."""
        body = {'jsonrpc': '2.0', 'id': 1, 'method': f'devchain_{name}', 'params': params}
        request = urllib.request.Request(
            self.url, json.dumps(body).encode(), {'Content-Type': 'application/json'}
        )
        with urllib.request.urlopen(request, timeout=START_AT_MOST_S) as answer:
            return json.loads(answer.read())['result']

    def __enter__(self) -> ChainProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.end()


@dataclass(frozen=True, slots=True)
class Told:
    """What the chain has of what a camera did."""

    records: int  # of the camera
    lost: int  # of them, not on the chain
    doubled: int  # more than once
    wrong: str  # what does not fit; empty: all is well


class BenchCamera:
    """One camera: keys that follow from its name, and a store in its folder."""

    def __init__(self, folder: Path, url: str, settings: OutboxSettings | None = None) -> None:
        self._folder = folder
        self._keys = folder / KEYS_NAME
        self._keys.mkdir(mode=0o700, parents=True)
        self._urls = [url]
        self._settings = settings or OutboxSettings()
        self._is_brief = settings is BRIEF
        self._number = 0
        self._device, self._owner = (
            WalletKey.of_seed(hashlib.sha256(f'{who} {folder}'.encode()).digest())
            for who in ('device', 'owner')
        )
        device = self._device.public
        self._place = ChainPlace(PROGRAM_ID, camera_address(PROGRAM_ID, device), device)

    # --- what happens at the camera ---------------------------------------------------------------

    def log(self, count: int) -> None:
        """So many photos are taken."""
        with self._opened() as store, store.transaction() as tx:
            for number in range(count):
                event_log.append(tx, 'photo_taken', None, {'number': number})

    def visit(self) -> None:
        """Somebody comes and goes."""
        self._number += 1
        now_ms = CLOCK.utc_ms()
        name = hashlib.sha256(f'{self._folder} {self._number}'.encode()).hexdigest()[:32]
        session = Session(
            id=name,
            wallet=wallet_text(hashlib.sha256(name.encode()).digest()),
            display_name=None,
            rights=frozenset({'view'}),
            token_hash=hashlib.sha256(name.encode()).digest(),
            previous_token_hash=None,
            created_ms=now_ms,
            expires_ms=now_ms + VISIT_MS,
            renewed_ms=now_ms,
            last_seen_ms=now_ms,
        )
        with self._opened() as store, store.transaction() as tx:
            session_records.add(tx, session)
            session_records.end(tx, session.id, now_ms, 'asked')

    # --- the chain --------------------------------------------------------------------------------

    def register(self) -> None:
        """Put it on the chain, with enough to pay with."""

        async def work(tools: ChainTools) -> None:
            await tools.provide(self._device.public, PLENTY_LAMPORTS)
            step = register_camera(
                PROGRAM_ID,
                device=self._device.public,
                owner=self._owner.public,
                payer=self._device.public,
                mode=Mode.PRIVATE,
                about=Description('Door'),
            )
            plan = Plan([step], self._device.public, others=(self._owner,))
            await tools.do(plan, self._device)

        self._run(work, is_brief=self._is_brief)

    def drain(self) -> None:
        """Have the outbox send what waits; it must not fail."""
        self._with_outbox(lambda outbox: outbox.drain())

    def run_until_told(self, limit_s: float, meanwhile: Callable[[], None] | None = None) -> None:
        """Run the outbox as the node does until nothing waits. Raises TimeoutError.

        meanwhile: done in a thread beside it once it runs.
        """

        async def work(outbox: Outbox) -> None:
            running = asyncio.ensure_future(outbox.run())
            beside = asyncio.ensure_future(asyncio.to_thread(meanwhile or (lambda: None)))
            deadline_s = time.monotonic() + limit_s
            try:
                while not beside.done() or not _is_told(outbox):
                    if time.monotonic() > deadline_s:
                        raise TimeoutError(f'{limit_s:.0f} s were not enough: {outbox.status}')
                    await asyncio.sleep(0.02)
                await beside
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running

        self._with_outbox(work)

    def run_and_be_killed(self, after_s: float) -> None:
        """Run the outbox in a process that gets SIGKILL so long after its start.

        Raises RuntimeError where it fails by itself.
        """
        pid = os.fork()
        if pid == 0:
            try:
                self.run_until_told(START_AT_MOST_S)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise RuntimeError('the outbox failed before it was killed')

    def told(self) -> Told:
        """Compare all of it, record by record, with what the transactions on the chain brought."""

        async def work(tools: ChainTools) -> tuple[Camera, list[chain_verify.Batch]]:
            found = await account_at(tools.pool, PROGRAM_ID, self._place.camera)
            assert found.data is not None
            batches = await chain_verify.fetch_batches(tools.pool, PROGRAM_ID, self._place.camera)
            return Camera.from_bytes(found.data), batches

        # It is the outbox that is to be hurried, not who looks at what became of it.
        camera, batches = self._run(work, is_brief=False)
        with self._opened() as store, store.reading() as query:
            count, _ = event_log.head(query)
            head = LogHeads().at(query, count)
            ever = query.count('SELECT count(*) FROM sessions')
            own = list(chain_verify.of_store(query))
        numbers = Counter(
            number
            for batch in batches
            for number in range(batch.first, batch.first + len(batch.records))
        )
        finding = chain_verify.check_batches(batches, camera.log_count, camera.log_head, own)
        wrong = [finding.reason] if finding.reason is not None else []
        if (camera.log_count, camera.log_head) != (count, head):
            wrong.append(f'{camera.log_count} records there, {count} here')
        if (camera.visits, camera.present, camera.sessions) != (ever, 0, 0):
            wrong.append(f'{camera.visits} visits there, {ever} here, {camera.present} present')
        return Told(
            count,
            sum(number not in numbers for number in range(1, count + 1)),
            sum(times - 1 for times in numbers.values()),
            '; '.join(wrong),
        )

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Store]:
        with Store(self._folder / STORE_NAME, CLOCK) as store:
            yield store

    def _with_outbox(self, work: Callable[[Outbox], Awaitable[Any]]) -> None:
        async def begun(tools: ChainTools) -> None:
            verdicts = Verdicts({PROGRAM_ID: camera_table()})
            builder = TransactionBuilder(tools.pool, self._device, verdicts, tools.build_settings)
            with self._opened() as store, BlindingKey.load(self._keys) as blinding:
                outbox = Outbox(
                    store, self._place, blinding, tools.pool, builder, tools.sender, CLOCK, self._settings
                )  # fmt: skip
                await work(outbox)

        self._run(begun, is_brief=self._is_brief)

    def _run(self, work: Callable[[ChainTools], Awaitable[Result]], *, is_brief: bool) -> Result:
        async def begun() -> Result:
            tools = ChainTools(
                self._urls,
                PROGRAM_ID,
                pool=PoolSettings(timeout_s=1.0, back_off=BRIEF_BACK_OFF) if is_brief else None,
                send=SendSettings(resend_every_s=0.1, ask_first_s=0.005, ask_every_s=0.02)
                if is_brief
                else None,
            )
            try:
                return await work(tools)
            finally:
                await tools.pool.close()

        return asyncio.run(begun())


def _is_told(outbox: Outbox) -> bool:
    status = outbox.status
    return status.recovery.state is RecoveryState.LIVE and not status.waits
