"""What is in a clip of the test pattern, by its pixels, and how true that is."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from mmoment_camera.pattern import MICROSECOND_NS, STAMP_MODULUS_US, Mark, read_mark

US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """One picture of a clip.

    mark: as its pixels say. at_s: when it is shown, since the begin of the clip. coded: digest of its
    packet; equal ones come from one encode.
    """

    mark: Mark
    at_s: float
    coded: bytes = b''


@dataclass(frozen=True, slots=True)
class ReadClip:
    """A clip as a player sees it. pictures: those with a mark that can be read; unreadable: others."""

    pictures: list[ShownPicture]
    duration_s: float
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class ClipScore:
    """How true a clip is. Frames are periods of the camera.

    missing: encoded, and not in it. doubled: shown again, or out of order. not_encoded: numbers of
    pictures in between that the camera or the encoder left out, which is no fault of the clip.
    early_frames: how long before the moment that was meant it begins; below 0: after it.
    duration_error_frames: against the capture times of its first and last picture and one frame.
    end_error_frames: its end against the one that was asked for; None: none was.
    time_error_ms: of the picture that is shown most at the wrong time.
    """

    pictures: int
    missing: int
    doubled: int
    unreadable: int
    not_encoded: int
    early_frames: float
    duration_error_frames: float
    end_error_frames: float | None
    time_error_ms: float

    @property
    def missing_or_doubled(self) -> int:
        """Pictures that should be there once and are not."""
        return self.missing + self.doubled


def stamp_us(monotonic_ns: int) -> int:
    """A moment as marks have it: microseconds of CLOCK_MONOTONIC, modulo."""
    return monotonic_ns // MICROSECOND_NS % STAMP_MODULUS_US


def seconds_between(from_us: int, to_us: int) -> float:
    """From one stamp to another less than half an hour away, before or after."""
    half = STAMP_MODULUS_US // 2
    return ((to_us - from_us + half) % STAMP_MODULUS_US - half) / US_PER_S


def read_clip(path: Path) -> ReadClip:
    """Decode a whole clip. Raises av.FFmpegError, or RuntimeError if packets show nothing."""
    marks: list[tuple[Mark | None, float]] = []
    coded = []
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        for packet in file.demux(stream):
            if packet.size:
                coded.append(hashlib.sha256(bytes(packet)).digest())
            for frame in packet.decode():
                mark = read_mark(frame.to_ndarray(format='gray'))
                marks.append((mark, float(frame.pts * frame.time_base)))
        duration_s = float(stream.duration * stream.time_base)
    if len(marks) != len(coded):
        raise RuntimeError(f'{path.name}: {len(coded)} packets, and {len(marks)} pictures of them')
    pictures = [
        ShownPicture(mark, at_s, digest)
        for (mark, at_s), digest in zip(marks, coded, strict=True)
        if mark is not None
    ]
    return ReadClip(pictures, duration_s, len(marks) - len(pictures))


def judge(
    clip: ReadClip,
    sequences: Mapping[int, int],
    fps: float,
    wanted_ns: int,
    ends_ns: int | None = None,
) -> ClipScore:
    """Hold a clip against what was encoded.

    sequences: of the packets of one encoder, by the stamp (`stamp_us`) of their pictures; where some
    are not known, the numbers of those beside them tell that they were. fps: of the camera.
    wanted_ns, ends_ns: when the clip is to begin and end, CLOCK_MONOTONIC.

    Raises RuntimeError if nothing can be said.
    """
    pictures = clip.pictures
    if len(pictures) < 2:
        raise RuntimeError(f'{len(pictures)} pictures of a clip can be read')
    first, last = pictures[0].mark, pictures[-1].mark
    numbers = [picture.mark.number for picture in pictures]
    missing = _missing([picture.mark.capture_us for picture in pictures], sequences)
    span = max(numbers) - min(numbers) + 1
    taken_s = [seconds_between(first.capture_us, picture.mark.capture_us) for picture in pictures]
    end_error_frames = None
    if ends_ns is not None:
        end_error_frames = seconds_between(stamp_us(ends_ns), last.capture_us) * fps + 1
    return ClipScore(
        pictures=len(pictures),
        missing=missing,
        doubled=_not_after_all_before(numbers),
        unreadable=clip.unreadable,
        not_encoded=span - len({*numbers}) - missing,
        early_frames=seconds_between(first.capture_us, stamp_us(wanted_ns)) * fps,
        duration_error_frames=(clip.duration_s - taken_s[-1]) * fps - 1,
        end_error_frames=end_error_frames,
        time_error_ms=1e3
        * max(
            abs(picture.at_s - pictures[0].at_s - at_s)
            for picture, at_s in zip(pictures, taken_s, strict=True)
        ),
    )


def encodes_per_picture(clips: Sequence[ReadClip]) -> float:
    """Different packets per picture, of those pictures that several clips have.

    1: all have them from one encode. Raises RuntimeError if they have none in common.
    """
    digests: dict[int, list[bytes]] = defaultdict(list)
    for clip in clips:
        for picture in clip.pictures:
            digests[picture.mark.number].append(picture.coded)
    common = [coded for coded in digests.values() if len(coded) > 1]
    if not common:
        raise RuntimeError('clips that were recorded at once have no picture in common')
    return sum(len({*coded}) for coded in common) / len(common)


def _missing(shown_us: Sequence[int], sequences: Mapping[int, int]) -> int:
    """How many packets between the first and the last known one are not shown."""
    known = [place for place, stamp in enumerate(shown_us) if stamp in sequences]
    if len(known) < 2:
        raise RuntimeError('what was encoded is not known: no packets of this clip were heard')
    begin, end = known[0], known[-1]
    encoded = sequences[shown_us[end]] - sequences[shown_us[begin]] + 1
    return max(0, encoded - len({*shown_us[begin : end + 1]}))


def _not_after_all_before(numbers: Sequence[int]) -> int:
    highest, count = -1, 0
    for number in numbers:
        count += number <= highest
        highest = max(highest, number)
    return count


# --- another player's view ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Probed:
    """What ffprobe says of a clip."""

    pictures: int
    duration_s: float

    def agrees(self, clip: ReadClip) -> bool:
        """Whether it sees as many pictures, and the same duration to a millisecond."""
        pictures = len(clip.pictures) + clip.unreadable
        return pictures == self.pictures and abs(self.duration_s - clip.duration_s) < 1e-3


def probe(path: Path) -> Probed | None:
    """Ask ffprobe; None where it is not installed. Raises CalledProcessError if it fails."""
    program = shutil.which('ffprobe')
    if program is None:
        return None
    wanted = ['-select_streams', 'v:0', '-count_frames', '-show_entries']
    entries = 'stream=nb_read_frames,duration'
    command = [program, '-v', 'error', *wanted, entries, '-of', 'json', f'file:{path}']
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return probed(answer.stdout)


def probed(text: str) -> Probed:
    """What ffprobe has printed."""
    (stream,) = json.loads(text)['streams']
    return Probed(int(stream['nb_read_frames']), float(stream['duration']))
