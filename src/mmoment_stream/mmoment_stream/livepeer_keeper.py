"""Keeps the one stream that a camera has at Livepeer: finds it again, and makes it only once.

Livepeer does not refuse a second stream of the same name, and an answer can be lost after a stream
was made. So it is looked for by its id, which a small file remembers, then by its name, and for a
while after an attempt nothing is made but only looked for.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path

from mmoment_stream import durable
from mmoment_stream.errors import Refused
from mmoment_stream.livepeer_client import LivepeerClient
from mmoment_stream.livepeer_models import ID, LivepeerOptions, LivepeerStream
from mmoment_stream.push_target import PushError

# With these nothing was made.
NOT_MADE = frozenset(
    {
        'provider_busy',
        'provider_forbidden',
        'provider_key',
        'provider_no_stream',
        'provider_refused',
    }
)


class StreamKeeper:
    """Used by one event loop.

    chosen_id: of a stream that a person has chosen; it is used as it is. memory: where the id of a
    stream that was made is kept; a disk that does not take it is no reason not to stream.
    """

    def __init__(
        self,
        client: LivepeerClient,
        name: str,
        *,
        chosen_id: str = '',
        memory: Path | None = None,
        options: LivepeerOptions | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._name = name
        self._chosen_id = chosen_id
        self._options = options or LivepeerOptions()
        self._memory = memory
        self._wall_clock = wall_clock
        self._id, self._asked_s = self._recalled()
        self._settled_id = ''

    @property
    def stream_id(self) -> str:
        """Of the stream, as far as it is known; empty: not yet."""
        return self._chosen_id or self._id

    async def stream(self) -> LivepeerStream:
        """The stream as it is now; made if there is none. Raises PushError."""
        if self._chosen_id:
            return await self._client.stream(self._chosen_id)
        stream = await self._known() or await self._found() or await self._made()
        self._note(stream.id, self._asked_s)
        return await self._settled(stream)

    async def _known(self) -> LivepeerStream | None:
        if not self._id:
            return None
        try:
            return await self._client.stream(self._id)
        except PushError as error:
            if error.code != 'provider_no_stream':
                raise
            return None

    async def _found(self) -> LivepeerStream | None:
        streams = await self._client.find_streams(self._name)
        # Whoever else looks takes the same one.
        return streams[0] if streams else None

    async def _made(self) -> LivepeerStream:
        now_s = self._wall_clock()
        wait_s = self._asked_s + self._options.settle_s - now_s
        # A clock that was set back must not forbid it for long.
        if 0 < wait_s <= self._options.settle_s:
            raise PushError(
                'provider_busy', 'it may just be making the stream', retry_after_s=min(wait_s, 1.0)
            )
        self._note('', now_s)
        options = self._options
        try:
            return await self._client.create_stream(
                self._name, record=options.record, profiles=options.profiles
            )
        except PushError as error:
            if error.code in NOT_MADE:
                self._note('', 0.0)
            raise

    async def _settled(self, stream: LivepeerStream) -> LivepeerStream:
        """Have it recorded and transcoded as configured, as soon as that can be changed."""
        options = self._options
        profiles = options.profiles
        is_right = stream.record == options.record and profiles in (None, stream.profiles)
        if stream.id == self._settled_id or is_right:
            self._settled_id = stream.id
            return stream
        try:
            await self._client.change_stream(stream.id, record=options.record, profiles=profiles)
            self._settled_id = stream.id
        except PushError:
            # It is still taken for active, or Livepeer is away: neither keeps us from pushing.
            pass
        return stream

    def _recalled(self) -> tuple[str, float]:
        """The id, and when a stream was asked for, from the file; nothing if it is not right."""
        try:
            kept = json.loads((self._memory or Path()).read_bytes())
            found, asked_s = kept['stream_id'], float(kept['asked_s'])
            is_ours = kept['base_url'] == self._options.base_url and kept['name'] == self._name
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return '', 0.0
        is_id = isinstance(found, str) and (not found or ID.fullmatch(found) is not None)
        return (found, asked_s) if is_ours and is_id else ('', 0.0)

    def _note(self, stream_id: str, asked_s: float) -> None:
        if (stream_id, asked_s) == (self._id, self._asked_s):
            return
        self._id, self._asked_s = stream_id, asked_s
        if self._memory is None:
            return
        facts = {
            'base_url': self._options.base_url,
            'name': self._name,
            'stream_id': stream_id,
            'asked_s': asked_s,
        }
        with contextlib.suppress(Refused):
            durable.keep(self._memory, json.dumps(facts).encode('utf-8'))
