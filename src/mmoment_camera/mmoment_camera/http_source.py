"""The `http` source: a network camera that sends JPEG pictures one after another (MJPEG)."""

from __future__ import annotations

import email.message
import http.client
import io
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, cast

import cv2
import numpy as np

from mmoment_camera.errors import NOT_TRIED_AGAIN, SourceError, SourceUnusable
from mmoment_camera.multipart import EndOfStream, MultipartReader, boundary_of
from mmoment_camera.source import Image, Picture, PictureSource, SourceSettings

# After this many undecodable pictures in a row the camera is broken, not the picture.
GARBAGE_LIMIT = 5
UNAUTHORIZED = 401
FORBIDDEN = 403
NOT_FOUND = 404


class HttpSource(PictureSource):
    """Pictures of a multipart/x-mixed-replace answer; its end and its silence are faults.

    Read with the standard library instead of FFmpeg: every wait is bounded by the socket's own
    time-out, so that a stalled camera cannot keep a thread in native code, and TLS is verified.
    """

    kind = 'http'

    def __init__(self, url: str, description: str, settings: SourceSettings) -> None:
        """Remember the camera.

        url: http:// or https://, with name and password where the camera asks for them.
        description: the same without them.
        """
        super().__init__(description, settings)
        self._url = url
        self._answer: Any | None = None
        self._parts: MultipartReader | None = None
        self.pixel_format = 'MJPG'

    def open(self) -> None:
        """Connect and read the head of the answer.

        Raises SourceError with the reason in words, SourceUnusable for a wrong password.
        """
        url, opener = self._opener()
        try:
            answer = opener.open(url, timeout=self.settings.open_timeout_s)
        except (OSError, http.client.HTTPException, ValueError) as reason:
            raise self._fault(reason) from None
        self._answer = answer
        content_type = answer.headers.get('Content-Type', '')
        boundary = boundary_of(content_type)
        if boundary is None:
            raise SourceError(
                f'{self.description} answers with "{content_type}", which is no MJPEG stream: '
                "look up the stream's path in the camera's manual"
            )
        _set_read_timeout(answer, self.settings.read_timeout_s)
        self._parts = MultipartReader(answer, boundary)

    def _opener(self) -> tuple[str, urllib.request.OpenerDirector]:
        """The address without its password, and an opener that has it.

        No proxy: cameras stand in the local network. The password is sent only when asked for.
        """
        parts = urllib.parse.urlsplit(self._url)
        place = parts.netloc.rpartition('@')[2]
        url = urllib.parse.urlunsplit(parts._replace(netloc=place))
        context = ssl.create_default_context()
        if not self.settings.verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        handlers: list[urllib.request.BaseHandler] = [
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=context),
        ]
        if parts.username is not None:
            passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
            passwords.add_password(
                None,
                url,
                urllib.parse.unquote(parts.username),
                urllib.parse.unquote(parts.password or ''),
            )
            handlers.append(_DigestOnce(passwords))
            handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
        return url, urllib.request.build_opener(*handlers)

    def read(self) -> Picture:
        """The next decodable picture.

        Raises SourceError at the end of the stream, on silence and on lasting garbage.
        """
        assert self._parts is not None, 'read() before open()'
        deadline_s = time.monotonic() + self.settings.read_timeout_s
        for garbage in range(GARBAGE_LIMIT):
            try:
                jpeg, arrival_ns = self._parts.next_part(deadline_s)
            except EndOfStream:
                raise SourceError(f'{self.description} has ended the stream') from None
            except ValueError:
                break
            except (OSError, http.client.HTTPException) as reason:
                raise self._fault(reason) from None
            image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            if image is not None:
                return Picture(cast(Image, image), arrival_ns, skipped=garbage)
        raise SourceError(f'{self.description} sends something that is no JPEG picture')

    def _fault(self, reason: Exception) -> SourceError:
        """What went wrong, and whether another attempt may help."""
        if isinstance(reason, urllib.error.HTTPError) and reason.code in (UNAUTHORIZED, FORBIDDEN):
            reason.close()
            return SourceUnusable(
                f'{self.description} refuses the name and password: put them in as '
                f'http://NAME:PASSWORD@HOST/...; {NOT_TRIED_AGAIN}'
            )
        return SourceError(self._sentence(reason))

    def _sentence(self, reason: Exception) -> str:
        """What went wrong, in our words, without the address's password."""
        name = self.description
        if isinstance(reason, urllib.error.HTTPError):
            reason.close()
            if reason.code == NOT_FOUND:
                return f"{name} has nothing under this path: look it up in the camera's manual"
            return f'{name} answers with HTTP status {reason.code}'
        cause = reason.reason if isinstance(reason, urllib.error.URLError) else reason
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f'{name} shows a certificate nobody vouches for: see the parameter `verify_tls`'
        if isinstance(cause, ConnectionRefusedError):
            return f'{name} refuses the connection: check address and port'
        if isinstance(cause, TimeoutError):
            opened = self._parts is not None
            limit_s = self.settings.read_timeout_s if opened else self.settings.open_timeout_s
            return f'{name} sent nothing for {limit_s:g} s'
        words = getattr(cause, 'strerror', None) or type(cause).__name__
        return f'{name} failed: {words}'

    def close(self) -> None:
        """Hang up."""
        self._parts = None
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.close()


class _DigestOnce(urllib.request.HTTPDigestAuthHandler):
    """Offers a password once; the standard library's own offers it six times, which locks accounts."""

    def retry_http_digest_auth(self, req: urllib.request.Request, auth: str) -> Any:
        """Answer the camera's question, unless the answer was just refused."""
        if req.has_header(self.auth_header):
            raise urllib.error.HTTPError(
                req.full_url, UNAUTHORIZED, 'refused', email.message.Message(), io.BytesIO()
            )
        return super().retry_http_digest_auth(req, auth)


def _set_read_timeout(answer: Any, timeout_s: float) -> None:
    """Change the time-out of a connection that urllib has opened with another one."""
    raw = getattr(getattr(answer, 'fp', None), 'raw', None)
    connection = getattr(raw, '_sock', None)
    if connection is not None:
        connection.settimeout(timeout_s)
