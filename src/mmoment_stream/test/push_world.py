"""For tests of the push: packets, a sink and a provider that fail as told, and a push in its thread."""

from __future__ import annotations

import contextlib
import threading
import time

from mmoment_node.recovery import BackOff
from mmoment_stream.push_target import (
    Cancelled,
    Ingest,
    ProviderHealth,
    PushError,
    PushTarget,
)
from mmoment_stream.stream_push import PushLimits, StreamPush
from mmoment_stream.video_packet import VideoPacket

SECOND_NS = 1_000_000_000
PATIENCE_S = 10.0
KEY = 'secret-key-1234'
INGEST = Ingest('rtmp://127.0.0.1:1/live', KEY)
QUICK = PushLimits(
    slate_after_s=30.0,
    first_video_s=30.0,
    keyframe_every_s=0.05,
    look_again_s=0.05,
    lasting_s=30.0,
    health_s=0.05,
)
QUICK_BACK_OFF = BackOff(first_s=0.02, cap_s=0.05)


def packet(sequence, *, keyframe=False, at_ns=None, epoch=1, size_bytes=100, live=True, sets=b'a'):
    """A picture that no decoder would take, at 30 per second unless told."""
    unit = b'\0\0\0\1\x67' + sets + b'\0\0\0\1\x68b\0\0\0\1\x65' if keyframe else b'\0\0\0\1\x41'
    return VideoPacket(
        data=unit + b'x' * (size_bytes - len(unit)),
        monotonic_ns=sequence * SECOND_NS // 30 if at_ns is None else at_ns,
        utc_ns=0,
        sequence=sequence,
        frame_sequence=sequence,
        epoch=epoch,
        keyframe=keyframe,
        live=live,
        width=320,
        height=180,
    )


def until(condition, patience_s=PATIENCE_S):
    """Wait for it."""
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, 'it never came'
        time.sleep(0.002)


class FakeClock:
    """Time stands still unless told."""

    def __init__(self, now_s=1000.0):
        self.now_s = now_s

    def __call__(self):
        return self.now_s


class FakeSink:
    """Notes what it is given. `opening` and `sending`: errors to raise, or 'block' to wait."""

    def __init__(self):
        self.opening = None
        self.sending = None
        self.queued = 0
        self.opened = []
        self.events = []  # ('change', format) and ('send', packet, time_ms)
        self.polls = 0
        self.is_closed = False
        self.is_cancelled = threading.Event()

    @property
    def sent(self):
        return [event[1:] for event in self.events if event[0] == 'send']

    @property
    def changes(self):
        return [event[1] for event in self.events if event[0] == 'change']

    def open(self, ingest, video, *, silent_audio):
        self._meet(self.opening)
        self.opened.append((ingest, video, silent_audio))

    def change(self, video):
        self.events.append(('change', video))

    def send(self, packet, time_ms):
        self._meet(self.sending)
        self.events.append(('send', packet, time_ms))

    def poll(self):
        self._meet(self.sending if self.sending != 'block' else None)
        self.polls += 1

    def queued_bytes(self):
        return self.queued

    def close(self):
        self.is_closed = True

    def cancel(self):
        self.is_cancelled.set()

    def _meet(self, fate):
        if fate == 'block':
            self.is_cancelled.wait(PATIENCE_S)
        if self.is_cancelled.is_set():
            raise Cancelled
        if isinstance(fate, Exception):
            raise fate


class FakeProvider:
    """`answer` and `state` are what it says: values, errors to raise, or 'block'."""

    def __init__(self, answer=INGEST, state=None):
        self.answer, self.state = answer, state
        self.asked = self.asked_health = 0
        self.is_closed = False

    def ingest(self, cancelled):
        self.asked += 1
        return self._say(self.answer, cancelled)

    def health(self, cancelled):
        self.asked_health += 1
        return self._say(self.state, cancelled)

    def close(self):
        self.is_closed = True

    @staticmethod
    def _say(answer, cancelled):
        if answer == 'block':
            assert cancelled.wait(PATIENCE_S)
            raise Cancelled
        if isinstance(answer, Exception):
            raise answer
        return answer


def healthy(checked_s=5.0, issues=()):
    return ProviderHealth(True, not issues, issues, checked_s)


class Encoder:
    """Offers packets at a real pace in a thread, with a keyframe when one is asked for."""

    def __init__(self, fps=60, epoch=1, size_bytes=100):
        self.push = None
        self.period_s = 1 / fps
        self.epoch, self.size_bytes, self.sets = epoch, size_bytes, b'a'
        self.requests = []
        self.is_paused = threading.Event()
        self._wants = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def request_keyframe(self):
        self.requests.append(time.monotonic())
        self._wants.set()

    def begin(self, push):
        self.push = push
        self._thread.start()

    def end(self):
        self._ended.set()
        self._thread.join()

    def _run(self):
        sequence = 0
        while not self._ended.wait(self.period_s):
            if self.is_paused.is_set():
                continue
            sequence += 1
            keyframe = self._wants.is_set()
            self._wants.clear()
            self.push.offer(
                packet(
                    sequence,
                    keyframe=keyframe,
                    at_ns=time.monotonic_ns(),
                    epoch=self.epoch,
                    size_bytes=self.size_bytes,
                    sets=self.sets,
                )
            )


class World:
    """A push in its thread. `sinks`: those that were made; `prepare(sink)` sets each one's fate."""

    def __init__(self, provider=None, *, limits=QUICK, prepare=lambda sink: None, target=None):
        self.provider = provider or FakeProvider()
        self.prepare = prepare
        self.sinks = []
        self.limits = []
        self.reports = []
        self.encoder = Encoder()
        self.push = StreamPush(
            target or PushTarget('main', url=INGEST.url),
            self.provider,
            self._make_sink,
            request_keyframe=self.encoder.request_keyframe,
            limit=self.limits.append,
            on_change=lambda: self.reports.append(self.push.report()),
            back_off=QUICK_BACK_OFF,
            limits=limits,
        )
        self.thread = threading.Thread(target=self.push.run)

    def begin(self, *, with_video=True):
        if with_video:
            self.encoder.begin(self.push)
        self.thread.start()

    @property
    def report(self):
        return self.push.report()

    @property
    def state(self):
        return self.push.report().push.state

    def states(self):
        """Each state that was told, without repetitions."""
        told = [report.push.state for report in self.reports]
        return [state for n, state in enumerate(told) if n == 0 or state != told[n - 1]]

    def end(self):
        self.push.stop()
        if self.thread.ident:
            self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()
        if self.encoder.push is not None:
            self.encoder.end()

    def _make_sink(self, ingest):
        sink = FakeSink()
        fate = self.prepare(sink)
        if isinstance(fate, PushError):
            raise fate
        self.sinks.append(sink)
        return sink


@contextlib.contextmanager
def pushing(*arguments, with_video=True, **more):
    """A world whose push runs."""
    world = World(*arguments, **more)
    world.begin(with_video=with_video)
    try:
        yield world
    finally:
        world.end()
