"""Opens what says where to push: Livepeer, a server of one's own with a key file, or nobody."""

from __future__ import annotations

import threading
from pathlib import Path

from mmoment_stream.key_file import read_key, read_srt_secrets
from mmoment_stream.livepeer_models import LivepeerOptions
from mmoment_stream.push_address import RTMP_SCHEMES, parse_address
from mmoment_stream.push_target import (
    LIVEPEER,
    RTMP,
    Cancelled,
    Ingest,
    ProviderHealth,
    PushError,
    PushTarget,
    StreamProvider,
)


def open_provider(
    target: PushTarget,
    key_folder: Path,
    *,
    stream_name: str = '',
    memory: Path | None = None,
    livepeer: LivepeerOptions | None = None,
) -> StreamProvider:
    """The provider of a target; it neither reads nor connects yet, and finds fault only when asked.

    key_folder: where plain names of key files lie. stream_name: what Livepeer is to call a stream
    that is made, unique to this camera and target; it is found again by it. memory: a small file
    for its id, so that a restart finds it even if someone renames it.
    """
    if target.provider == LIVEPEER:
        # Its HTTP client takes time and memory that other targets need not pay for.
        from mmoment_stream.livepeer_provider import LivepeerProvider

        return LivepeerProvider(
            target, key_folder, stream_name=stream_name, memory=memory, options=livepeer
        )
    if target.provider == RTMP:
        return RtmpProvider(target, key_folder)
    return NoneProvider()


class RtmpProvider:
    """A server that is told by its address, with a key from a file; SRT works without one, too."""

    def __init__(self, target: PushTarget, key_folder: Path) -> None:
        self._target = target
        self._key_folder = key_folder

    def ingest(self, cancelled: threading.Event) -> Ingest:
        """The configured address; the key as its file has it now. Raises PushError, Cancelled."""
        if cancelled.is_set():
            raise Cancelled
        target = self._target
        address = parse_address(target.url)
        if address.scheme in RTMP_SCHEMES:
            return Ingest(target.url, read_key(self._key_folder, target.key_file))
        if not target.key_file:
            return Ingest(target.url)
        secrets = read_srt_secrets(self._key_folder, target.key_file)
        return Ingest(target.url, secrets.key, passphrase=secrets.passphrase)

    def health(self, cancelled: threading.Event) -> ProviderHealth | None:
        """A plain server says nothing."""
        return None

    def close(self) -> None:
        """Nothing is open."""


class NoneProvider:
    """Nobody: a target that is configured and has no place."""

    def ingest(self, cancelled: threading.Event) -> Ingest:
        """Raises PushError: there is no address."""
        raise PushError('bad_address', 'the provider is none')

    def health(self, cancelled: threading.Event) -> ProviderHealth | None:
        """Nobody says anything."""
        return None

    def close(self) -> None:
        """Nothing is open."""
