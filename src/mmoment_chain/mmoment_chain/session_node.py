"""session_node: who is checked in, with which rights; sign-in, sessions, sealed templates."""

from __future__ import annotations

import secrets
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header

from mmoment_chain import camera_home
from mmoment_chain.chain_client import ChainClient
from mmoment_chain.chain_forgetting import ChainForgetting
from mmoment_chain.challenges import ChallengeBook
from mmoment_chain.check_out import Change, ChangeKind
from mmoment_chain.clock import Clock, SystemClock
from mmoment_chain.erasure import Erasure
from mmoment_chain.errors import StoreError
from mmoment_chain.face_admissions import FaceAdmissions
from mmoment_chain.face_client import FACES_TOPIC, FaceClient
from mmoment_chain.gate_client import GateClient
from mmoment_chain.media_client import MediaClient
from mmoment_chain.nft_gate import NftGate
from mmoment_chain.retention import prune_people
from mmoment_chain.rights import RECOGNIZE
from mmoment_chain.secret_bytes import harden_process, lock_problem
from mmoment_chain.session_messages import event_message, people_message, sessions_message
from mmoment_chain.session_parameters import (
    SessionParameters,
    challenge_settings,
    gates_of,
    session_settings,
    sign_in_domains,
)
from mmoment_chain.session_parts import Parts, welcome_kept
from mmoment_chain.session_requests import SessionRequests
from mmoment_chain.sessions import SessionBook
from mmoment_chain.store import Store
from mmoment_chain.template_keeping import TemplateKeeping
from mmoment_chain.wall_clock import WallClockWatch, this_boot
from mmoment_interfaces.msg import (
    CameraStatus,
    FaceArray,
    GestureAction,
    PersonArray,
    SessionArray,
    SessionEvent,
)
from mmoment_node.errors import ConfigurationError
from mmoment_node.managed_node import ManagedNode, run_node

LATCHED_QOS = QoSProfile(
    depth=1,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    reliability=ReliabilityPolicy.RELIABLE,
)
NEWEST_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
# Several sessions may change at once, and a reader should miss none.
EVENTS_QOS = QoSProfile(depth=100)
ACTIONS_QOS = QoSProfile(depth=10)
TICK_S = 1.0
# After telling who is there, of the time that it took.
REST_SHARE = 4.0
LONGEST_REST_S = 1.0
# Older: the camera is unplugged or hangs, and sees nobody.
LIVE_PICTURE_S = 5.0
# After it the whole store is written anew.
PRUNE_S = 3600.0
DAY_MS = 86_400_000


class SessionNode(ManagedNode[SessionParameters]):
    """Serves sign-in and sessions; publishes `sessions`, `session_events` and `people`."""

    NAME = 'session_node'
    PARAMETERS = SessionParameters

    def clock(self) -> Clock:
        """Where the time comes from."""
        return SystemClock()

    def open(self) -> None:
        """Open the store and read the keys, which are made at the first start."""
        parameters, clock = self.parameters, self.clock()
        try:
            settings = session_settings(parameters)
            challenge_rules = challenge_settings(parameters)
            gates = gates_of(parameters)
        except ValueError as error:
            raise ConfigurationError(f'{self.NAME}: parameter {error}') from error
        self._home = camera_home.open_home(self.get_namespace(), parameters.data_folder)
        self._identity = camera_home.identity(self._home, clock.utc_ms())
        self._camera_id = parameters.camera_id or self._identity.camera_id
        self._lock_problem = lock_problem()
        self._store = store = Store(self._home.store, clock)
        self._admissions = admissions = FaceAdmissions(clock)
        self._chain_forgetting = ChainForgetting(clock)
        challenges = ChallengeBook(
            store, self._camera_id, sign_in_domains(parameters), challenge_rules, clock
        )
        watch = WallClockWatch(clock, this_boot())
        self._gate = gate = NftGate(gates, clock)
        self._book = book = SessionBook(
            store,
            challenges,
            self._camera_id,
            settings,
            clock,
            watch,
            # capture_node hears of each end by itself, and ends what is being recorded.
            steps=[admissions],
            tell=self._tell,
            redated=self._wake,
            withheld=gate.withheld,
        )
        for wallet in book.recently_gone():
            # Whether it was told before this process was killed, nobody knows.
            admissions.forget(wallet)
        keeping = TemplateKeeping(store, self._identity.unsealing_ids)
        self._parts = Parts(
            store=store,
            book=book,
            challenges=challenges,
            keeping=keeping,
            erasure=Erasure(store, book, self._forget, self._tell, admissions.is_leaving),
            admissions=admissions,
            chain_forgetting=self._chain_forgetting,
            gate=gate,
            identity=self._identity,
            clock=clock,
        )
        # After all that is to be forgotten: somebody may have been, and come again since.
        welcome_kept(book, keeping, admissions)
        self._store_problem = ''
        self._prune_s = clock.elapsed_s()

    def start(self) -> None:
        """Answer and publish."""
        self._news = threading.Event()
        self._run, self._number = secrets.token_hex(8), 0
        self._ending = threading.Event()
        self._is_picture_live = True  # unless the camera says otherwise
        self._sessions = self.create_publisher(SessionArray, 'sessions', LATCHED_QOS)
        self._people = self.create_publisher(PersonArray, 'people', LATCHED_QOS)
        self._events = self.create_publisher(SessionEvent, 'session_events', EVENTS_QOS)
        self._subscriptions_made = [
            self.create_subscription(CameraStatus, 'camera_status', self._on_camera, LATCHED_QOS),
            self.create_subscription(FaceArray, FACES_TOPIC, self._on_faces, NEWEST_QOS),
            self.create_subscription(
                GestureAction, 'gesture_actions', self._on_action, ACTIONS_QOS
            ),
        ]
        self._faces = FaceClient(self, self._admissions, self._parts.keeping, self._news.set)
        self._media = MediaClient(self)
        self._chain = ChainClient(self, self._chain_forgetting)
        self._gates = GateClient(
            self,
            self._gate,
            # The owner has every right in any case.
            lambda: (
                {session.wallet or '' for session in self._book.live()}
                - {self.parameters.owner_wallet}
            ),
            lambda: self.parameters.gate_minutes * 60,
            self._rights_moved,
        )
        self._requests = SessionRequests(
            self, self._parts, self._faces, self._media, self._gates, self._chain
        )
        self._worker = self.spawn(self._work, 'sessions')

    def stop(self) -> None:
        """Answer no more; sessions go on."""
        if ending := self.__dict__.get('_ending'):
            ending.set()
        if requests := self.__dict__.pop('_requests', None):
            requests.close()
        if worker := self.__dict__.pop('_worker', None):
            self._news.set()
            worker.join()
        for name in ('_gates', '_faces', '_media', '_chain'):
            if client := self.__dict__.pop(name, None):
                client.close()
        for subscription in self.__dict__.pop('_subscriptions_made', ()):
            self.destroy_subscription(subscription)
        for name in ('_sessions', '_people', '_events'):
            if publisher := self.__dict__.pop(name, None):
                self.destroy_publisher(publisher)

    def close(self) -> None:
        """Wipe keys, close the store."""
        if admissions := self.__dict__.pop('_admissions', None):
            admissions.close()
        book = self.__dict__.pop('_book', None)
        if store := self.__dict__.pop('_store', None):
            if book is not None:
                self._guard(book.note_seen)
            store.close()

    def parameters_changed(self, old: SessionParameters, new: SessionParameters) -> None:
        """Take new limits at once."""
        settings = session_settings(new)
        if book := self.__dict__.get('_book'):
            book.set_settings(settings)

    def diagnose(self) -> list[DiagnosticStatus]:
        """Sessions, presence, store and keys."""
        ok, warn, error = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
        parameters, identity = self.parameters, self._identity
        waiting, leaving = self._admissions.count_waiting()
        count = self._book.count()
        is_full = count >= parameters.sessions_at_most
        size = self._home.store.stat().st_size if self._home.store.exists() else 0
        return [
            self.diagnostic(
                'sessions',
                warn if is_full else ok,
                'full' if is_full else 'open',
                sessions=count,
                sessions_at_most=parameters.sessions_at_most,
            ),
            self.diagnostic(
                'presence',
                ok,
                'followed',
                people=len(self._book.presence),
                to_be_admitted=waiting,
                to_be_forgotten=leaving,
            ),
            self.diagnostic(
                'store',
                error if self._store_problem else ok,
                self._store_problem or 'in order',
                path=self._home.store,
                bytes=size,
            ),
            self.diagnostic(
                'keys',
                warn if self._lock_problem else ok,
                self._lock_problem or 'in order',
                camera_id=self._camera_id,
                signing_key=identity.signing_public.hex(),
                unsealing_keys=len(identity.unsealing_ids),
            ),
        ]

    def _work(self) -> None:
        """Do what time brings, and publish what has changed."""
        ticked_s = time.monotonic()
        is_told = not self._guard(self._publish)
        while not self._ending.is_set():
            if is_told:
                self._news.wait(max(0.0, ticked_s + TICK_S - time.monotonic()))
            else:
                # Not at once: a store that cannot be read now can not a moment later either.
                self._ending.wait(TICK_S)
            if self._news.is_set() or not is_told:
                self._news.clear()
                is_told = self._publish_and_rest()
            if time.monotonic() - ticked_s >= TICK_S:
                ticked_s = time.monotonic()
                self._store_problem = self._guard(self._book.tick)
                self._guard(self._prune)
                self._guard(self._parts.erasure.clean)

    def _publish_and_rest(self) -> bool:
        """Publish, then leave the processor to others; False: it could not be done."""
        began_s = time.monotonic()
        is_told = not self._guard(self._publish)
        self._ending.wait(rest_s(time.monotonic() - began_s))
        return is_told

    def _prune(self) -> None:
        """Once an hour, take the names of people out of what is old."""
        now_s = self._parts.clock.elapsed_s()
        days = self.parameters.keep_people_days
        if now_s >= self._prune_s and days:
            self._prune_s = now_s + PRUNE_S
            prune_people(self._store, round(days * DAY_MS))

    def _guard(self, step: Any) -> str:
        """Take a step; a fault of the store is told, and the step taken again another time."""
        try:
            step()
        except StoreError as error:
            self.get_logger().error(str(error), throttle_duration_sec=60.0)
            return str(error)
        return ''

    def _publish(self) -> None:
        """Publish who is there. Lists are told apart by number: the clock may be set back."""
        # Before looking: whoever checks in meanwhile must not seem to have gone by then.
        header = self._header()
        sessions = self._book.live()
        self._people.publish(people_message(header, sessions))
        self._number += 1
        self._sessions.publish(
            sessions_message(header, self._run, self._number, sessions, self._admissions.is_known)
        )

    def _forget(self, wallet: str) -> None:
        """Have somebody let go of by all that remembers people; also while the book is opened."""
        self._admissions.forget(wallet)
        self._chain_forgetting.add(wallet)

    def _wake(self) -> None:
        """Have what has changed published; from any thread, also while the book is opened."""
        if news := self.__dict__.get('_news'):
            news.set()

    def _rights_moved(self, wallet: str) -> None:
        """What somebody holds on the chain is not what it was."""
        if self._guard(self._book.rights.follow) or not self.__dict__.get('_faces'):
            return
        if RECOGNIZE not in self._gate.withheld(wallet):
            welcome_kept(self._book, self._parts.keeping, self._admissions, wallet)
            self._faces.wake()

    def _tell(self, change: Change) -> None:
        """Tell what happened, from any thread; also while the book is opened."""
        self.get_logger().info(f'session {change.session_id or "-"}: {_words(change)}')
        if change.kind is ChangeKind.RIGHTS_CHANGED and RECOGNIZE not in change.rights:
            self._admissions.forget(change.wallet)
        if events := self.__dict__.get('_events'):
            events.publish(event_message(self._header(), change))
        self._wake()

    def _on_camera(self, message: CameraStatus) -> None:
        self._is_picture_live = 0.0 <= message.frame_age_s < LIVE_PICTURE_S

    def _on_faces(self, message: FaceArray) -> None:
        # face_node also goes through the placeholder pictures of a camera that delivers nothing.
        if self._is_picture_live:
            self._book.presence.look()
        for face in message.faces:
            if (
                face.identity
                and self._book.presence.seen(face.identity)
                and self._admissions.named(face.identity)
            ):
                self._news.set()

    def _on_action(self, message: GestureAction) -> None:
        if message.outcome == GestureAction.REQUESTED and message.identity:
            self._book.presence.seen(message.identity)

    def _header(self) -> Header:
        return Header(stamp=self.get_clock().now().to_msg())


def rest_s(took_s: float) -> float:
    """How long to rest after a list of sessions that took so long to tell, both in seconds.

    With thousands of sessions that is longer than a check-in takes, and check-ins must not wait for
    it. News are old by LONGEST_REST_S at most.
    """
    return min(LONGEST_REST_S, REST_SHARE * took_s)


def _words(change: Change) -> str:
    words = change.kind.name.lower().replace('_', ' ')
    return f'{words} ({change.reason})' if change.reason else words


def main(args: list[str] | None = None) -> None:
    """Run the session node, in a process whose memory nobody else gets to see."""
    harden_process()
    run_node(SessionNode, args)
