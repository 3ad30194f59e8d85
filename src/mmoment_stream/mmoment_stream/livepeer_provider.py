"""Livepeer as the place that a camera pushes to: its key, addresses and health, from its API.

The push does not stand or fall with the API: what was known goes on being used while it is away.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from mmoment_node import async_thread
from mmoment_stream.key_file import read_key, read_secret
from mmoment_stream.livepeer_client import LivepeerClient
from mmoment_stream.livepeer_http import StudioHttp
from mmoment_stream.livepeer_keeper import StreamKeeper
from mmoment_stream.livepeer_models import (
    BASE_URL,
    INGEST_URL,
    LivepeerOptions,
    LivepeerStream,
)
from mmoment_stream.livepeer_multistream import pass_on, read_places
from mmoment_stream.push_target import (
    Cancelled,
    Ingest,
    Playback,
    ProviderHealth,
    PushError,
    PushTarget,
)

# Faults of the API that say nothing about the stream.
PASSING = frozenset({'provider_away', 'provider_busy', 'provider_fault', 'untrusted'})
# The longest that a new connection waits for the API if it was known before where to push.
KNOWN_S = 1.5
# The longest that the first one waits for what a push does not need.
EXTRAS_S = 1.5
# Servers come and go there.
INGEST_KEPT_S = 600.0
# Livepeer takes a stream for active as long after its last sign of life.
SILENT_S = 90.0


class LivepeerProvider:
    """One stream in one account. May be asked from several threads."""

    def __init__(
        self,
        target: PushTarget,
        key_folder: Path,
        *,
        stream_name: str = '',
        memory: Path | None = None,
        options: LivepeerOptions | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """See stream_provider.open_provider."""
        self._options = options or LivepeerOptions()
        self._key_folder = key_folder
        self._name = stream_name
        self._is_named = bool(stream_name or target.stream_id)
        self._monotonic = monotonic
        self._wall_clock = wall_clock
        http = StudioHttp(
            self._options.base_url,
            lambda: read_key(key_folder, target.key_file),
            ca_file=self._options.ca_file,
            call_s=self._options.call_s,
        )
        self._client = LivepeerClient(http)
        self._keeper = StreamKeeper(
            self._client,
            stream_name,
            chosen_id=target.stream_id,
            memory=memory,
            options=self._options,
            wall_clock=wall_clock,
        )
        self._thread = async_thread.AsyncThread('livepeer')
        self._turn: asyncio.Lock | None = None
        self._last: Ingest | None = None
        self._address, self._address_s = '', 0.0
        self._playback: Playback | None = None
        self._passed_on = b''
        self._multistream_problem = ''
        self._seen_ms, self._seen_s = -1.0, 0.0

    def ingest(self, cancelled: threading.Event) -> Ingest:
        """Where to push now, with the key; the stream is made if there is none.

        Raises PushError, Cancelled. While the API is away it is what was said last.
        """
        return self._call(self._ingest, cancelled)

    def health(self, cancelled: threading.Event) -> ProviderHealth | None:
        """What Livepeer says of the stream, None before `ingest` has found it."""
        return self._call(self._health, cancelled)

    def close(self) -> None:
        """End calls that are under way, and let go of connections."""
        self._thread.close(self._client.close)

    def _call(
        self, work: async_thread.Work[async_thread.Result], cancelled: threading.Event
    ) -> async_thread.Result:
        try:
            return self._thread.call(work, cancelled=cancelled)
        except async_thread.Cancelled:
            raise Cancelled from None

    async def _ingest(self) -> Ingest:
        # Two that look for the stream at once would make two. Made here: it belongs to the loop.
        self._turn = self._turn or asyncio.Lock()
        async with self._turn:
            if self._last is None:
                self._last = await self._asked()
                return self._last
            try:
                self._last = await asyncio.wait_for(self._asked(), KNOWN_S)
            except asyncio.TimeoutError:
                pass
            except PushError as error:
                if error.code not in PASSING:
                    raise
            return self._last

    async def _asked(self) -> Ingest:
        if not self._is_named:
            raise PushError('bad_address', 'the stream at the provider has neither name nor id')
        stream = await self._keeper.stream()
        if stream.suspended:
            raise PushError('provider_suspended')
        address = await self._ingest_url()
        if self._last is None:
            # Later with the health, which nobody waits for.
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._settle(stream), EXTRAS_S)
        return Ingest(address, stream.stream_key, self._playback_of(stream))

    async def _settle(self, stream: LivepeerStream) -> None:
        """Do what pushing does not need."""
        if self._options.multistream_file:
            await self._pass_on(stream)
        if self._playback_of(stream) != self._playback:
            # Livepeer may not know it yet.
            with contextlib.suppress(PushError):
                self._playback = await self._client.playback(stream.playback_id)

    def _playback_of(self, stream: LivepeerStream) -> Playback:
        known = self._playback
        is_known = known is not None and known.playback_id == stream.playback_id
        return known if known is not None and is_known else Playback(stream.playback_id)

    async def _ingest_url(self) -> str:
        now_s = self._monotonic()
        if self._address and now_s - self._address_s < INGEST_KEPT_S:
            return self._address
        try:
            self._address = await self._client.ingest()
            self._address_s = now_s
        except PushError:
            # The key of another server is not for Livepeer's.
            is_livepeer = self._options.base_url.rstrip('/') == BASE_URL
            if not self._address and not is_livepeer:
                raise
        return self._address or INGEST_URL

    async def _pass_on(self, stream: LivepeerStream) -> None:
        """As the file says now. A fault of it is told with the health, and stops no push."""
        self._multistream_problem = ''
        try:
            text = read_secret(self._key_folder, self._options.multistream_file)
            digest = hashlib.sha256(f'{stream.id} {text}'.encode()).digest()
            if digest != self._passed_on:
                prefix = self._name or stream.id
                await pass_on(self._client, stream, prefix, read_places(text))
                self._passed_on = digest
        except PushError as error:
            self._multistream_problem = f'It is not passed on: {error.text}'

    async def _health(self) -> ProviderHealth | None:
        if not self._keeper.stream_id:
            return None
        stream = await self._client.stream(self._keeper.stream_id)
        await self._settle(stream)
        issues = list(stream.issues)
        if stream.suspended:
            issues.append('The stream is suspended')
        is_active = stream.is_active and not self._is_silent(stream.last_seen_ms)
        if stream.is_active and not is_active:
            issues.append('Livepeer has heard nothing of it for a while')
        # Null as long as nothing was judged.
        is_healthy = not stream.issues if stream.is_healthy is None else stream.is_healthy
        if self._multistream_problem:
            issues.append(self._multistream_problem)
        return ProviderHealth(
            is_active=is_active,
            is_healthy=is_healthy and not stream.suspended,
            issues=tuple(issues),
            checked_s=self._wall_clock(),
            playback=self._playback_of(stream),
        )

    def _is_silent(self, last_seen_ms: float) -> bool:
        """Whether its last sign of life is old, by a clock of ours: theirs may differ."""
        now_s = self._monotonic()
        if last_seen_ms != self._seen_ms:
            self._seen_ms, self._seen_s = last_seen_ms, now_s
        return now_s - self._seen_s > SILENT_S
