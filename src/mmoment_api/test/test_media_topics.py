"""What capture_node publishes, between two real nodes of one process."""

import os
import threading

import pytest
from builtin_interfaces.msg import Time
from capture_nodes import ANN, NOW_S, CaptureNodes, photo_item
from two_nodes import WAIT_S, until

from mmoment_api.access import OWNER, Principal
from mmoment_api.event_models import EVENT_MODELS
from mmoment_api.media_control import RunningClip
from mmoment_api.media_messages import HAPPENINGS
from mmoment_api.recordings import SILENT_AFTER_S
from mmoment_interfaces.msg import MediaEvent, MediaItem, Recording, RecordingArray

pytestmark = pytest.mark.graph


@pytest.fixture(scope='module')
def graph():
    nodes = CaptureNodes(f'test_media_topics_{os.getpid()}')
    yield nodes
    nodes.close()


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
    """Run a scenario that is given how to wait for the next event of one type."""

    async def of_kinds(heard):
        async def heard_of(kind):
            while (event := await heard())['type'] != kind:
                pass
            return EVENT_MODELS[kind].model_validate(event['data']).model_dump()

        await scenario(heard_of)

    graph.listening(['captures', 'recordings'], of_kinds, principal.speaks_for)


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
