import asyncio
import json
import threading

import pytest

from mmoment_api.event_models import EVENT_MODELS, event_schema
from mmoment_api.events import (
    EVENT_TYPES,
    QUEUE_LENGTH,
    Event,
    EventHub,
    TooManyListeners,
    encode_event,
)
from mmoment_api.routes.events import EventStream


def run(scenario):
    """Run a scenario with a hub bound to its loop."""

    async def body():
        hub = EventHub(listeners_at_most=2)
        hub.bind(asyncio.get_running_loop())
        return await asyncio.wait_for(scenario(hub), 5)

    return asyncio.run(body())


async def settle():
    for _ in range(3):
        await asyncio.sleep(0)


async def take(listener):
    return json.loads(await listener.next())


def test_listeners_get_what_they_asked_for():
    async def scenario(hub):
        listener = hub.listen(['gestures'])
        hub.publish('faces', {'number': 1})
        hub.publish('gestures', {'number': 2})
        event = await take(listener)
        assert (event['type'], event['data']) == ('gestures', {'number': 2})
        assert event['timestamp'] > 1_600_000_000_000

    run(scenario)


def test_events_come_from_any_thread_in_order():
    async def scenario(hub):
        listener = hub.listen(['gestures'])
        thread = threading.Thread(
            target=lambda: [hub.publish('gestures', {'number': i}) for i in range(10)]
        )
        thread.start()
        numbers = [(await take(listener))['data']['number'] for _ in range(10)]
        thread.join()
        assert numbers == list(range(10))

    run(scenario)


def test_a_slow_listener_keeps_the_newest_faces_only_and_is_told():
    async def scenario(hub):
        listener = hub.listen(['faces'])
        for number in range(5):
            hub.publish('faces', {'number': number})
        await settle()
        news = await take(listener)
        assert (news['type'], news['data']) == ('dropped', {'count': 4})
        assert (await take(listener))['data'] == {'number': 4}
        assert listener.missed_total == 4

    run(scenario)


def test_a_full_queue_drops_the_oldest_and_tells():
    async def scenario(hub):
        listener = hub.listen(['gestures'])
        for number in range(QUEUE_LENGTH + 3):
            hub.publish('gestures', {'number': number})
        await settle()
        assert (await take(listener))['data'] == {'count': 3}
        assert (await take(listener))['data'] == {'number': 3}

    run(scenario)


def test_a_slow_listener_does_not_touch_the_others():
    async def scenario(hub):
        slow, fast = hub.listen(['gestures']), hub.listen(['gestures'])
        for number in range(2 * QUEUE_LENGTH):
            hub.publish('gestures', {'number': number})
            await settle()
            assert (await take(fast))['data'] == {'number': number}
        assert fast.missed_total == 0
        assert slow.missed_total == QUEUE_LENGTH

    run(scenario)


def test_states_are_known_to_late_listeners():
    async def scenario(hub):
        hub.publish('camera', {'connection': 'connecting'})
        hub.publish('camera', {'connection': 'live'})
        hub.publish('gestures', {'number': 1})
        await settle()
        listener = hub.listen(['camera', 'gestures'])
        assert (await take(listener))['data'] == {'connection': 'live'}
        waiting = asyncio.ensure_future(listener.next())
        await settle()
        assert not waiting.done()
        listener.close()
        assert await waiting is None

    run(scenario)


def test_names_reach_only_who_may_know_them():
    faces = {
        'faces': [
            {'track_id': 1, 'identity': 'ann', 'similarity': 0.8},
            {'track_id': 2, 'identity': 'ben', 'similarity': 0.7},
            {'track_id': 3, 'identity': None, 'similarity': None},
        ]
    }

    async def scenario(hub):
        owner = hub.listen(['faces', 'gesture_action'], lambda _: True)
        ann = hub.listen(['faces', 'gesture_action'], lambda identity: identity == 'ann')
        hub.publish('gesture_action', {'action': 'photo', 'identity': 'ben'})
        hub.publish('faces', faces)
        await settle()
        assert (await take(owner))['data'] == {'action': 'photo', 'identity': 'ben'}
        assert (await take(ann))['data'] == {'action': 'photo', 'identity': None}
        told, seen = await take(owner), await take(ann)
        assert told['data'] == faces
        assert seen['timestamp'] == told['timestamp']
        assert seen['data']['faces'] == [
            faces['faces'][0],
            {'track_id': 2, 'identity': None, 'similarity': None},
            faces['faces'][2],
        ]

    run(scenario)


def test_a_listener_of_whom_nothing_is_said_knows_nobody():
    async def scenario(hub):
        listener = hub.listen(['gestures'])
        hub.publish('gestures', {'identity': 'ann', 'gesture': 'ok'})
        assert (await take(listener))['data'] == {'identity': None, 'gesture': 'ok'}

    run(scenario)


def test_every_type_of_event_is_described():
    assert EVENT_MODELS.keys() == EVENT_TYPES.keys()
    assert [item['title'] for item in event_schema()['oneOf']] == list(EVENT_TYPES)
    text = json.dumps(event_schema())
    assert text.count('$ref') == text.count('#/components/schemas/HealthAnswer') == 1


def test_nobody_listening_costs_no_event():
    async def scenario(hub):
        assert not hub.wants('faces')
        listener = hub.listen(['faces'])
        assert hub.wants('faces')
        hub.leave(listener)
        assert not hub.wants('faces')
        assert hub.listeners == 0

    run(scenario)


def test_there_is_room_for_so_many():
    async def scenario(hub):
        hub.listen(['faces'])
        listener = hub.listen(['faces'])
        with pytest.raises(TooManyListeners):
            hub.listen(['faces'])
        hub.leave(listener)
        hub.listen(['faces'])

    run(scenario)


def test_closing_ends_all_and_later_events_are_lost_quietly():
    async def scenario(hub):
        listener = hub.listen(['faces'])
        hub.close()
        assert await listener.next() is None
        hub.bind(None)
        hub.publish('faces', {})

    run(scenario)


def test_events_are_small_json():
    assert json.loads(encode_event('faces', {'a': 1}))['data'] == {'a': 1}
    assert ' ' not in encode_event('faces', {'a': 1})


@pytest.mark.parametrize('turns', range(8))
def test_a_client_that_leaves_together_with_an_event_is_forgotten(turns):
    async def scenario():
        hub = EventHub()
        listener = hub.listen(['gestures'])
        has_left = asyncio.Event()

        async def receive():
            await has_left.wait()
            return {'type': 'http.disconnect'}

        async def send(message):
            pass

        stream = asyncio.ensure_future(EventStream(hub, listener)({}, receive, send))
        for _ in range(10):
            await asyncio.sleep(0)
        has_left.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        listener.offer(Event.now('gestures', {}))
        # Not `wait_for`, which this is about.
        await asyncio.wait([stream], timeout=2)
        assert stream.done()
        assert hub.listeners == 0

    asyncio.run(scenario())
