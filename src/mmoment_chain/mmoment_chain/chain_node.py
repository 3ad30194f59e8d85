"""chain_node: what this camera has to do with Solana: registry, log, visits, NFTs, transactions."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header

from mmoment_chain import camera_home, chain_use
from mmoment_chain.blinding import BlindingKey
from mmoment_chain.chain_messages import chain_status, findings
from mmoment_chain.chain_parameters import ChainParameters, chain_settings, lamports
from mmoment_chain.chain_requests import ChainRequests
from mmoment_chain.chain_work import ChainReport, ChainWork
from mmoment_chain.clock import SystemClock
from mmoment_chain.device_keys import SigningKey
from mmoment_chain.errors import StoreBusy
from mmoment_chain.held_back import NOT_REGISTERED
from mmoment_chain.secret_bytes import harden_process
from mmoment_chain.store import Store
from mmoment_interfaces.msg import ChainStatus
from mmoment_node.async_thread import AsyncThread
from mmoment_node.errors import ConfigurationError
from mmoment_node.managed_node import ManagedNode, run_node

LATCHED_QOS = QoSProfile(
    depth=1,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    reliability=ReliabilityPolicy.RELIABLE,
)
TICK_S = 1.0
# While much is sent, much changes: who reads it needs the processor as well.
REST_S = 0.1
STORE_AGAIN_S = 0.5
STARTING = 'waiting for session_node to make store and keys'


class ChainNode(ManagedNode[ChainParameters]):
    """Publishes `chain_status`; serves transactions, and what people hold on the chain."""

    NAME = 'chain_node'
    PARAMETERS = ChainParameters

    def open(self) -> None:
        """Know where things lie; store and keys come with session_node."""
        try:
            self._settings = chain_settings(self.parameters)
        except ValueError as error:
            raise ConfigurationError(f'{self.NAME}: parameter {error}') from error
        self._home = camera_home.open_home(self.get_namespace(), self.parameters.data_folder)
        self._work: ChainWork | None = None

    def start(self) -> None:
        """Connect, and answer; until store and keys are there, with a refusal that says so."""
        self._ending, self._news = threading.Event(), threading.Event()
        self._told: tuple[object, ...] = ()
        self._is_use_noted = False
        self._publisher = self.create_publisher(ChainStatus, 'chain_status', LATCHED_QOS)
        self._thread = AsyncThread('chain')
        self._teller = self.spawn(self._tell, 'chain status')
        self._requests = ChainRequests(self, self._thread, lambda: self._work)
        self._thread.start(self._run).add_done_callback(self._ended)

    def stop(self) -> None:
        """End all that is under way; what was sent is asked for at the next start."""
        if ending := self.__dict__.get('_ending'):
            ending.set()
        # First what others wait for, then those who wait.
        if thread := self.__dict__.pop('_thread', None):
            thread.close()
        if requests := self.__dict__.pop('_requests', None):
            requests.close()
        if teller := self.__dict__.pop('_teller', None):
            self._news.set()
            teller.join()
        if publisher := self.__dict__.pop('_publisher', None):
            self.destroy_publisher(publisher)
        self._work = None

    def parameters_changed(self, old: ChainParameters, new: ChainParameters) -> None:
        """Take another budget at once."""
        work, budget = self._work, lamports(new.budget_sol_per_day)
        if work is not None:
            self._thread.start(lambda: work.set_budget(budget))

    def diagnose(self) -> list[DiagnosticStatus]:
        """Connection, registration, outbox and balance, in the words of `chain_status`."""
        return [
            self.diagnostic(concern, level, message, **values)
            for concern, level, message, values in findings(self._report(), STARTING)
        ]

    async def _run(self) -> None:
        """Work on the chain as soon as there are store and keys, until cancelled."""
        with ExitStack() as held:
            store = held.enter_context(await self._opened())
            key = held.enter_context(SigningKey.load(self._home.keys))
            blinding = held.enter_context(BlindingKey.load(self._home.keys))
            work = ChainWork(store, key, blinding, self._settings, SystemClock(), self._news.set)
            budget = lamports(self.parameters.budget_sol_per_day)
            await work.set_budget(budget)
            self._work = work
            self._news.set()
            try:
                await work.run()
            finally:
                self._work = None

    async def _opened(self) -> Store:
        """The store, once session_node has made it."""
        is_told = False
        while True:
            try:
                return await asyncio.to_thread(Store, self._home.store, SystemClock(), beside=True)
            except StoreBusy as error:
                if not is_told:
                    self.get_logger().info(str(error))
                    is_told = True
            await asyncio.sleep(STORE_AGAIN_S)

    def _ended(self, future: Future[Any]) -> None:
        if not future.cancelled() and (fault := future.exception()) is not None:
            self.fail(fault)

    def _report(self) -> ChainReport | None:
        work = self._work
        return None if work is None else work.report()

    def _tell(self) -> None:
        """Publish on every change, and once a second meanwhile."""
        while not self._ending.is_set():
            self._news.clear()
            report = self._report()
            header = Header(stamp=self.get_clock().now().to_msg())
            self._publisher.publish(chain_status(header, report, STARTING))
            if report is not None:
                self._log(report)
            self._ending.wait(REST_S)
            self._news.wait(TICK_S - REST_S)

    def _note_use(self, report: ChainReport) -> None:
        if not report.is_key_used or self._is_use_noted:
            return
        self._is_use_noted = True
        try:
            chain_use.note(self._home.folder, report.place.device)
        except OSError as error:
            self.get_logger().error(f'it cannot be noted that the key is in use: {error}')

    def _log(self, report: ChainReport) -> None:
        """Tell once of each turn that things take."""
        self._note_use(report)
        outbox, logger = report.outbox, self.get_logger()
        turn = (report.pool.is_live, report.is_registered, outbox.held_back, report.is_to_be_paid)
        was, self._told = self._told or (None, False, '', False), turn
        if turn[0] != was[0] and report.pool.is_live:
            logger.info(f'the chain answers at {report.pool.endpoint}')
        elif turn[0] != was[0] and report.pool.recovery.last_error:
            logger.warning(report.pool.recovery.last_error)
        elif turn[0] != was[0]:
            # Not asked yet
            self._told = (was[0], *turn[1:])
        if turn[1] and not was[1]:
            logger.info('the camera is registered on the chain')
        if turn[2] != was[2] and turn[2] not in ('', NOT_REGISTERED):
            logger.error(outbox.text)
        if turn[3] and not was[3]:
            logger.error(report.balance.text)


def main(args: list[str] | None = None) -> None:
    """Run the chain node, in a process whose memory nobody else gets to see."""
    harden_process()
    run_node(ChainNode, args)
