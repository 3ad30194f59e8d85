"""capture_node: photos, clips with the seconds before, and the media library of their owners."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import ParameterEvent
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_parameter_events

from mmoment_chain import camera_home
from mmoment_chain.errors import StoreError
from mmoment_interfaces.msg import FaceArray
from mmoment_node.managed_node import ManagedNode, run_node
from mmoment_node.recovery import RecoveryState
from mmoment_stream.capture_gestures import CaptureGestures
from mmoment_stream.capture_jobs import CaptureJobs
from mmoment_stream.capture_parameters import ALWAYS, WHILE_CHECKED_IN, CaptureParameters
from mmoment_stream.capture_people import CapturePeople
from mmoment_stream.capture_requests import CAPTURE, RECORD, CaptureParts, CaptureRequests
from mmoment_stream.capture_topics import CaptureAnnouncer, VideoTap
from mmoment_stream.media_keeper import (
    ORDER_PERIOD_S,
    MediaKeeper,
    await_keeper,
    await_recovery,
)
from mmoment_stream.media_library import RETENTION
from mmoment_stream.media_maker import MediaMaker
from mmoment_stream.media_recovery import Recovered
from mmoment_stream.media_remote import RemoteStore, open_remote
from mmoment_stream.media_retention import RetentionLimits
from mmoment_stream.media_upload import MediaUpload
from mmoment_stream.packet_ring import PacketRing
from mmoment_stream.people_seen import PeopleSeen
from mmoment_stream.photo_memory import PhotoMemory
from mmoment_stream.picture_topic import PictureTap
from mmoment_stream.recorder import Recorder
from mmoment_stream.session_client import SessionClient
from mmoment_stream.video_channel import ANNOTATED, VIDEO_CHANNELS

NEWEST_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
MIB = 1024 * 1024
# 30 s at 10 Mbit/s, and as much again for a group of pictures that is to be kept whole.
RING_MIB = 80
RING_MARGIN_S = 1.0
OVERLAY, BLUR = 'overlay_node', 'blur_strangers'
# Whoever listens has to find this node first.
DISCOVERY_S = 1.0
# A worker that hangs in the disk must not keep the process from its end.
END_S = 2.0


class CaptureNode(ManagedNode[CaptureParameters]):
    """Serves photos, clips and the library; publishes `recordings` and `media_events`."""

    NAME = 'capture_node'
    PARAMETERS = CaptureParameters

    def open(self) -> None:
        """Know where things lie; the store comes with session_node."""
        parameters = self.parameters
        self._home = camera_home.open_home(self.get_namespace(), parameters.data_folder)
        self._remote: RemoteStore | None = None
        if parameters.remote_url:
            name = self.get_namespace().strip('/').replace('/', '.')
            self._remote = open_remote(parameters.remote_url, parameters.remote_options_file, name)
        self._upload: MediaUpload | None = None
        self._keeper: MediaKeeper | None = None
        self._parts: CaptureParts | None = None

    def start(self) -> None:
        """Listen and answer; until the store is there, with a refusal that says so."""
        parameters = self.parameters
        self._limits = _limits(parameters)
        self._ending = threading.Event()
        self._order = threading.Event()
        self._seen = PeopleSeen(parameters.clip_at_most_s + parameters.preroll_s)
        self._video = {each == ANNOTATED: self._video_tap(each) for each in VIDEO_CHANNELS}
        self._taps = {
            name == ANNOTATED: PictureTap(self, channel.frames, self._memory())
            for name, channel in VIDEO_CHANNELS.items()
        }
        self._sessions = SessionClient(self)
        self._people = CapturePeople(self, self)
        self._subscriptions_made = [
            self.create_subscription(FaceArray, 'faces', self._on_faces, NEWEST_QOS),
            self.create_subscription(
                ParameterEvent,
                '/parameter_events',
                self._on_parameters,
                qos_profile_parameter_events,
            ),
        ]
        self._requests = CaptureRequests(self, self._given_parts)
        self._gestures = CaptureGestures(
            self, self._given_parts, self._people.sessions, lambda: self.parameters
        )
        self._workers = [
            self.spawn(tap.work, f'pictures {annotated}') for annotated, tap in self._taps.items()
        ]
        self._workers.append(self.spawn(self._keep, 'library'))
        self._settle(parameters)

    def stop(self) -> None:
        """Answer no more; what is recorded is over, and kept.

        Launchers kill whoever takes longer than 10 s: what a slow disk has not kept by then is kept at
        the next start.
        """
        for event in ('_ending', '_order'):
            if event in self.__dict__:
                self.__dict__[event].set()
        # First what others wait for, then those who wait.
        video = self.__dict__.get('_video', {}).values()
        recorders = [tap.recorder for tap in video]
        sessions = [self._sessions] if '_sessions' in self.__dict__ else []
        for part in (*recorders, *sessions, *video, *self.__dict__.get('_taps', {}).values()):
            part.close()
        for name in ('_people', '_gestures', '_requests'):
            if part := self.__dict__.pop(name, None):
                part.close()
        for worker in self.__dict__.pop('_workers', ()):
            worker.join(END_S)
        if self._parts is not None:
            self._parts.announcer.close()
        if self._keeper is not None:
            self._keeper.close()
        self._parts = self._keeper = None
        for subscription in self.__dict__.pop('_subscriptions_made', ()):
            self.destroy_subscription(subscription)

    def parameters_changed(self, old: CaptureParameters, new: CaptureParameters) -> None:
        """Take new limits at once."""
        if self.is_running:
            self._limits = _limits(new)
            self._settle(new)
            self._order.set()

    def _on_parameters(self, event: ParameterEvent) -> None:
        """From the moment on that strangers are to be blurred, none is to be had from memory."""
        if event.node != f'{self.get_namespace().rstrip("/")}/{OVERLAY}':
            return
        for parameter in (*event.new_parameters, *event.changed_parameters):
            if parameter.name == BLUR and parameter.value.bool_value:
                for video in self._video.values():
                    video.recorder.forget_packets()
                for tap in self._taps.values():
                    tap.forget()

    def people_changed(self) -> None:
        """See `capture_people.Host`."""
        self._settle(self.parameters)

    def person_left(self, identity: str, *, is_forgotten: bool) -> None:
        """See `capture_people.Host`. Who has gone records no longer; what there is is kept."""
        if is_forgotten:
            self._seen.forget(identity)
        if self._parts is not None:
            self._parts.jobs.end_clips_of(identity)

    def diagnose(self) -> list[DiagnosticStatus]:
        """The library, what is being recorded, and whether there is video."""
        keeper, parts = self._keeper, self._parts
        ok, warn = DiagnosticStatus.OK, DiagnosticStatus.WARN
        if keeper is None:
            return [self.diagnostic('library', warn, 'waiting for session_node to make the store')]
        if parts is None:
            problem = keeper.problem or 'finishing what the last end has left'
            return [self.diagnostic('library', warn, problem)]
        free_bytes, video = keeper.free_bytes(), self._video.values()
        return [
            *self._diagnose_copies(),
            self.diagnostic(
                'library',
                warn if keeper.problem else ok,
                keeper.problem or 'in order',
                folder=keeper.library.folder.root,
                free_mib='unknown' if free_bytes is None else free_bytes // MIB,
            ),
            self.diagnostic(
                'recordings',
                ok,
                f'{len(parts.jobs.running)} running',
                video='taken' if any(tap.is_open for tap in video) else 'not needed',
                packets=sum(tap.received for tap in video),
            ),
        ]

    def _diagnose_copies(self) -> list[DiagnosticStatus]:
        """The remote store, if there is one."""
        if self._upload is None:
            return []
        try:
            status = self._upload.status()
        except StoreError as error:
            return [self.diagnostic('copies', DiagnosticStatus.ERROR, str(error))]
        is_behind = status.recovery.state is RecoveryState.WAITING_TO_RETRY
        problem = status.problem or (status.recovery.last_error if is_behind else '')
        return [
            self.diagnostic(
                'copies',
                DiagnosticStatus.WARN if problem else DiagnosticStatus.OK,
                problem or 'in order',
                pending=status.pending,
                leaving=status.leaving,
                next_try_s=f'{status.recovery.next_try_s:.0f}',
            )
        ]

    def _memory(self) -> PhotoMemory:
        return PhotoMemory(self.parameters.photo_memory_s, self.parameters.photo_memory_mib * MIB)

    def _video_tap(self, name: str) -> VideoTap:
        """The packets of a channel, and what records them."""
        ring = PacketRing(self.parameters.preroll_s + RING_MARGIN_S, RING_MIB * MIB)

        def at_most() -> int:
            # A clip of the other channel may go on after a change of `clip_channel`.
            other = self._video[name != ANNOTATED].recorder
            return self.parameters.recordings_at_most - other.count

        return VideoTap(self, VIDEO_CHANNELS[name].video, Recorder(ring, at_most))

    def _given_parts(self) -> CaptureParts | None:
        return self._parts

    def _keep(self) -> None:
        """Open the library as soon as it can be, then keep it in order."""
        ending, order = self._ending, self._order
        keeper = await_keeper(lambda: MediaKeeper(self._home.store, self._home.keys), ending)
        if keeper is None:
            return
        self._keeper = keeper
        recorders = {annotated: tap.recorder for annotated, tap in self._video.items()}
        maker = MediaMaker(keeper.library, recorders, self._seen, keeper.camera_id)
        found = await_recovery(keeper, maker.salvage, ending)
        if found is None:
            return
        if found != Recovered():
            self.get_logger().info(f'after the last end: {found}')
        for problem in found.problems:
            self.get_logger().error(problem)
        announcer = CaptureAnnouncer(self, keeper.library, maker, order.set)
        needed = {annotated: tap.needed for annotated, tap in self._video.items()}
        jobs = CaptureJobs(maker, self._taps, needed, announcer, lambda: self.parameters)
        if ending.is_set():
            # Told to end meanwhile, and perhaps not waited for.
            announcer.close()
            return
        self._parts = CaptureParts(keeper.library, jobs, announcer, self._sessions, self._seen)
        if found.kept and not ending.wait(DISCOVERY_S):
            announcer.salvaged(found.kept)
        with self._copying(keeper) as wake:
            while not ending.is_set():
                for record in keeper.put_in_order(self._limits):
                    announcer.deleted(record, RETENTION)
                jobs.keep_left()
                found = keeper.recover_left(found, maker.salvage)
                announcer.salvaged(found.kept)
                wake()
                order.wait(ORDER_PERIOD_S)
                order.clear()

    @contextlib.contextmanager
    def _copying(self, keeper: MediaKeeper) -> Iterator[Callable[[], None]]:
        """Have copies made within the block, if they are to be; yields what tells of news."""
        if self._remote is None:
            yield lambda: None
            return
        self._upload = upload = MediaUpload(keeper.store, keeper.library.folder, self._remote)
        worker = self.spawn(upload.run, 'copies')
        try:
            yield upload.wake
        finally:
            upload.stop()
            worker.join()
            self._upload = None

    def _settle(self, parameters: CaptureParameters) -> None:
        """Keep pictures and video of the last moment while somebody may want them, and only then."""
        people = self.__dict__.get('_people')
        if people is None:
            return
        self._seen.keep(parameters.clip_at_most_s + parameters.preroll_s)
        self._taps[False].keep(people.anybody_may(CAPTURE))
        is_recorder_here = parameters.preroll == WHILE_CHECKED_IN and people.anybody_may(RECORD)
        is_wanted = parameters.preroll == ALWAYS or is_recorder_here
        for annotated, video in self._video.items():
            video.recorder.keep(parameters.preroll_s + RING_MARGIN_S)
            video.keep(is_wanted and annotated == parameters.clips_are_annotated)

    def _on_faces(self, message: FaceArray) -> None:
        self._seen.note(message.monotonic_ns, [face.identity for face in message.faces])


def _limits(parameters: CaptureParameters) -> RetentionLimits:
    return RetentionLimits(
        age_days=parameters.keep_days,
        count=parameters.keep_count,
        bytes=parameters.keep_mib * MIB,
        free_bytes=parameters.free_mib * MIB,
        only_uploaded=bool(parameters.remote_url),
    )


def main(args: list[str] | None = None) -> None:
    """Run the capture node."""
    run_node(CaptureNode, args)
