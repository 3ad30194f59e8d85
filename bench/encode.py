"""The one H.264 encode of the camera: what a picture costs, and what its takers cost beside it.

CPU is that of the whole process, threads and children included, with the conversion of colours.
"""

from __future__ import annotations

import importlib.util
import math
import resource
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from bench.encode_scene import Picture, forth_and_back, scene
from bench.runner import BenchResult, Value
from mmoment_stream.clip_writer import ClipWriter
from mmoment_stream.encoder_backends import SOFTWARE
from mmoment_stream.encoder_choice import EncoderChooser
from mmoment_stream.encoder_parameters import EncoderParameters
from mmoment_stream.encoder_probe import openers
from mmoment_stream.encoder_prober import EncoderProber
from mmoment_stream.picture_planes import PlaneMaker
from mmoment_stream.video_encoder import VideoEncoder, settings_for
from mmoment_stream.video_packet import VideoPacket

SUMMARY = 'H.264 of 720p and 1080p: time per picture, clips beside a stream, and an ffmpeg pipe'
COMPARED_WITH = {
    'ms_per_frame_720p': 'at most 12 ms of CPU, conversion included',
    'ms_per_frame_1080p': '33.3 ms is real time on one core',
    'stream_plus_two_clips_x_one': '1: no second encode',
    'cpu_x_ffmpeg_pipe': 'under 1: ffmpeg fed with raw bgr24, same preset, rate and threads',
}
SIZES = {'720p': (1280, 720), '1080p': (1920, 1080)}
PRESETS = ('ultrafast', 'superfast', 'veryfast')
DEFAULT_PRESET = 'superfast'
FPS = 30
PERIOD_NS = 1_000_000_000 // FPS
# Different pictures; more would only take memory.
SCENE_PICTURES = {'720p': 48, '1080p': 24}
QUICK, FULL = 90, 300
QUICK_ROUNDS, FULL_ROUNDS = 3, 5
PSNR_EVERY = 10


class Shown:
    """A picture as a frame ring hands it out."""

    live = True

    def __init__(self, image: Picture, number: int) -> None:
        self.image = image
        self.sequence = number + 1
        self.monotonic_ns = (number + 1) * PERIOD_NS

    def intact(self) -> bool:
        """Nobody writes over it."""
        return True


@dataclass(frozen=True, slots=True)
class Measured:
    """One pass over the pictures."""

    cpu_ms: float  # per picture
    wall_ms: list[float]
    kbps: float
    packets: list[VideoPacket]


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Measure each size and preset, then the takers, then the reference."""
    cv2.setNumThreads(1)
    count, rounds = (QUICK, QUICK_ROUNDS) if quick else (FULL, FULL_ROUNDS)
    metrics: dict[str, Value] = {}
    notes = [
        f'libx264, {FPS} pictures a second, bitrate and threads as by default; made-up scene with the '
        'noise of a sensor, every picture as fast as it goes',
    ]
    for label, size in SIZES.items():
        progress(f'{label}: painting')
        pictures = scene(*size, SCENE_PICTURES[label])
        for preset in PRESETS:
            progress(f'{label}: {preset}')
            metrics |= _figures(pictures, label, preset, count)
        if label == '720p':
            progress('a stream, then a stream and two clips')
            metrics['stream_plus_two_clips_x_one'] = _takers(pictures, count, rounds)
            progress('ffmpeg, fed with raw pictures')
            metrics |= _reference(pictures, count, rounds, notes)
    metrics |= _trials(notes)
    return BenchResult(metrics=metrics, samples=count * len(SIZES) * len(PRESETS), notes=notes)


def _figures(pictures: Sequence[Picture], label: str, preset: str, count: int) -> dict[str, Value]:
    measured = _encode(pictures, count, preset)
    named = f'{label}_{preset}'
    figures: dict[str, Value] = {f'ms_per_frame_{named}': round(measured.cpu_ms, 2)}
    if preset == DEFAULT_PRESET:
        ordered = sorted(measured.wall_ms)
        figures[f'ms_per_frame_{label}'] = round(measured.cpu_ms, 2)
        figures[f'wall_p50_ms_{label}'] = round(ordered[len(ordered) // 2], 2)
        figures[f'wall_p99_ms_{label}'] = round(ordered[int(len(ordered) * 0.99)], 2)
        figures[f'convert_ms_{label}'] = round(_convert_ms(pictures, count), 2)
    figures[f'psnr_db_{named}'] = round(_psnr_db(pictures, measured.packets), 2)
    figures[f'kbps_{named}'] = round(measured.kbps)
    return figures


def _encode(
    pictures: Sequence[Picture],
    count: int,
    preset: str = DEFAULT_PRESET,
    take: Callable[[VideoPacket], None] = lambda packet: None,
    finish: Callable[[], None] = lambda: None,
) -> Measured:
    """Encode and give each packet away; the opening of the encoder is not counted."""
    parameters = EncoderParameters(encoder=SOFTWARE, preset=preset, fps=float(FPS))
    encoder = VideoEncoder(parameters, EncoderChooser(openers(), EncoderProber()))
    packets: list[VideoPacket] = []
    wall_ms: list[float] = []
    began_s = 0.0
    for number in range(count + 1):
        if number == 1:
            began_s = _cpu_s()
        picture = Shown(pictures[forth_and_back(len(pictures), number)], number)
        entered_s = time.perf_counter()
        new = encoder.encode(picture, picture.monotonic_ns)
        wall_ms.append((time.perf_counter() - entered_s) * 1e3)
        for packet in new:
            take(packet)
        packets += new
    finish()
    used_s = _cpu_s() - began_s
    encoder.release()
    if len(packets) != count + 1:
        raise RuntimeError(f'{len(packets)} packets of {count + 1} pictures')
    size_bytes = sum(len(packet.data) for packet in packets)
    kbps = size_bytes * 8e-3 / (len(packets) / FPS)
    return Measured(used_s * 1e3 / count, wall_ms[1:], kbps, packets)


def _cpu_s() -> float:
    """CPU time of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _convert_ms(pictures: Sequence[Picture], count: int) -> float:
    height, width = pictures[0].shape[:2]
    maker = PlaneMaker(width, height)
    began_s = time.process_time()
    for number in range(count):
        maker.make(pictures[number % len(pictures)])
    return (time.process_time() - began_s) * 1e3 / count


def _psnr_db(pictures: Sequence[Picture], packets: Sequence[VideoPacket]) -> float:
    """Of brightness, mean over some of the pictures."""
    height, width = pictures[0].shape[:2]
    maker = PlaneMaker(width, height)
    decoder = av.CodecContext.create('h264', 'r')
    found = []
    for number, packet in enumerate(packets):
        for frame in decoder.decode(av.Packet(packet.data)):  # type: ignore[attr-defined]
            if number % PSNR_EVERY == 0:
                picture = pictures[forth_and_back(len(pictures), number)]
                decoded = np.ascontiguousarray(frame.to_ndarray(format='yuv420p')[:height])
                found.append(cv2.PSNR(decoded, maker.make(picture)[:height]))
    return statistics.fmean(found)


@contextmanager
def _stream() -> Iterator[Callable[[VideoPacket], None]]:
    """Somebody who takes packets over a socket of this machine."""
    ours, theirs = socket.socketpair()

    def drain() -> None:
        while theirs.recv(1 << 18):
            pass

    thread = threading.Thread(target=drain, daemon=True)
    thread.start()
    try:
        yield lambda packet: ours.sendall(packet.data)
    finally:
        ours.close()
        thread.join()
        theirs.close()


class _TwoClips:
    """Writes two clips beside a stream, the second one from half-way on."""

    def __init__(self, folder: Path, half: int, send: Callable[[VideoPacket], None]) -> None:
        self._send = send
        self._paths = [folder / 'first.mp4', folder / 'second.mp4']
        self._half = half
        self._writers: list[ClipWriter] = []

    def add(self, packet: VideoPacket) -> None:
        """Give a packet to whoever takes it; each clip begins at a keyframe."""
        self._send(packet)
        is_due = not self._writers or (len(self._writers) == 1 and packet.sequence > self._half)
        for writer in self._writers:
            writer.add(packet)
        if is_due and packet.keyframe:
            self._writers.append(ClipWriter(self._paths[len(self._writers)], packet))

    def finish(self) -> None:
        """Close them; raises RuntimeError if they are not whole."""
        summaries = [writer.finish() for writer in self._writers]
        if len(summaries) != 2 or any(summary.dropped for summary in summaries):
            raise RuntimeError(f'the clips are not whole: {summaries}')


def _takers(pictures: Sequence[Picture], count: int, rounds: int) -> float:
    """CPU of a stream with two clips beside it, divided by that of a stream alone."""
    alone, together = [], []
    for _ in range(rounds):
        with _stream() as send:
            alone.append(_encode(pictures, count, take=send).cpu_ms)
        with tempfile.TemporaryDirectory() as folder, _stream() as send:
            clips = _TwoClips(Path(folder), count // 2, send)
            measured = _encode(pictures, count, take=clips.add, finish=clips.finish)
            together.append(measured.cpu_ms)
    return round(statistics.median(together) / statistics.median(alone), 3)


def _reference(
    pictures: Sequence[Picture], count: int, rounds: int, notes: list[str]
) -> dict[str, Value]:
    """Our CPU divided by that of an ffmpeg that gets raw pictures through a pipe."""
    program = _ffmpeg()
    if program is None:
        notes.append('cpu_x_ffmpeg_pipe is null: there is neither ffmpeg nor imageio-ffmpeg here')
        return {'cpu_x_ffmpeg_pipe': math.nan}
    ours = [_encode(pictures, count).cpu_ms for _ in range(rounds)]
    theirs = [_pipe_ms(program, pictures, count) for _ in range(rounds)]
    version = subprocess.run([program, '-version'], capture_output=True, text=True, check=True)
    notes.append(f'reference: {" ".join(version.stdout.split()[:3])}, its writer included')
    return {
        'cpu_x_ffmpeg_pipe': round(statistics.median(ours) / statistics.median(theirs), 3),
        'ffmpeg_pipe_ms_per_frame_720p': round(statistics.median(theirs), 2),
    }


def _ffmpeg() -> str | None:
    found = shutil.which('ffmpeg')
    if found is None and importlib.util.find_spec('imageio_ffmpeg') is not None:
        import imageio_ffmpeg

        found = imageio_ffmpeg.get_ffmpeg_exe()
    return found


def _pipe_ms(program: str, pictures: Sequence[Picture], count: int) -> float:
    """CPU per picture of writing raw pictures and of the ffmpeg that reads and encodes them."""
    height, width = pictures[0].shape[:2]
    wanted = settings_for(EncoderParameters(fps=float(FPS)), width, height)
    rate = f'-b:v {wanted.bitrate_kbps}k -maxrate {wanted.bitrate_kbps}k -bufsize {wanted.bitrate_kbps}k'
    words = (
        f'{program} -hide_banner -loglevel error -f rawvideo -pixel_format bgr24 '
        f'-video_size {width}x{height} -framerate {FPS} -i pipe:0 -c:v libx264 '
        f'-preset {DEFAULT_PRESET} -tune zerolatency -threads {wanted.threads} -pix_fmt yuv420p '
        f'{rate} -g {wanted.keyframe_interval} -bf 0 -f h264 -y /dev/null'
    )
    began_s = _cpu_s()
    process = subprocess.Popen(words.split(), stdin=subprocess.PIPE)
    assert process.stdin is not None
    for number in range(count):
        process.stdin.write(pictures[forth_and_back(len(pictures), number)].data)
    process.stdin.close()
    if process.wait() != 0:
        raise RuntimeError('the ffmpeg of the reference has failed')
    return (_cpu_s() - began_s) * 1e3 / count


def _trials(notes: list[str]) -> dict[str, Value]:
    """How long it takes to find out which hardware encoders work here, and which do."""
    names = [name for name in openers() if name != SOFTWARE]
    began_s = time.monotonic()
    results = list(EncoderProber().results(names, SIZES['720p'], FPS))
    took_s = time.monotonic() - began_s
    notes += [
        f'{result.name}: '
        + (f'works, {result.ms_per_picture:g} ms a picture' if result.usable else result.reason)
        for result in results
    ]
    usable = sum(result.usable for result in results)
    return {'hardware_encoders': usable, 'trials_s': round(took_s, 2)}
