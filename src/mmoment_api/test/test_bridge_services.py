"""What the bridge asks of another node, and what if it does not answer."""

import asyncio
import os
import threading
import time

import pytest
from bridge_world import BridgeWorld
from two_nodes import WAIT_S, until

from mmoment_api import bridge as bridge_module
from mmoment_api.errors import ApiError
from mmoment_interfaces.msg import StageStatus
from mmoment_interfaces.srv import ForgetFace, SetSource

pytestmark = pytest.mark.graph

NAMESPACE = f'test_bridge_services_{os.getpid()}'


@pytest.fixture(scope='module')
def graph():
    nodes = BridgeWorld(NAMESPACE)
    yield nodes
    nodes.close()


def test_layers_are_set_in_the_other_node(graph):
    until(graph.bridge._set_layers.service_is_ready)
    assert graph.call('layers') == dict.fromkeys(bridge_module.LAYER_PARAMETERS, True)
    graph.call('set_layers', {'show_faces': False})
    assert graph.other.get_parameter('show_faces').value is False
    assert graph.call('layers')['show_faces'] is False


def test_a_refused_change_is_told(graph):
    until(graph.bridge._set_layers.service_is_ready)
    with pytest.raises(ApiError) as refusal:
        graph.call('set_layers', {'no_such_parameter': True})
    assert (refusal.value.status, refusal.value.code) == (409, 'refused')


def test_a_service_that_is_not_there_is_named_at_once(graph):
    began_s = time.monotonic()
    with pytest.raises(ApiError) as refusal:
        graph.call('set_source', 'demo')
    assert refusal.value.details == {'part': 'camera_node'}
    assert time.monotonic() - began_s < 1.0


def test_a_part_that_is_heard_is_given_time_to_be_discovered(graph):
    stage = graph.other.create_publisher(StageStatus, 'stage_status', 5)
    until(
        lambda: graph.state.is_heard('face_node'),
        lambda: stage.publish(StageStatus(stage='face_node')),
    )
    made = []

    def forget(request, response):
        response.success, response.templates = True, 3
        return response

    late = threading.Timer(
        0.5, lambda: made.append(graph.other.create_service(ForgetFace, 'forget_face', forget))
    )
    late.start()
    assert graph.call('forget', 'somebody') == 3
    graph.other.destroy_service(made[0])


def test_a_service_that_does_not_answer_is_given_up(graph, monkeypatch):
    monkeypatch.setattr(bridge_module, 'ANSWER_WAIT_S', 0.2)
    release = threading.Event()

    def never(request, response):
        release.wait(WAIT_S)
        return response

    service = graph.other.create_service(SetSource, 'set_source', never)
    until(graph.bridge._set_source.service_is_ready)
    with pytest.raises(ApiError) as refusal:
        graph.call('set_source', 'demo')
    assert refusal.value.code == 'part_not_running'
    assert 'no answer' in refusal.value.message
    release.set()
    graph.other.destroy_service(service)


def test_a_request_that_nobody_waits_for_any_more_is_not_kept(graph):
    release = threading.Event()

    def late(request, response):
        release.wait(WAIT_S)
        return response

    service = graph.other.create_service(SetSource, 'set_source', late)
    until(graph.bridge._set_source.service_is_ready)

    async def scenario():
        task = asyncio.ensure_future(graph.bridge.set_source('demo'))
        await asyncio.sleep(0.1)
        assert graph.bridge._set_source._pending_requests
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not graph.bridge._set_source._pending_requests

    asyncio.run(scenario())
    release.set()
    graph.other.destroy_service(service)
