from fake_clock import FakeClock

from mmoment_chain.presence import LONGEST_LOOK_S, Presence


def looked(presence, clock, seconds, patience_s=60):
    """Who was absent at the end of that time, with a look every second."""
    absent = []
    for _ in range(int(seconds)):
        clock.advance(1.0)
        presence.look()
        absent = presence.absent(patience_s)
    return absent


def test_who_is_neither_seen_nor_active_is_absent_after_a_while():
    clock = FakeClock()
    presence = Presence(clock)
    presence.arrive('anna')
    presence.arrive('ben')
    assert looked(presence, clock, 59) == []
    assert presence.seen('ben')
    assert looked(presence, clock, 1) == ['anna']
    presence.leave('anna')
    assert looked(presence, clock, 58) == []
    assert looked(presence, clock, 1) == ['ben']


def test_a_stranger_is_not_followed():
    presence = Presence(FakeClock())
    assert not presence.seen('nobody')
    assert len(presence) == 0
    assert presence.last_seen_ms('nobody') == 0


def test_a_clock_on_the_wall_that_is_set_makes_nobody_absent():
    clock = FakeClock()
    presence = Presence(clock)
    presence.arrive('anna')
    for jump_ms in (365 * 86_400_000, -10 * 365 * 86_400_000):
        clock.set_wall(clock.utc_ms() + jump_ms)
        assert looked(presence, clock, 10) == []


def test_time_in_which_the_camera_slept_counts_as_one_look_at_most():
    clock = FakeClock()
    presence = Presence(clock)
    presence.arrive('anna')
    clock.advance(8 * 3600)
    presence.look()
    assert presence.absent(60) == []
    left_s = 60 - LONGEST_LOOK_S
    assert looked(presence, clock, left_s - 1) == []
    assert looked(presence, clock, 1) == ['anna']


def test_news_are_told_once():
    clock = FakeClock()
    presence = Presence(clock)
    presence.arrive('anna')
    presence.take_news()
    clock.advance(5)
    for _ in range(100):
        presence.seen('anna')
    assert presence.take_news() == {'anna': clock.utc_ms()}
    assert presence.take_news() == {}
    assert presence.last_seen_ms('anna') == clock.utc_ms()


def test_while_nobody_looks_nobody_becomes_absent():
    clock = FakeClock()
    presence = Presence(clock)
    presence.arrive('anna')
    assert looked(presence, clock, 30) == []
    for _ in range(3600):
        # No camera, or nothing that looks for faces.
        clock.advance(1.0)
        assert presence.absent(60) == []
    # The first look again counts as the longest.
    assert looked(presence, clock, 30 - LONGEST_LOOK_S) == []
    assert looked(presence, clock, 1) == ['anna']
