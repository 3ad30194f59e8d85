"""One call to the HTTP interface of Livepeer Studio, and what became of it in our own words.

No text made here holds anything that the other side has sent, nor the API key: an answer may quote
both. Source of status codes and of `Retry-After`: API reference of Livepeer Studio, RFC 9110.
"""

from __future__ import annotations

import asyncio
import email.utils
import ipaddress
import json
import ssl
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from mmoment_stream.push_target import PushError

# A list of streams has some 2 KiB each.
MOST_BYTES = 1 << 20
MOST_RETRY_AFTER_S = 3600.0
# What is waited if the other side asks to wait and does not say how long.
BUSY_S = 5.0
AGENT = 'mmoment'
NOT_AS_EXPECTED = 'its answer is not what it should be'
REASONS = {
    401: ('provider_key', ''),
    402: ('provider_forbidden', 'it asks for a payment'),
    403: ('provider_forbidden', ''),
    404: ('provider_no_stream', ''),
    408: ('provider_away', 'it has waited too long for the question'),
    409: ('provider_busy', 'something else is under way'),
    410: ('provider_no_stream', 'it is gone'),
}
"""Code of PUSH_ERRORS and detail of each status that has a meaning of its own."""
# What was asked is wrong; of a question that has nothing to get wrong it is a fault.
REFUSALS = (400, 422)


class StudioHttp:
    """Makes calls, from one event loop. The first call opens connections, `close` ends them.

    api_key: asked for before each call; what it raises the call raises. ca_file: certificates that
    are trusted beside those of the system.
    """

    def __init__(
        self,
        base_url: str,
        api_key: Callable[[], str],
        *,
        ca_file: str = '',
        call_s: float = 10.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._ca_file = ca_file
        self._call_s = call_s
        self._monotonic = monotonic
        self._client: httpx.AsyncClient | None = None
        self._quiet_until = 0.0

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Any:
        """The JSON of the answer, None where it has no content. path: after the base, '/stream'.

        Raises PushError, also without a call: bad_address, and while the other side has asked for a
        pause.
        """
        base_url = _checked(self._base_url)
        pause_s = self._quiet_until - self._monotonic()
        if pause_s > 0:
            raise PushError('provider_busy', retry_after_s=pause_s)
        headers = {
            'Accept': 'application/json',
            'Accept-Encoding': 'identity',
            'Authorization': f'Bearer {self._api_key()}',
        }
        try:
            return await asyncio.wait_for(
                self._answer(method, f'{base_url}{path}', headers, query, body), self._call_s
            )
        except (asyncio.TimeoutError, httpx.TimeoutException):
            raise PushError('provider_away', 'it does not answer in time') from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _away(error) from None

    async def close(self) -> None:
        """End all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _answer(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None,
        body: Any,
    ) -> Any:
        client = self._open(is_plain=url.startswith('http://'))
        request = client.stream(method, url, params=query, json=body, headers=headers)
        async with request as answer:
            if not 200 <= answer.status_code < 300:
                raise self._refusal(answer, method)
            return _parsed(await _content(answer))

    def _open(self, *, is_plain: bool) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                # What does not leave this machine has no certificate.
                verify=False if is_plain else _trust(self._ca_file),
                headers={'User-Agent': AGENT},
                timeout=self._call_s,
                # An answer that leads elsewhere would lead the key there.
                follow_redirects=False,
                # Settings of the shell are not those of the camera.
                trust_env=False,
            )
        return self._client

    def _refusal(self, answer: httpx.Response, method: str) -> PushError:
        status = answer.status_code
        pause_s = _retry_after_s(answer)
        if status == 429 or (status == 503 and pause_s):
            pause_s = pause_s or BUSY_S
            self._quiet_until = self._monotonic() + pause_s
            return PushError('provider_busy', retry_after_s=pause_s)
        if status in REASONS:
            code, detail = REASONS[status]
            return PushError(code, detail)
        if 300 <= status < 400:
            return PushError('provider_fault', 'it answers from another address')
        if status in REFUSALS and method != 'GET':
            return PushError('provider_refused', 'it does not take what was asked')
        return PushError('provider_fault', f'status {status}')


def _trust(ca_file: str) -> ssl.SSLContext:
    """Whose certificates are believed. Raises PushError: untrusted."""
    try:
        context = ssl.create_default_context()
        if ca_file:
            context.load_verify_locations(ca_file)
    except OSError:
        raise PushError('untrusted', 'the file of certificates cannot be read') from None
    return context


def _checked(base_url: str) -> str:
    """The address without a slash at its end. Raises PushError: bad_address."""
    try:
        parts = urllib.parse.urlsplit(base_url)
        host, _ = parts.hostname or '', parts.port
    except ValueError:
        raise PushError('bad_address', 'that of the provider is malformed') from None
    if not host or parts.username or parts.password or parts.query or parts.fragment:
        raise PushError('bad_address', 'that of the provider is not like https://host/api')
    if parts.scheme != 'https' and not (parts.scheme == 'http' and _is_own(host)):
        raise PushError('bad_address', 'that of the provider has to begin with https://')
    return parts.geturl().rstrip('/')


def _is_own(host: str) -> bool:
    """Whether what is sent there does not leave this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


async def _content(answer: httpx.Response) -> bytes:
    content = bytearray()
    # As it is on the wire: nothing small can grow huge here.
    async for part in answer.aiter_raw():
        content += part
        if len(content) > MOST_BYTES:
            raise PushError('provider_fault', 'its answer is too long')
    return bytes(content)


def _parsed(content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise PushError('provider_fault', NOT_AS_EXPECTED) from None


def _away(error: Exception) -> PushError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return PushError('untrusted')
        cause = cause.__cause__ or cause.__context__
    return PushError('provider_away')


def _retry_after_s(answer: httpx.Response) -> float:
    """The pause that is asked for, in seconds or as a date; 0: none."""
    text = answer.headers.get('Retry-After', '').strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MOST_RETRY_AFTER_S)
    until = _seconds(text)
    if until is None:
        return 0.0
    # A camera may have no clock yet, so the date is held against the other side's own.
    now = _seconds(answer.headers.get('Date', ''))
    return min(max(until - (time.time() if now is None else now), 0.0), MOST_RETRY_AFTER_S)


def _seconds(date: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
