"""Fetches one file over HTTP, and goes on where it was broken off: in this run or in a later one.

What came lies in a `.part` file, and beside it the server's tag of that version, so that the rest of
another version is not put behind it (RFC 9110, Range and If-Range). Whether the content is right is
for the caller to check.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PAUSES_S = (1.0, 2.0, 4.0)
"""Before each further try; then it is given up."""
WORTHWHILE_BYTES = 1 << 20
"""A try that brought as much was a good one, and the pauses begin again."""
BLOCK_BYTES = 1 << 16
PASSING_FAULTS = (408, 429, 500, 502, 503, 504)
"""Answers of a server that may be another one a moment later."""
RANGE_REFUSED = 416


@dataclass(frozen=True)
class Patience:
    """How long a silent or slow server is waited for."""

    silence_s: float = 20.0
    slow_s: float = 60.0
    slow_bytes: int = 60 << 10


PATIENCE = Patience()


class DownloadError(Exception):
    """The file cannot be had, and why; `has_begun`: what came is kept, and a later run goes on."""

    def __init__(self, reason: str, has_begun: bool = False) -> None:
        super().__init__(reason)
        self.has_begun = has_begun


class _BrokenOff(Exception):
    """Worth another try."""


def download(
    address: str,
    size_bytes: int,
    part: Path,
    shown: Callable[[int], None],
    patience: Patience = PATIENCE,
    pauses_s: Sequence[float] = PAUSES_S,
) -> None:
    """Make `part` a file of `size_bytes`; `shown` is told how many are there.

    Raises DownloadError, or OSError if the file cannot be written.
    """
    begun_with = length(part)
    pauses = list(pauses_s)
    while True:
        before = length(part)
        try:
            _go_on(address, size_bytes, part, shown, patience)
            return
        except _BrokenOff as error:
            came = length(part) - before
            if came >= WORTHWHILE_BYTES:
                pauses = list(pauses_s)
            if not pauses:
                raise DownloadError(str(error), has_begun=length(part) > 0) from error
        except urllib.error.URLError as error:
            # Without any network there is nothing to wait for; one that was there may come back.
            if length(part) == begun_with or not pauses:
                raise DownloadError(_told(error), has_begun=length(part) > 0) from error
        time.sleep(pauses.pop(0))


def length(path: Path) -> int:
    """Bytes of a file; 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def forget(part: Path) -> None:
    """Remove what came so far."""
    part.unlink(missing_ok=True)
    _tag_file(part).unlink(missing_ok=True)


def _go_on(
    address: str, size_bytes: int, part: Path, shown: Callable[[int], None], patience: Patience
) -> None:
    if length(part) > size_bytes:
        forget(part)
    have = length(part)
    if have == size_bytes:
        return
    request = urllib.request.Request(address, headers=_headers(part, have))
    with _answer(request, part, patience) as answer:
        if answer.status != http.client.PARTIAL_CONTENT:
            have = 0
        _check(answer, have, size_bytes)
        if have == 0:
            _begin_anew(part, answer.headers.get('ETag', ''))
        with part.open('ab') as file:
            _receive(answer, file, have, size_bytes, shown, patience)


def _answer(
    request: urllib.request.Request, part: Path, patience: Patience
) -> http.client.HTTPResponse:
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(
            request, timeout=patience.silence_s
        )
        return answer
    except urllib.error.HTTPError as error:
        raise _judged(error, part) from error
    except urllib.error.URLError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise _broken_off(error, patience) from error


def _headers(part: Path, have: int) -> dict[str, str]:
    headers = {'User-Agent': 'mmoment', 'Accept-Encoding': 'identity'}
    if have:
        headers['Range'] = f'bytes={have}-'
        with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
            headers['If-Range'] = _tag_file(part).read_text(encoding='ascii')
    return headers


def _begin_anew(part: Path, tag: str) -> None:
    """Empty the file before its tag is written: at no moment may old bytes have a new tag."""
    forget(part)
    # A weak tag (W/) does not promise equal bytes.
    if tag.startswith('"') and tag.isascii():
        _tag_file(part).write_text(tag, encoding='ascii')


def _check(answer: http.client.HTTPResponse, have: int, size_bytes: int) -> None:
    """Raise DownloadError if this is not the rest of a file of the right size."""
    if answer.status == http.client.PARTIAL_CONTENT:
        sent = answer.headers.get('Content-Range', 'no range')
        wanted = f'bytes {have}-{size_bytes - 1}/{size_bytes}'
        if sent != wanted:
            raise DownloadError(f"it sends '{sent}' instead of '{wanted}'")
        return
    offered = answer.headers.get('Content-Length', str(size_bytes))
    if offered != str(size_bytes):
        raise DownloadError(f'it has {offered} bytes instead of {size_bytes}')


def _receive(
    answer: http.client.HTTPResponse,
    file: BinaryIO,
    have: int,
    size_bytes: int,
    shown: Callable[[int], None],
    patience: Patience,
) -> None:
    window_begun, window_had = time.monotonic(), have
    while have < size_bytes:
        block = _piece(answer, min(BLOCK_BYTES, size_bytes - have), patience)
        file.write(block)
        # Whatever ends this process, what came is in the file.
        file.flush()
        have += len(block)
        shown(have)
        now = time.monotonic()
        if now - window_begun >= patience.slow_s:
            if have - window_had < patience.slow_bytes:
                raise _BrokenOff(f'only {have - window_had} bytes in {patience.slow_s:.0f} s')
            window_begun, window_had = now, have


def _piece(answer: http.client.HTTPResponse, at_most: int, patience: Patience) -> bytes:
    """Next bytes, from one read of the connection: its time limit then holds for each piece."""
    try:
        block = answer.read1(at_most)
    except (OSError, http.client.HTTPException) as error:
        raise _broken_off(error, patience) from error
    if not block:
        raise _BrokenOff('the connection broke')
    return block


def _broken_off(error: Exception, patience: Patience) -> _BrokenOff:
    if isinstance(error, TimeoutError):
        return _BrokenOff(f'nothing came for {patience.silence_s:.0f} s')
    return _BrokenOff(f'the connection broke: {error or type(error).__name__}')


def _judged(error: urllib.error.HTTPError, part: Path) -> Exception:
    answer = f'it answers {error.code} {error.reason}'
    error.close()
    if error.code == RANGE_REFUSED and length(part):
        forget(part)
        return _BrokenOff(answer)
    if error.code in PASSING_FAULTS:
        return _BrokenOff(answer)
    return DownloadError(answer, has_begun=length(part) > 0)


def _told(error: urllib.error.URLError) -> str:
    if isinstance(error.reason, ssl.SSLCertVerificationError):
        return f'certificate not accepted: {error.reason.verify_message}; is the clock right?'
    if isinstance(error.reason, OSError):
        return error.reason.strerror or str(error.reason)
    return str(error.reason)


def _tag_file(part: Path) -> Path:
    return part.with_name(f'{part.name}.etag')
