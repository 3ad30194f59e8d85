"""A second camera is a second namespace: same machine, same ROS domain, nothing shared."""

import pytest

from mmoment_interfaces.msg import CameraStatus, Frame
from tests.graph import EVENTS, LATCHED, Graph, Listener, wait_until

pytestmark = pytest.mark.graph


def test_two_cameras_side_by_side_and_one_of_them_stops():
    with Graph('pattern') as first, Graph('demo', domain=first.domain) as second:
        for graph in (first, second):
            graph.wait_until_ready()
            graph.sign_in()
        assert first.port != second.port
        with Listener(first) as at_first, Listener(second) as at_second:
            for listener, graph, kind in (
                (at_first, first, 'pattern'),
                (at_second, second, 'demo'),
            ):
                status = listener.subscribe(CameraStatus, 'camera_status', LATCHED)
                status.wait_for(lambda message, kind=kind: message.kind == kind)
                frame = listener.subscribe(Frame, 'frames').wait_for(lambda frame: frame.live)
                assert f'.{graph.namespace}.' in frame.segment
            assert first.stop() == 0
            assert first.leftovers() == []
            frames = at_second.subscribe(Frame, 'overlay/frames', EVENTS)
            frames.wait_for(lambda frame: frame.live)
            wait_until(lambda: second.get('/api/health')['status'] == 'ok', 'health ok')
