"""What tests of the web side share: its services on fakes, who calls them, and a real server."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mmoment_api.access import SignIn
from mmoment_api.events import EventHub
from mmoment_api.graph_state import CameraState, GraphState
from mmoment_api.livepeer_webhook import LivepeerWebhook
from mmoment_api.mjpeg_hub import LiveHub
from mmoment_api.person_sessions import PersonSessions
from mmoment_api.services import Services, Settings
from mmoment_api.video_hub import VideoHub

# Tests of this package share the helpers beside them.
sys.path.insert(0, str(Path(__file__).parent))

from callers import Caller
from fake_chain import FakeChain
from fake_control import FakeControl
from fake_media import FakeMedia
from fake_pictures import FakePicture, FakeSources
from fake_sessions import FakeSessionControl
from fake_stream import FakeStream
from fake_video import FakeVideo
from people import ANN
from served_app import UNLIMITED, Served


class FakeClock:
    """A clock that stands still until told otherwise."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


LIVE_CAMERA = CameraState(
    heard_s=1000.0,
    connection='live',
    since_s=990.0,
    last_error='',
    retries=0,
    kind='v4l2',
    source='/dev/video3',
    chosen_by_auto=True,
    width=1280,
    height=720,
    pixel_format='MJPG',
    target_fps=30.0,
    fps=29.7,
    frames=300,
    dropped=2,
    frame_age_s=0.01,
)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def session_control():
    return FakeSessionControl()


@pytest.fixture
def sources():
    return FakeSources()


@pytest.fixture
def video_source():
    return FakeVideo()


@pytest.fixture
def make_services(clock, sources, session_control, video_source):
    def make(viewers_at_most=4, secret_file='', **settings):
        live = LiveHub(sources, viewers_at_most, lambda: 80, lambda _: 'why', linger_s=0.0)
        return Services(
            settings=Settings(**settings),
            state=GraphState(clock),
            control=FakeControl(),
            chain=FakeChain(),
            sign_in=SignIn(clock, 1800.0, 3600.0),
            events=EventHub(listeners_at_most=2),
            live=live,
            video=VideoHub(video_source, live.seats, lambda: ('part', 'why'), 0.0, clock),
            sessions=PersonSessions(session_control, clock, lambda: session_control.utc_ms),
            media=FakeMedia(),
            stream=FakeStream(),
            webhook=LivepeerWebhook(secret_file, lambda: session_control.utc_ms),
            clock=clock,
        )

    return make


@pytest.fixture
def services(make_services):
    return make_services()


@pytest.fixture
def caller(services):
    return Caller(services)


@pytest.fixture
def owner(services):
    return Caller(services).signed_in()


@pytest.fixture
def ann(caller, session_control):
    """Somebody whose session has all rights that people have."""
    return caller.checked_in(session_control.open(ANN))


@pytest.fixture
def caller_of():
    return Caller


@pytest.fixture
def person(services, session_control):
    """Checks somebody in, who then calls with some rights."""

    def make(wallet, rights):
        return Caller(services).checked_in(session_control.open(wallet, rights))

    return make


@pytest.fixture
def owner_as(services, person):
    """A browser with the owner's link in which somebody has checked in as well."""

    def make(wallet, rights):
        caller = Caller(services).signed_in()
        caller.cookie += f'; {person(wallet, rights).cookie}'
        return caller

    return make


@pytest.fixture
def camera():
    def make(**changes):
        return replace(LIVE_CAMERA, **changes)

    return make


@pytest.fixture
def picture():
    return FakePicture


@pytest.fixture
def served_by():
    """Starts servers; they are stopped behind the test, and must not have failed."""
    started = []

    def start(services, limits=UNLIMITED):
        started.append(Served(services, limits))
        return started[-1]

    yield start
    for served in started:
        served.server.stop()
        assert served.faults == []


@pytest.fixture
def served(served_by, services):
    return served_by(services)
