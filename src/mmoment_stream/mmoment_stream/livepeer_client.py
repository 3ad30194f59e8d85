"""The calls of Livepeer Studio that a camera has a use for, one method each.

Each may raise PushError and can be cancelled as any asynchronous work. Source: API reference of
Livepeer Studio.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from mmoment_stream import livepeer_models as models
from mmoment_stream.livepeer_http import NOT_AS_EXPECTED, StudioHttp
from mmoment_stream.livepeer_models import (
    LivepeerSession,
    LivepeerStream,
    MultistreamTarget,
    Profile,
    Webhook,
)
from mmoment_stream.push_address import RTMP_SCHEMES, parse_address
from mmoment_stream.push_target import Playback, PushError

# Names are searched for by their words, so some more than the one may come.
MOST_FOUND = '100'


class LivepeerClient:
    """Speaks to one account."""

    def __init__(self, http: StudioHttp) -> None:
        self._http = http

    async def close(self) -> None:
        """End all connections."""
        await self._http.close()

    async def create_stream(
        self, name: str, *, record: bool = False, profiles: Sequence[Profile] | None = None
    ) -> LivepeerStream:
        """Make a stream. profiles: None: Livepeer's own; empty: the source alone."""
        body: dict[str, object] = {'name': name, 'record': record}
        if profiles is not None:
            body['profiles'] = models.written_profiles(profiles)
        return models.read_stream(await self._http.call('POST', '/stream', body=body))

    async def stream(self, stream_id: str) -> LivepeerStream:
        """A stream as it is now."""
        return models.read_stream(await self._http.call('GET', _at('/stream', stream_id)))

    async def find_streams(self, name: str) -> tuple[LivepeerStream, ...]:
        """The streams of exactly this name, the oldest first."""
        query = {
            'streamsonly': '1',
            'limit': MOST_FOUND,
            'order': 'createdAt-false',
            'filters': json.dumps([{'id': 'name', 'value': name}]),
        }
        answer = await self._http.call('GET', '/stream', query=query)
        if not isinstance(answer, list):
            raise PushError('provider_fault', NOT_AS_EXPECTED)
        # Streams of others in the account need not be readable for us.
        named = [each for each in answer if isinstance(each, dict) and each.get('name') == name]
        found = models.read_list(named, models.read_stream)
        return tuple(sorted(found, key=lambda stream: (stream.created_ms, stream.id)))

    async def change_stream(
        self,
        stream_id: str,
        *,
        record: bool | None = None,
        profiles: Sequence[Profile] | None = None,
        suspended: bool | None = None,
        multistream: Sequence[tuple[str, str]] | None = None,
    ) -> None:
        """Change what is not None. Recording and profiles cannot be changed while it is active.

        suspended: ends the push and refuses others until it is taken back. multistream: pairs of
        profile and target id, in place of those that are there.
        """
        body: dict[str, object] = {}
        if record is not None:
            body['record'] = record
        if profiles is not None:
            body['profiles'] = models.written_profiles(profiles)
        if suspended is not None:
            body['suspended'] = suspended
        if multistream is not None:
            targets = [{'profile': profile, 'id': target} for profile, target in multistream]
            body['multistream'] = {'targets': targets}
        await self._http.call('PATCH', _at('/stream', stream_id), body=body)

    async def terminate_stream(self, stream_id: str) -> None:
        """End the push that is under way; whoever pushes may connect again at once."""
        await self._http.call('DELETE', f'{_at("/stream", stream_id)}/terminate')

    async def sessions(self, stream_id: str) -> tuple[LivepeerSession, ...]:
        """The times that a stream was live, the last first."""
        answer = await self._http.call('GET', f'{_at("/stream", stream_id)}/sessions')
        return models.read_list(answer, models.read_session)

    async def playback(self, playback_id: str) -> Playback:
        """Where a stream can be watched."""
        path = _at('/playback', playback_id)
        return models.read_playback(await self._http.call('GET', path), playback_id)

    async def ingest(self) -> str:
        """Where streams are taken now: rtmp[s]://host/app."""
        url = models.read_ingest(await self._http.call('GET', '/ingest'))
        try:
            is_rtmp = parse_address(url).scheme in RTMP_SCHEMES
        except PushError:
            is_rtmp = False
        if not is_rtmp:
            raise PushError('provider_fault', NOT_AS_EXPECTED)
        return url

    async def multistream_targets(self, user_id: str) -> tuple[MultistreamTarget, ...]:
        """The targets of an account; user_id: as its streams say it."""
        query = {'userId': user_id, 'limit': MOST_FOUND}
        answer = await self._http.call('GET', '/multistream/target', query=query)
        return models.read_list(answer, models.read_target)

    async def create_multistream_target(self, name: str, url: str) -> MultistreamTarget:
        """Make a target. url: rtmp://, rtmps:// or srt://, with its key."""
        body = {'name': name, 'url': url}
        return models.read_target(await self._http.call('POST', '/multistream/target', body=body))

    async def change_multistream_target(self, target_id: str, url: str) -> None:
        """Give a target another address."""
        path = _at('/multistream/target', target_id)
        await self._http.call('PATCH', path, body={'url': url})

    async def delete_multistream_target(self, target_id: str) -> None:
        """Delete a target."""
        await self._http.call('DELETE', _at('/multistream/target', target_id))

    async def webhooks(self) -> tuple[Webhook, ...]:
        """The addresses that are told of events."""
        return models.read_list(await self._http.call('GET', '/webhook'), models.read_webhook)

    async def create_webhook(
        self, name: str, url: str, events: Sequence[str], *, secret: str, stream_id: str = ''
    ) -> Webhook:
        """Have events told to an address. secret: what they are signed with."""
        body = {'name': name, 'url': url, 'events': list(events), 'sharedSecret': secret}
        if stream_id:
            body['streamId'] = stream_id
        return models.read_webhook(await self._http.call('POST', '/webhook', body=body))

    async def delete_webhook(self, webhook_id: str) -> None:
        """Tell an address nothing any more."""
        await self._http.call('DELETE', _at('/webhook', webhook_id))


def _at(path: str, identity: str) -> str:
    # It was configured or said by others, and must not lead to another call.
    if models.ID.fullmatch(identity) is None:
        raise PushError('provider_refused', 'this is no id')
    return f'{path}/{identity}'
