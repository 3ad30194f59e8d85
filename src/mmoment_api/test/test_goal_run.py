"""Enrolment, recognition and forgetting between the bridge and a real face node's interfaces."""

import asyncio
import os
import threading
import time

import pytest
import rclpy
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor

from mmoment_api import bridge as bridge_module
from mmoment_api.bridge import Bridge
from mmoment_api.errors import ApiError
from mmoment_api.events import EventHub
from mmoment_api.face_requests import EnrolmentWish
from mmoment_api.given_pictures import GivenPicture
from mmoment_api.graph_state import DiagnosticState, GraphState
from mmoment_interfaces.action import EnrollFace
from mmoment_interfaces.msg import Face
from mmoment_interfaces.srv import ForgetFace, RecognizeFace

try:
    from rclpy.experimental import EventsExecutor as ProductExecutor
except ImportError:
    from rclpy.executors import SingleThreadedExecutor as ProductExecutor

pytestmark = pytest.mark.graph

NAMESPACE = f'test_goal_run_{os.getpid()}'
WAIT_S = 10.0
PICTURE = GivenPicture('jpeg', b'\xff\xd8\xff')


def until(condition):
    deadline_s = time.monotonic() + WAIT_S
    while not (value := condition()):
        assert time.monotonic() < deadline_s, 'it never came true'
        time.sleep(0.02)
    return value


class FakeFaceNode:
    """The interfaces of a face node; a test says what it does with an enrolment."""

    def __init__(self, context):
        self.node = rclpy.create_node('face_node', namespace=NAMESPACE, context=context)
        group = ReentrantCallbackGroup()
        self.goals = []
        self.takes = True
        self.result = EnrollFace.Result(success=True, views=5, model_id='m', reasons=['dark'])
        self.may_end = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.cancelled = threading.Event()
        # Unset: what was asked for is done before a cancel gets there.
        self.heeds_cancel = True
        self.forgotten = []
        self._server = ActionServer(
            self.node,
            EnrollFace,
            'enroll_face',
            self._enroll,
            callback_group=group,
            goal_callback=self._on_goal,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        self.node.create_service(RecognizeFace, 'recognize_face', self._recognize)
        self.node.create_service(ForgetFace, 'forget_face', self._forget)

    def _on_goal(self, goal):
        self.goals.append(goal)
        self.may_answer.wait(WAIT_S)
        return GoalResponse.ACCEPT if self.takes else GoalResponse.REJECT

    def _enroll(self, handle):
        while not self.may_end.is_set():
            if handle.is_cancel_requested:
                if not self.heeds_cancel:
                    break
                handle.canceled()
                self.cancelled.set()
                return EnrollFace.Result(error_code='cancelled')
            time.sleep(0.01)
        if self.result.success:
            handle.succeed()
        else:
            handle.abort()
        return self.result

    def _recognize(self, request, response):
        response.success = True
        response.message = f'{request.picture.format} {bytes(request.picture.data)!r}'
        response.faces = [Face(track_id=4, identity='wallet', similarity=0.5)]
        return response

    def _forget(self, request, response):
        self.forgotten.append(request.identity)
        response.success, response.templates = request.identity == 'wallet', 3
        return response

    def close(self):
        self.may_end.set()
        self.may_answer.set()
        self._server.destroy()
        self.node.destroy_node()


class Graph:
    """The bridge's node, spun as in the product, and a face node that comes and goes."""

    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context)
        self.own = rclpy.create_node('api_node', namespace=NAMESPACE, context=self.context)
        self.state = GraphState(time.monotonic)
        self.bridge = Bridge(self.own, self.state, EventHub())
        self.bridge.open()
        self._ended = threading.Event()
        self._threads = [self._spin(ProductExecutor(context=self.context), self.own)]
        self.bridge.resume()
        self.faces = None

    def _spin(self, executor, node):
        executor.add_node(node)

        def work():
            while not self._ended.is_set():
                executor.spin_once(timeout_sec=0.05)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def start_faces(self):
        self.faces = FakeFaceNode(self.context)
        executor = MultiThreadedExecutor(4, context=self.context)
        self._threads.append(self._spin(executor, self.faces.node))
        until(self.bridge._enroll.server_is_ready)
        until(self.bridge._forget.service_is_ready)
        until(self.bridge._recognize.service_is_ready)
        return self.faces

    def close(self):
        if self.faces is not None:
            self.faces.may_end.set()
            self.faces.may_answer.set()
        self.bridge.pause()
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self.bridge.close()
        if self.faces is not None:
            self.faces.close()
        self.own.destroy_node()
        self.context.try_shutdown()


@pytest.fixture
def graph():
    graph = Graph()
    yield graph
    graph.close()


@pytest.fixture
def faces(graph):
    return graph.start_faces()


def run(work):
    return asyncio.run(asyncio.wait_for(work, WAIT_S))


async def happens(condition):
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s, 'it never came true'
        await asyncio.sleep(0.02)


def test_a_face_is_learned(graph, faces):
    faces.may_end.set()
    wish = EnrolmentWish('wallet', (PICTURE,), True, 15.0)
    for _ in range(20):
        outcome = run(graph.bridge.enroll(wish))
        assert (outcome.success, outcome.views, outcome.reasons) == (True, 5, ('dark',))
    goal = faces.goals[0]
    assert (goal.identity, goal.with_liveness, goal.timeout_s) == ('wallet', True, 15.0)
    assert (goal.pictures[0].format, bytes(goal.pictures[0].data)) == ('jpeg', PICTURE.data)


def test_what_was_wrong_is_told(graph, faces):
    faces.may_end.set()
    faces.result = EnrollFace.Result(error_code='no_good_view', message='m', reasons=['small'])
    outcome = run(graph.bridge.enroll(EnrolmentWish('wallet')))
    assert (outcome.success, outcome.error_code, outcome.reasons) == (
        False,
        'no_good_view',
        ('small',),
    )


def test_a_node_that_enrols_somebody_else_says_so(graph, faces):
    faces.takes = False
    with pytest.raises(ApiError) as refusal:
        run(graph.bridge.enroll(EnrolmentWish('wallet')))
    assert (refusal.value.status, refusal.value.code) == (409, 'enrolment_running')


def test_an_absent_node_is_named_at_once(graph):
    began_s = time.monotonic()
    for method, argument in (
        ('enroll', EnrolmentWish('wallet')),
        ('recognize', None),
        ('forget', 'wallet'),
    ):
        with pytest.raises(ApiError) as refusal:
            run(getattr(graph.bridge, method)(argument))
        assert (refusal.value.status, refusal.value.details) == (503, {'part': 'face_node'})
    assert time.monotonic() - began_s < 1.0


def test_an_enrolment_that_is_given_up_is_cancelled_and_over(graph, faces):
    async def scenario():
        task = asyncio.ensure_future(graph.bridge.enroll(EnrolmentWish('wallet')))
        await happens(lambda: faces.goals)
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The node is done with it before the next is let in.
        assert faces.cancelled.is_set()
        assert not faces.forgotten

    asyncio.run(scenario())


@pytest.mark.parametrize('times', [1, 2])
def test_what_was_learned_before_the_cancel_got_there_is_forgotten(graph, faces, times):
    faces.heeds_cancel = False

    async def scenario():
        task = asyncio.ensure_future(graph.bridge.enroll(EnrolmentWish('wallet')))
        await happens(lambda: faces.goals)
        await asyncio.sleep(0.2)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        await happens(lambda: faces.forgotten)

    asyncio.run(scenario())
    assert faces.forgotten == ['wallet']


def test_if_it_cannot_be_forgotten_that_is_told(graph, faces):
    faces.heeds_cancel = False

    async def scenario():
        task = asyncio.ensure_future(graph.bridge.enroll(EnrolmentWish('other')))
        await happens(lambda: faces.goals)
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(ApiError) as refusal:
            await task
        assert refusal.value.details == {'part': 'face_node'}
        assert 'before it could be cancelled' in refusal.value.message

    asyncio.run(scenario())


def test_so_is_one_that_is_not_accepted_yet(graph, faces):
    faces.may_answer.clear()

    async def scenario():
        task = asyncio.ensure_future(graph.bridge.enroll(EnrolmentWish('wallet')))
        await happens(lambda: faces.goals)
        task.cancel()
        await asyncio.sleep(0.2)
        faces.may_answer.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert faces.cancelled.is_set()

    asyncio.run(scenario())


def test_a_node_that_does_not_answer_is_given_up(graph, faces, monkeypatch):
    monkeypatch.setattr(bridge_module, 'ANSWER_WAIT_S', 0.3)
    monkeypatch.setattr(bridge_module, 'ENROLMENT_WATCH_S', 0.1)
    monkeypatch.setattr(bridge_module, 'CANCEL_WAIT_S', 0.1)
    faces.may_answer.clear()
    with pytest.raises(ApiError) as refusal:
        run(graph.bridge.enroll(EnrolmentWish('wallet')))
    assert refusal.value.details == {'part': 'face_node'}
    faces.may_answer.set()
    # What it accepts too late is taken back.
    assert faces.cancelled.wait(WAIT_S)


def test_an_enrolment_takes_no_longer_than_it_may(graph, faces, monkeypatch):
    monkeypatch.setattr(bridge_module, 'ENROLMENT_SLACK_S', 0.1)
    monkeypatch.setattr(bridge_module, 'ENROLMENT_WATCH_S', 0.1)
    with pytest.raises(ApiError) as refusal:
        run(graph.bridge.enroll(EnrolmentWish('wallet', timeout_s=0.2)))
    assert 'no result' in refusal.value.message
    assert faces.cancelled.wait(WAIT_S)
    # Where nothing is asked for, the longest that can be configured counts.
    faces.cancelled.clear()
    monkeypatch.setattr(bridge_module, 'ENROLMENT_AT_MOST_S', 0.2)
    with pytest.raises(ApiError) as refusal:
        run(graph.bridge.enroll(EnrolmentWish('wallet')))
    assert 'no result' in refusal.value.message
    assert faces.cancelled.wait(WAIT_S)


def test_one_that_is_done_while_it_is_given_up_counts(graph, faces, monkeypatch):
    monkeypatch.setattr(bridge_module, 'ENROLMENT_SLACK_S', 0.1)
    monkeypatch.setattr(bridge_module, 'ENROLMENT_WATCH_S', 0.1)
    faces.heeds_cancel = False
    outcome = run(graph.bridge.enroll(EnrolmentWish('wallet', timeout_s=0.2)))
    assert (outcome.success, outcome.views) == (True, 5)
    assert not faces.forgotten


def started(run_word):
    heard_s = time.monotonic()
    return DiagnosticState(heard_s, 'face_node', 'recognition', 'ok', '', {'run': run_word})


@pytest.mark.parametrize('is_known_before', [True, False])
def test_a_node_that_was_killed_and_is_back_is_noticed(graph, faces, monkeypatch, is_known_before):
    # Its action looks ready all the time: the middleware takes long to notice a kill.
    monkeypatch.setattr(bridge_module, 'ENROLMENT_WATCH_S', 0.1)
    monkeypatch.setattr(bridge_module, 'CANCEL_WAIT_S', 0.1)
    if is_known_before:
        graph.state.hear_diagnostic(started('a1'))

    async def scenario():
        task = asyncio.ensure_future(graph.bridge.enroll(EnrolmentWish('wallet')))
        await happens(lambda: faces.goals)
        for _ in range(3):
            graph.state.hear_diagnostic(started('a1'))
            await asyncio.sleep(0.2)
        assert not task.done()
        graph.state.hear_diagnostic(started('b2'))
        with pytest.raises(ApiError) as refusal:
            await asyncio.wait_for(task, 2.0)
        assert refusal.value.details == {'part': 'face_node'}
        assert 'started again' in refusal.value.message

    asyncio.run(scenario())


def test_so_is_one_that_falls_silent(graph, faces, monkeypatch):
    monkeypatch.setattr(bridge_module, 'ENROLMENT_WATCH_S', 0.1)
    monkeypatch.setattr(bridge_module, 'CANCEL_WAIT_S', 0.1)
    monkeypatch.setattr(bridge_module, 'SILENT_AFTER_S', 0.3)
    with pytest.raises(ApiError) as refusal:
        run(graph.bridge.enroll(EnrolmentWish('wallet')))
    assert refusal.value.details == {'part': 'face_node'}
    assert 'fell silent' in refusal.value.message


def test_a_node_that_ends_in_the_middle_is_noticed(graph, faces, monkeypatch):
    monkeypatch.setattr(bridge_module, 'ENROLMENT_WATCH_S', 0.1)
    monkeypatch.setattr(bridge_module, 'CANCEL_WAIT_S', 0.1)

    async def scenario():
        task = asyncio.ensure_future(graph.bridge.enroll(EnrolmentWish('wallet')))
        await happens(lambda: faces.goals)
        monkeypatch.setattr(graph.bridge._enroll, 'server_is_ready', lambda: False)
        with pytest.raises(ApiError) as refusal:
            await task
        assert refusal.value.details == {'part': 'face_node'}

    asyncio.run(scenario())


def test_faces_of_a_given_or_of_the_live_picture(graph, faces):
    found = run(graph.bridge.recognize(PICTURE))
    assert found.message == f'jpeg {PICTURE.data!r}'
    assert (found.faces[0].identity, found.faces[0].similarity) == ('wallet', 0.5)
    assert run(graph.bridge.recognize(None)).message == " b''"


def test_a_person_is_forgotten(graph, faces):
    assert run(graph.bridge.forget('wallet')) == 3
    with pytest.raises(ApiError) as refusal:
        run(graph.bridge.forget('other'))
    assert refusal.value.status == 409
