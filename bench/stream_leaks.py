"""Whether a push that is lost again and again keeps anything: sockets, threads, memory.

`python -m bench.stream_leaks URL KEY` pushes a small coded pattern with the engine and the RTMP of
the camera, and prints each state of the push, until its standard input ends. It is a process of its
own, so that nothing but the push is in it; pauses and time-outs are short, so that 200 losses fit
into a minute.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import cv2
import psutil

from mmoment_camera.pattern import PatternPainter
from mmoment_node.recovery import BackOff, RecoveryState
from mmoment_stream.push_target import Ingest, PushTarget
from mmoment_stream.rtmp_sink import RtmpLimits, RtmpSink
from mmoment_stream.stream_push import PushLimits, StreamPush
from mmoment_stream.video_packet import VideoPacket
from tests.standins.faulty_peers import Relay
from tests.standins.rtmp_server import RtmpServer

KEY = 'leaks'
SIZE, FPS, KEYFRAME_EVERY, PICTURES = (320, 180), 30, 5, 60
BACK_OFF = BackOff(first_s=0.02, cap_s=0.05)
TIMES_OUT_S = 0.4
# Until libraries and buffers have what they keep for good.
WARM_UP = 40
PATIENCE_S = 15.0
# Every so many losses one is a server that hangs, which takes the time-out.
HANGS_EVERY = 10


@dataclass(frozen=True, slots=True)
class Kept:
    """What a process holds at one moment."""

    descriptors: int
    threads: int
    resident_mib: float


@dataclass(frozen=True, slots=True)
class Leaks:
    """What was more after all losses than after the first ones. lost: how often it was not live again."""

    cycles: int
    lost: int
    descriptors: int
    threads: int
    resident_mib: float
    rss_growth: float


def leaks(cycles: int) -> Leaks:
    """Lose a push that often. Raises RuntimeError where it does not even begin."""
    with RtmpServer() as server, Relay(server.port) as relay, Pusher(relay.port) as pusher:
        if not pusher.await_live(0):
            raise RuntimeError('the push of the leak check does not become live')
        deeds = _deeds(server, relay, pusher)
        lost, before = 0, pusher.kept()
        for number in range(cycles):
            deed = deeds[-1] if number % HANGS_EVERY == HANGS_EVERY - 1 else deeds[number % 3]
            seen = pusher.times_live
            deed()
            lost += not pusher.await_live(seen)
            if number + 1 == min(WARM_UP, cycles // 2):
                before = pusher.kept()
        after = pusher.kept()
    return Leaks(
        cycles=cycles,
        lost=lost,
        descriptors=after.descriptors - before.descriptors,
        threads=after.threads - before.threads,
        resident_mib=after.resident_mib - before.resident_mib,
        rss_growth=after.resident_mib / before.resident_mib - 1,
    )


def _deeds(server: RtmpServer, relay: Relay, pusher: Pusher) -> tuple[Callable[[], object], ...]:
    """Ways to lose a connection; with the last one it stays open and takes nothing."""

    def hang() -> None:
        relay.freeze()
        pusher.await_state(lambda state: state != RecoveryState.LIVE)
        relay.thaw()

    return relay.reset_all, lambda: server.drop(KEY), server.restart, hang


class Pusher:
    """The process that pushes, through a relay on this port."""

    def __init__(self, port: int) -> None:
        self.times_live = 0
        self._state = -1
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'bench.stream_leaks', f'rtmp://127.0.0.1:{port}/live', KEY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Pusher:
        return self

    def __exit__(self, *what: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(PATIENCE_S)

    def await_live(self, seen: int) -> bool:
        """Whether it becomes live once more than that often."""
        with self._changed:
            return self._changed.wait_for(lambda: self.times_live > seen, PATIENCE_S)

    def await_state(self, is_right: Callable[[int], bool]) -> bool:
        """Whether it comes into such a state."""
        with self._changed:
            return self._changed.wait_for(lambda: is_right(self._state), PATIENCE_S)

    def kept(self) -> Kept:
        """What it holds now."""
        process = psutil.Process(self._process.pid)
        resident = process.memory_info().rss / 2**20
        return Kept(process.num_fds(), process.num_threads(), resident)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._changed:
                    self._state = int(line)
                    self.times_live += self._state == RecoveryState.LIVE
                    self._changed.notify_all()


# --- the process that pushes ----------------------------------------------------------------------


class _OnePlace:
    """A provider that always says the same."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest

    def ingest(self, cancelled: threading.Event) -> Ingest:
        return self._ingest

    def health(self, cancelled: threading.Event) -> None:
        return None

    def close(self) -> None:
        pass


def coded_pattern() -> list[VideoPacket]:
    """Two seconds of numbered pictures, keyframes often."""
    width, height = SIZE
    encoder = av.CodecContext.create('libx264', 'w')
    encoder.width, encoder.height, encoder.pix_fmt = width, height, 'yuv420p'
    encoder.time_base = Fraction(1, FPS)
    rhythm = f'keyint={KEYFRAME_EVERY}:min-keyint={KEYFRAME_EVERY}:scenecut=0'
    encoder.options = {
        'preset': 'ultrafast',
        'tune': 'zerolatency',
        'x264-params': f'{rhythm}:repeat-headers=1:annexb=1',
    }
    painter = PatternPainter(width, height)
    packets = []
    for number in range(PICTURES):
        planes = cv2.cvtColor(painter.paint(number, 0), cv2.COLOR_BGR2YUV_I420)
        frame = av.VideoFrame.from_ndarray(planes, format='yuv420p')
        frame.pts, frame.time_base = number, encoder.time_base
        (coded,) = encoder.encode(frame)
        key = bool(coded.is_keyframe)
        packets.append(VideoPacket(bytes(coded), 0, 0, 0, 0, 1, key, True, width, height))
    return packets


def main(url: str, key: str) -> None:
    """Push until standard input ends."""
    told = [-1]

    def tell() -> None:
        state = int(push.report().push.state)
        if state != told[-1]:
            told[:] = [state]
            print(state, flush=True)

    limits = RtmpLimits(connect_s=TIMES_OUT_S, answer_s=TIMES_OUT_S, stall_s=TIMES_OUT_S)
    push = StreamPush(
        PushTarget('leaks'),
        _OnePlace(Ingest(url, key)),
        lambda ingest: RtmpSink(limits),
        request_keyframe=lambda: None,
        limit=lambda kbps: None,
        on_change=tell,
        back_off=BACK_OFF,
        limits=PushLimits(),
    )
    threading.Thread(target=push.run, daemon=True).start()
    threading.Thread(target=_offer, args=(push,), daemon=True).start()
    sys.stdin.read()
    push.stop()


def _offer(push: StreamPush) -> None:
    began_s, packets = time.monotonic(), coded_pattern()
    for number in itertools.count():
        time.sleep(max(0.0, began_s + number / FPS - time.monotonic()))
        packet = packets[number % len(packets)]
        now_ns = time.monotonic_ns()
        push.offer(
            replace(packet, monotonic_ns=now_ns, sequence=number + 1, frame_sequence=number + 1)
        )


if __name__ == '__main__':
    main(*sys.argv[1:])
