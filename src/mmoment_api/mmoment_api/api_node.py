"""`api_node`: REST, events, live view and pages of the camera."""

from __future__ import annotations

import ipaddress
import logging
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from diagnostic_msgs.msg import DiagnosticStatus
from std_srvs.srv import Trigger

from mmoment_api.access import SignIn
from mmoment_api.app import create_app, guarded
from mmoment_api.bridge import Bridge
from mmoment_api.chain_topics import ChainTopics
from mmoment_api.enrolment_rules import LIVE, SESSION_ENROLMENTS
from mmoment_api.events import LISTENERS_AT_MOST, EventHub
from mmoment_api.graph_state import GraphState
from mmoment_api.health import why_no_picture
from mmoment_api.media_topics import MediaTopics
from mmoment_api.mjpeg_hub import LiveHub
from mmoment_api.person_sessions import PersonSessions
from mmoment_api.routes.health import health_answer
from mmoment_api.services import Services, Settings, timestamp_ms
from mmoment_api.session_topics import SessionTopics
from mmoment_api.web_protocol import ConnectionLimits
from mmoment_api.web_server import WebServer, bind
from mmoment_node.errors import ConfigurationError
from mmoment_node.managed_node import ManagedNode, run_node
from mmoment_node.parameters import parameter
from mmoment_node.redaction import redact_text

HEALTH_PERIOD_S = 1.0
# Beside viewers and listeners: browsers hold six each for short requests.
OTHER_CONNECTIONS_AT_MOST = 32
SECONDS_PER_MINUTE = 60.0
SECONDS_PER_HOUR = 3600.0
ANY_ADDRESS = ('', '0.0.0.0', '::')


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


class ApiNode(ManagedNode[ApiParameters]):
    """Wires the bridge, the live view and the web server."""

    NAME = 'api_node'
    PARAMETERS = ApiParameters

    def open(self) -> None:
        """Take the port, listen to the graph."""
        parameters = self.parameters
        self._bridge: Bridge | None = None
        self._listener: socket.socket | None = None
        self._server: WebServer | None = None
        self._health_timer: Any = None
        self._link_service: Any = None
        self._heard_topics: list[ChainTopics | SessionTopics | MediaTopics] = []
        _check_origins(parameters.allowed_origins)
        _check_proxies(parameters.trusted_proxies)
        self._forward_log()
        # Taken now, so that a port in use is the first thing a person is told.
        self._listener = bind(parameters.host, parameters.port, parameters.stalled_viewer_s)
        self._port: int = self._listener.getsockname()[1]
        state, events = GraphState(time.monotonic), EventHub()
        bridge = self._bridge = Bridge(self, state, events)
        self._bridge.open()
        sessions = PersonSessions(self._bridge.session_calls, time.monotonic, timestamp_ms)
        self._heard_topics = [
            ChainTopics(self, state.chain, events),
            SessionTopics(self, sessions, events),
            MediaTopics(self, state.recordings, events),
        ]
        for topics in self._heard_topics:
            topics.open()
        self._web = Services(
            settings=Settings(
                parameters.camera_name,
                self._port,
                # Whoever gave it a name to listen on calls it by that.
                (*parameters.allowed_hosts, parameters.host),
                parameters.allowed_origins,
                parameters.nodes,
                self.get_namespace(),
                parameters.trusted_proxies,
                parameters.session_enrolment,
            ),
            state=state,
            control=self._bridge,
            chain=bridge.chain_calls,
            sign_in=SignIn(
                time.monotonic,
                parameters.sign_in_link_minutes * SECONDS_PER_MINUTE,
                parameters.session_hours * SECONDS_PER_HOUR,
            ),
            events=events,
            live=LiveHub(
                self._bridge.open_source,
                parameters.viewers_at_most,
                lambda: self.parameters.jpeg_quality,
                lambda _: (
                    bridge.layer_keeper.why_held_back or why_no_picture(state, parameters.nodes)
                ),
            ),
            sessions=sessions,
            media=bridge.media_calls,
        )
        self._link_service = self.create_service(Trigger, 'sign_in_link', self._on_sign_in_link)
        self._health_timer = self.create_timer(HEALTH_PERIOD_S, self._publish_health)

    def start(self) -> None:
        """Serve, and tell how to get in."""
        parameters = self.parameters
        if self._listener is None:
            self._listener = bind(parameters.host, self._port, parameters.stalled_viewer_s)
        if self._bridge is not None:
            self._bridge.resume()
        app = guarded(create_app(self._web))
        self._server = WebServer(
            app,
            self._listener,
            self._web,
            parameters.stalled_viewer_s,
            ConnectionLimits(
                parameters.viewers_at_most + LISTENERS_AT_MOST + OTHER_CONNECTIONS_AT_MOST
            ),
        )
        self._server.start(self.spawn)
        self._print_link()

    def stop(self) -> None:
        """End all connections, and the socket with them."""
        if self._bridge is not None:
            self._bridge.pause()
        if self._server is not None:
            self._server.stop()
            self._server = None
            self._listener = None

    def close(self) -> None:
        """Give the port back, stop listening to the graph."""
        if self._health_timer is not None:
            self.destroy_timer(self._health_timer)
            self._health_timer = None
        if self._link_service is not None:
            self.destroy_service(self._link_service)
            self._link_service = None
        for topics in self._heard_topics:
            topics.close()
        self._heard_topics = []
        if self._bridge is not None:
            self._bridge.close()
            self._bridge = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def diagnose(self) -> list[DiagnosticStatus]:
        """The live view and the server."""
        figures = self._web.live.figures
        return [
            self.diagnostic(
                'live view',
                DiagnosticStatus.OK,
                f'{figures.viewers} viewers',
                viewers=figures.viewers,
                pictures=figures.pictures,
                encodes=figures.encodes,
                sent=figures.sent,
                dropped=figures.dropped,
                overwritten=figures.overwritten,
                timed_out=figures.timed_out,
                listeners=self._web.events.listeners,
            )
        ]

    def _on_sign_in_link(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        # Whoever may call services need not be who reads this terminal: the link is only there.
        if self.is_running:
            self._print_link()
        response.success = self.is_running
        response.message = (
            'The link is on the terminal or in the journal of api_node'
            if self.is_running
            else 'api_node is not active'
        )
        return response

    def _print_link(self) -> None:
        # Not through the logger, which also writes files and publishes on /rosout.
        host = self.parameters.host
        name = '127.0.0.1' if host in ANY_ADDRESS else host
        name = f'[{name}]' if ':' in name else name
        token = self._web.sign_in.new_token()
        print(f'Open http://{name}:{self._port}/sign-in?token={token}', flush=True)

    def _publish_health(self) -> None:
        health = health_answer(self._web, is_owner=False)
        self._web.events.publish('health', health.model_dump(exclude={'detail'}))

    def _forward_log(self) -> None:
        handler = _RosHandler(self.get_logger())
        for name in ('uvicorn', 'uvicorn.error', 'asyncio', 'mmoment_api'):
            logger = logging.getLogger(name)
            logger.handlers[:] = [handler]
            logger.propagate = False
            logger.setLevel(logging.WARNING)


class _RosHandler(logging.Handler):
    """Hands the log of the web libraries to the node's, without secrets in addresses."""

    def __init__(self, logger: Any) -> None:
        super().__init__(logging.WARNING)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        text = redact_text(self.format(record))
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        else:
            self._logger.warning(text)


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


def main(args: list[str] | None = None) -> None:
    """Run the node."""
    run_node(ApiNode, args)


if __name__ == '__main__':
    main()
