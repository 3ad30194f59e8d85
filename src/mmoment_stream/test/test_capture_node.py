"""The capture node: photos for whoever may have them, and for nobody else; and what is erased."""

import io
import time
from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from capture_stage import FPS
from capture_world import NEAR_NS, CaptureWorld, guests, is_seen, picture_in, show_face
from clip_world import wait_until
from coded_video import SECOND_NS
from PIL import ExifTags, Image

from mmoment_camera.pattern import read_number
from mmoment_interfaces.msg import MediaEvent, MediaItem
from mmoment_interfaces.srv import CapturePhoto, ChangeMedia, EraseMedia, GetMedia, ListMedia

pytestmark = pytest.mark.graph

TAKEN, FAILED, DELETED = MediaEvent.TAKEN, MediaEvent.FAILED, MediaEvent.DELETED


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    world = CaptureWorld(tmp_path_factory.mktemp('camera'))
    yield world
    world.close()


@pytest.fixture
def person(world):
    with guests(world) as arrive:
        yield arrive


@pytest.fixture
def ann(person):
    return person()


# --- photos ---------------------------------------------------------------------------------------


def test_a_photo_is_the_clean_picture_nearest_to_the_moment_and_says_when(world, ann):
    wait_until(lambda: len(world.node._taps[False]._memory) > 8)
    moment_ns = time.monotonic_ns() - round(0.3 * SECOND_NS)
    item = ann.photo(monotonic_ns=moment_ns)
    picture = picture_in(item)
    taken_ns, utc_ns = world.stage.taken[read_number(picture)]
    assert abs(taken_ns - moment_ns) < NEAR_NS
    assert picture.shape == (180, 320, 3)
    assert picture[:20].mean() != pytest.approx(85, abs=2)
    assert (item.identity, item.session_id) == (ann.wallet, ann.session)
    assert (item.kind, item.mime_type, item.trigger) == (MediaItem.PHOTO, 'image/jpeg', 'service')
    assert item.started.sec == utc_ns // SECOND_NS
    with Image.open(io.BytesIO(Path(item.path).read_bytes())) as image:
        details = image.getexif().get_ifd(ExifTags.IFD.Exif)
    shot = time.strftime('%Y:%m:%d %H:%M:%S', time.gmtime(utc_ns // SECOND_NS))
    assert details[ExifTags.Base.DateTimeOriginal] == shot
    assert details[ExifTags.Base.ImageUniqueID] == item.media_id
    assert details[ExifTags.Base.BodySerialNumber] == world.node._keeper.camera_id
    assert Path(item.thumbnail_path).is_file()
    event = ann.event(TAKEN)
    assert (event.media.path, event.media.sha256) == (item.path, item.sha256)
    assert ann.listed() == [item.media_id]


def test_a_photo_may_have_what_the_overlay_draws_and_be_webp(world, ann, person):
    # The drawings name others.
    assert ann.refused_photo(annotated=True) == 'missing_right'
    owner = person('admin', 'capture')
    item = owner.photo(annotated=True, format='webp', trigger='api')
    assert (item.annotated, item.mime_type, item.trigger) == (True, 'image/webp', 'api')
    assert picture_in(item)[:10].mean(axis=(0, 1)) == pytest.approx([0, 0, 255], abs=12)
    assert 'annotated' in world.stage.watched


def test_a_photo_names_those_whose_faces_were_seen(world, ann, person):
    ben = person()
    world.show_face(ben.wallet, '')
    wait_until(lambda: world.node._seen._seen)
    assert ann.photo().people == [ben.wallet]


def test_a_placeholder_is_no_photo(world, ann):
    world.stage.is_live = False
    try:
        time.sleep(0.2)
        assert ann.refused_photo() == 'no_picture'
    finally:
        world.stage.is_live = True
    event = ann.event(FAILED)
    assert (event.reason, event.media.kind) == ('no_picture', MediaItem.PHOTO)
    assert event.message


@pytest.mark.parametrize(('ago_s', 'code'), [(30.0, 'too_old'), (-30.0, 'malformed')])
def test_another_moment_than_now_has_no_photo(world, ann, ago_s, code):
    moment_ns = time.monotonic_ns() - round(ago_s * SECOND_NS)
    assert ann.refused_photo(monotonic_ns=moment_ns) == code


def test_what_is_no_format_is_refused(world, ann):
    assert ann.refused_photo(format='gif') == 'malformed'


def test_the_owner_of_the_camera_needs_no_session_and_sees_all(world, ann):
    item = ann.photo()
    own = world.call(CapturePhoto, 'capture_photo')
    assert own.success
    assert (own.media.identity, own.media.session_id) == ('', '')
    everything = world.call(ListMedia, 'list_media')
    # Of the same picture, perhaps, so in either order.
    assert {each.media_id for each in everything.media[:2]} == {own.media.media_id, item.media_id}
    assert ann.listed() == [item.media_id]
    of_ann = world.call(ListMedia, 'list_media', identity=ann.wallet)
    assert [each.media_id for each in of_ann.media] == [item.media_id]


# --- rights ---------------------------------------------------------------------------------------


def test_session_node_decides_who_may(world, person):
    watcher = person('view')
    assert watcher.refused_photo() == 'missing_right'
    assert watcher.record().result().error_code == 'missing_right'
    photographer = person('capture')
    photographer.photo()
    assert photographer.record().result().error_code == 'missing_right'
    asked = world.call(CapturePhoto, 'capture_photo', session_id='nobody')
    assert (asked.success, asked.error_code) == (False, 'no_session')
    # A look at what is there is no sign that somebody is there.
    photographer.listed()
    assert [request.passive for request in world.sessions.asked[-2:]] == [False, True]


def test_while_session_node_is_away_nobody_is_served_but_the_owner(world, ann):
    item = ann.photo()
    world.sessions.go_away()
    try:
        wait_until(lambda: not world.node._sessions._client.service_is_ready())
        for answer in (
            ann.call(CapturePhoto, 'capture_photo'),
            ann.call(GetMedia, 'get_media', media=item.media_id),
            ann.stop(),
        ):
            assert (answer.success, answer.error_code) == (False, 'session_node_away')
        assert ann.record().result().error_code == 'session_node_away'
        ann.gesture('photo')
        assert ann.event(FAILED, trigger='gesture').reason == 'session_node_away'
        assert world.call(CapturePhoto, 'capture_photo').success
    finally:
        world.sessions.come_back()
    wait_until(world.node._sessions._client.service_is_ready)
    ann.photo()


def test_nobody_sees_or_changes_what_is_somebody_elses(world, ann, person):
    ben, item = person(), ann.photo()
    change = ChangeMedia.Request
    for wanted in (item.media_id, item.filename):
        assert ann.call(GetMedia, 'get_media', media=wanted).media.path == item.path
        for refused in (
            ben.call(GetMedia, 'get_media', media=wanted),
            ben.call(ChangeMedia, 'change_media', media=wanted, change=change.DELETE),
            ben.call(ChangeMedia, 'change_media', media=wanted, change=change.KEEP),
        ):
            assert (refused.success, refused.error_code) == (False, 'no_media')
    assert ann.call(ChangeMedia, 'change_media', media=item.media_id, change=change.KEEP).success
    assert ann.call(GetMedia, 'get_media', media=item.media_id).media.favourite
    odd = ann.call(ChangeMedia, 'change_media', media=item.media_id, change=77)
    assert (odd.success, odd.error_code) == (False, 'malformed')
    assert ann.call(ChangeMedia, 'change_media', media=item.media_id, change=change.DELETE).success
    assert ann.event(DELETED, media_id=item.media_id).reason == 'asked'
    assert not Path(item.path).exists()
    assert not Path(item.thumbnail_path).exists()


# --- what goes ------------------------------------------------------------------------------------


def test_erasing_somebody_takes_photos_clips_and_what_is_being_recorded(world, ann, person):
    ben = person()
    kept = ben.photo()
    items = [ann.photo(), ann.record(duration_s=0.2).result().media]
    goal, other = ann.record().running(), ben.record().running()
    show_face(world, ann)
    # Until both clips have a picture of that moment.
    time.sleep(3 / FPS)
    answer = world.call(EraseMedia, 'erase_media', identity=ann.wallet)
    assert (answer.success, answer.erased) == (True, 2)
    result = goal.result()
    assert (result.success, result.error_code) == (False, 'not_kept')
    assert not any(Path(item.path).exists() for item in items)
    assert list(world.media.rglob(f'*{goal.media_id}*')) == []
    world.forget_in_store(ann.wallet)
    show_face(world, ann)
    assert not other.is_over
    assert [each.people for each in ben.stop().media] == [[]]
    assert kept.media_id in ben.listed()
    assert ann.listed() == []
    # Nothing is left where clips are made.
    left = {path.name for path in (world.media / 'drafts').iterdir()} - {'.reserve'}
    assert left == set()
    nobody = world.call(EraseMedia, 'erase_media', identity='')
    assert (nobody.success, nobody.error_code) == (False, 'malformed')


def test_who_is_forgotten_is_not_named_in_clips_of_others(world, ann, person):
    ben = person()
    goal = ben.record().running()
    show_face(world, ann)
    # As session_node does: the store first, then whoever else is to know.
    world.forget_in_store(ann.wallet)
    ann.leave('forgotten')
    wait_until(lambda: not is_seen(world, ann))
    # The part that knows faces is told beside this one.
    show_face(world, ann)
    ben.stop()
    assert goal.result().media.people == []
    ann.session = world.sessions.check_in(ann.wallet)
    world.note_session(ann.session, ann.wallet)
    show_face(world, ann)
    assert ann.wallet in ben.record(duration_s=0.2).result().media.people


def test_an_odd_request_is_answered_and_ends_nothing(world, ann, monkeypatch):
    goal = ann.record().running()
    monkeypatch.setattr(world.node._parts.library, 'page', lambda *_, **__: 1 / 0)
    answer = ann.call(ListMedia, 'list_media')
    assert (answer.success, answer.error_code) == (False, 'internal')
    monkeypatch.setattr(world.node._parts.jobs, 'photo', lambda *_: 1 / 0)
    ann.gesture('photo')
    monkeypatch.undo()
    wait_until(lambda: not world.node._gestures._pending)
    ann.photo()
    assert (goal.is_over, world.node.fault) == (False, None)
