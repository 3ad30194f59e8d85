"""What this camera asks people to sign, and whether what came back is that.

A challenge binds to the site by its domain and URI, to the camera by the one resource it lists, and
to what the person wants by a fixed sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

from mmoment_chain import siws
from mmoment_chain.errors import Refused
from mmoment_chain.siws import SignInMessage
from mmoment_node.errors import ConfigurationError

# Unique among the cameras of a site: an address on chain, or a name its owner chose.
IS_CAMERA_ID = re.compile(r'[A-Za-z0-9][A-Za-z0-9._\-]{0,63}')
CAMERA_URN = 'urn:mmoment:camera:'

# A host name has up to 253 characters; a port needs 6. With these bounds the text fits the
# transaction for hardware wallets.
LONGEST_DOMAIN = 260

# Narrower than RFC 3986: as browsers write hosts, in small letters; above all no wildcard.
IS_BROWSER_DOMAIN = re.compile(r'(?P<host>[a-z0-9_.\-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?')

# Browsers treat these as safe without TLS, so that wallets work there.
LOOPBACK_HOSTS = ('localhost', '127.0.0.1', '[::1]')
# In the place of a port, and for these hosts only: elsewhere, whoever has another port of a host
# may be somebody else. On this machine it is who can start programs on it; they could have people
# sign on their own page and check in with it, so a port that is known should be named.
ANY_PORT = '*'
LAST_PORT = 65535
IS_PORT = re.compile(r'[1-9][0-9]{0,4}')


class Purpose(str, Enum):
    """What a person wants to do by signing."""

    CHECK_IN = 'check_in'
    FORGET_ME = 'forget_me'


# The grammar allows no quotes, percent signs or letters beyond ASCII.
STATEMENTS = {
    Purpose.CHECK_IN: 'Check in at this Mmoment camera. This costs nothing and sends no transaction.',
    Purpose.FORGET_ME: (
        'Make this Mmoment camera forget me. What it keeps of me is erased and cannot be restored.'
    ),
}


class SignInTexts:
    """The texts of one camera.

    `domains`: origins at which people reach it, such as `https://camera.example` or
    `http://192.168.1.20:5002`; without a scheme, https is meant, and http on this machine itself.
    `localhost:*` and the like: at every port of this machine.
    Raises ConfigurationError for what no such text can hold.
    """

    def __init__(self, camera_id: str, domains: Iterable[str], chain_id: str) -> None:
        if not IS_CAMERA_ID.fullmatch(camera_id):
            raise ConfigurationError(
                f'camera id {camera_id!r}: 1 to 64 letters, digits, dots, dashes and underscores, '
                'the first a letter or digit'
            )
        if chain_id not in siws.CHAIN_IDS:
            raise ConfigurationError(f'chain {chain_id!r}: one of {", ".join(siws.CHAIN_IDS)}')
        self._resources = (CAMERA_URN + camera_id,)
        self._chain_id = chain_id
        self._uris: dict[str, str] = {}
        self._any_port: set[str] = set()
        for origin in domains:
            host = origin.removesuffix(f':{ANY_PORT}')
            if host != origin and host in LOOPBACK_HOSTS:
                self._any_port.add(host)
                origin = host
            domain, uri = parsed_origin(origin)
            if self._uris.setdefault(domain, uri) != uri:
                raise ConfigurationError(f'{domain} is listed with http and with https: choose one')
        if not self._uris:
            raise ConfigurationError('no domain to sign in at: name at least one')

    @property
    def domains(self) -> tuple[str, ...]:
        """Hosts with their ports, as `Host` and the first line of a text have them."""
        return tuple(self._uris)

    def is_ours(self, domain: str) -> bool:
        """Whether people sign in there."""
        return self._uri(domain) is not None

    def message(
        self,
        purpose: Purpose,
        wallet: str,
        domain: str,
        nonce: str,
        issued_ms: int,
        expires_ms: int,
    ) -> SignInMessage:
        """What is asked for. Raises Refused 'wrong_domain' for a domain that is not ours."""
        uri = self._uri(domain)
        if uri is None:
            raise Refused('wrong_domain')
        return SignInMessage(
            domain=domain,
            address=wallet,
            statement=STATEMENTS[purpose],
            uri=uri,
            version='1',
            chain_id=self._chain_id,
            nonce=nonce,
            issued_at=siws.time_text(issued_ms),
            expiration_time=siws.time_text(expires_ms),
            resources=self._resources,
        )

    def require_ours(self, returned: SignInMessage) -> None:
        """Refuse what is for another site or another camera, whoever asked for it."""
        if not self.is_ours(returned.domain):
            raise Refused('wrong_domain')
        if returned.resources != self._resources:
            raise Refused('wrong_camera')

    def _uri(self, domain: str) -> str | None:
        uri = self._uris.get(domain)
        host, _, port = domain.rpartition(':')
        # What a browser writes: the port that the scheme implies is left out.
        if uri is None and host in self._any_port and IS_PORT.fullmatch(port) and port != '80':
            uri = f'http://{domain}' if int(port) <= LAST_PORT else None
        return uri


def require_same(asked: SignInMessage, returned: SignInMessage) -> None:
    """Refuse a text that a wallet wrote anew unless every part of it is what was asked for.

    Times may be written differently, but are the same moments.
    """
    for name, code in (
        ('address', 'wrong_wallet'),
        ('domain', 'wrong_domain'),
        ('resources', 'wrong_camera'),
        ('uri', 'wrong_uri'),
        ('chain_id', 'wrong_chain'),
        ('nonce', 'unknown_nonce'),
        ('version', 'malformed'),
        ('statement', 'malformed'),
        # Not asked for.
        ('not_before', 'malformed'),
        ('request_id', 'malformed'),
    ):
        if getattr(asked, name) != getattr(returned, name):
            raise Refused(code)
    for name in ('issued_at', 'expiration_time'):
        wanted, got = getattr(asked, name), getattr(returned, name)
        if got is None or siws.time_ms(wanted) != siws.time_ms(got):
            raise Refused('malformed')


def parsed_origin(text: str) -> tuple[str, str]:
    """Domain and URI of a configured origin. Raises ConfigurationError for anything else."""
    scheme, separator, domain = text.rpartition('://')
    found = IS_BROWSER_DOMAIN.fullmatch(domain)
    if not separator:
        scheme = 'http' if found and found['host'] in LOOPBACK_HOSTS else 'https'
    # Browsers leave out the port that a scheme implies.
    default_port = {'http': ':80', 'https': ':443'}.get(scheme)
    if (
        found is None
        or not siws.is_authority(domain)
        or len(domain) > LONGEST_DOMAIN
        or default_port is None
        or domain.endswith(default_port)
    ):
        raise ConfigurationError(
            f'domain {text!r}: host, or host:port, as the address bar of a browser shows it, in '
            'small letters and without a path; with https:// or http:// in front if needed'
        )
    return domain, f'{scheme}://{domain}'
