"""What takes the packets for each kind of address."""

from __future__ import annotations

from pathlib import Path

from mmoment_stream.ffmpeg_sink import FfmpegLimits, FfmpegSink
from mmoment_stream.push_address import RTMP_SCHEMES, parse_address
from mmoment_stream.push_target import Ingest, PushSink
from mmoment_stream.rtmp_sink import RtmpLimits, RtmpSink

CONNECT_S = 5.0
# With what it takes to connect, a server that never answers is noticed within five seconds.
ANSWER_S = 4.0
# A server that hangs is noticed two seconds later: so much video its buffer takes still.
STALL_S = 2.5


def make_sink(
    ingest: Ingest,
    *,
    connect_s: float = CONNECT_S,
    stall_s: float = STALL_S,
    ca_file: Path | None = None,
) -> PushSink:
    """A sink for one connection: our own publisher for RTMP and RTMPS, ffmpeg for SRT.

    connect_s: for the connection, and at most for each answer. stall_s: how long the server may take nothing.
    ca_file: authorities that are trusted beside those of the system, for RTMPS. Raises
    PushError: bad_address.
    """
    if parse_address(ingest.url).scheme in RTMP_SCHEMES:
        limits = RtmpLimits(connect_s=connect_s, answer_s=min(connect_s, ANSWER_S), stall_s=stall_s)
        return RtmpSink(limits, ca_file)
    return FfmpegSink(FfmpegLimits(connect_s=connect_s, stall_s=stall_s))
