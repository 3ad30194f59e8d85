"""Photos and clips of the running camera: whose they are, that they are true, and that none is lost."""

import hashlib
import io
import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from solders.keypair import Keypair

from mmoment_camera.pattern import read_number
from mmoment_chain import media_records, media_signature
from mmoment_chain.clock import SystemClock
from mmoment_chain.device_keys import SigningKey
from mmoment_chain.places import KEYS_NAME, STORE_NAME
from mmoment_chain.rights import DEFAULT_RIGHTS
from mmoment_chain.store import Store
from mmoment_interfaces.msg import GestureAction, MediaEvent, MediaItem, RecordingArray
from mmoment_interfaces.srv import (
    CapturePhoto,
    ChangeMedia,
    GetMedia,
    ListMedia,
    StopRecording,
)
from tests.graph import (
    EVENTS,
    LATCHED,
    START_PATIENCE_S,
    Graph,
    Listener,
    wait_until,
)
from tests.graph_media import Person, Recording, numbers_in

pytestmark = pytest.mark.graph

FPS = 30


@pytest.fixture(scope='module')
def graph():
    with Graph('pattern', width='640', height='360', fps=str(FPS)) as graph:
        graph.wait_for_output(r'[Rr]eady', START_PATIENCE_S)
        yield graph


@pytest.fixture(scope='module')
def listener(graph):
    with Listener(graph) as listener:
        yield listener


@pytest.fixture
def ann(listener, graph):
    # What capture_node opens comes with session_node's store.
    wait_until(
        lambda: (
            listener.call(ListMedia, 'list_media', ListMedia.Request()).error_code != 'not_ready'
        ),
        'the library',
    )
    person = Person(listener)
    yield person
    person.check_out()


@pytest.fixture
def ben(listener):
    person = Person(listener)
    yield person
    person.check_out()


def test_a_photo_is_kept_for_its_owner_and_for_nobody_else(graph, ann, ben):
    item = ann.photo()
    data = Path(item.path).read_bytes()
    assert hashlib.sha256(data).hexdigest() == item.sha256
    assert (item.identity, item.trigger, item.kind) == (ann.wallet, 'service', MediaItem.PHOTO)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (640, 360) == (item.width, item.height)
        assert image.getexif()[0x010F] == 'Mmoment'
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert read_number(picture) is not None
    assert Path(item.path).stat().st_mode & 0o077 == 0
    assert ann.listed() == [item.media_id]
    assert ben.listed() == []
    for wanted in (item.media_id, item.filename):
        assert ann.call(GetMedia, 'get_media', media=wanted).media.path == item.path
        for refused in (
            ben.call(GetMedia, 'get_media', media=wanted),
            ben.call(ChangeMedia, 'change_media', media=wanted, change=ChangeMedia.Request.DELETE),
            ben.call(ChangeMedia, 'change_media', media=wanted, change=ChangeMedia.Request.KEEP),
        ):
            assert (refused.success, refused.error_code) == (False, 'no_media')
    every = ann.listener.call(ListMedia, 'list_media', ListMedia.Request())
    assert item.media_id in [each.media_id for each in every.media]
    deleted = ann.call(
        ChangeMedia, 'change_media', media=item.media_id, change=ChangeMedia.Request.DELETE
    )
    assert deleted.success
    assert not Path(item.path).exists()
    assert not Path(item.thumbnail_path).exists()


def test_a_photo_is_of_the_moment_that_was_meant(ann):
    ann.photo()
    moment_ns = time.monotonic_ns()
    time.sleep(0.3)
    pictures = [
        cv2.imdecode(np.fromfile(ann.photo(monotonic_ns=at).path, np.uint8), cv2.IMREAD_COLOR)
        for at in (moment_ns, 0)
    ]
    then, now = (read_number(picture) for picture in pictures)
    assert 0.2 * FPS < now - then < 5 * FPS


def test_a_clip_begins_before_it_is_asked_for_and_has_every_picture_once(graph, listener, ann):
    # Until the seconds before are there.
    Recording(graph, listener, ann.session, duration_s=0.5).result()
    time.sleep(3.0)
    asked = time.monotonic()
    recording = Recording(graph, listener, ann.session, duration_s=2.0, preroll_s=3.0)
    result = recording.result()
    assert result.success, result.message
    assert time.monotonic() - asked < 20.0
    shown = numbers_in(result.media.path)
    numbers = [number for number, _ in shown]
    assert numbers == sorted(set(numbers))
    # A loaded machine drops pictures; those that are there are shown when they were taken.
    assert len(numbers) > 0.5 * FPS * 5
    times = np.array([at for _, at in shown])
    assert np.allclose(times - times[0], (np.array(numbers) - numbers[0]) / FPS, atol=1 / FPS)
    assert 4.5 < result.media.duration_s < 7.5
    assert (result.media.mime_type, result.media.kind) == ('video/mp4', MediaItem.CLIP)
    assert Path(result.media.thumbnail_path).read_bytes()[:2] == b'\xff\xd8'
    assert recording.feedback[-1].bytes > 0


def test_two_people_record_at_once_and_neither_stops_the_other(graph, listener, ann, ben):
    running = listener.subscribe(RecordingArray, 'recordings', LATCHED)
    first = Recording(graph, listener, ann.session).wait_until_running()
    second = Recording(graph, listener, ben.session).wait_until_running()
    running.wait_for(lambda message: len(message.recordings) == 2)
    other = second.feedback[-1].media_id
    refused = ann.call(StopRecording, 'stop_recording', media_id=other)
    assert (refused.success, refused.error_code) == (False, 'no_recording')
    stopped = ann.call(StopRecording, 'stop_recording')
    assert [each.identity for each in stopped.media] == [ann.wallet]
    assert first.result().success
    assert not second.ended.done()
    # The owner of the camera stops whatever runs.
    left = listener.call(StopRecording, 'stop_recording', StopRecording.Request())
    assert [each.media_id for each in left.media] == [other]
    assert second.result().media.identity == ben.wallet
    again = ann.call(StopRecording, 'stop_recording')
    assert (again.success, again.error_code) == (False, 'no_recording')
    assert other not in ann.listed()


def test_who_checks_out_records_no_longer_and_keeps_what_there_is(graph, listener):
    person = Person(listener)
    recording = Recording(graph, listener, person.session).wait_until_running()
    person.check_out()
    result = recording.result()
    assert result.success, result.message
    assert result.media.identity == person.wallet
    refused = person.call(CapturePhoto, 'capture_photo')
    assert (refused.success, refused.error_code) == (False, 'no_session')


def test_without_the_right_nothing_is_taken(graph, listener, ann):
    def everybody_may(*rights):
        wish = Parameter('default_rights', value=list(rights)).to_parameter_msg()
        request = SetParameters.Request(parameters=[wish])
        (result,) = listener.call(SetParameters, 'session_node/set_parameters', request).results
        assert result.successful, result.reason

    everybody_may('view')
    try:
        refused = ann.call(CapturePhoto, 'capture_photo')
        assert (refused.success, refused.error_code) == (False, 'missing_right')
        result = Recording(graph, listener, ann.session).result()
        assert (result.success, result.error_code) == (False, 'missing_right')
    finally:
        everybody_may(*DEFAULT_RIGHTS)
    assert ann.listed() == []


def test_a_gesture_takes_a_photo_and_begins_and_ends_a_clip(graph, listener, ann):
    gestures = listener.node.create_publisher(GestureAction, 'gesture_actions', 10)
    events = listener.subscribe(MediaEvent, 'media_events', EVENTS)
    wait_until(lambda: gestures.get_subscription_count() >= 2, 'those who listen to gestures')

    def gesture(action, **fields):
        given = {'outcome': GestureAction.REQUESTED, 'identity': ann.wallet, **fields}
        gestures.publish(GestureAction(action=action, monotonic_ns=time.monotonic_ns(), **given))

    gesture('photo', gesture='peace')
    taken = events.wait_for(lambda event: event.kind == MediaEvent.TAKEN)
    assert (taken.media.identity, taken.media.trigger) == (ann.wallet, 'gesture')
    assert taken.media.gesture == 'peace'
    gesture('clip', gesture='thumbs_up')
    begun = events.wait_for(lambda event: event.kind == MediaEvent.STARTED)
    assert begun.media.identity == ann.wallet
    gesture('clip', gesture='thumbs_up')
    kept = events.wait_for(lambda event: event.kind == MediaEvent.RECORDED)
    assert (kept.media.media_id, kept.media.gesture) == (begun.media.media_id, 'thumbs_up')
    count = len(ann.listed())
    for fields in (
        {'identity': ''},
        {'identity': str(Keypair().pubkey())},
        {'outcome': GestureAction.NO_RIGHT},
    ):
        gesture('photo', **fields)
    ann.photo()
    assert len(ann.listed()) == count + 1


def test_a_node_that_is_killed_while_it_records_leaves_a_playable_clip_with_its_owner(
    graph, listener, ann
):
    recording = Recording(graph, listener, ann.session).wait_until_running()
    wait_until(lambda: recording.feedback[-1].elapsed_s > 4.0, 'some seconds')
    media_id, elapsed_s = recording.feedback[-1].media_id, recording.feedback[-1].elapsed_s
    pid = graph.pids['capture_node']
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: graph.pids['capture_node'] != pid, 'the next process', 45.0)
    recording.client.destroy()

    def found():
        try:
            return media_id in ann.listed()
        except AssertionError:
            return False

    wait_until(found, 'the clip', 45.0)
    item = ann.call(GetMedia, 'get_media', media=media_id).media
    assert item.identity == ann.wallet
    assert item.duration_s > elapsed_s - 2.0
    numbers = [number for number, _ in numbers_in(item.path)]
    assert numbers == sorted(set(numbers))


def is_readable(item):
    picture = cv2.imdecode(np.fromfile(item.path, np.uint8), cv2.IMREAD_COLOR)
    return read_number(picture) is not None


def pictures_of(path):
    with av.open(path) as file:
        return [frame.to_ndarray(format='bgr24') for frame in file.decode(video=0)]


@contextmanager
def nobody_looking(graph):
    """While nobody knows the faces of a picture, all of it is blurred where that is wanted."""
    os.kill(graph.pids['face_node'], signal.SIGSTOP)
    try:
        # What was looked at before may be shown as it is, and pictures for 0.3 s after it.
        time.sleep(1.0)
        yield
    finally:
        os.kill(graph.pids['face_node'], signal.SIGCONT)


@pytest.fixture
def blur(graph, listener):
    def blur(is_wanted):
        wish = Parameter('blur_strangers', value=is_wanted).to_parameter_msg()
        request = SetParameters.Request(parameters=[wish])
        (result,) = listener.call(SetParameters, 'overlay_node/set_parameters', request).results
        assert result.successful, result.reason

    yield blur
    blur(False)


def test_what_is_hidden_in_the_picture_is_hidden_in_what_is_written(graph, ann, blur, listener):
    assert is_readable(ann.photo())
    with nobody_looking(graph):
        blur(True)
        wait_until(lambda: not is_readable(ann.photo()), 'the blur')
        # Also what was in memory before.
        result = Recording(graph, listener, ann.session, duration_s=1.0, preroll_s=5.0).result()
        assert result.success, result.message
        shown = pictures_of(result.media.path)
        assert shown
        assert [number for picture in shown if (number := read_number(picture)) is not None] == []


def test_an_overlay_that_was_killed_shows_nobody_in_a_clip_that_goes_on(graph, listener, ann, blur):
    with nobody_looking(graph):
        blur(True)
        wait_until(lambda: not is_readable(ann.photo()), 'the blur')
        recording = Recording(graph, listener, ann.session, preroll_s=0.0).wait_until_running()
        pid = graph.pids['overlay_node']
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: graph.pids['overlay_node'] != pid, 'the next process', 45.0)
        killed_at = recording.feedback[-1].elapsed_s
        wait_until(lambda: recording.feedback[-1].elapsed_s > killed_at + 3.0, 'more pictures')
        ann.call(StopRecording, 'stop_recording')
        result = recording.result()
        assert result.success, result.message
        shown = pictures_of(result.media.path)
        assert shown
        assert [number for picture in shown if (number := read_number(picture)) is not None] == []


def test_every_record_is_signed_by_the_device(graph, ann):
    item = ann.photo()
    folder = Path(graph._data.name, 'cameras', graph.namespace)
    with SigningKey.load(folder / KEYS_NAME) as key:
        public = key.public
    path = folder / STORE_NAME
    with Store(path, SystemClock(), read_only=True) as store, store.reading() as query:
        kept = media_records.page(query, 200)
    assert item.media_id in [record.media_id for record in kept]
    for record in kept:
        assert media_signature.verify(record.record, record.signature, public)
