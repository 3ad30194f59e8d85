"""What Livepeer Studio says, in plain types, read with care: an answer is not trusted to be right.

Fields and their meaning: API reference of Livepeer Studio. What is not used is not read. All
readers raise PushError: provider_fault where an answer is not what it should be.
"""

from __future__ import annotations

import math
import re
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mmoment_stream.push_target import Playback, PushError

BASE_URL = 'https://livepeer.studio/api'
INGEST_URL = 'rtmp://rtmp.livepeer.com/live'
"""Where Livepeer Studio takes streams, as documented."""
# Ids become part of addresses.
ID = re.compile(r'[A-Za-z0-9_-]{1,64}')
STREAM_KEY = re.compile(r'[A-Za-z0-9_-]{4,128}')
MOST_LETTERS = 2048
MOST_ISSUES = 10
MOST_ISSUE_LETTERS = 200
HLS = 'application/vnd.apple.mpegurl'
WEBRTC = re.compile(r'webrtc', re.IGNORECASE)
Item = TypeVar('Item')
Kind = TypeVar('Kind', str, bool, float)


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
    on to; empty: as it is there. ca_file: certificates to trust beside those of the system, PEM.
    call_s: the longest that one call may take. settle_s: how long Livepeer may need until a stream
    that it has made is found by its name; no second one is made before.
    """

    base_url: str = BASE_URL
    record: bool = False
    profiles: tuple[Profile, ...] | None = ()
    multistream_file: str = ''
    ca_file: str = ''
    call_s: float = 10.0
    settle_s: float = 30.0


@dataclass(frozen=True, slots=True)
class LivepeerStream:
    """One stream. is_healthy: None while nothing arrives. last_seen_ms, created_ms: since 1970.

    multistream: pairs of the profile that is passed on and the id of the target.
    """

    id: str
    name: str
    stream_key: str = field(repr=False)
    playback_id: str
    is_active: bool
    is_healthy: bool | None
    issues: tuple[str, ...]
    last_seen_ms: float
    created_ms: float
    suspended: bool
    record: bool
    profiles: tuple[Profile, ...]
    multistream: tuple[tuple[str, str], ...]
    user_id: str


@dataclass(frozen=True, slots=True)
class LivepeerSession:
    """One time that a stream was live, and its recording.

    recording_status: 'waiting', 'ready', 'none' or empty. The addresses are empty until it is ready.
    """

    id: str
    created_ms: float
    last_seen_ms: float
    record: bool
    recording_status: str
    recording_url: str
    mp4_url: str


@dataclass(frozen=True, slots=True)
class MultistreamTarget:
    """A place that a stream is passed on to; its address is not told."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of events; its secret is not told."""

    id: str
    name: str
    url: str
    events: tuple[str, ...]


def read_list(answer: Any, read: Callable[[Any], Item]) -> tuple[Item, ...]:
    """Each part of a list."""
    if not isinstance(answer, list):
        raise _odd()
    return tuple(read(item) for item in answer)


def read_stream(answer: Any) -> LivepeerStream:
    """A stream, with its key."""
    key = _value(answer, 'streamKey', '')
    if STREAM_KEY.fullmatch(key) is None:
        raise _odd()
    targets = _value_of(answer.get('multistream'), dict).get('targets')
    return LivepeerStream(
        id=_id(answer, 'id'),
        name=_value(answer, 'name', ''),
        stream_key=key,
        playback_id=_id(answer, 'playbackId'),
        is_active=_value(answer, 'isActive', False),
        is_healthy=None if answer.get('isHealthy') is None else _value(answer, 'isHealthy', False),
        issues=_issues(answer.get('issues'), key),
        last_seen_ms=_value(answer, 'lastSeen', 0.0),
        created_ms=_value(answer, 'createdAt', 0.0),
        suspended=_value(answer, 'suspended', False),
        record=_value(answer, 'record', False),
        profiles=tuple(_profile(each) for each in _value_of(answer.get('profiles'), list)),
        multistream=tuple(
            (_value(each, 'profile', ''), _id(each, 'id')) for each in _value_of(targets, list)
        ),
        user_id=_value(answer, 'userId', ''),
    )


def read_session(answer: Any) -> LivepeerSession:
    """A session."""
    return LivepeerSession(
        id=_id(answer, 'id'),
        created_ms=_value(answer, 'createdAt', 0.0),
        last_seen_ms=_value(answer, 'lastSeen', 0.0),
        record=_value(answer, 'record', False),
        recording_status=_value(answer, 'recordingStatus', ''),
        recording_url=_web_address(_value(answer, 'recordingUrl', '')),
        mp4_url=_web_address(_value(answer, 'mp4Url', '')),
    )


def read_playback(answer: Any, playback_id: str) -> Playback:
    """Where a stream can be watched: the first address of each kind."""
    meta = _value_of(_value_of(answer, dict).get('meta'), dict)
    hls, webrtc = '', ''
    for source in _value_of(meta.get('source'), list):
        url, name = _value(source, 'url', ''), _value(source, 'hrn', '')
        if HLS in _value(source, 'type', ''):
            hls = hls or _web_address(url)
        elif WEBRTC.search(name):
            webrtc = webrtc or _web_address(url)
    return Playback(playback_id, hls, webrtc)


def read_ingest(answer: Any) -> str:
    """Where streams are taken, without a slash at its end."""
    first = answer[0] if isinstance(answer, list) and answer else answer
    named = _value_of(_value_of(first, dict).get('ingests'), dict)
    return (_value(named, 'rtmp', '') or _value(first, 'ingest', '')).rstrip('/')


def read_target(answer: Any) -> MultistreamTarget:
    """A multistream target."""
    return MultistreamTarget(_id(answer, 'id'), _value(answer, 'name', ''))


def read_webhook(answer: Any) -> Webhook:
    """A webhook."""
    events = _value_of(_value_of(answer, dict).get('events'), list)
    return Webhook(
        id=_id(answer, 'id'),
        name=_value(answer, 'name', ''),
        url=_value(answer, 'url', ''),
        events=tuple(_of_kind(event, '') for event in events),
    )


def written_profiles(profiles: Sequence[Profile]) -> list[dict[str, object]]:
    """Renditions as the API takes them."""
    return [
        {
            'name': each.name,
            'width': each.width,
            'height': each.height,
            'bitrate': each.bitrate,
            'fps': each.fps,
        }
        for each in profiles
    ]


def _profile(answer: Any) -> Profile:
    return Profile(
        name=_value(answer, 'name', ''),
        width=int(_value(answer, 'width', 0.0)),
        height=int(_value(answer, 'height', 0.0)),
        bitrate=int(_value(answer, 'bitrate', 0.0)),
        fps=int(_value(answer, 'fps', 0.0)),
    )


def _issues(answer: Any, key: str) -> tuple[str, ...]:
    """Sentences for people, without what could spoil a page or a log."""
    texts = _value_of(answer, list)[:MOST_ISSUES]
    plain = (''.join(filter(str.isprintable, _of_kind(text, ''))) for text in texts)
    return tuple(text.replace(key, '***')[:MOST_ISSUE_LETTERS] for text in plain)


def _web_address(url: str) -> str:
    """The address, if it is one that a page may open; else empty."""
    try:
        parts = urllib.parse.urlsplit(url)
        is_web = parts.scheme in ('https', 'http') and parts.hostname and not parts.username
    except ValueError:
        return ''
    return url if is_web and url.isprintable() else ''


def _id(answer: Any, name: str) -> str:
    found = _value(answer, name, '')
    if ID.fullmatch(found) is None:
        raise _odd()
    return found


def _value(answer: Any, name: str, absent: Kind) -> Kind:
    """A field of the type of `absent`, which stands for none and for null."""
    found = answer.get(name) if isinstance(answer, dict) else _raise_odd()
    return absent if found is None else _of_kind(found, absent)


def _of_kind(found: Any, like: Kind) -> Kind:
    if isinstance(like, bool):
        is_right = isinstance(found, bool)
    elif isinstance(like, float):
        is_right = isinstance(found, (int, float)) and not isinstance(found, bool)
        is_right = is_right and math.isfinite(found)
    else:
        is_right = isinstance(found, str) and len(found) <= MOST_LETTERS
    return found if is_right else _raise_odd()


def _value_of(found: Any, kind: type[Item]) -> Item:
    """What was found, if it is of this kind; an empty one where there is none."""
    if found is None:
        return kind()
    return found if isinstance(found, kind) else _raise_odd()


def _raise_odd() -> Any:
    raise _odd()


def _odd() -> PushError:
    return PushError('provider_fault', 'its answer is not what it should be')
