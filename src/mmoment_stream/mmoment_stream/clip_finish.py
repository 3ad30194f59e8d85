"""Makes the clip that is kept out of the file that was recorded, also after a crash.

While it is recorded a clip consists of fragments, and a player that gets it over a network must
look at all of them to know how long it is. The finished file has one index, before the video. The
packets and their times stay as they are.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from mmoment_node.durable_files import sync_folder
from mmoment_stream.clip_summary import (
    TICKS_PER_S,
    TIME_BASE,
    ClipSummary,
    tagged_times,
    time_tags,
    to_ns,
)
from mmoment_stream.durable import new_file, refusing
from mmoment_stream.errors import Refused, StreamError
from mmoment_stream.mp4_boxes import is_indexed_first, whole_bytes

# Most that a packet adds to the index: an entry in each of stts, stss, stsc, stsz and co64.
INDEX_BYTES_PER_PACKET = 8 + 4 + 12 + 4 + 8
# The rest of the index: tags, format, and the headers of all its boxes.
INDEX_BYTES = 4096


class NothingPlayable(StreamError):
    """A file has no clip in it, not even a part of one; it is still there."""


class _Damaged(Exception):
    """Something in a file is not what was written."""


@dataclass(frozen=True, slots=True)
class _Clip:
    """A file of a clip, opened to be read."""

    container: InputContainer
    stream: VideoStream

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """As they are in the file. Raises OSError, or _Damaged behind the last one that is whole."""
        try:
            for packet in self.container.demux(self.stream):
                if packet.is_corrupt:
                    raise _Damaged
                # The last one only says that there are no more.
                if packet.size:
                    yield packet
        except OSError:
            raise
        except av.FFmpegError as error:
            raise _Damaged from error


def finish_clip(recorded: Path, finished: Path) -> ClipSummary:
    """Have the finished clip, for good, in place of the recorded file; both in one file system.

    recorded: what ClipWriter left, however it ended; of a fragment that is there in part only,
    nothing is kept. Where there is no room for another file, or where the recorded one is damaged,
    the clip stays as it was recorded: `fast_start` is false. After a crash at any moment this may
    be called again.

    Raises NothingPlayable, or Refused with not_kept: then the recorded file is still there.
    """
    if finished.exists() and not recorded.exists():
        return read_summary(finished)
    with refusing():
        _cut_to_whole(recorded)
    summary = read_summary(recorded)
    try:
        _write_indexed(recorded, finished, summary)
    except (Refused, _Damaged, av.FFmpegError):
        with refusing():
            os.replace(recorded, finished)
            _sync_folders(finished, recorded)
        return summary
    with refusing():
        recorded.unlink()
        _sync_folders(recorded)
        return replace(summary, bytes=finished.stat().st_size, fast_start=True)


def read_summary(path: Path) -> ClipSummary:
    """What is in the file of a clip, all of which is read for it; `dropped` is None.

    Of a file that is damaged: up to there.

    Raises NothingPlayable, or Refused with not_kept.
    """
    with refusing(), _reading(path) as clip:
        packets, last, end = 0, 0, 0
        with contextlib.suppress(_Damaged):
            for packet in clip.packets():
                packets += 1
                last = packet.pts or 0
                end = last + (packet.duration or 0)
        if not packets:
            raise _nothing_in(path)
        try:
            first_utc_ns, first_monotonic_ns = tagged_times(clip.container.metadata)
        except ValueError as error:
            raise NothingPlayable(f'{path} was not recorded by this camera: {error}') from error
        with path.open('rb') as file:
            fast_start = is_indexed_first(file)
        return ClipSummary(
            bytes=path.stat().st_size,
            packets=packets,
            dropped=None,
            first_monotonic_ns=first_monotonic_ns,
            last_monotonic_ns=first_monotonic_ns + to_ns(last),
            first_utc_ns=first_utc_ns,
            duration_s=end / TICKS_PER_S,
            width=clip.stream.width,
            height=clip.stream.height,
            fast_start=fast_start,
        )


def _cut_to_whole(recorded: Path) -> None:
    with recorded.open('r+b') as file:
        whole = whole_bytes(file)
        if not whole:
            raise _nothing_in(recorded)
        file.truncate(whole)
        os.fsync(file.fileno())


def _write_indexed(recorded: Path, finished: Path, summary: ClipSummary) -> None:
    options = {
        'movflags': 'use_metadata_tags',
        # Room for the index, which is known last: the video need not be moved behind it.
        'moov_size': str(INDEX_BYTES + INDEX_BYTES_PER_PACKET * summary.packets),
        'video_track_timescale': str(TICKS_PER_S),
    }
    with (
        new_file(finished) as file,
        _reading(recorded) as clip,
        av.open(file, 'w', format='mp4', options=options) as container,
    ):
        container.metadata.update(time_tags(summary.first_utc_ns, summary.first_monotonic_ns))
        stream = container.add_stream_from_template(clip.stream, opaque=True, time_base=TIME_BASE)
        for packet in clip.packets():
            packet.stream = stream
            container.mux_one(packet)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[_Clip]:
    """Raises OSError, or NothingPlayable."""
    try:
        # As they are: an edit list or a time stamp is no reason to leave a packet out.
        container = av.open(f'file:{path}', format='mp4', options={'ignore_editlist': '1'})
    except OSError:
        raise
    except av.FFmpegError as error:
        raise _nothing_in(path) from error
    with container:
        if not container.streams.video:
            raise _nothing_in(path)
        yield _Clip(container, container.streams.video[0])


def _sync_folders(*files: Path) -> None:
    for folder in {file.parent for file in files}:
        sync_folder(folder)


def _nothing_in(path: Path) -> NothingPlayable:
    return NothingPlayable(f'{path} has no pictures in it that could be played: delete it')
