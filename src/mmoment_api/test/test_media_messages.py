"""Calls of capture_node, between two real nodes of one process."""

import os
import time

import pytest
from capture_nodes import ANN, ASKER, RECORD, CaptureNodes, photo_item
from two_nodes import WAIT_S

from mmoment_api import media_messages
from mmoment_api.errors import ApiError
from mmoment_api.media_control import (
    CAMERA_OWNER,
    CLIP,
    PHOTO,
    Change,
    ClipWish,
    MediaQuestion,
    PhotoWish,
)
from mmoment_api.media_messages import CHANGES
from mmoment_interfaces.action import RecordClip
from mmoment_interfaces.msg import MediaItem
from mmoment_interfaces.srv import ChangeMedia

pytestmark = pytest.mark.graph


@pytest.fixture(scope='module')
def graph():
    nodes = CaptureNodes(f'test_media_messages_{os.getpid()}')
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
