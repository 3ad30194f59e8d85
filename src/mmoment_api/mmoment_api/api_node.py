"""`api_node`: REST, events, live view and pages of the camera."""

from __future__ import annotations

import socket
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from std_srvs.srv import Trigger

from mmoment_api.access import SignIn
from mmoment_api.api_parameters import ApiParameters, check
from mmoment_api.app import create_app, guarded
from mmoment_api.bridge import Bridge
from mmoment_api.chain_topics import ChainTopics
from mmoment_api.events import LISTENERS_AT_MOST, EventHub
from mmoment_api.graph_state import GraphState
from mmoment_api.live_hubs import live_hubs
from mmoment_api.livepeer_webhook import LivepeerWebhook
from mmoment_api.media_topics import MediaTopics
from mmoment_api.mjpeg_hub import LiveHub
from mmoment_api.person_sessions import PersonSessions
from mmoment_api.routes.health import health_answer
from mmoment_api.services import Services, Settings, timestamp_ms
from mmoment_api.session_topics import SessionTopics
from mmoment_api.stream_topics import StreamTopics
from mmoment_api.video_gate import channel_gates
from mmoment_api.video_hub import VideoHub
from mmoment_api.video_topics import VideoTopics
from mmoment_api.web_log import forward_log
from mmoment_api.web_protocol import ConnectionLimits
from mmoment_api.web_rtc import open_peers
from mmoment_api.web_server import WebServer, bind
from mmoment_node.managed_node import ManagedNode, run_node

HEALTH_PERIOD_S = 1.0
# Beside viewers and listeners: browsers hold six each for short requests.
OTHER_CONNECTIONS_AT_MOST = 32
SECONDS_PER_MINUTE = 60.0
SECONDS_PER_HOUR = 3600.0
ANY_ADDRESS = ('', '0.0.0.0', '::')


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
        self._heard_topics: list[ChainTopics | SessionTopics | MediaTopics | StreamTopics] = []
        self._video_topics: VideoTopics | None = None
        check(parameters)
        forward_log(self.get_logger())
        # Taken now, so that a port in use is the first thing a person is told.
        self._listener = bind(parameters.host, parameters.port, parameters.stalled_viewer_s)
        self._port: int = self._listener.getsockname()[1]
        # Each page listens as well as it looks.
        self._listeners_at_most = parameters.viewers_at_most + LISTENERS_AT_MOST
        state, events = GraphState(time.monotonic), EventHub(self._listeners_at_most)
        bridge = self._bridge = Bridge(self, state, events)
        bridge.open()
        sessions = PersonSessions(bridge.session_calls, time.monotonic, timestamp_ms)
        self._hear_topics(state, events, sessions)
        live, video = self._open_live(state, bridge)
        self._web = Services(
            settings=self._settings(),
            state=state,
            control=bridge,
            chain=bridge.chain_calls,
            sign_in=SignIn(
                time.monotonic,
                parameters.sign_in_link_minutes * SECONDS_PER_MINUTE,
                parameters.session_hours * SECONDS_PER_HOUR,
            ),
            events=events,
            live=live,
            video=video,
            whep=open_peers(video) if parameters.whep else None,
            sessions=sessions,
            media=bridge.media_calls,
            stream=bridge.stream_calls,
            webhook=LivepeerWebhook(parameters.livepeer_webhook_secret_file, timestamp_ms),
        )
        self._link_service = self.create_service(Trigger, 'sign_in_link', self._on_sign_in_link)
        self._health_timer = self.create_timer(HEALTH_PERIOD_S, self._publish_health)

    def _hear_topics(self, state: GraphState, events: EventHub, sessions: PersonSessions) -> None:
        self._heard_topics = [
            ChainTopics(self, state.chain, events),
            SessionTopics(self, sessions, events),
            MediaTopics(self, state.recordings, events),
            StreamTopics(self, state.pushed, events),
        ]
        for topics in self._heard_topics:
            topics.open()

    def _open_live(self, state: GraphState, bridge: Bridge) -> tuple[LiveHub, VideoHub]:
        parameters = self.parameters
        video_topics = self._video_topics = VideoTopics(
            self,
            bridge.in_executor_later,
            channel_gates(bridge.layer_keeper, self.get_namespace()),
        )
        live, video = live_hubs(
            bridge.open_source,
            video_topics,
            bridge.layer_keeper,
            state,
            parameters.nodes,
            parameters.viewers_at_most,
            lambda: self.parameters.jpeg_quality,
        )
        video_topics.hear, video_topics.hold_back = video.hear, video.hold_back
        return live, video

    def _settings(self) -> Settings:
        parameters = self.parameters
        return Settings(
            parameters.camera_name,
            self._port,
            # Whoever gave it a name to listen on calls it by that.
            (*parameters.allowed_hosts, parameters.host),
            parameters.allowed_origins,
            parameters.nodes,
            self.get_namespace(),
            parameters.trusted_proxies,
            parameters.session_enrolment,
        )

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
                parameters.viewers_at_most + self._listeners_at_most + OTHER_CONNECTIONS_AT_MOST
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
        if self._video_topics is not None:
            self._video_topics.end()
            self._video_topics = None
        if self._bridge is not None:
            self._bridge.close()
            self._bridge = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def diagnose(self) -> list[DiagnosticStatus]:
        """The live view and the server."""
        figures, video = self._web.live.figures, self._web.video.figures
        return [
            self.diagnostic(
                'live view',
                DiagnosticStatus.OK,
                f'{figures.viewers + video.viewers} viewers',
                viewers=figures.viewers + video.viewers,
                video_viewers=video.viewers,
                video_packets=video.packets,
                video_sent=video.sent,
                video_dropped=video.dropped,
                video_skips=video.skips,
                keyframes_asked=video.asked,
                pictures=figures.pictures,
                encodes=figures.encodes,
                sent=figures.sent,
                dropped=figures.dropped,
                overwritten=figures.overwritten,
                timed_out=figures.timed_out + video.timed_out,
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


def main(args: list[str] | None = None) -> None:
    """Run the node."""
    run_node(ApiNode, args)


if __name__ == '__main__':
    main()
