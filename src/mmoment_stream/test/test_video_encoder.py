"""Pictures to packets with x264, and with fake hardware that fails in mid-stream."""

import os
import shutil
import signal
import threading

import av
import numpy as np
import pytest
from encoder_world import (
    FakeEncoder,
    Shown,
    decoded,
    likeness_db,
    planes_of,
    scene,
    unusable,
)
from video_encoder_world import World, epochs, kbps_of, noise

from mmoment_stream import encoder_pipe
from mmoment_stream.encoder_backends import SOFTWARE, PyavEncoder
from mmoment_stream.encoder_choice import AUTO
from mmoment_stream.encoder_framing import MultipartFraming
from mmoment_stream.encoder_parameters import EncoderParameters
from mmoment_stream.encoder_pipe import PipeEncoder, gstreamer_command
from mmoment_stream.h264 import parameter_sets
from mmoment_stream.picture_planes import PlaneMaker
from mmoment_stream.video_encoder import VideoEncoder, settings_for, usual_kbps


def test_pictures_come_out_at_once_with_their_times():
    world = World()
    packets = world.show(*range(10))
    assert [packet.frame_sequence for packet in packets] == list(range(1, 11))
    assert [packet.sequence for packet in packets] == list(range(1, 11))
    assert all(packet.utc_ns - packet.monotonic_ns == 10**18 for packet in packets)
    frames = decoded(packet.data for packet in packets)
    for number, frame in enumerate(frames):
        wanted = PlaneMaker(320, 180).make(scene(number))
        assert likeness_db(planes_of(frame), wanted) > 33
    report = world.report
    assert (report.packets, report.lost, report.fallbacks) == (10, 0, 0)
    assert (report.encoder, report.width, report.height) == (SOFTWARE, 320, 180)
    assert report.fps == pytest.approx(30, rel=0.01)


@pytest.mark.parametrize('size', [(641, 363), (323, 181)])
def test_odd_sizes_are_made_even(size):
    (packet,) = World().show(0, size=size)
    (frame,) = decoded([packet.data])
    even = size[0] - 1, size[1] - 1
    assert (packet.width, packet.height) == (frame.width, frame.height) == even
    wanted = PlaneMaker(*even).make(scene(0, *size))
    assert likeness_db(planes_of(frame), wanted) > 30


def test_grey_pictures_have_no_colours():
    world = World()
    grey = scene(0)[:, :, 1].copy()
    (packet,) = world.encoder.encode(Shown(grey), 0)
    (frame,) = decoded([packet.data])
    picture = frame.to_ndarray(format='bgr24')
    assert likeness_db(picture, np.dstack([grey] * 3)) > 33
    assert not packet.keyframe or parameter_sets(packet.data)


def test_a_placeholder_is_marked():
    (packet,) = World().show(0, live=False)
    assert not packet.live


def test_a_larger_picture_is_made_smaller_and_another_size_is_another_epoch():
    world = World(maximum_height=180)
    (first,) = world.show(0, size=(640, 360))
    assert (first.width, first.height) == (320, 180)
    (same,) = world.show(1)
    assert same.epoch == first.epoch
    world.set(maximum_height=90)
    (smaller,) = world.show(2)
    assert (smaller.width, smaller.height) == (160, 90)
    assert smaller.keyframe
    assert smaller.sequence == 1
    assert smaller.epoch != first.epoch


def test_what_is_overwritten_meanwhile_is_not_encoded():
    world = World()
    assert world.show(0, is_intact=False) == []
    assert world.report.lost == 1
    (packet,) = world.show(1)
    assert packet.sequence == 1


def test_a_picture_that_is_not_newer_is_left_out():
    world = World()
    world.show(0, 1, 2)
    assert world.show(2, 1) == []
    assert world.report.lost == 2
    assert len(world.show(3)) == 1


def test_a_picture_that_nobody_can_encode_is_told_and_does_no_harm():
    world = World()
    assert world.show(0, size=(8, 8)) == []
    assert 'at least 16 pixels' in world.report.last_error
    assert world.told[-1] == (world.report.last_error, True)
    world.clock.now_s += 2
    assert len(world.show(1)) == 1


def test_bitrate_and_keyframe_interval_change_without_a_new_epoch():
    world = World(bitrate_kbps=1500, keyframe_interval_s=1.0)
    kbps_of(world, range(60))
    assert kbps_of(world, range(60, 120)) == pytest.approx(1500, rel=0.2)
    world.set(bitrate_kbps=400, keyframe_interval_s=4.0)
    kbps_of(world, range(120, 240))
    assert kbps_of(world, range(240, 300)) == pytest.approx(400, rel=0.25)
    assert len(set(epochs(world.packets))) == 1
    keyframes = [packet.frame_sequence - 1 for packet in world.packets if packet.keyframe]
    assert keyframes == [0, 30, 60, 90, 210]
    assert world.report.target_kbps == 400


def test_a_slow_camera_gets_the_whole_bitrate():
    world = World(bitrate_kbps=900)
    sizes = []
    for number in range(60):
        picture = Shown(noise(number % 5), number + 1, number * 100_000_000)
        sizes += [len(packet.data) for packet in world.encoder.encode(picture, 0)]
    assert sum(sizes[40:]) * 8e-3 / 2.0 == pytest.approx(900, rel=0.25)


def test_a_bitrate_far_away_takes_another_encoder():
    world = World(bitrate_kbps=300)
    world.show(0, 1)
    world.set(bitrate_kbps=3000)
    world.show(2)
    assert len(set(epochs(world.packets))) == 2


@pytest.mark.parametrize('change', [{'preset': 'ultrafast'}, {'threads': 2}])
def test_other_parameters_take_another_encoder(change):
    world = World()
    world.show(0, 1)
    world.set(**change)
    world.show(2)
    assert world.packets[-1].keyframe
    assert len(set(epochs(world.packets))) == 2


def test_a_keyframe_is_made_on_request():
    world = World(keyframe_interval_s=10.0)
    assert world.encoder.request_keyframe()
    world.show(*range(15))
    assert world.encoder.request_keyframe()
    world.show(*range(15, 20))
    assert [packet.sequence for packet in world.packets if packet.keyframe] == [1, 16]


def test_hardware_that_cannot_be_asked_for_keyframes_says_so():
    world = World(lambda wanted: FakeEncoder('fake_hardware', wanted, forces_keyframes=False))
    world.show(0)
    assert not world.encoder.request_keyframe()


def test_hardware_that_fails_is_replaced_with_the_very_picture():
    made = []

    def fake(wanted):
        made.append(FakeEncoder('fake_hardware', wanted, fails_after=5))
        return made[-1]

    world = World(fake)
    packets = world.show(*range(10))
    assert [packet.frame_sequence for packet in packets] == list(range(1, 11))
    assert len(set(epochs(packets[:5]))) == len(set(epochs(packets[5:]))) == 1
    assert packets[5].epoch != packets[4].epoch
    assert (packets[5].keyframe, packets[5].sequence) == (True, 1)
    assert parameter_sets(packets[5].data) is not None
    frames = decoded(packet.data for packet in packets[5:])
    for number, frame in enumerate(frames, 5):
        wanted = PlaneMaker(320, 180).make(scene(number))
        assert likeness_db(planes_of(frame), wanted) > 33
    report = world.report
    assert (report.encoder, report.is_hardware, report.fallbacks) == (SOFTWARE, False, 1)
    assert report.is_substitute
    assert 'in place of fake_hardware, which failed while encoding: it was told to' in report.reason
    assert report.last_error == 'fake_hardware failed while encoding: it was told to'
    assert made[0].is_closed
    assert world.told[0] == ('fake_hardware for 320x180: the first that works here', False)
    assert world.told[1][1]


@pytest.mark.graph
def test_a_program_that_is_killed_in_mid_stream_is_replaced_too():
    if shutil.which('gst-inspect-1.0') is None or not encoder_pipe._has_element('x264enc'):
        pytest.skip('GStreamer with x264enc is not installed')
    made = []

    def program(wanted):
        words = gstreamer_command(wanted, 'x264enc tune=zerolatency speed-preset=superfast')
        made.append(PipeEncoder('x264enc', words, MultipartFraming(), wanted))
        return made[-1]

    world = World(program)
    while len(world.packets) < 5:
        world.show(world.pictures)
    assert world.report.encoder == 'x264enc'
    os.kill(made[0]._process.pid, signal.SIGKILL)
    while world.report.encoder != SOFTWARE:
        world.show(world.pictures)
    world.show(*range(world.pictures, world.pictures + 5))
    assert 'x264enc has ended' in world.report.last_error
    first, second = dict.fromkeys(epochs(world.packets))
    after = [packet for packet in world.packets if packet.epoch == second]
    assert after[0].keyframe
    assert len(decoded(packet.data for packet in after)) == len(after) >= 6
    # What was in the pipe when it was killed is all that is missing.
    before = [packet.frame_sequence for packet in world.packets if packet.epoch == first]
    assert before == list(range(1, len(before) + 1))


def test_hardware_that_failed_stays_given_up_until_somebody_asks_for_it():
    world = World(lambda wanted: FakeEncoder('fake_hardware', wanted, fails_after=2))
    world.show(*range(3))
    world.encoder.release()
    world.show(3)
    assert world.report.encoder == SOFTWARE
    world.set(encoder='fake_hardware')
    world.show(4)
    assert world.report.encoder == 'fake_hardware'
    assert not world.report.is_substitute


def test_asking_for_another_encoder_takes_effect_with_the_next_picture():
    world = World(lambda wanted: FakeEncoder('fake_hardware', wanted), encoder=SOFTWARE)
    world.show(0)
    assert world.report.encoder == SOFTWARE
    world.set(encoder=AUTO)
    (packet,) = world.show(1)
    assert world.report.encoder == 'fake_hardware'
    assert packet.keyframe


def test_software_that_fails_is_opened_again_after_a_pause():
    opened = []

    class Breaks(FakeEncoder):
        is_hardware = False

        def __init__(self, wanted):
            opened.append(self)
            super().__init__(SOFTWARE, wanted, fails_after=1 if len(opened) == 1 else None)

    world = World(software=Breaks)
    assert len(world.show(0, 1)) == 1
    assert opened[0].is_closed
    assert 'failed while encoding' in world.report.last_error
    assert world.show(2) == []
    assert len(opened) == 1
    world.clock.now_s += 1.0
    (packet,) = world.show(3)
    assert packet.keyframe
    assert (world.report.lost, world.report.fallbacks) == (2, 0)


def test_without_any_encoder_it_says_so_and_tries_again_later():
    world = World(software=unusable(SOFTWARE, 'is gone'))
    assert world.show(*range(10)) == []
    assert world.told == [('libx264 is gone', True)]
    assert world.report.lost == 10
    # Once: it is in the status as well.
    world.clock.now_s += 1.0
    assert world.show(10) == []
    assert len(world.told) == 1
    world.encoder._chooser._openers[SOFTWARE] = lambda wanted: PyavEncoder(SOFTWARE, wanted)
    world.clock.now_s += 1.0
    assert len(world.show(11)) == 1


def test_release_lets_the_encoder_go_and_the_next_picture_begins_anew():
    made = []

    def fake(wanted):
        made.append(FakeEncoder('fake_hardware', wanted))
        return made[-1]

    world = World(fake)
    world.show(0, 1)
    world.encoder.release()
    world.encoder.release()
    assert made[0].is_closed
    (packet,) = world.show(2)
    assert (packet.keyframe, packet.sequence) == (True, 1)
    assert len(set(epochs(world.packets))) == 2
    assert world.report.packets == 3


def test_an_encoder_that_hangs_is_seen_from_outside():
    entered, leave = threading.Event(), threading.Event()

    class Hangs(FakeEncoder):
        def encode(self, planes, pts, *, force_keyframe):
            entered.set()
            assert leave.wait(20)
            return super().encode(planes, pts, force_keyframe=force_keyframe)

    world = World(lambda wanted: Hangs('fake_hardware', wanted))
    thread = threading.Thread(target=world.show, args=(0,))
    thread.start()
    assert entered.wait(20)
    world.clock.now_s += 30
    assert world.encoder.busy_s == pytest.approx(30)
    leave.set()
    thread.join(20)
    assert world.encoder.busy_s == 0
    assert len(world.packets) == 1


def test_each_keyframe_begins_a_stream_of_its_own():
    world = World(keyframe_interval_s=0.5)
    packets = world.show(*range(45))
    starts = [n for n, packet in enumerate(packets) if packet.keyframe]
    assert starts == [0, 15, 30]
    for start in starts:
        decoder = av.CodecContext.create('h264', 'r')
        (frame,) = decoder.decode(av.Packet(packets[start].data))
        assert likeness_db(planes_of(frame), PlaneMaker(320, 180).make(scene(start))) > 30


def test_preparing_asks_for_the_usual_size():
    asked = []

    class Chooser:
        def prepare(self, wanted, settings):
            asked.append((wanted, settings.width, settings.height))

    VideoEncoder(EncoderParameters(), Chooser()).prepare()
    assert asked == [(AUTO, 1280, 720)]


def test_the_usual_bitrate_grows_slower_than_the_picture():
    assert usual_kbps(1280, 720, 30) == 2500
    assert 4000 < usual_kbps(1920, 1080, 30) < 5000
    assert 1500 < usual_kbps(1280, 720, 15) < 2500
    assert usual_kbps(16, 16, 1) == 100
    wanted = settings_for(EncoderParameters(bitrate_kbps=700), 1280, 720)
    assert (wanted.bitrate_kbps, wanted.threads) == (700, 1)
    assert settings_for(EncoderParameters(threads=3), 1280, 720).threads == 3
