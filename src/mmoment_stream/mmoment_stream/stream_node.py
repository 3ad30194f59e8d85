"""stream_node: pushes the scene to Livepeer or any server, for as long as it is wanted."""

from __future__ import annotations

import contextlib
import functools
import re
import secrets
import threading
from collections.abc import Iterable
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import Header

from mmoment_chain import camera_home
from mmoment_interfaces.msg import StreamStatus
from mmoment_node.errors import ConfigurationError
from mmoment_node.managed_node import ManagedNode, run_node
from mmoment_node.recovery import BackOff, RecoveryState
from mmoment_stream.durable import keep, sweep_drafts
from mmoment_stream.errors import Refused
from mmoment_stream.livepeer_models import LivepeerOptions
from mmoment_stream.push_figures import PushFigures
from mmoment_stream.push_sinks import make_sink
from mmoment_stream.push_target import PushTarget
from mmoment_stream.stream_director import Ask, StreamDirector
from mmoment_stream.stream_memory import StreamMemory
from mmoment_stream.stream_messages import (
    Words,
    news_of_target,
    status_message,
    stream_values,
    target_values,
    words_of,
    words_of_target,
)
from mmoment_stream.stream_parameters import RENDITIONS_SOURCE, StreamParameters, settings_of
from mmoment_stream.stream_places import FOLDER_NAME, livepeer_memory
from mmoment_stream.stream_provider import open_provider
from mmoment_stream.stream_push import StreamPush
from mmoment_stream.stream_requests import StreamRequests
from mmoment_stream.stream_schedule import Presence
from mmoment_stream.stream_targets import SETTINGS_NAME
from mmoment_stream.stream_topics import StreamSessions, StreamVideo
from mmoment_stream.video_qos_topics import LATCHED_QOS

TAG_NAME = '.camera'
TAG = re.compile(r'[0-9a-f]{8}')
STATUS_PERIOD_S = 1.0
IDLE = RecoveryState.IDLE.name.lower()
# A worker that hangs in the disk must not keep the process from its end.
END_S = 1.0


class StreamNode(ManagedNode[StreamParameters]):
    """Pushes; publishes `stream_status`; serves start_, stop_, configure_ and refresh_stream."""

    NAME = 'stream_node'
    PARAMETERS = StreamParameters

    def open(self) -> None:
        """Know what is wanted; keys are read when they are needed, so they may come later."""
        parameters = self.parameters
        try:
            settings = settings_of(parameters)
        except Refused as refusal:
            raise ConfigurationError(f'{self.NAME}: targets: {refusal.text}') from None
        home = camera_home.open_home(self.get_namespace(), parameters.data_folder)
        self._folder = _opened(home.folder / FOLDER_NAME)
        self._camera = _camera_tag(self._folder)
        self._memory = StreamMemory(
            self._folder / SETTINGS_NAME,
            settings,
            is_wanted_at_start=parameters.stream_at_start,
        )

    def start(self) -> None:
        """Push what is wanted, and listen."""
        self._ending = threading.Event()
        self._news = threading.Event()
        self._presence = Presence()
        self._said: dict[str, str] = {}
        self._director = StreamDirector(
            self._memory, lambda: self._presence.is_anybody_here, self._make_push, self.spawn
        )
        self._video = StreamVideo(self, self._director.offer)
        self._sessions = StreamSessions(self, self._on_sessions)
        self._status = self.create_publisher(StreamStatus, 'stream_status', LATCHED_QOS)
        self._worker = self.spawn(self._look_after, 'director')
        self._requests = StreamRequests(
            self, self._director, self._memory, str(self._folder), self._news.set
        )

    def stop(self) -> None:
        """End all pushes; what is wanted is remembered."""
        for name in ('_ending', '_news'):
            if event := self.__dict__.get(name):
                event.set()
        if director := self.__dict__.get('_director'):
            director.close()
        if worker := self.__dict__.pop('_worker', None):
            worker.join(END_S)
        for name in ('_requests', '_sessions', '_video'):
            if part := self.__dict__.pop(name, None):
                part.close()
        if publisher := self.__dict__.pop('_status', None):
            self.destroy_publisher(publisher)

    def parameters_changed(self, old: StreamParameters, new: StreamParameters) -> None:
        """Take new settings at once; pushes to targets that are the same go on."""
        try:
            settings = settings_of(new)
        except Refused as refusal:
            raise ValueError(refusal.text) from None
        if '_memory' not in self.__dict__:
            return
        self._memory.take_parameters(settings)
        if hidden := self._memory.given:
            self.get_logger().warning(
                f'configure_stream has set {", ".join(hidden)}: the parameters of these names '
                'count when it is told to forget that'
            )
        if self.is_running:
            self._news.set()

    def diagnose(self) -> list[DiagnosticStatus]:
        """The push as a whole, then each target, in words made from what `stream_status` says."""
        status = self._message()
        return [
            self._diagnosis('stream', words_of(status), stream_values(status)),
            *(
                self._diagnosis(f'target {each.name}', words_of_target(each), target_values(each))
                for each in status.targets
            ),
        ]

    def _diagnosis(self, concern: str, words: Words, values: dict[str, object]) -> DiagnosticStatus:
        level = DiagnosticStatus.WARN if words.is_problem else DiagnosticStatus.OK
        return self.diagnostic(concern, level, words.text, **values)

    def _look_after(self) -> None:
        """Do what is wanted, and tell how it goes, after every change and once a second."""
        sessions, video, status = self._sessions, self._video, self._status
        while not self._ending.is_set():
            self._news.clear()
            self._presence.look(sessions.is_anybody_telling)
            self._director.settle()
            channel = self._memory.wish.settings.channel if self._director.needs_video else ''
            if video.settle(channel, self._director.limit_kbps):
                self._director.skip()
            message = self._message()
            status.publish(message)
            self._log(message)
            self._news.wait(STATUS_PERIOD_S)

    def _log(self, status: StreamStatus) -> None:
        """Say what has become of each push, once."""
        for each in status.targets:
            news = news_of_target(each)
            if not news or self._said.get(each.name, IDLE) == news:
                continue
            self._said[each.name] = news
            text = f'push to {each.name}: {news}'
            if each.push.state == RecoveryState.FAILED:
                self.get_logger().error(text)
            elif each.push.state == RecoveryState.WAITING_TO_RETRY:
                self.get_logger().warning(text)
            else:
                self.get_logger().info(text)

    def _on_sessions(self, ends_s: Iterable[float]) -> None:
        self._presence.hear(ends_s)
        self._news.set()

    def _make_push(self, target: PushTarget, figures: PushFigures, ask: Ask) -> StreamPush:
        parameters = self.parameters
        provider = open_provider(
            target,
            self._folder,
            stream_name=f'{self.get_namespace().strip("/")}-{target.name}-{self._camera}',
            memory=livepeer_memory(self._folder, target.name),
            livepeer=_livepeer_options(parameters),
        )
        ca_file = Path(parameters.ca_file) if parameters.ca_file else None

        def limit(kbps: int) -> None:
            ask(kbps)
            self._news.set()

        return StreamPush(
            target,
            provider,
            functools.partial(make_sink, ca_file=ca_file),
            request_keyframe=self._video.request_keyframe,
            limit=limit,
            on_change=self._news.set,
            figures=figures,
            back_off=BackOff(parameters.retry_first_s, parameters.retry_at_most_s),
        )

    def _message(self) -> StreamStatus:
        header = Header(stamp=self.get_clock().now().to_msg())
        return status_message(self._director.report(), header)


def _opened(folder: Path) -> Path:
    """The folder of keys and settings, made if it is not there. Raises ConfigurationError."""
    try:
        folder.mkdir(mode=camera_home.FOLDER_MODE, exist_ok=True)
        sweep_drafts(folder)
    except (OSError, Refused) as error:
        raise ConfigurationError(f'{folder} cannot be made or written to: {error}') from error
    return folder


def _camera_tag(folder: Path) -> str:
    """Tells the streams of this camera from those of another of the same name; made once."""
    path = folder / TAG_NAME
    with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
        tag = path.read_text(encoding='ascii').strip()
        if TAG.fullmatch(tag) is not None:
            return tag
    # Also in place of one that a full disk has left empty: streams of no tag are of several cameras.
    tag = secrets.token_hex(4)
    keep(path, tag.encode())
    return tag


def _livepeer_options(parameters: StreamParameters) -> LivepeerOptions:
    return LivepeerOptions(
        base_url=parameters.livepeer_url,
        record=parameters.livepeer_record,
        profiles=() if parameters.livepeer_renditions == RENDITIONS_SOURCE else None,
        multistream_file=parameters.livepeer_multistream_file,
        ca_file=parameters.ca_file,
    )


def main(args: list[str] | None = None) -> None:
    """Run the stream node."""
    run_node(StreamNode, args)
