"""`python -m mmoment_api.openapi_file PATH`: writes what can be called as an OpenAPI file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

from mmoment_api.access import SignIn
from mmoment_api.app import create_app
from mmoment_api.chain_control import ChainControl
from mmoment_api.events import EventHub
from mmoment_api.face_requests import EnrolmentOutcome, EnrolmentWish, FoundFaces
from mmoment_api.given_pictures import GivenPicture
from mmoment_api.graph_state import GraphState
from mmoment_api.livepeer_webhook import LivepeerWebhook
from mmoment_api.media_control import MediaControl
from mmoment_api.mjpeg_hub import LiveHub, PictureSource
from mmoment_api.person_sessions import PersonSessions
from mmoment_api.services import Services, Settings
from mmoment_api.session_control import SessionControl
from mmoment_api.stream_control import StreamControl
from mmoment_api.video_hub import VideoHub, VideoSource
from mmoment_api.viewer_seats import ViewerSeats


def description() -> dict[str, Any]:
    """The OpenAPI description of the app; needs no ROS and no running camera."""

    def no_source(annotated: bool) -> PictureSource:
        raise NotImplementedError('only described, never served')

    services = Services(
        settings=Settings(),
        state=GraphState(lambda: 0.0),
        control=_NoControl(),
        chain=cast(ChainControl, None),
        sign_in=SignIn(lambda: 0.0, 1.0, 1.0),
        events=EventHub(),
        live=LiveHub(no_source, 0, lambda: 0, lambda annotated: ''),
        video=VideoHub(cast(VideoSource, None), ViewerSeats(0), lambda: ('', '')),
        sessions=PersonSessions(cast(SessionControl, None), lambda: 0.0, lambda: 0),
        media=cast(MediaControl, None),
        stream=cast(StreamControl, None),
        webhook=LivepeerWebhook('', lambda: 0),
    )
    return create_app(services).openapi()


def text() -> str:
    """The file's content."""
    return json.dumps(description(), indent=2) + '\n'


class _NoControl:
    """Stands where the running graph would be."""

    async def layers(self) -> dict[str, bool]:
        return {}

    async def set_layers(self, switches: dict[str, bool]) -> None: ...

    async def keep_layers(self) -> None: ...

    async def set_source(self, source: str) -> tuple[bool, str]:
        return False, ''

    async def enroll(self, wish: EnrolmentWish) -> EnrolmentOutcome:
        raise NotImplementedError('only described, never served')

    async def recognize(self, picture: GivenPicture | None) -> FoundFaces:
        raise NotImplementedError('only described, never served')

    async def forget(self, identity: str) -> int:
        return 0


def main(arguments: list[str] | None = None) -> int:
    """Write the file; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1:
        print('usage: python -m mmoment_api.openapi_file PATH', file=sys.stderr)
        return 2
    Path(arguments[0]).write_text(text(), encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
