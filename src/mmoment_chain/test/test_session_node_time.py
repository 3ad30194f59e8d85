"""How long somebody is known and their name kept, and what a clock that is set changes."""

import pytest
from fake_clock import FakeClock
from rclpy.parameter import Parameter
from sealed_people import check_in_known
from session_world import NodeOnFakeClock, Wallet, events_of, wait_until

from mmoment_chain import event_log
from mmoment_interfaces.srv import CheckOut, GetSession

pytestmark = pytest.mark.graph

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


@pytest.fixture
def clock():
    NodeOnFakeClock.fake = FakeClock()
    return NodeOnFakeClock.fake


def test_recognition_lasts_as_long_as_the_key_whenever_the_session_is_renewed(world, anna, clock):
    faces = world.start_faces()
    node = world.start(NodeOnFakeClock, session_hours=1.0, absent_minutes=1440.0)
    token = check_in_known(world, node, anna, hours=3.0).token
    for _ in range(4):
        clock.advance(0.7 * HOUR_S)
        token = world.call(GetSession, 'get_session', token=token, renew=True).new_token
        assert token
    assert node._admissions.next_call() is None
    found = world.call(GetSession, 'get_session', token=token)
    assert found.session.face_known
    clock.advance(0.3 * HOUR_S)
    wait_until(lambda: not faces.known, 'the end of the key')
    assert world.call(GetSession, 'get_session', token=token).success


def test_names_are_kept_for_so_many_days_or_for_ever(world, anna, clock):
    events = world.events()
    node = world.start(NodeOnFakeClock, keep_people_days=0.0)
    gone, there = world.check_in(anna), world.check_in(Wallet())
    assert world.call(CheckOut, 'check_out', token=gone.token).success
    assert events_of(node, anna) == ['checked_in', 'checked_out']
    clock.advance(31 * DAY_S)
    wait_until(lambda: any(one.reason == 'expired' for one in events), 'a tick')
    clock.advance(HOUR_S)
    assert world.call(GetSession, 'get_session', token=there.token).error_code
    assert events_of(node, anna) == ['checked_in', 'checked_out']
    (set_,) = node.set_parameters([Parameter('keep_people_days', value=30.0)])
    assert set_.successful
    wait_until(lambda: events_of(node, anna) == [], 'the names to go')
    with node._store.reading() as query:
        assert event_log.verify(query).is_good


def test_a_clock_that_is_set_is_told_with_the_next_list_of_the_same_run(world, anna, clock):
    sessions = world.sessions()
    node = world.start(NodeOnFakeClock)
    world.check_in(anna)
    wait_until(lambda: sessions and sessions[-1].sessions, 'the session')
    before = sessions[-1]
    clock.set_wall(clock.utc_ms() + round(DAY_S * 1000))
    wait_until(lambda: sessions[-1].number > before.number, 'another list')
    (session,) = sessions[-1].sessions
    assert session.expires.sec - before.sessions[0].expires.sec == DAY_S
    clock.set_wall(clock.utc_ms() - round(2 * DAY_S * 1000))
    wait_until(lambda: sessions[-1].sessions[0].expires.sec < session.expires.sec, 'the times')
    assert {one.run for one in sessions} == {before.run}
    numbers = [one.number for one in sessions]
    assert numbers == sorted(set(numbers))
    assert numbers[0] > 0
    world.end(node)
    world.start(NodeOnFakeClock)
    wait_until(lambda: sessions[-1].run not in ('', before.run), 'another run')
