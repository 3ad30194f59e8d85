"""A stream_node that is played: real services and topics; nothing leaves this machine."""

import time

import rclpy
from builtin_interfaces.msg import Time
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_srvs.srv import Trigger

from mmoment_interfaces.msg import (
    ComponentState,
    EncoderStatus,
    StreamSettings,
    StreamStatus,
    StreamTarget,
    StreamTargetStatus,
)
from mmoment_interfaces.srv import ConfigureStream, StartStream, StopStream

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
KEY_FOLDER = '/home/camera/stream'
TELL_S = 0.25


def stamp(seconds):
    return Time(sec=int(seconds), nanosec=int(seconds % 1 * 1e9))


def state(number, **fields):
    """A state that was entered just now."""
    return ComponentState(state=number, since=stamp(time.time()), **fields)


def parameters():
    """The settings that stand in its configuration."""
    return StreamSettings(
        channel='public',
        schedule='always',
        targets=[
            StreamTarget(
                name='main',
                provider='rtmp',
                url='rtmps://media.example.org/live',
                key_file='main.key',
                enabled=True,
            )
        ],
    )


class PlayedStreamNode:
    """Targets are as `targets` says; by default those of the settings, live once it is started.

    started: names of targets that were started one by one while not all are wanted.
    refusal: a code that is answered to all while it is set. asked: names and requests.
    """

    def __init__(self, context, namespace):
        self.node = rclpy.create_node('stream_node', namespace=namespace, context=context)
        self.settings, self.targets = parameters(), None
        self.wanted, self.held_back = False, ''
        self.started = set()
        self.since = time.time()
        self.is_silent = False
        self.refusal, self.asked = '', []
        group = ReentrantCallbackGroup()
        for kind, name, work in (
            (StartStream, 'start_stream', self._start),
            (StopStream, 'stop_stream', self._stop),
            (ConfigureStream, 'configure_stream', self._configure),
            (Trigger, 'refresh_stream', None),
        ):
            answer = self._answering(name, work)
            self.node.create_service(kind, name, answer, callback_group=group)
        self._status = self.node.create_publisher(StreamStatus, 'stream_status', LATCHED)
        self._encoder = self.node.create_publisher(EncoderStatus, 'encoder_status', LATCHED)
        self.node.create_timer(TELL_S, self.tell, callback_group=group)

    def close(self):
        self.node.destroy_node()

    def names_asked(self):
        return [name for name, _ in self.asked]

    # --- what is asked ------------------------------------------------------------------------

    def _answering(self, name, work):
        def answer_to(request, answer):
            self.asked.append((name, request))
            answer.success = not self.refusal
            if self.refusal:
                answer.message = f'Because of {self.refusal}'
                if name != 'refresh_stream':
                    answer.error_code = self.refusal
            elif work is not None:
                work(request, answer)
            self.tell()
            return answer

        return answer_to

    def _start(self, request, answer):
        if request.target:
            self._have(self.started_now() | {request.target})
        else:
            self._want(True)
        answer.status = self.status()

    def _stop(self, request, answer):
        if request.target:
            self._have(self.started_now() - {request.target})
        else:
            self._want(False)
        answer.status = self.status()

    def _want(self, wanted):
        self.wanted, self.since = wanted, time.time()
        self.started = set()

    def _have(self, names):
        self._want(False)
        self.started = names

    def started_now(self):
        all_of_them = {target.name for target in self.settings.targets}
        return all_of_them if self.wanted else self.started

    def _configure(self, request, answer):
        for target in request.settings.targets:
            if '/' in target.key_file:
                answer.success, answer.error_code = False, 'malformed'
                answer.message = f'target {target.name}: key_file has to be the name of a file'
                return
        for field in request.fields:
            setattr(self.settings, field, getattr(request.settings, field))
        if request.forget:
            self.settings = parameters()
        answer.settings, answer.key_folder = self.settings, KEY_FOLDER

    # --- what is told -------------------------------------------------------------------------

    def status(self):
        pushed = self.targets
        if pushed is None:
            pushed = [self._target(target) for target in self.settings.targets]
        live = [target.push for target in pushed if target.push.state == ComponentState.LIVE]
        others = [target.push for target in pushed if target.enabled]
        return StreamStatus(
            wanted=self.wanted or bool(self.started),
            live=bool(live),
            held_back=self.held_back,
            push=(live or others or [ComponentState()])[0],
            channel=self.settings.channel,
            schedule=self.settings.schedule,
            bitrate_kbps=self.settings.bitrate_kbps,
            targets=pushed,
        )

    def _target(self, target):
        wanted = target.name in self.started_now()
        number = ComponentState.LIVE if wanted else ComponentState.IDLE
        return StreamTargetStatus(
            name=target.name,
            provider=target.provider,
            address=target.url,
            enabled=target.enabled,
            wanted=wanted,
            push=ComponentState(state=number, since=stamp(self.since)),
        )

    def tell(self):
        if not self.is_silent:
            self._status.publish(self.status())
            self._encoder.publish(EncoderStatus(encoder='libx264', channel='public'))
