"""What a person may set of `api_node`, and what of that cannot be used."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mmoment_api.enrolment_rules import LIVE, SESSION_ENROLMENTS
from mmoment_api.livepeer_webhook import NoSecret, read_secret
from mmoment_node.errors import ConfigurationError
from mmoment_node.parameters import parameter


@dataclass(frozen=True, slots=True)
class ApiParameters:
    """What a person may set."""

    host: str = parameter(
        '127.0.0.1',
        'Address to listen on; 0.0.0.0 for all networks of this machine',
        read_only=True,
    )
    port: int = parameter(
        5002, 'TCP port; 0 takes a free one', minimum=0, maximum=65535, read_only=True
    )
    camera_name: str = parameter('Mmoment camera', 'Name shown to people', read_only=True)
    allowed_hosts: tuple[str, ...] = parameter(
        (),
        'Names by which the camera may be called, beside addresses and localhost; '
        'the name of its tunnel, for instance',
        read_only=True,
    )
    allowed_origins: tuple[str, ...] = parameter(
        (), "Other sites whose pages may call, as 'https://example.org'", read_only=True
    )
    nodes: tuple[str, ...] = parameter(
        (
            'camera_node',
            'face_node',
            'gesture_node',
            'overlay_node',
            'encoder_node',
            'capture_node',
            'stream_node',
            'session_node',
            'chain_node',
        ),
        'Nodes that must be heard for the camera to be in order',
        read_only=True,
    )
    trusted_proxies: tuple[str, ...] = parameter(
        (),
        'Addresses of proxies that are believed when they say whose request it is and that it '
        'came encrypted; the end of the tunnel, if nothing else on its machine can call',
        read_only=True,
    )
    viewers_at_most: int = parameter(
        64, 'People who may look at the live picture at once', minimum=1, maximum=1000,
        read_only=True,
    )  # fmt: skip
    whep: bool = parameter(
        False,
        'Serve the live picture over WebRTC as well (WHEP), for players that know nothing else; '
        'needs aiortc, and UDP that reaches the camera',
        read_only=True,
    )
    jpeg_quality: int = parameter(80, 'JPEG quality of the live picture', minimum=10, maximum=100)
    stalled_viewer_s: float = parameter(
        10.0,
        'A viewer that takes nothing for so long is cut off',
        unit='s',
        minimum=1.0,
        maximum=600.0,
        read_only=True,
    )
    session_enrolment: str = parameter(
        LIVE,
        'What people may enrol themselves from: the live picture, that with movements, or also '
        'pictures they send, which may show somebody else',
        choices=SESSION_ENROLMENTS,
        read_only=True,
    )
    livepeer_webhook_secret_file: str = parameter(
        '',
        'File with the secret by which webhooks of Livepeer are known to be genuine, for the user '
        'of the camera alone; empty: none are taken',
        read_only=True,
    )
    sign_in_link_minutes: float = parameter(
        30.0,
        'How long a sign-in link can be opened',
        unit='min',
        minimum=1.0,
        maximum=1440.0,
        read_only=True,
    )
    session_hours: float = parameter(
        12.0,
        'How long a browser stays signed in; also ends with the node',
        unit='h',
        minimum=0.1,
        maximum=720.0,
        read_only=True,
    )


def check(parameters: ApiParameters) -> None:
    """Raises `ConfigurationError` for what cannot be used."""
    _check_origins(parameters.allowed_origins)
    _check_proxies(parameters.trusted_proxies)
    _check_secret(parameters.livepeer_webhook_secret_file)


def _check_origins(origins: tuple[str, ...]) -> None:
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ('http', 'https') or not parts.netloc or origin.count('/') != 2:
            raise ConfigurationError(
                f"api_node: '{origin}' in allowed_origins is no origin, write it as "
                "'https://example.org', without a path; '*' is not offered"
            )


def _check_proxies(addresses: tuple[str, ...]) -> None:
    for address in addresses:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise ConfigurationError(
                f"api_node: '{address}' in trusted_proxies is no address, write it as '127.0.0.1'"
            ) from None


def _check_secret(path: str) -> None:
    if path:
        try:
            read_secret(Path(path))
        except NoSecret as error:
            raise ConfigurationError(f'api_node: livepeer_webhook_secret_file: {error}') from None
