"""Stand-ins for cameras, each a process of its own that faults can be caused in."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.standins.stand_in import StandIn

Start = Callable[..., StandIn]


def _starter(script: str) -> Iterator[Start]:
    running = []

    def start(*options: str, port: int = 0) -> StandIn:
        camera = StandIn(script, *options, port=port)
        running.append(camera)
        return camera

    yield start
    for camera in running:
        camera.kill()


@pytest.fixture
def http_camera() -> Iterator[Start]:
    """Starts MJPEG-over-HTTP cameras."""
    yield from _starter('http_mjpeg_camera.py')


@pytest.fixture
def rtsp_camera() -> Iterator[Start]:
    """Starts RTSP cameras; skips where gst-rtsp-server is not installed."""
    yield from _starter('rtsp_camera.py')


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Waits for something to become true, and fails with a name where it does not."""

    def wait(condition: Callable[[], object], what: str, timeout_s: float = 10.0) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline_s, f'{what}: not within {timeout_s:g} s'
            time.sleep(0.005)

    return wait
