"""Where a request comes from: the caller's address, and whether it came encrypted.

What a request says of that itself is believed only of the proxies that a person named: any program
could call itself any address.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from mmoment_api.services import Services


def source_of(connection: HTTPConnection, services: Services) -> str:
    """Address of the caller; behind trusted proxies of whom the first of them was asked by."""
    address = connection.client.host if connection.client else ''
    trusted = services.settings.trusted_proxies
    hops = connection.headers.get('x-forwarded-for', '').split(',')
    while address in trusted and hops:
        hop = _address(hops.pop().strip())
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
    return connection.headers.get('x-forwarded-proto', '').strip().lower() == 'https'


def page_domain(connection: HTTPConnection, services: Services) -> str:
    """Host and port of the page that calls: what its wallet has to read in a text to sign."""
    origin = connection.headers.get('origin', '').lower()
    if origin in (item.lower() for item in services.settings.allowed_origins):
        return urlsplit(origin).netloc
    return connection.headers.get('host', '').lower()


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
