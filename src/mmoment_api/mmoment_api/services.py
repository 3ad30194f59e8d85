"""What the routes work with. The bridge to ROS fills it; tests fill it with fakes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mmoment_api.access import SignIn
from mmoment_api.built_transactions import BuiltTransactions
from mmoment_api.chain_control import ChainControl
from mmoment_api.chain_turns import ChainTurns
from mmoment_api.enrolment_rules import LIVE
from mmoment_api.events import EventHub
from mmoment_api.face_requests import (
    EnrolmentOutcome,
    Enrolments,
    EnrolmentWish,
    FoundFaces,
    Gate,
)
from mmoment_api.given_pictures import GivenPicture
from mmoment_api.graph_state import GraphState
from mmoment_api.livepeer_webhook import LivepeerWebhook
from mmoment_api.media_control import MediaControl
from mmoment_api.mjpeg_hub import LiveHub
from mmoment_api.person_sessions import PersonSessions
from mmoment_api.stream_control import StreamControl
from mmoment_api.video_hub import VideoHub

VERSION = '0.1.0'


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person configured.

    allowed_hosts: further names by which the camera may be called, beside addresses and localhost.
    allowed_origins: other sites whose pages may call, as 'https://example.org'.
    nodes: the parts that have to be there for the camera to be in order.
    trusted_proxies: addresses whose word counts about where a request comes from.
    namespace: of the camera's nodes, as ROS writes it.
    session_enrolment: what people may enrol themselves from, see `enrolment_rules.py`.
    """

    name: str = 'Mmoment camera'
    port: int = 5002
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    nodes: tuple[str, ...] = (
        'camera_node',
        'face_node',
        'gesture_node',
        'overlay_node',
        'encoder_node',
        'capture_node',
        'stream_node',
        'session_node',
        'chain_node',
    )
    namespace: str = '/mmoment'
    trusted_proxies: tuple[str, ...] = ()
    session_enrolment: str = LIVE

    @property
    def cookie_name(self) -> str:
        """Browsers share cookies between the ports of a host: the port keeps cameras apart."""
        return f'mmoment_session_{self.port}'

    @property
    def person_cookie_name(self) -> str:
        """Of somebody who checked in; a browser that is the owner's as well keeps both."""
        return f'mmoment_person_{self.port}'


class GraphControl(Protocol):
    """What can be asked of the running graph; raises `ApiError` if a part is not there."""

    async def layers(self) -> dict[str, bool]:
        """The overlay's switches: parameter name to value."""

    async def set_layers(self, switches: dict[str, bool]) -> None:
        """Set some of them, for as long as this runs: see `keep_layers`."""

    async def keep_layers(self) -> None:
        """Until cancelled, set again what another overlay, or somebody else, has changed."""

    async def set_source(self, source: str) -> tuple[bool, str]:
        """Change the camera's source: whether it is well-formed, and what is wrong with it."""

    async def enroll(self, wish: EnrolmentWish) -> EnrolmentOutcome:
        """Learn a face; ends with the task that awaits it, and then what it learned is forgotten."""

    async def recognize(self, picture: GivenPicture | None) -> FoundFaces:
        """The faces of a picture, or of the newest one of the camera."""

    async def forget(self, identity: str) -> int:
        """Wipe what is known of a person's face: how many templates that were."""


class WhepControl(Protocol):
    """Who looks over WebRTC; see `web_rtc.py`."""

    async def open(
        self, offer: str, annotated: bool, is_welcome: Callable[[], bool]
    ) -> tuple[str, str]:
        """Name and answer for a browser's offer; raises `ApiError` and `TooManyViewers`."""

    async def end(self, name: str) -> bool:
        """Let go of one; False: there is none of this name."""

    async def close(self) -> None:
        """Let go of all."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a route may need."""

    settings: Settings
    state: GraphState
    control: GraphControl
    chain: ChainControl
    sign_in: SignIn
    events: EventHub
    live: LiveHub
    video: VideoHub
    sessions: PersonSessions
    media: MediaControl
    stream: StreamControl
    webhook: LivepeerWebhook
    enrolments: Enrolments = field(default_factory=Enrolments)
    built: BuiltTransactions = field(default_factory=lambda: BuiltTransactions(time.monotonic))
    chain_turns: ChainTurns = field(default_factory=ChainTurns)
    picture_gate: Gate = field(default_factory=Gate)
    clock: Callable[[], float] = time.monotonic
    whep: WhepControl | None = None


def timestamp_ms() -> int:
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
