"""The text by which a person names a picture source."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mmoment_camera.errors import SourceAddressError
from mmoment_node.redaction import redact_url

CHOICES = (
    'auto, demo, pattern, csi, csi:N, /dev/videoN, /dev/v4l/by-id/..., rtsp://HOST/PATH, rtsps://..., '
    'http://HOST/PATH (MJPEG), https://..., or the path of a video file'
)
SCHEMES = {'rtsp': 'rtsp', 'rtsps': 'rtsp', 'http': 'http', 'https': 'http'}
# A device may come later; the names below /dev/v4l stay the same when it comes back.
DEVICE = re.compile(r'/dev/(?:video\d+|v4l/\S+)')
# As OpenCV's users write it.
DEVICE_NUMBER = re.compile(r'\d{1,2}')
# Text with one of these may be a mistyped address, and anything in it a password.
ADDRESS_MARKS = frozenset('@:?=&')
PERCENT_ENCODE = 'percent-encode the password, / ? # @ : and blanks are %2F %3F %23 %40 %3A %20'
OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO
CSI = re.compile(r'csi(?::(\d{1,2}))?')


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """A source by kind and place.

    kind: auto, v4l2, csi, rtsp, http, file, pattern or demo.
    target: device path, sensor number, address with credentials, or file path; '' where none.
    """

    kind: str
    target: str = ''

    @property
    def description(self) -> str:
        """What may be shown and logged: no credentials."""
        if self.kind in ('rtsp', 'http'):
            return redact_url(self.target)
        if self.kind == 'csi':
            return f'csi:{self.target}'
        return self.target or self.kind

    @property
    def has_credentials(self) -> bool:
        """True where the address carries something that must not be shown."""
        return self.kind in ('rtsp', 'http') and self.description != self.target

    @property
    def can_vanish(self) -> bool:
        """True for cameras, False for what this machine makes by itself."""
        return self.kind in ('v4l2', 'csi', 'rtsp', 'http')

    def __repr__(self) -> str:
        """Without credentials: a repr ends up in logs."""
        return f'SourceAddress({self.kind!r}, {self.description!r})'


def parse_source(text: str) -> SourceAddress:
    """The source that a person means.

    Whether a camera is there is not looked at: it may come later. A file must be there.
    Raises SourceAddressError, with the choices, where the text means nothing.
    """
    text = text.strip()
    if text in ('auto', 'demo', 'pattern'):
        return SourceAddress(text)
    if (csi := CSI.fullmatch(text)) is not None:
        return SourceAddress('csi', str(int(csi.group(1) or 0)))
    if DEVICE.fullmatch(text):
        return SourceAddress('v4l2', text)
    if DEVICE_NUMBER.fullmatch(text):
        return SourceAddress('v4l2', f'/dev/video{int(text)}')
    if '://' in text:
        return _parse_url(text)
    return _parse_path(text)


def read_source(path: Path) -> SourceAddress:
    """The source named in the first line of a file, so that a password need not be a parameter.

    Raises SourceAddressError where the file cannot be read, is open to others, or means nothing.
    """
    path = path.expanduser()
    try:
        with path.open(encoding='utf-8') as file:
            is_open_to_others = os.fstat(file.fileno()).st_mode & OTHERS_MAY
            line = file.readline().strip()
    except (OSError, UnicodeDecodeError) as reason:
        words = getattr(reason, 'strerror', None) or 'is no text'
        raise SourceAddressError(f'source file {path} cannot be read: {words}') from reason
    try:
        address = parse_source(line)
    except SourceAddressError:
        # Whatever stands in the file is not repeated: it may be a password.
        raise SourceAddressError(
            f'source file {path} does not say a source in its first line; write one of: {CHOICES}'
        ) from None
    if address.has_credentials and is_open_to_others:
        raise SourceAddressError(
            f'source file {path} holds a password and others may read it: run `chmod 600 {path}`'
        )
    return address


def _parse_url(text: str) -> SourceAddress:
    """A network camera, or a file:// address.

    What is no address is not repeated, nor is the library's reason, which quotes it: nobody can
    tell where in it the password is.
    """
    try:
        parts = urlsplit(text)
        # Looking at the port checks it.
        has_place = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise SourceAddressError(
            f'source is no address: check host and port, and {PERCENT_ENCODE}'
        ) from None
    scheme = parts.scheme.lower()
    if scheme == 'file':
        return _parse_path(parts.path)
    if scheme not in SCHEMES:
        raise SourceAddressError(
            f"source has the unknown scheme '{scheme}'; choose one of: {CHOICES}"
        )
    # Behind the host, an @ is most likely the end of a password whose / ? # ended the host too early.
    if '@' in f'{parts.path}{parts.query}{parts.fragment}' or _has_blank(text):
        raise SourceAddressError(
            f'source is no address: {PERCENT_ENCODE}; the same goes for the path'
        )
    if not has_place:
        raise SourceAddressError(f'source names no host: write {scheme}://HOST/PATH')
    return SourceAddress(SCHEMES[scheme], text)


def _has_blank(text: str) -> bool:
    """True where a blank, or worse, stands in the text."""
    return any(character.isspace() for character in text)


def _parse_path(text: str) -> SourceAddress:
    """A file, a device by another name, or nothing we know."""
    path = Path(text).expanduser()
    # A name that might be an address is not repeated.
    named = 'source' if ADDRESS_MARKS.intersection(text) else f"source '{text}'"
    looks_like_path = '/' in text or '.' in text
    try:
        if text and path.is_file():
            return SourceAddress('file', str(path.resolve()))
        if text and path.is_char_device():
            return SourceAddress('v4l2', str(path))
        is_there = bool(text) and path.exists()
    except OSError as reason:
        raise SourceAddressError(f'{named}: {reason.strerror}') from None
    if is_there and looks_like_path:
        raise SourceAddressError(f'{named} is no file: give a video file')
    if '@' in text:
        raise SourceAddressError(
            f'{named} is no file, and an address begins with a scheme; choose one of: {CHOICES}'
        )
    if looks_like_path:
        raise SourceAddressError(
            f'{named} is a file that is not there: check the path; other choices: {CHOICES}'
        )
    raise SourceAddressError(f'{named} is unknown; choose one of: {CHOICES}')
