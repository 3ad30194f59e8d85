"""Sends files of the media library: whole or in part, in pieces, off the event loop."""

from __future__ import annotations

import asyncio
import io
import os
import stat
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mmoment_api.errors import ApiError
from mmoment_api.file_requests import (
    ByteRange,
    NotSatisfiable,
    asked_range,
    has_newest,
    may_continue,
)
from mmoment_api.media_names import SHOWN_TYPES

# What one answer holds in memory. Each piece costs a hop to a thread, which is as good as free then.
PIECE_BYTES = 256 * 1024
# A file never changes under its name, but it may be deleted, and who looks may have checked out:
# browsers keep it, and ask each time whether they may still show it.
CACHE_CONTROL = 'private, no-cache'
# Whoever checks in next at the same browser is somebody else.
VARY = 'Cookie, Authorization'
OTHER_TYPE = 'application/octet-stream'
# No link is followed, and nothing is waited for that poses as a file.
OPEN_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class FileLabel:
    """What is said of a file. tag: names these very bytes, without quotes; empty: nothing does.

    mime_type: what browsers do not show is only saved, like everything with is_download.
    """

    filename: str
    mime_type: str
    tag: str
    is_download: bool = False

    def headers(self) -> dict[str, str]:
        """Those of every answer with this file, or about it."""
        is_shown = self.mime_type in SHOWN_TYPES and not self.is_download
        how = 'inline' if is_shown else 'attachment'
        headers = {
            'Accept-Ranges': 'bytes',
            'Cache-Control': CACHE_CONTROL,
            'Content-Disposition': f'{how}; filename="{self.filename}"',
            'Vary': VARY,
        }
        return {**headers, 'ETag': self.quoted_tag} if self.tag else headers

    @property
    def quoted_tag(self) -> str:
        """The tag as it is written in headers."""
        return f'"{self.tag}"' if self.tag else ''


def open_file(path: str) -> io.FileIO:
    """Open a regular file to be read; raises OSError."""
    file = io.FileIO(path, 'rb', opener=lambda name, flags: os.open(name, flags | OPEN_FLAGS))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError('this is no file')
    return file


class FileAnswer(Response):
    """The answer to a request for a file, which it closes when it is sent.

    Raises `ApiError` 416, and leaves the file open then.
    """

    def __init__(self, request: Request, file: io.FileIO, label: FileLabel) -> None:
        self._file = file
        size = os.fstat(file.fileno()).st_size
        headers = label.headers()
        if has_newest(request.headers.get('if-none-match'), label.quoted_tag):
            self._part = ByteRange(0, -1)
            super().__init__(status_code=304, headers=headers)
            return
        part = _asked_part(request, size, label)
        self._part = part or ByteRange(0, size - 1)
        headers['Content-Type'] = label.mime_type if label.mime_type in SHOWN_TYPES else OTHER_TYPE
        headers['Content-Length'] = str(self._part.length)
        if part is not None:
            headers['Content-Range'] = f'bytes {part.first}-{part.last}/{size}'
        super().__init__(status_code=200 if part is None else 206, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end, or until the client leaves."""
        start = {'status': self.status_code, 'headers': self.raw_headers}
        left = asyncio.ensure_future(_until_disconnected(receive))
        try:
            await send({'type': 'http.response.start', **start})
            if scope['method'] != 'HEAD':
                await self._send_part(send, left)
            await send({'type': 'http.response.body', 'body': b'', 'more_body': False})
        finally:
            left.cancel()
            self._file.close()

    async def _send_part(self, send: Send, left: asyncio.Future[None]) -> None:
        offset, end = self._part.first, self._part.last + 1
        # The server swallows what is sent to somebody who is gone.
        while offset < end and not left.done():
            wanted = min(end - offset, PIECE_BYTES)
            piece = await asyncio.to_thread(os.pread, self._file.fileno(), wanted, offset)
            if not piece:
                raise OSError('a file became shorter while it was sent')
            await send({'type': 'http.response.body', 'body': piece, 'more_body': True})
            offset += len(piece)


def _asked_part(request: Request, size: int, label: FileLabel) -> ByteRange | None:
    # Parts are for GET only.
    if request.method != 'GET':
        return None
    if not may_continue(request.headers.get('if-range'), label.quoted_tag):
        return None
    try:
        return asked_range(request.headers.get('range'), size)
    except NotSatisfiable:
        raise ApiError(
            416,
            'range_not_satisfiable',
            f'The file has {size} bytes, and none of those that were asked for',
            {'Content-Range': f'bytes */{size}'},
        ) from None


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())['type'] != 'http.disconnect':
        pass
