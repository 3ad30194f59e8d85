"""What Livepeer Studio says, in plain types, read with care: an answer is not trusted to be right.

Fields and their meaning: API reference of Livepeer Studio. What is not used is not read.
"""

from __future__ import annotations

from dataclasses import dataclass

BASE_URL = 'https://livepeer.studio/api'
STUDIO_HOST = 'livepeer.studio'


@dataclass(frozen=True, slots=True)
class Profile:
    """One rendition that Livepeer transcodes to. Pixels, bit/s; fps 0: as the source."""

    name: str
    width: int
    height: int
    bitrate: int
    fps: int = 0


@dataclass(frozen=True, slots=True)
class LivepeerOptions:
    """How the streams of a camera are kept at Livepeer.

    profiles: None: Livepeer's own renditions; (): the source alone, nothing is transcoded.
    multistream_file: key file with a line NAME URL for each place that Livepeer passes the stream
    on to; empty: none. ca_file: certificates to trust beside those of the system, PEM; empty: none.
    call_s: the longest that one call may take.
    """

    base_url: str = BASE_URL
    record: bool = False
    profiles: tuple[Profile, ...] | None = ()
    multistream_file: str = ''
    ca_file: str = ''
    call_s: float = 10.0
