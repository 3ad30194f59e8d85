"""What Livepeer Studio remembers of one account, and what its calls do to it."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from tests.standins.livepeer_events import (
    ApiError,
    Events,
    Json,
    Later,
    Stream,
    check,
    now_ms,
    random_text,
    without,
)

# What is kept of a stream and told to nobody.
PRIVATE = ('deleted', 'publishers', 'terminated_s')
STREAM_FIELDS = {'name': str, 'record': bool, 'profiles': list, 'multistream': dict}
PATCH_FIELDS = {'record': bool, 'profiles': list, 'multistream': dict, 'suspended': bool}
DEFAULT_PROFILES = (
    {'name': '240p0', 'fps': 0, 'bitrate': 250_000, 'width': 426, 'height': 240},
    {'name': '720p0', 'fps': 0, 'bitrate': 2_000_000, 'width': 1280, 'height': 720},
)
PLACE = re.compile(r'(srt|rtmps?)://')
RECORDINGS = 'https://recordings.test'


class Account:
    """Everything of one user; may be used from many threads.

    active_lag_s, idle_lag_s: how late isActive follows a push. list_lag_s: how late a new stream is
    found and read; the answer to its creation alone knows it. silent_s: how long a stream is active
    after its last heartbeat; there is none while hears_heartbeats is False, though it be pushed.
    terminate_pause_s: between two ends of a stream. webhook_retry_s: first pause before an event is
    sent again, doubled each time.
    """

    def __init__(
        self,
        *,
        api_key: str = 'key-of-the-account-0123456789',
        active_lag_s: float = 0.2,
        idle_lag_s: float = 0.2,
        list_lag_s: float = 0.0,
        silent_s: float = 90.0,
        terminate_pause_s: float = 5.0,
        webhook_retry_s: float = 0.1,
        webhook_tries: int = 5,
    ) -> None:
        self.api_key = api_key
        self.user_id = str(uuid.uuid4())
        self.is_suspended = False
        self.hears_heartbeats = True
        self.ingest_url = 'rtmp://127.0.0.1:1935/live'
        self.kick: Callable[[str], object] = lambda key: None
        self.streams: dict[str, Stream] = {}
        self.sessions: dict[str, Stream] = {}
        self.targets: dict[str, Stream] = {}
        self.events = Events(retry_s=webhook_retry_s, tries=webhook_tries)
        self._active_lag_s, self._idle_lag_s = active_lag_s, idle_lag_s
        self._list_lag_s, self._silent_s = list_lag_s, silent_s
        self._terminate_pause_s = terminate_pause_s
        self._lock = threading.RLock()
        self._later = Later()

    def close(self) -> None:
        """End what is under way."""
        self._later.close()
        self.events.close()

    def call(
        self, method: str, path: str, query: Mapping[str, str], body: Json, authorization: str
    ) -> tuple[int, Json]:
        """Status and answer. Raises ApiError."""
        given = authorization.removeprefix('Bearer ')
        if not path.startswith('/playback/') and path != '/ingest':
            if not authorization:
                raise ApiError(401, 'no authorization header provided')
            if given != self.api_key:
                raise ApiError(401, f'no token object {given} found')
            if self.is_suspended:
                raise ApiError(403, 'user is suspended')
        for wanted, pattern, do in self._routes():
            found = re.fullmatch(pattern, path)
            if wanted == method and found:
                with self._lock:
                    return do(*found.groups(), query=query, body=body)
        raise ApiError(404, 'not found')

    def hook(self, event: str, query: Mapping[str, str]) -> bool:
        """A push begins or ends; whether it may."""
        with self._lock:
            key = query.get('name', '')
            stream = next((s for s in self.streams.values() if s['streamKey'] == key), None)
            if stream is None:
                return False
            if event == 'on_publish':
                if stream['suspended'] or stream['deleted'] or self.is_suspended:
                    return False
                # A server that was killed has told of no end.
                stream['publishers'] = {query.get('clientid', '')}
                self._begin_session(stream)
            else:
                stream['publishers'].discard(query.get('clientid', ''))
        lag_s = self._active_lag_s if event == 'on_publish' else self._idle_lag_s
        self._later.after(lag_s, lambda: self._follow(stream))
        return True

    def _routes(self) -> tuple[tuple[str, str, Callable[..., tuple[int, Json]]], ...]:
        return (
            ('POST', '/stream', self._create),
            ('GET', '/stream', self._list),
            ('GET', '/stream/([^/]+)', self._get),
            ('PATCH', '/stream/([^/]+)', self._change),
            ('DELETE', '/stream/([^/]+)', self._delete),
            ('DELETE', '/stream/([^/]+)/terminate', self._terminate),
            ('GET', '/stream/([^/]+)/sessions', self._sessions_of),
            ('GET', '/session/([^/]+)', self._session),
            ('GET', '/playback/([^/]+)', self._playback),
            ('GET', '/ingest', self._ingest),
            ('GET', '/multistream/target', self._list_targets),
            ('POST', '/multistream/target', self._create_target),
            ('PATCH', '/multistream/target/([^/]+)', self._change_target),
            ('DELETE', '/multistream/target/([^/]+)', self._delete_target),
            *self.events.routes(),
        )

    # Streams

    def _create(self, query: Mapping[str, str], body: Json) -> tuple[int, Json]:
        check(body, STREAM_FIELDS, required=('name',))
        self._check_multistream(body)
        stream = {
            'id': str(uuid.uuid4()),
            'kind': 'stream',
            'userId': self.user_id,
            'createdAt': now_ms(),
            'streamKey': '-'.join(random_text(4) for _ in range(4)),
            'playbackId': random_text(16),
            'isActive': False,
            'isHealthy': None,
            'issues': None,
            'lastSeen': 0,
            'record': False,
            'suspended': False,
            'profiles': list(DEFAULT_PROFILES),
            'multistream': {'targets': []},
            **body,
            'deleted': False,
            'publishers': set(),
            'terminated_s': float('-inf'),
        }
        self.streams[stream['id']] = stream
        return 201, self._told(stream)

    def _list(self, query: Mapping[str, str], body: Json) -> tuple[int, Json]:
        words = [
            part['value'].lower()
            for part in json.loads(unquote(query.get('filters', '[]')))
            if part['id'] == 'name'
        ]
        # A search of words, as there: longer names are found too.
        found = [
            stream
            for stream in self.streams.values()
            if self._is_listed(stream) and all(word in stream['name'].lower() for word in words)
        ]
        return 200, [self._told(stream) for stream in found[: int(query.get('limit', 100))]]

    def _get(self, stream_id: str, query: Mapping[str, str], body: Json) -> tuple[int, Json]:
        return 200, self._told(self._stream(stream_id))

    def _change(self, stream_id: str, query: Mapping[str, str], body: Json) -> tuple[int, Json]:
        stream = self._stream(stream_id)
        check(body, PATCH_FIELDS)
        self._check_multistream(body)
        if stream['isActive'] and body.get('record', stream['record']) != stream['record']:
            raise ApiError(400, "cannot change 'record' field while stream is active")
        if stream['isActive'] and 'profiles' in body:
            raise ApiError(400, "cannot change 'profiles' field while stream is active")
        stream.update(body)
        if stream['suspended']:
            self._kick(stream)
        return 204, None

    def _delete(self, stream_id: str, query: Mapping[str, str], body: Json) -> tuple[int, Json]:
        stream = self._stream(stream_id)
        stream['deleted'] = True
        self._kick(stream)
        return 204, None

    def _terminate(self, stream_id: str, query: Mapping[str, str], body: Json) -> tuple[int, Json]:
        stream = self._stream(stream_id)
        wait_s = stream['terminated_s'] + self._terminate_pause_s - time.monotonic()
        if wait_s > 0:
            raise ApiError(
                429, 'too many terminate requests', {'Retry-After': str(int(wait_s) + 1)}
            )
        stream['terminated_s'] = time.monotonic()
        self._kick(stream)
        return 204, None

    def _stream(self, stream_id: str) -> Stream:
        stream = self.streams.get(stream_id)
        if stream is None or not self._is_listed(stream):
            raise ApiError(404, 'not found')
        return stream

    def _is_listed(self, stream: Stream) -> bool:
        age_s = (now_ms() - stream['createdAt']) / 1000.0
        return not stream['deleted'] and age_s >= self._list_lag_s

    def _told(self, stream: Stream) -> Stream:
        if stream['publishers'] and self.hears_heartbeats:
            stream['lastSeen'] = now_ms()
        elif now_ms() - stream['lastSeen'] > self._silent_s * 1000:
            stream['isActive'] = False
        return {name: value for name, value in stream.items() if name not in PRIVATE}

    def _kick(self, stream: Stream) -> None:
        # Elsewhere: the RTMP server tells of the end before it answers.
        self._later.after(0.0, lambda: self.kick(stream['streamKey']))

    # Sessions

    def _begin_session(self, stream: Stream) -> None:
        session = {
            'id': str(uuid.uuid4()),
            'parentId': stream['id'],
            'createdAt': now_ms(),
            'lastSeen': now_ms(),
            'record': stream['record'],
            'recordingStatus': 'waiting' if stream['record'] else 'none',
        }
        self.sessions[session['id']] = session

    def _sessions_of(
        self, stream_id: str, query: Mapping[str, str], body: Json
    ) -> tuple[int, Json]:
        stream = self._stream(stream_id)
        found = [each for each in self.sessions.values() if each['parentId'] == stream['id']]
        return 200, found[::-1]

    def _session(self, session_id: str, query: Mapping[str, str], body: Json) -> tuple[int, Json]:
        if session_id not in self.sessions:
            raise ApiError(404, 'not found')
        return 200, self.sessions[session_id]

    def _follow(self, stream: Stream) -> None:
        """Say of a stream what was so a while ago."""
        with self._lock:
            is_active = bool(stream['publishers'])
            if is_active == stream['isActive']:
                return
            stream.update(isActive=is_active, lastSeen=now_ms(), isHealthy=is_active or None)
            recorded = [
                session
                for session in self.sessions.values()
                if session['parentId'] == stream['id'] and session['recordingStatus'] == 'waiting'
            ]
            for session in recorded if not is_active else ():
                base = f'{RECORDINGS}/{session["id"]}'
                session.update(
                    recordingStatus='ready',
                    recordingUrl=f'{base}/index.m3u8',
                    mp4Url=f'{base}/source.mp4',
                )
        told = without(self._told(stream), 'streamKey')
        self.events.tell('stream.started' if is_active else 'stream.idle', told)

    # Where to push and to watch

    def _playback(self, playback_id: str, query: Mapping[str, str], body: Json) -> tuple[int, Json]:
        for stream in self.streams.values():
            if stream['playbackId'] == playback_id and not stream['deleted']:
                hls = f'https://playback.test/hls/{playback_id}/index.m3u8'
                webrtc = f'https://playback.test/webrtc/{playback_id}'
                sources = [
                    {'hrn': 'HLS (TS)', 'type': 'html5/application/vnd.apple.mpegurl', 'url': hls},
                    {'hrn': 'WebRTC (H264)', 'type': 'html5/video/h264', 'url': webrtc},
                    {'hrn': 'Thumbnail (JPEG)', 'type': 'image/jpeg', 'url': f'{hls}.jpg'},
                ]
                meta = {'live': int(stream['isActive']), 'source': sources}
                return 200, {'type': 'live', 'meta': meta}
        raise ApiError(404, 'not found')

    def _ingest(self, query: Mapping[str, str], body: Json) -> tuple[int, Json]:
        srt = 'srt://127.0.0.1:8889'
        return 200, [{'ingest': self.ingest_url, 'ingests': {'rtmp': self.ingest_url, 'srt': srt}}]

    # Multistream

    def _check_multistream(self, body: Stream) -> None:
        for each in body.get('multistream', {}).get('targets', ()):
            if each.get('id') not in self.targets:
                raise ApiError(400, f'multistream target not found: "{each.get("id")}"')

    def _list_targets(self, query: Mapping[str, str], body: Json) -> tuple[int, Json]:
        if 'userId' not in query:
            raise ApiError(400, 'required query parameter: userId')
        if query['userId'] != self.user_id:
            raise ApiError(403, 'users can only access their own multistream targets')
        return 200, [without(target, 'url') for target in self.targets.values()]

    def _create_target(self, query: Mapping[str, str], body: Json) -> tuple[int, Json]:
        check(body, {'name': str, 'url': str}, required=('url',))
        if not PLACE.match(body['url']):
            raise ApiError(422, f'{body["url"]} does not match')
        target = {'id': str(uuid.uuid4()), 'createdAt': now_ms(), **body}
        self.targets[target['id']] = target
        return 201, without(target, 'url')

    def _change_target(
        self, target_id: str, query: Mapping[str, str], body: Json
    ) -> tuple[int, Json]:
        if target_id not in self.targets:
            raise ApiError(404, 'not found')
        check(body, {'name': str, 'url': str})
        self.targets[target_id].update(body)
        return 204, None

    def _delete_target(
        self, target_id: str, query: Mapping[str, str], body: Json
    ) -> tuple[int, Json]:
        if self.targets.pop(target_id, None) is None:
            raise ApiError(404, 'not found')
        return 204, None
