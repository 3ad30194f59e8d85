"""A network camera is killed and comes back: what people and programs see meanwhile."""

import pytest

from mmoment_interfaces.msg import CameraStatus, ComponentState, Frame
from tests.graph import EVENTS, LATCHED, Graph, Listener, wait_until
from tests.standins.stand_in import StandIn

pytestmark = pytest.mark.graph

CAMERAS = {
    'http': ('http_mjpeg_camera.py', 'http://127.0.0.1:{}/mjpeg'),
    'rtsp': ('rtsp_camera.py', 'rtsp://127.0.0.1:{}/live'),
}


@pytest.fixture(params=CAMERAS)
def camera(request):
    """The stand-in and its address."""
    script, address = CAMERAS[request.param]
    camera = StandIn(script)
    yield camera, address.format(camera.port)
    camera.kill()


def test_the_picture_returns_after_the_camera_was_killed(camera):
    camera, address = camera
    with Graph(address) as graph, Listener(graph) as listener:
        status = listener.subscribe(CameraStatus, 'camera_status', LATCHED)
        frames = listener.subscribe(Frame, 'frames', EVENTS)
        graph.sign_in()
        graph.wait_until_ready()
        status.wait_for(in_state(ComponentState.LIVE))
        frames.wait_for(lambda frame: frame.live)
        wait_until(lambda: graph.get('/api/health')['status'] == 'ok', 'health ok')

        camera.kill()
        status.clear()
        lost = status.wait_for(in_state(ComponentState.WAITING_TO_RETRY))
        assert lost.connection.last_error
        assert lost.connection.next_try_s > 0
        frames.clear()
        # The stream of pictures goes on, labelled: nobody looks at a frozen picture
        frames.wait_for(lambda frame: not frame.live)
        assert next(graph.pictures())[:2] == b'\xff\xd8'
        wait_until(
            lambda: graph.get('/api/health')['status'] in ('degraded', 'error'), 'health to tell'
        )

        camera.start()
        status.clear()
        frames.clear()
        status.wait_for(in_state(ComponentState.LIVE))
        frames.wait_for(lambda frame: frame.live)
        wait_until(lambda: graph.get('/api/health')['status'] == 'ok', 'health ok again')


def in_state(state):
    return lambda message: message.connection.state == state
