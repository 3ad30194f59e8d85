"""Packets to the pieces of a fragmented MP4 file, in memory.

The file is a head and then fragments, each of which plays with the head and what came before it.
FFmpeg's muxer makes them. Every fragment has a muxer of its own, which costs 0.1 ms: so it ends
when we want it to, and is whole before a byte of it is on the disk.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import av
from av.packet import Packet
from av.video.stream import VideoStream

from mmoment_stream.clip_summary import TICKS_PER_S, TIME_BASE, time_tags, to_ticks
from mmoment_stream.mp4_boxes import head_bytes
from mmoment_stream.video_packet import VideoPacket

OPTIONS = {
    # Tags of any name; one fragment, which need not begin at zero; no index of fragments behind it.
    'movflags': 'use_metadata_tags+empty_moov+default_base_moof+frag_custom+frag_discont'
    '+skip_trailer',
    # Otherwise the muxer moves the times so that they begin at zero.
    'avoid_negative_ts': 'disabled',
    'use_editlist': '0',
    'video_track_timescale': str(TICKS_PER_S),
}


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of the file; times in ticks since the first packet of the clip."""

    data: bytes
    last_ticks: int  # when its last packet begins
    end_ticks: int


class FragmentMaker:
    """Makes the fragments of one clip, in order; used by one thread."""

    def __init__(self, first: VideoPacket) -> None:
        """Learn the format from the first keyframe. Raises ValueError if it does not say it."""
        self._first = first
        self._input = av.open(io.BytesIO(first.data), format='h264')
        self._template: VideoStream = self._input.streams.video[0]
        if not self._template.codec_context.extradata:
            raise ValueError('the first packet of a clip has no parameter sets')
        self._tags = time_tags(first.utc_ns, first.monotonic_ns)
        self._fragments = 0
        self._last_ticks = -1

    def fragment(self, packets: Sequence[VideoPacket], end_ns: int) -> Fragment:
        """The next piece of the file; the first one has the head before it.

        packets: one or more. end_ns: when the last one ends (CLOCK_MONOTONIC): when the next one
        begins, if there is one. A time that does not grow is moved to the next tick.
        """
        moments = [self._moment(packet) for packet in packets]
        end = max(self._ticks(end_ns), moments[-1] + 1)
        self._fragments += 1
        output = io.BytesIO()
        options = {**OPTIONS, 'fragment_index': str(self._fragments)}
        with av.open(output, 'w', format='mp4', options=options) as container:
            container.metadata.update(self._tags)
            # Opaque: no encoder is looked for.
            stream = container.add_stream_from_template(
                self._template, opaque=True, time_base=TIME_BASE
            )
            for packet, begin, following in zip(packets, moments, [*moments[1:], end], strict=True):
                made = Packet(packet.data)
                made.stream, made.time_base = stream, TIME_BASE
                made.pts = made.dts = begin
                made.duration = following - begin
                made.is_keyframe = packet.keyframe
                container.mux_one(made)
        output.seek(head_bytes(output) if self._fragments > 1 else 0)
        return Fragment(output.read(), moments[-1], end)

    def _moment(self, packet: VideoPacket) -> int:
        self._last_ticks = max(self._ticks(packet.monotonic_ns), self._last_ticks + 1)
        return self._last_ticks

    def _ticks(self, monotonic_ns: int) -> int:
        return to_ticks(monotonic_ns - self._first.monotonic_ns)
