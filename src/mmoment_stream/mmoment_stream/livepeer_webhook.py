"""Checks that an event comes from Livepeer, is fresh, and was not told before.

Livepeer signs the bytes that it sends: `Livepeer-Signature: t=MS,v1=HEX`, HEX being HMAC-SHA256 of
the body under the shared secret, MS the milliseconds since 1970. It sends an event again until it
gets an answer of 2xx or 4xx. Source: documentation of Livepeer Studio, 'Verify webhook signatures'.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mmoment_stream.errors import StreamError

SIGNATURE_HEADER = 'Livepeer-Signature'
MOST_BYTES = 256 << 10
MOST_AGE_S = 300.0
# Clocks differ.
MOST_AHEAD_S = 60.0
# All that can come within MOST_AGE_S, and again, from a camera's few streams.
REMEMBERED = 4096


class WebhookRefused(StreamError):
    """This is no event of Livepeer's, or none that is to be acted on. The sender need not know why."""


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """What happened. event: as 'stream.started'. stream_id: empty where it is about
    none. created_ms: since 1970."""

    id: str
    event: str
    stream_id: str
    created_ms: int


class WebhookInbox:
    """Takes events in, each once; may be called from any thread.

    secret: the one that the webhook was made with; asked for anew, so that it can be changed.
    """

    def __init__(
        self, secret: Callable[[], str], *, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._secret = secret
        self._wall_clock = wall_clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def take(self, body: bytes, signature: str) -> WebhookEvent | None:
        """The event in a request, None if it was taken before. Raises WebhookRefused.

        body: as it came, before anything has read it. signature: the header of SIGNATURE_HEADER.
        """
        event = verified(body, signature, self._secret(), now_s=self._wall_clock())
        with self._lock:
            if event.id in self._seen:
                return None
            self._seen[event.id] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return event


def verified(body: bytes, signature: str, secret: str, *, now_s: float) -> WebhookEvent:
    """The event in a body that is signed with this secret, and fresh. Raises WebhookRefused."""
    if not secret or len(body) > MOST_BYTES:
        raise WebhookRefused('there is no secret, or the event is too long')
    stamped_ms, given = _parts(signature)
    if not hmac.compare_digest(signed(body, secret), given):
        raise WebhookRefused('the signature is not that of the body')
    event, stamp_ms = _event(body)
    # The header is not signed; the body is, and says the same.
    if stamp_ms != stamped_ms:
        raise WebhookRefused('the time is not the one that was signed')
    age_s = now_s - stamp_ms / 1000.0
    if not -MOST_AHEAD_S <= age_s <= MOST_AGE_S:
        raise WebhookRefused('the event is too old')
    return event


def signed(body: bytes, secret: str) -> str:
    """Signature of a body, hex."""
    return hmac.new(secret.encode('utf-8'), body, hashlib.sha256).hexdigest()


def _parts(signature: str) -> tuple[int, str]:
    parts = dict(part.strip().partition('=')[::2] for part in signature.split(','))
    time_ms, digest = parts.get('t', ''), parts.get('v1', '')
    if not (time_ms.isascii() and time_ms.isdigit() and len(time_ms) < 16 and digest.isascii()):
        raise WebhookRefused('the signature is malformed')
    return int(time_ms), digest


def _event(body: bytes) -> tuple[WebhookEvent, int]:
    """The event, and when this copy of it was sent, in ms since 1970."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise WebhookRefused('the event is malformed')
    identity, name, sent_ms = content.get('id'), content.get('event'), content.get('timestamp')
    if not (isinstance(identity, str) and isinstance(name, str) and isinstance(sent_ms, int)):
        raise WebhookRefused('the event is malformed')
    if not 0 < len(identity) <= 128 or not 0 < len(name) <= 128:
        raise WebhookRefused('the event is malformed')
    created_ms = content.get('createdAt')
    if not isinstance(created_ms, int):
        created_ms = sent_ms
    return WebhookEvent(identity, name, _stream_id(content.get('stream')), created_ms), sent_ms


def _stream_id(stream: Any) -> str:
    found = stream.get('id') if isinstance(stream, dict) else None
    return found if isinstance(found, str) and len(found) <= 128 else ''
