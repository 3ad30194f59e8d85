"""A network camera is killed and comes back: what people and programs see meanwhile."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from mmoment_interfaces.msg import CameraStatus, ComponentState, Frame
from tests.graph import EVENTS, LATCHED, Graph, Listener, wait_until

pytestmark = pytest.mark.graph

STANDINS = Path(__file__).parent / 'standins'
# gst-rtsp-server is bound to the Python of the system, not to that of a virtual environment
SYSTEM_PYTHON = '/usr/bin/python3'
NEEDS_RTSP = (
    'import gi; gi.require_version("GstRtspServer", "1.0"); from gi.repository import GstRtspServer'
)


def has_rtsp_server():
    try:
        done = subprocess.run([SYSTEM_PYTHON, '-c', NEEDS_RTSP], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


class StandIn:
    """A camera in a process of its own, which can be killed and started again on its port."""

    def __init__(self, kind):
        self.python, self.script, self.address = {
            'http': (sys.executable, 'http_mjpeg_camera.py', 'http://127.0.0.1:{}/mjpeg'),
            'rtsp': (SYSTEM_PYTHON, 'rtsp_camera.py', 'rtsp://127.0.0.1:{}/live'),
        }[kind]
        self.port = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.python, str(STANDINS / self.script), '--port', str(self.port)],
            stdout=subprocess.PIPE,
            text=True,
        )
        word, number = self.process.stdout.readline().split()
        assert word == 'port'
        self.port = int(number)

    @property
    def url(self):
        return self.address.format(self.port)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@contextmanager
def stand_in(kind):
    camera = StandIn(kind)
    try:
        yield camera
    finally:
        if camera.process.poll() is None:
            camera.kill()


@pytest.mark.parametrize('kind', ['http', 'rtsp'])
def test_the_picture_returns_after_the_camera_was_killed(kind):
    if kind == 'rtsp' and not has_rtsp_server():
        pytest.skip('no gst-rtsp-server for the Python of this system')
    with stand_in(kind) as camera, Graph(camera.url) as graph, Listener(graph) as listener:
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
