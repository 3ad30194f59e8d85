"""What Livepeer tells by itself: whether it is genuine, of now, and new.

Format, as Livepeer Studio documents it: the body is JSON with id, event, timestamp (ms since 1970)
and more; the header `Livepeer-Signature` is 't=MS,v1=HEX', where HEX is the HMAC-SHA256 of the body
with the secret that both sides know. The time in the header is not signed, so that of the body counts
as well. The stream in the body comes with its key: nothing but the three is taken out of it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmoment_api.errors import HTTP_ERRORS, ApiError
from mmoment_stream.key_file import Unusable, content_of

SIGNATURE_HEADER = 'Livepeer-Signature'
# It is sent again after 5 s, 10 s and so on; clocks of cameras are wrong by minutes.
AGE_AT_MOST_MS = 600_000
SECRET_AT_MOST_BYTES = 4096
REMEMBERED_AT_MOST = 512
_LOG = logging.getLogger(__name__)
_EVENT = re.compile(r'[a-z]{1,32}(?:\.[a-z_]{1,32}){1,3}', re.ASCII)
_HEX = re.compile(r'[0-9a-f]{64}', re.ASCII)


class NoSecret(Exception):
    """The file cannot be used; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class HookEvent:
    """What happened, such as stream.started; `at_ms` since 1970."""

    event_id: str
    event: str
    at_ms: int


class LivepeerWebhook:
    """Checks what comes. Safe in one thread; the secret is read anew each time."""

    def __init__(self, secret_file: str, utc_ms: Callable[[], int]) -> None:
        self._secret_file = secret_file
        self._utc_ms = utc_ms
        self._known: OrderedDict[str, None] = OrderedDict()
        self._complaint = ''

    @property
    def is_enabled(self) -> bool:
        """Whether there is a secret to check by."""
        return bool(self._secret_file)

    def checked(self, header: str, body: bytes) -> HookEvent:
        """What the body says, if it is genuine and of now; raises `ApiError`."""
        told_ms, signatures = _parts(header)
        try:
            secret = read_secret(Path(self._secret_file))
        except NoSecret as error:
            self._complain(str(error))
            raise ApiError(
                503, 'no_secret', 'The camera cannot check this now; the log of api_node says why'
            ) from None
        expected = hmac.new(secret, body, hashlib.sha256).hexdigest()
        # All are compared, so that the time taken tells nothing about any of them.
        if not any([hmac.compare_digest(expected, item) for item in signatures]):
            raise ApiError(401, 'bad_signature', 'The signature proves nothing')
        event = _event(body)
        if any(abs(self._utc_ms() - time) > AGE_AT_MOST_MS for time in (told_ms, event.at_ms)):
            raise ApiError(401, 'too_old', 'This was sent long ago, or by a clock that is wrong')
        return event

    def is_known(self, event: HookEvent) -> bool:
        """Whether it was noted before."""
        return event.event_id in self._known

    def note(self, event: HookEvent) -> None:
        """Remember it: whoever gets no answer in time sends it again."""
        self._known[event.event_id] = None
        while len(self._known) > REMEMBERED_AT_MOST:
            self._known.popitem(last=False)

    def _complain(self, text: str) -> None:
        # Anybody may call, so the same is not said again.
        if text != self._complaint:
            self._complaint = text
            _LOG.warning('Webhooks of Livepeer cannot be checked: %s', text)


def read_secret(path: Path) -> bytes:
    """The content without white space around it; raises `NoSecret` unless the file is ours alone."""
    try:
        content = content_of(path).strip()
    except Unusable as error:
        raise NoSecret(f'{path} cannot be used: {error}') from None
    if not content or len(content) > SECRET_AT_MOST_BYTES:
        raise NoSecret(f'{path} holds no secret: write the one of the webhook into it')
    return content


def _parts(header: str) -> tuple[int, list[str]]:
    """Time and signatures of the header; raises `ApiError`."""
    told_ms, signatures = -1, []
    for item in header.split(','):
        name, _, value = item.strip().partition('=')
        if name == 't' and value.isascii() and value.isdigit() and len(value) < 16:
            told_ms = int(value)
        elif name == 'v1' and _HEX.fullmatch(value):
            signatures.append(value)
    if told_ms < 0 or not signatures:
        raise ApiError(401, 'bad_signature', f'{SIGNATURE_HEADER} has to be t=TIME,v1=SIGNATURE')
    return told_ms, signatures


def _event(body: bytes) -> HookEvent:
    """What a genuine body says; raises `ApiError` if it is none of Livepeer's."""
    try:
        said = json.loads(body)
        name, event_id = said['event'], said['id']
        at_ms = said.get('timestamp') or said.get('createdAt')
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise ApiError(400, *HTTP_ERRORS[400]) from None
    is_time = isinstance(at_ms, int) and not isinstance(at_ms, bool)
    if not (isinstance(name, str) and _EVENT.fullmatch(name) and is_time):
        raise ApiError(400, *HTTP_ERRORS[400])
    if not isinstance(event_id, str) or not 0 < len(event_id) <= 128:
        raise ApiError(400, *HTTP_ERRORS[400])
    return HookEvent(event_id, name, at_ms)
