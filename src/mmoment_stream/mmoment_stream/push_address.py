"""Addresses that can be pushed to, without the secrets that people put in them.

An address says the server, the application and numbers. What proves who pushes, the stream key, has
its place in a key file: an address is shown on pages and in logs.
"""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from dataclasses import dataclass, field

from mmoment_stream.push_target import PushError

RTMP_SCHEMES = ('rtmp', 'rtmps')
DEFAULT_PORTS = {'rtmp': 1935, 'rtmps': 443}
"""srt has none."""
SCHEMES = (*RTMP_SCHEMES, 'srt')
MAX_LENGTH = 2000
# Options of SRT that hold numbers and prove nothing; what else there is may be a secret.
SRT_OPTIONS = frozenset(
    {
        'connect_timeout',
        'ffs',
        'inputbw',
        'iptos',
        'ipttl',
        'latency',
        'linger',
        'lossmaxttl',
        'maxbw',
        'mss',
        'nakreport',
        'oheadbw',
        'pbkeylen',
        'peerlatency',
        'pkt_size',
        'rcvlatency',
        'sndbuf',
        'timeout',
        'tlpktdrop',
    }
)
NUMBER = re.compile(r'-?[0-9]{1,12}')
HIDDEN = '***'
IN_THE_KEY_FILE = 'put it in the key file'
HOST_LABEL = re.compile(r'(?!-)[A-Za-z0-9_-]{1,63}(?<!-)')
MAX_HOST_LENGTH = 253


@dataclass(frozen=True, slots=True)
class PushAddress:
    """An address, taken apart.

    host: a name or an IP address, without brackets. path: the application, without slashes around it;
    empty for srt. options: of srt.
    """

    scheme: str
    host: str
    port: int
    path: str = field(default='', repr=False)
    options: tuple[tuple[str, str], ...] = ()

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection has TLS around it."""
        return self.scheme == 'rtmps'

    @property
    def server(self) -> str:
        """Scheme, host and port; the port only where it is not the usual one."""
        host = f'[{self.host}]' if ':' in self.host else self.host
        is_usual = self.port == DEFAULT_PORTS.get(self.scheme)
        return f'{self.scheme}://{host}' + ('' if is_usual else f':{self.port}')


def parse_address(url: str) -> PushAddress:
    """Take an address apart: rtmp[s]://host[:port]/app[/more] or srt://host:port[?options].

    Raises PushError with the code bad_address; its text never repeats what may be a secret.
    """
    if not url:
        raise PushError('bad_address', 'there is none')
    if len(url) > MAX_LENGTH:
        raise PushError('bad_address', 'it is too long')
    if not all('!' <= letter <= '~' for letter in url):
        raise PushError('bad_address', 'it has spaces or signs that are not ASCII')
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or '', parts.port
    except ValueError:
        # Without the reason: it quotes the address.
        raise PushError('bad_address', 'host or port is malformed') from None
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES:
        raise PushError('bad_address', f'it must begin with one of {", ".join(SCHEMES)}, and ://')
    if '@' in parts.netloc:
        raise PushError('bad_address', f'it holds a user or a password: {IN_THE_KEY_FILE}')
    if parts.fragment:
        raise PushError('bad_address', 'it holds a #')
    if not _is_host(host):
        raise PushError('bad_address', 'the name of the server is malformed')
    if ';' in url:
        # Some servers take it for &.
        raise PushError('bad_address', 'it holds a ;')
    if scheme not in RTMP_SCHEMES:
        if not port:
            raise PushError('bad_address', f'it names no port: {scheme}://host:port')
        if parts.path.strip('/'):
            raise PushError('bad_address', f'{scheme} has no path: {scheme}://host:port')
        return PushAddress(scheme, host, port, options=_options(parts.query))
    path = parts.path.strip('/')
    if not path:
        raise PushError('bad_address', f'it names no application: {scheme}://host/app')
    if parts.query:
        raise PushError('bad_address', f'{scheme} takes no options here: {IN_THE_KEY_FILE}')
    if port == 0:
        raise PushError('bad_address', 'host or port is malformed')
    return PushAddress(scheme, host, port or DEFAULT_PORTS[scheme], path)


def redacted(url: str) -> str:
    """The address as people and logs may see it, without options. What is none gives an empty text."""
    try:
        address = parse_address(url)
    except PushError:
        return ''
    return f'{address.server}/{address.path}' if address.path else address.server


def without(text: str, *secrets: str) -> str:
    """A text of somebody else's, such as a server's reason, with each secret in it hidden."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        for form in {secret, urllib.parse.quote(secret, safe=''), urllib.parse.quote(secret)}:
            text = text.replace(form, HIDDEN)
    return text


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.rstrip('.').split('.')
        return len(host) <= MAX_HOST_LENGTH and all(HOST_LABEL.fullmatch(part) for part in labels)
    return True


def _options(query: str) -> tuple[tuple[str, str], ...]:
    options = tuple(urllib.parse.parse_qsl(query, keep_blank_values=True))
    for name, value in options:
        if name not in SRT_OPTIONS or NUMBER.fullmatch(value) is None:
            raise PushError(
                'bad_address',
                f'of options it takes these, with a number: {", ".join(sorted(SRT_OPTIONS))}. A '
                'streamid or passphrase belongs into the key file',
            )
    return options
