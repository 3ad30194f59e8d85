"""Addresses of RPC servers: read from parameters or a file, told without what is secret in them.

Providers put the key of a customer into the path, the query or the user part of an address, so only
scheme, host and port of it are ever shown.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from mmoment_chain.errors import ChainError
from mmoment_node.errors import ConfigurationError
from mmoment_node.redaction import HIDDEN

DEFAULT_URL = 'http://127.0.0.1:8899'
"""Where a chain for development listens."""
LOOPBACK = ('127.0.0.1', '::1', 'localhost')
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class RpcAddressError(ChainError, ConfigurationError):
    """The addresses of the chain cannot be used; the text says what a person has to do."""


def read_addresses(
    urls: Sequence[str], file: Path | None = None, otherwise: str = DEFAULT_URL
) -> tuple[str, ...]:
    """The addresses in order of preference: those of the file, one a line, then the others.

    otherwise: the one where there are none.
    Raises RpcAddressError for a file that others may read, since it holds keys, and for what is no
    address.
    """
    found = [*(_lines(file) if file is not None else ()), *urls]
    for number, url in enumerate(found, 1):
        _check(number, url)
    return tuple(dict.fromkeys(found)) or (otherwise,)


def shown(url: str) -> str:
    """The address for people: scheme, host and port; `***` stands for whatever else there is."""
    try:
        parts = urlsplit(url)
        host = f'{parts.hostname or ""}{"" if parts.port is None else f":{parts.port}"}'
    except ValueError:
        return HIDDEN
    return f'{parts.scheme}://{host}{f"/{HIDDEN}" if _has_more(parts) else ""}'


def is_loopback(url: str) -> bool:
    """Whether a good address is of this machine."""
    return urlsplit(url).hostname in LOOPBACK


def _has_more(parts: SplitResult) -> bool:
    return parts.path not in ('', '/') or bool(parts.query) or parts.username is not None


def _check(number: int, url: str) -> None:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ('http', 'https') and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or any(sign.isspace() for sign in url):
        raise RpcAddressError(f'RPC address {number} is no http:// or https:// address')
    if parts.scheme == 'http' and not is_loopback(url):
        raise RpcAddressError(
            f'RPC address {number} is of another machine: only https:// keeps others from reading '
            'and changing what is said'
        )


def _lines(file: Path) -> list[str]:
    try:
        mode = file.stat().st_mode
        text = file.read_text('utf-8')
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else 'it is no text'
        raise RpcAddressError(f'the RPC addresses in {file} cannot be read: {reason}') from error
    if mode & OTHERS:
        raise RpcAddressError(f'{file} holds keys and others may read it: chmod 600 {file}')
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith('#')]
