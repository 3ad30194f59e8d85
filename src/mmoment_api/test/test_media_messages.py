"""Calls of capture_node and what it publishes, between two real nodes of one process."""

import asyncio
import json
import os
import threading
import time

import pytest
import rclpy
from builtin_interfaces.msg import Time
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile

from mmoment_api import media_messages
from mmoment_api.access import OWNER, Principal
from mmoment_api.bridge import Bridge
from mmoment_api.errors import ApiError
from mmoment_api.event_models import EVENT_MODELS
from mmoment_api.events import EventHub
from mmoment_api.graph_state import GraphState
from mmoment_api.media_control import (
    CAMERA_OWNER,
    CLIP,
    PHOTO,
    Asker,
    Change,
    ClipWish,
    MediaQuestion,
    MediaRecord,
    PhotoWish,
    RunningClip,
)
from mmoment_api.media_messages import ACTION, CHANGES, HAPPENINGS, SERVICES
from mmoment_api.media_topics import MediaTopics
from mmoment_api.recordings import SILENT_AFTER_S
from mmoment_interfaces.action import RecordClip
from mmoment_interfaces.msg import MediaEvent, MediaItem, Recording, RecordingArray, StageStatus
from mmoment_interfaces.srv import ChangeMedia
from mmoment_node.spare_domain import spare_domain

try:
    from rclpy.experimental import EventsExecutor as ProductExecutor
except ImportError:
    from rclpy.executors import SingleThreadedExecutor as ProductExecutor

pytestmark = pytest.mark.graph

WAIT_S = 10.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
ANN = 'So11111111111111111111111111111111111111112'
ASKER = Asker('s1', ANN)
NOW_S = 1_700_000_000


def photo_item(**changes):
    message = MediaItem(
        media_id='a' * 32,
        kind=MediaItem.PHOTO,
        filename='a.jpg',
        path='/data/a.jpg',
        thumbnail_path='/data/t.jpg',
        identity=ANN,
        session_id='s1',
        started=Time(sec=NOW_S, nanosec=250_000_000),
        bytes=2**33,
        width=1280,
        height=720,
        mime_type='image/jpeg',
        trigger='gesture',
        gesture='peace',
        people=[ANN, 'bob'],
        annotated=True,
        favourite=True,
        uploaded=True,
        sha256='ab',
    )
    for name, value in changes.items():
        setattr(message, name, value)
    return message


RECORD = MediaRecord(
    media_id='a' * 32,
    kind=PHOTO,
    filename='a.jpg',
    path='/data/a.jpg',
    thumbnail_path='/data/t.jpg',
    identity=ANN,
    session_id='s1',
    taken_s=NOW_S + 0.25,
    size_bytes=2**33,
    width=1280,
    height=720,
    mime_type='image/jpeg',
    trigger='gesture',
    gesture='peace',
    people=(ANN, 'bob'),
    annotated=True,
    favourite=True,
    uploaded=True,
    sha256='ab',
)


class Clock:
    """Time that goes on, and can be put forward."""

    def __init__(self):
        self.ahead_s = 0.0

    def __call__(self):
        return time.monotonic() + self.ahead_s


class TwoNodes:
    """The web node's side, spun as in the product, and a capture_node that does as it is told."""

    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context, domain_id=spare_domain())
        namespace = f'test_media_messages_{os.getpid()}'
        self.own, self.other = (
            rclpy.create_node(name, namespace=namespace, context=self.context)
            for name in ('api_node', 'capture_node')
        )
        self.asked, self.answers, self.goals = {}, {}, []
        group = ReentrantCallbackGroup()
        for name, kind in SERVICES.items():
            self.other.create_service(kind, name, self._answering(name), callback_group=group)
        # What the action does: refuse, say nothing, or record until it may end.
        self.takes, self.says = True, 'a' * 32
        self.result = RecordClip.Result(success=True)
        self.may_end, self.ended = threading.Event(), threading.Event()
        self.cancelled = threading.Event()
        self.action = ActionServer(
            self.other,
            RecordClip,
            ACTION,
            self._record,
            callback_group=group,
            goal_callback=lambda _: GoalResponse.ACCEPT if self.takes else GoalResponse.REJECT,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        self.stage = self.other.create_publisher(StageStatus, 'stage_status', 5)
        self.other.create_timer(0.2, lambda: self.stage.publish(StageStatus(stage='capture_node')))
        self.recordings = self.other.create_publisher(RecordingArray, 'recordings', LATCHED)
        self.events = self.other.create_publisher(MediaEvent, 'media_events', 10)
        # Said before anybody listens.
        self.recordings.publish(RecordingArray(recordings=[Recording(media_id='f' * 32)]))
        self.clock = Clock()
        self.state, self.hub = GraphState(self.clock), EventHub()
        self.bridge = Bridge(self.own, self.state, self.hub)
        self.bridge.open()
        self.topics = MediaTopics(self.own, self.state.recordings, self.hub)
        self.topics.open()
        self._is_over = threading.Event()
        self._threads = []
        for executor, node in (
            (ProductExecutor(context=self.context), self.own),
            (MultiThreadedExecutor(4, context=self.context), self.other),
        ):
            executor.add_node(node)
            thread = threading.Thread(target=self._spin, args=(executor,), daemon=True)
            thread.start()
            self._threads.append(thread)
        self.bridge.resume()
        until(lambda: self.state.is_heard('capture_node'))

    def _spin(self, executor):
        while not self._is_over.is_set():
            executor.spin_once(timeout_sec=0.05)

    def _answering(self, name):
        def answer_to(request, answer):
            self.asked[name] = request
            for field, value in self.answers[name].items():
                setattr(answer, field, value)
            return answer

        return answer_to

    def _record(self, handle):
        self.goals.append(handle.request)
        while not self.may_end.wait(0.02):
            if handle.is_cancel_requested:
                handle.canceled()
                self.cancelled.set()
                return RecordClip.Result(error_code='cancelled')
            if self.says:
                handle.publish_feedback(RecordClip.Feedback(media_id=self.says))
        if self.result.success:
            handle.succeed()
        else:
            handle.abort()
        self.ended.set()
        return self.result

    def call(self, method, *arguments, **answer):
        """Await a call whose service is answered like this: what came of it, and the request."""
        service = {'stop_clips': 'stop_recording'}.get(method, method)
        self.answers[service] = {'success': True, **answer}
        return self.start(method, *arguments), self.asked[service]

    def start(self, method, *arguments):
        async def body():
            return await getattr(self.bridge.media_calls, method)(*arguments)

        return asyncio.run(body())

    def close(self):
        self.may_end.set()
        self.bridge.pause()
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        self.topics.close()
        self.bridge.close()
        self.action.destroy()
        for node in (self.own, self.other):
            node.destroy_node()
        self.context.try_shutdown()


def until(condition):
    deadline_s = time.monotonic() + WAIT_S
    while not (value := condition()):
        assert time.monotonic() < deadline_s, 'it never came true'
        time.sleep(0.02)
    return value


@pytest.fixture(scope='module')
def graph():
    nodes = TwoNodes()
    yield nodes
    nodes.close()


@pytest.fixture
def recorder(graph):
    """The action, as if nothing had been asked of it yet."""
    graph.takes, graph.says = True, 'a' * 32
    graph.result = RecordClip.Result(success=True)
    for event in (graph.may_end, graph.ended, graph.cancelled):
        event.clear()
    del graph.goals[:]
    yield graph
    graph.may_end.set()


def test_a_photo(graph):
    record, asked = graph.call('capture_photo', ASKER, PhotoWish(True, 'webp'), media=photo_item())
    assert record == RECORD
    assert (asked.session_id, asked.annotated, asked.format) == ('s1', True, 'webp')
    assert (asked.monotonic_ns, asked.trigger) == (0, 'api')
    _, asked = graph.call('capture_photo', CAMERA_OWNER, PhotoWish())
    assert (asked.session_id, asked.annotated, asked.format) == ('', False, '')


def test_what_is_listed_looked_up_and_changed(graph):
    clip = photo_item(kind=MediaItem.CLIP, duration_s=2.5)
    page, asked = graph.call(
        'list_media',
        *(CAMERA_OWNER, MediaQuestion(PHOTO, 7, 'here', ANN)),
        media=[photo_item(), clip],
        next_cursor='there',
        total=9,
    )
    assert page.records[0] == RECORD
    assert (page.records[1].kind, page.records[1].duration_s) == (CLIP, 2.5)
    assert (page.next_cursor, page.total) == ('there', 9)
    assert (asked.session_id, asked.kind, asked.limit) == ('', 'photo', 7)
    assert (asked.cursor, asked.identity) == ('here', ANN)
    record, asked = graph.call('get_media', ASKER, 'a.jpg', media=photo_item())
    assert (record, asked.session_id, asked.media) == (RECORD, 's1', 'a.jpg')
    for change, number in (
        (Change.DELETE, ChangeMedia.Request.DELETE),
        (Change.KEEP, ChangeMedia.Request.KEEP),
        (Change.DO_NOT_KEEP, ChangeMedia.Request.DO_NOT_KEEP),
    ):
        _, asked = graph.call('change_media', ASKER, 'a.jpg', change)
        assert (asked.session_id, asked.media, asked.change) == ('s1', 'a.jpg', number)
    assert CHANGES.keys() == set(Change)


def test_clips_are_stopped(graph):
    kept, asked = graph.call('stop_clips', ASKER, 'b' * 32, media=[photo_item(), photo_item()])
    assert kept == (RECORD, RECORD)
    assert (asked.session_id, asked.media_id) == ('s1', 'b' * 32)


@pytest.mark.parametrize(
    ('method', 'arguments', 'code', 'status'),
    [
        ('capture_photo', (ASKER, PhotoWish()), 'no_picture', 503),
        ('capture_photo', (ASKER, PhotoWish()), 'disk_full', 507),
        ('stop_clips', (ASKER, ''), 'no_recording', 404),
        ('list_media', (ASKER, MediaQuestion()), 'bad_cursor', 422),
        ('get_media', (ASKER, 'a.jpg'), 'no_media', 404),
        ('change_media', (ASKER, 'a.jpg', Change.KEEP), 'no_media', 404),
    ],
)
def test_refusals(graph, method, arguments, code, status):
    with pytest.raises(ApiError) as refusal:
        graph.call(method, *arguments, success=False, error_code=code, message='Why')
    assert (refusal.value.status, refusal.value.code) == (status, code)
    assert refusal.value.message == 'Why'


def test_a_clip_begins_and_goes_on(recorder):
    assert recorder.start('start_clip', ASKER, ClipWish(12.5, 3.0)) == 'a' * 32
    (goal,) = recorder.goals
    assert (goal.session_id, goal.duration_s, goal.preroll_s) == ('s1', 12.5, 3.0)
    assert goal.trigger == 'api'
    # Nobody waits for it any more, and it is not ended by that.
    time.sleep(0.2)
    assert not recorder.cancelled.is_set()
    assert not recorder.ended.is_set()
    recorder.may_end.set()
    assert recorder.ended.wait(WAIT_S)


def test_several_clips_at_once(recorder):
    first = recorder.start('start_clip', ASKER, ClipWish())
    recorder.says = 'b' * 32
    second = recorder.start('start_clip', CAMERA_OWNER, ClipWish())
    assert first == 'a' * 32
    assert second == 'b' * 32
    assert [goal.session_id for goal in recorder.goals] == ['s1', '']
    assert [goal.preroll_s for goal in recorder.goals] == [-1.0, -1.0]


@pytest.mark.parametrize(
    ('code', 'status', 'told'),
    [
        ('busy', 409, 'busy'),
        ('no_video', 503, 'no_video'),
        ('session_over', 401, 'not_signed_in'),
        ('', 503, 'part_not_running'),
    ],
)
def test_a_clip_that_does_not_begin(recorder, code, status, told):
    recorder.says = ''
    recorder.result = RecordClip.Result(error_code=code, message='Why')
    recorder.may_end.set()
    with pytest.raises(ApiError) as refusal:
        recorder.start('start_clip', ASKER, ClipWish())
    assert (refusal.value.status, refusal.value.code) == (status, told)


def test_a_clip_that_was_over_at_once(recorder):
    recorder.says = ''
    recorder.result.media = photo_item(media_id='c' * 32)
    recorder.may_end.set()
    assert recorder.start('start_clip', ASKER, ClipWish()) == 'c' * 32


def test_a_goal_that_is_not_taken(recorder):
    recorder.takes = False
    with pytest.raises(ApiError) as refusal:
        recorder.start('start_clip', ASKER, ClipWish())
    assert (refusal.value.status, refusal.value.code) == (409, 'busy')


def test_a_part_that_says_nothing_is_not_left_recording(recorder, monkeypatch):
    monkeypatch.setattr(media_messages, 'START_WAIT_S', 0.3)
    recorder.says = ''
    with pytest.raises(ApiError) as refusal:
        recorder.start('start_clip', ASKER, ClipWish())
    assert refusal.value.details['part'] == 'capture_node'
    assert recorder.cancelled.wait(WAIT_S)


def test_what_is_recorded_is_heard_also_when_it_was_said_before(graph):
    until(lambda: [clip.media_id for clip in graph.state.recordings.running()] == ['f' * 32])
    message = Recording(
        media_id='c' * 32,
        identity=ANN,
        started=Time(sec=NOW_S, nanosec=500_000_000),
        elapsed_s=1.5,
        limit_s=60.0,
        trigger='gesture',
    )
    graph.recordings.publish(RecordingArray(recordings=[message]))
    clip = RunningClip('c' * 32, ANN, NOW_S + 0.5, 1.5, 60.0, 'gesture')
    until(lambda: graph.state.recordings.running() == (clip,))
    graph.recordings.publish(RecordingArray())
    until(lambda: graph.state.recordings.running() == ())


def listening(graph, principal, scenario):
    async def body():
        graph.hub.bind(asyncio.get_running_loop())
        listener = graph.hub.listen(['captures', 'recordings'], principal.speaks_for)

        async def heard(kind):
            while True:
                event = json.loads(await asyncio.wait_for(listener.next(), WAIT_S))
                if event['type'] == kind:
                    return EVENT_MODELS[kind].model_validate(event['data']).model_dump()

        try:
            await scenario(heard)
        finally:
            graph.hub.leave(listener)
            graph.hub.bind(None)

    asyncio.run(body())


def test_what_happens_to_media_is_told_to_its_owner(graph):
    async def scenario(heard):
        graph.events.publish(MediaEvent(kind=MediaEvent.TAKEN, media=photo_item(identity='bob')))
        graph.events.publish(MediaEvent(kind=MediaEvent.TAKEN, media=photo_item(identity='')))
        graph.events.publish(MediaEvent(kind=MediaEvent.TAKEN, media=photo_item()))
        # Neither of the two before.
        event = await heard('captures')
        assert (event['change'], event['identity'], event['kind']) == ('taken', ANN, 'photo')
        assert event['media']['url'] == '/api/photos/a.jpg'
        assert event['media']['created'] == NOW_S + 0.25
        # Who else is in it, and where it is kept, is in no event.
        assert 'bob' not in str(event)
        assert '/data' not in str(event)
        item = MediaItem(media_id='c' * 32, kind=MediaItem.CLIP, identity=ANN)
        graph.events.publish(
            MediaEvent(kind=MediaEvent.FAILED, media=item, reason='disk_full', message='No room')
        )
        event = await heard('captures')
        assert (event['change'], event['id'], event['media']) == ('failed', 'c' * 32, None)
        assert (event['kind'], event['reason'], event['message']) == (
            *('clip', 'disk_full'),
            'No room',
        )

    listening(graph, Principal(ANN), scenario)
    assert len(HAPPENINGS) == 5


def test_the_owner_of_the_camera_is_told_of_all(graph):
    async def scenario(heard):
        for identity in ('bob', '', ANN):
            message = MediaEvent(kind=MediaEvent.DELETED, media=photo_item(identity=identity))
            graph.events.publish(message)
            assert (await heard('captures'))['identity'] == (identity or None)

    listening(graph, OWNER, scenario)


def test_that_something_is_recorded_is_told_and_what_only_to_its_owner(graph):
    clips = [Recording(media_id=name * 32, identity=who) for name, who in (('1', ANN), ('2', ''))]

    async def anns(heard):
        graph.recordings.publish(RecordingArray(recordings=clips))
        event = await heard('recordings')
        assert event['active'] is True
        assert [clip['id'] for clip in event['recordings']] == ['1' * 32]

    async def bobs(heard):
        # A state: whoever begins to listen is told it at once.
        event = await heard('recordings')
        assert (event['active'], event['recordings']) == (True, [])

    async def owners(heard):
        assert len((await heard('recordings'))['recordings']) == 2
        # The part that recorded is gone, and will not say that it stopped.
        graph.clock.ahead_s += SILENT_AFTER_S + 0.1
        assert (await heard('recordings')) == {'active': False, 'recordings': []}

    listening(graph, Principal(ANN), anns)
    listening(graph, Principal('bob'), bobs)
    listening(graph, OWNER, owners)


def test_many_deletions_at_once_are_all_heard(graph):
    ids = [f'{number:032x}' for number in range(40)]

    async def scenario(heard):
        publisher = graph.other.create_publisher(MediaEvent, 'media_events', 1000)
        until(lambda: publisher.get_subscription_count() == 1)
        held, may_go_on = threading.Event(), threading.Event()

        def hold():
            held.set()
            may_go_on.wait(WAIT_S)

        # The web node is at something else meanwhile.
        graph.own.executor.create_task(hold)
        assert held.wait(WAIT_S)
        for media_id in ids:
            item = photo_item(media_id=media_id)
            publisher.publish(MediaEvent(kind=MediaEvent.DELETED, media=item, reason='retention'))
        may_go_on.set()
        assert [(await heard('captures'))['id'] for _ in ids] == ids
        graph.other.destroy_publisher(publisher)

    listening(graph, OWNER, scenario)
