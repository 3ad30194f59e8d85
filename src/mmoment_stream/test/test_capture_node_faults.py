"""The capture node where something is not there yet, full, killed, or at its end."""

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from capture_stage import FPS
from capture_world import CaptureWorld, Person
from clip_world import wait_until
from coded_video import coded, shown
from diagnostic_msgs.msg import DiagnosticStatus

from mmoment_chain import media_records
from mmoment_chain.errors import StoreUnusable
from mmoment_interfaces.msg import MediaEvent
from mmoment_interfaces.srv import CapturePhoto, ChangeMedia, EraseMedia, ListMedia
from mmoment_stream import capture_node
from mmoment_stream.clip_writer import ClipWriter
from mmoment_stream.media_draft import Origin
from mmoment_stream.media_folder import MediaFolder
from mmoment_stream.media_intake import MediaIntake

pytestmark = pytest.mark.graph

OK, WARN = DiagnosticStatus.OK, DiagnosticStatus.WARN


@pytest.fixture
def camera():
    """Starts one in a folder."""
    worlds = []

    def start(folder, **more):
        worlds.append(CaptureWorld(folder, **more))
        return worlds[-1]

    yield start
    for world in worlds:
        world.close()


@pytest.fixture
def disk(tmp_path):
    """A real file system of ten MiB; skipped where this user may mount none."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=10m', 'tmpfs', str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip('this user may not mount a small file system')
    yield folder
    subprocess.run(['umount', '--lazy', str(folder)], check=True)


def fill(path):
    """Leave no room on the disk."""
    with path.open('wb', 0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def photo_of_its_own(person):
    """Of another picture than the one before, and so newer."""
    time.sleep(3 / FPS)
    return person.photo()


def ours():
    """Threads of the node, and of nothing that comes with it."""
    names = ('requests', 'pictures', 'library', 'copies', 'gestures', 'clip', 'ThreadPoolExecutor')
    return [each.name for each in threading.enumerate() if each.name.startswith(names)]


def test_until_the_store_is_there_everything_is_refused_and_then_served(camera, tmp_path):
    world = camera(tmp_path, has_store=False)
    person = Person(world)
    assert person.refused_photo() == 'not_ready'
    assert person.record().result().error_code == 'not_ready'
    assert world.call(EraseMedia, 'erase_media', identity=person.wallet).error_code == 'not_ready'
    person.gesture('photo')
    level, text = world.diagnosed()['library']
    assert (level, 'session_node' in text) == (WARN, True)
    world.make_store()
    wait_until(lambda: world.node._parts is not None)
    person.photo()
    assert world.diagnosed()['library'] == (OK, 'in order')
    assert world.diagnosed()['recordings'] == (OK, '0 running')


def test_a_store_that_is_none_ends_the_node(camera, tmp_path):
    world = camera(tmp_path, has_store=False)
    world.home.store.write_bytes(b'no store' * 1000)
    wait_until(lambda: world.node.fault is not None)
    assert isinstance(world.node.fault, StoreUnusable)


def test_retention_takes_new_limits_at_once_and_tells_what_went(camera, tmp_path):
    world = camera(tmp_path)
    person = Person(world)
    items = [photo_of_its_own(person) for _ in range(5)]
    keep = ChangeMedia.Request.KEEP
    person.call(ChangeMedia, 'change_media', media=items[0].media_id, change=keep)
    world.set(keep_count=3)
    gone = [person.event(MediaEvent.DELETED, media_id=items[number].media_id) for number in (1, 2)]
    assert [event.reason for event in gone] == ['retention'] * 2
    assert person.listed() == [items[number].media_id for number in (4, 3, 0)]
    assert not Path(items[1].path).exists()
    # From then on after each photo.
    newest = photo_of_its_own(person)
    person.event(MediaEvent.DELETED, media_id=items[3].media_id)
    assert person.listed() == [each.media_id for each in (newest, items[4], items[0])]


def test_the_seconds_before_follow_their_parameter_at_once(camera, tmp_path):
    world = camera(tmp_path, preroll_s=0.0)
    Person(world)
    world.set(preroll_s=3.0)
    wait_until(lambda: len(world.node._video[False].recorder._ring.since(0)) > 60)


def test_a_full_disk_ends_a_clip_with_a_clear_reason_and_keeps_what_is_there(camera, disk):
    world = camera(disk)
    person = Person(world)
    photo = person.photo()
    goal = person.record().running()
    wait_until(lambda: goal.feedback[-1].packets > 10)
    fill(disk / 'ballast')
    result = goal.result()
    refused = person.call(CapturePhoto, 'capture_photo')
    assert (refused.success, refused.error_code) == (False, 'disk_full')
    assert 'no room' in refused.message
    assert Path(photo.path).is_file()
    # The clip is kept as soon as there is room, if not at once.
    (disk / 'ballast').unlink()
    world.set(keep_count=1000)
    wait_until(lambda: goal.media_id in person.listed())
    reasons = {event.reason for event in world.events if event.media.kind == photo.kind + 1}
    assert 'disk_full' in reasons or result.error_code == 'disk_full'
    (clip,) = [
        each for each in person.call(ListMedia, 'list_media').media if each.kind != photo.kind
    ]
    assert len(shown(clip.path)) > 10
    assert person.photo().media_id in person.listed()


def test_a_folder_that_goes_away_is_told_and_ends_nothing(camera, tmp_path):
    world = camera(tmp_path)
    person = Person(world)
    person.photo()
    away = world.media.with_name('away')
    world.media.rename(away)
    assert person.refused_photo() == 'not_kept'
    assert 'recordings' in world.diagnosed()
    away.rename(world.media)
    person.photo()
    assert world.node.fault is None


def test_what_a_killed_node_has_left_is_kept_by_the_next(camera, tmp_path):
    world = camera(tmp_path)
    world.stop()
    origin = Origin('ann', None, 'gesture', 'thumbs_up')
    intake = MediaIntake(world.store, MediaFolder(world.media), lambda: None)
    drafts = [intake.begin_clip(origin, 1_795_644_630_500) for _ in range(2)]
    packets = coded(90)
    writer = ClipWriter(drafts[0].recording, packets[0])
    for packet in packets:
        writer.add(packet)
    writer.finish()
    with drafts[0].recording.open('ab') as file:
        file.write(b'half of what was to come next')
    world.start()
    (item,) = world.call(ListMedia, 'list_media').media
    assert (item.media_id, item.identity) == (drafts[0].media_id, 'ann')
    assert (item.gesture, item.duration_s) == ('thumbs_up', 3.0)
    assert world.event(MediaEvent.RECORDED, media_id=item.media_id).reason == 'cut_short'
    assert shown(item.path) == list(range(90))
    assert {path.name for path in (world.media / 'drafts').iterdir()} <= {'.reserve'}


def test_the_end_of_the_node_keeps_every_clip_and_leaves_no_thread(camera, tmp_path):
    before = ours()
    world = camera(tmp_path)
    people = [Person(world) for _ in range(2)]
    goal = people[0].record().running()
    people[1].gesture('clip')
    people[1].event(MediaEvent.STARTED)
    people[1].gesture('photo', ago_s=-0.9)
    node = world.stop()
    assert node.fault is None
    # What is said last still goes out.
    people[0].event(MediaEvent.RECORDED, media_id=goal.media_id)
    people[1].event(MediaEvent.RECORDED)
    with world.store.reading() as query:
        kept = media_records.page(query, 10)
    clips = [record for record in kept if record.facts.kind == 'clip']
    assert {record.wallet for record in clips} == {each.wallet for each in people}
    wait_until(lambda: ours() == before)
    assert {path.name for path in (world.media / 'drafts').iterdir()} <= {'.reserve'}


def test_whoever_waits_when_the_node_ends_is_told_so(camera, tmp_path, monkeypatch):
    monkeypatch.setattr('mmoment_stream.media_maker.VIDEO_PATIENCE_S', 600.0)
    monkeypatch.setattr('mmoment_stream.capture_jobs.PICTURE_PATIENCE_S', 600.0)
    monkeypatch.setattr('mmoment_stream.session_client.ANSWER_PATIENCE_S', 600.0)
    world = camera(tmp_path)
    world.stage.close()
    ann, ben = Person(world), Person(world)
    ann.record()
    ann.gesture('photo')
    # Both are known by then, and wait for what the camera brings.
    wait_until(lambda: len(world.sessions.asked) == 2 and world.node._video[False]._needed_by == 1)
    assert len(world.node._gestures._pending) == 1
    world.sessions.fall_silent()
    ben.gesture('photo')
    wait_until(lambda: len(world.node._gestures._pending) == 2)
    node = world.stop()
    assert node.fault is None
    assert ann.event(MediaEvent.FAILED, trigger='service').reason == 'not_ready'
    assert ann.event(MediaEvent.FAILED, trigger='gesture').reason == 'no_picture'
    assert ben.event(MediaEvent.FAILED, trigger='gesture').reason == 'session_node_away'


def test_an_inactive_node_serves_nobody_and_goes_on_when_it_is_active_again(camera, tmp_path):
    world = camera(tmp_path)
    person = Person(world)
    goal = person.record().running()
    world.spinning.do(world.node.trigger_deactivate)
    person.event(MediaEvent.RECORDED, media_id=goal.media_id)
    assert world.node._keeper is None
    wait_until(lambda: world.stage.watched == set())
    world.spinning.do(world.node.trigger_activate)
    wait_until(lambda: world.node._parts is not None)
    wait_until(lambda: 'video' in world.stage.watched)
    assert person.record(duration_s=0.2).result().success
    assert len(person.listed()) == 2
    assert world.node.fault is None


def test_an_end_on_a_disk_that_hangs_leaves_the_clip_to_the_next_start(
    camera, tmp_path, monkeypatch
):
    """As if the disk answered too late for whoever waits for the end."""
    monkeypatch.setattr('mmoment_stream.capture_gestures.CLOSING_PATIENCE_S', 0.1)
    monkeypatch.setattr('mmoment_node.request_desk.CLOSING_PATIENCE_S', 0.1)
    monkeypatch.setattr(capture_node, 'END_S', 0.1)
    world = camera(tmp_path)
    person = Person(world)
    person.gesture('clip')
    begun = person.event(MediaEvent.STARTED)
    with world.node._parts.library._coming:
        node = world.stop()
    assert node.fault is None
    wait_until(lambda: not [name for name in ours() if name.startswith('gestures')])
    world.start()
    wait_until(lambda: person.listed() == [begun.media.media_id])
