"""Video that keeps to a bitrate which others ask for, and goes back when they do no more."""

import pytest
from encoder_world import FakeEncoder
from video_encoder_world import World, epochs, kbps_of


def test_a_limit_is_kept_to_and_given_up_without_a_new_epoch():
    world = World(bitrate_kbps=1500)
    kbps_of(world, range(60))
    world.limit_kbps = 400
    kbps_of(world, range(60, 180))
    assert world.report.target_kbps == 400
    assert kbps_of(world, range(180, 240)) == pytest.approx(400, rel=0.25)
    world.limit_kbps = 5000
    world.show(240)
    assert world.report.target_kbps == 1500
    world.limit_kbps = None
    kbps_of(world, range(241, 330))
    assert kbps_of(world, range(330, 390)) == pytest.approx(1500, rel=0.2)
    assert len(set(epochs(world.packets))) == 1


def test_an_encoder_that_begins_with_a_limit_goes_on_without_it():
    world = World(bitrate_kbps=1600)
    world.limit_kbps = 250
    kbps_of(world, range(30))
    assert kbps_of(world, range(30, 90)) == pytest.approx(250, rel=0.25)
    world.limit_kbps = None
    kbps_of(world, range(90, 180))
    assert kbps_of(world, range(180, 240)) == pytest.approx(1600, rel=0.2)
    assert len(set(epochs(world.packets))) == 1


@pytest.mark.parametrize(('configured_kbps', 'encoders'), [(3000, 2), (20_000, 3)])
def test_a_limit_far_below_takes_another_encoder_and_none_is_below_100(configured_kbps, encoders):
    world = World(bitrate_kbps=configured_kbps)
    world.show(0, 1)
    world.limit_kbps = 1
    (packet,) = world.show(2)
    assert (packet.keyframe, world.report.target_kbps) == (True, 100)
    world.limit_kbps = None
    world.show(3)
    assert world.report.target_kbps == configured_kbps
    assert len(set(epochs(world.packets))) == encoders


def test_an_encoder_that_begins_with_a_limit_does_not_begin_with_more():
    world = World(bitrate_kbps=1600)
    world.limit_kbps = 400
    assert kbps_of(world, range(30)) < 800


def test_what_is_configured_below_100_stays():
    world = World(bitrate_kbps=50)
    world.limit_kbps = 20
    world.show(0)
    assert world.report.target_kbps == 50


def test_hardware_that_cannot_follow_is_opened_anew_for_halves_only():
    opened = []

    def fake(wanted):
        opened.append(wanted.bitrate_kbps)
        return FakeEncoder('fake_hardware', wanted)

    world = World(fake, bitrate_kbps=2400)
    targets = []
    for number, limit in enumerate(
        [None, 2399, 1900, 1300, 1201, 1100, 900, 610, 1199, None, 5000]
    ):
        world.limit_kbps = limit
        world.show(number)
        targets.append(world.report.target_kbps)
    assert targets == [2400, 1200, 1200, 1200, 1200, 600, 600, 600, 600, 2400, 2400]
    assert len(set(epochs(world.packets))) == 4
    world.limit_kbps = 70
    world.show(20)
    assert world.report.target_kbps == 100
