"""What photos and clips are made with, for tests: a real library, recorder, packets and pictures."""

from __future__ import annotations

import contextlib
import time
from concurrent import futures
from dataclasses import replace

from clip_world import wait_until
from coded_video import SECOND_NS, START_NS, coded, later
from library_world import ANNA, LibraryWorld

from mmoment_camera.pattern import PatternPainter
from mmoment_stream.capture_jobs import CaptureJobs
from mmoment_stream.capture_parameters import CaptureParameters
from mmoment_stream.media_draft import Origin
from mmoment_stream.media_maker import ClipLength, MediaMaker
from mmoment_stream.packet_ring import PacketRing
from mmoment_stream.people_seen import PeopleSeen
from mmoment_stream.photo_memory import KeptPicture
from mmoment_stream.recorder import Recorder

MIB = 1 << 20
FPS = 30
GESTURE = Origin(ANNA, None, 'gesture', 'thumb_up')


def origin(wallet=ANNA, **changes):
    return replace(GESTURE, wallet=wallet, **changes)


def present(count, ahead_s=0.0, **more):
    """`count` packets of which the last one is of this moment, or of one that is ahead."""
    packets = coded(count, **more)
    now_ns = time.monotonic_ns() + round(ahead_s * SECOND_NS)
    return later(packets, now_ns - packets[-1].monotonic_ns)


def picture(number=7, monotonic_ns=START_NS, utc_ns=1_700_000_000 * SECOND_NS, live=True):
    image = PatternPainter(320, 180).paint(number, monotonic_ns)
    return KeptPicture(image, monotonic_ns, utc_ns, number, live)


class MakerWorld(LibraryWorld):
    """A library, and what makes photos and clips for it."""

    def __init__(self, folder, at_most=4, **store_options):
        super().__init__(folder, **store_options)
        self.seen = PeopleSeen(60.0)
        self.recorder = Recorder(PacketRing(5.0, 64 * MIB), lambda: at_most)
        with self.key() as key:
            self.camera_id = key.camera_id
        self.drawn_recorder = Recorder(PacketRing(5.0, 64 * MIB), lambda: at_most)
        recorders = {False: self.recorder, True: self.drawn_recorder}
        self.maker = MediaMaker(self.library, recorders, self.seen, self.camera_id)

    def give(self, packets):
        for packet in packets:
            self.recorder.take(packet)

    def clip_of(self, packets, wallet=ANNA):
        """Begin a clip that is asked for after these packets, with the second before."""
        asked_ns = packets[-1].monotonic_ns + SECOND_NS // FPS
        length = ClipLength(0.99, 60.0, 60.0)
        return self.maker.begin_clip(origin(wallet), asked_ns, self.clock.now_ms, length)

    def close(self):
        self.recorder.close()
        self.drawn_recorder.close()
        for clip in self.maker.running:
            clip.recording.finish()
        super().close()


class Told:
    """An announcer that remembers."""

    def __init__(self):
        self.all = []

    def kept(self, record, reason=''):
        self.all.append(('kept', record.media_id, reason))

    def started(self, clip):
        self.all.append(('started', clip.media_id))

    def over(self):
        self.all.append(('over',))

    def failed(self, kind, origin, refusal):
        self.all.append(('failed', kind, refusal.code))

    def words(self):
        return [each[0] for each in self.all]


class OnePicture:
    """A camera that shows this and nothing else."""

    def __init__(self, shown):
        self.shown = shown
        self.asked = []

    def nearest(self, moment_ns, patience_s):
        self.asked.append(moment_ns)
        return self.shown


class JobsWorld(MakerWorld):
    """The jobs of capture_node, without a node."""

    def __init__(self, folder, parameters=None, **more):
        super().__init__(folder, **more)
        self.told = Told()
        self.parameters = parameters or CaptureParameters()
        self.clean = OnePicture(None)
        self.annotated = OnePicture(None)
        self.video_needed_by = self.drawn_video_needed_by = 0
        self._pool = futures.ThreadPoolExecutor(8)
        self.jobs = CaptureJobs(
            self.maker,
            {False: self.clean, True: self.annotated},
            {False: self._video, True: self._drawn_video},
            self.told,
            lambda: self.parameters,
        )

    @contextlib.contextmanager
    def _video(self):
        self.video_needed_by += 1
        try:
            yield
        finally:
            self.video_needed_by -= 1

    @contextlib.contextmanager
    def _drawn_video(self):
        self.drawn_video_needed_by += 1
        try:
            yield
        finally:
            self.drawn_video_needed_by -= 1

    def recording(self, wallet=ANNA, **wish):
        """A clip that somebody waits for in another thread, begun; a future of what comes of it."""
        begun = self.told.words().count('started')
        job = self._pool.submit(self.jobs.clip, origin(wallet), time.monotonic_ns(), **wish)
        wait_until(lambda: job.done() or self.told.words().count('started') > begun)
        return job

    def close(self):
        self.recorder.close()
        self.drawn_recorder.close()
        self._pool.shutdown()
        super().close()
