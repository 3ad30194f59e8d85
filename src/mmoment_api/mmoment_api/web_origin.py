"""Where a request comes from: the caller's address, and whether it came encrypted.

What a request says of that itself is believed only of the proxies that a person named: any program
could call itself any address.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from mmoment_api.services import Services

# Some proxies add the caller's port, which needs brackets around what has colons itself.
ADDRESS = re.compile(
    r'\[(?P<bracketed>[0-9A-Fa-f:.]+)\](:\d+)?|(?P<plain>[0-9.]+(?=:\d+$)|[0-9A-Fa-f:.]+)(:\d+)?',
    re.ASCII,
)


def source_of(connection: HTTPConnection, services: Services) -> str:
    """Address of the caller; behind trusted proxies of whom the first of them was asked by."""
    address = connection.client.host if connection.client else ''
    trusted = services.settings.trusted_proxies
    # A proxy may add a line of its own behind the one that the caller made up.
    hops = _listed(connection, 'x-forwarded-for')
    while address in trusted and hops:
        hop = _address(hops.pop())
        if hop is None:
            break
        address = hop
    return address


def is_encrypted(connection: HTTPConnection, services: Services) -> bool:
    """Whether the caller's browser speaks TLS, with us or with a trusted proxy."""
    if connection.url.scheme in ('https', 'wss'):
        return True
    address = connection.client.host if connection.client else ''
    if address not in services.settings.trusted_proxies:
        return False
    schemes = {scheme.lower() for scheme in _listed(connection, 'x-forwarded-proto')}
    return schemes == {'https'}


def page_domain(connection: HTTPConnection, services: Services) -> str:
    """Host and port of the page that calls: what its wallet has to read in a text to sign."""
    origin = connection.headers.get('origin', '').lower()
    if origin in (item.lower() for item in services.settings.allowed_origins):
        return urlsplit(origin).netloc
    return connection.headers.get('host', '').lower()


def _listed(connection: HTTPConnection, name: str) -> list[str]:
    """What a header lists, whether in one line or in several."""
    return [item.strip() for item in ','.join(connection.headers.getlist(name)).split(',')]


def _address(text: str) -> str | None:
    """The address without port and brackets; None if it is none."""
    matched = ADDRESS.fullmatch(text)
    if matched is None:
        return None
    try:
        return str(ipaddress.ip_address(matched['bracketed'] or matched['plain']))
    except ValueError:
        return None
