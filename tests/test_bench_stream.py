"""What the stream benchmark says of pulled pictures and of faults, and the faults that it causes."""

from __future__ import annotations

import math
import socket
import subprocess
import threading

import pytest

from bench.stream_cable import NoCable, cable
from bench.stream_leaks import leaks
from bench.stream_names import Names
from bench.stream_puller import PulledPicture, parse
from bench.stream_scores import (
    Continuity,
    Limits,
    Moment,
    Outcome,
    codes_since,
    continuity,
    lag,
    recover_p95_s,
    waited_s,
    worst,
)
from mmoment_camera.pattern import STAMP_MODULUS_US, Mark
from mmoment_node.recovery import RecoveryState
from tests.standins.rtmp_server import NotInstalled

PERIOD_US = 33_333
SECOND_NS = 10**9
# Marks begin anew at zero within the stream.
FIRST_US = STAMP_MODULUS_US - 100_000
LATE_NS = 20_000_000


def stamp(number):
    return (FIRST_US + number * PERIOD_US) % STAMP_MODULUS_US


def pulled(number, late_ns=LATE_NS):
    taken_ns = (FIRST_US + number * PERIOD_US) * 1000
    return PulledPicture(taken_ns + late_ns, Mark(number, stamp(number)))


def captured(*numbers, after_ns=0):
    return [(FIRST_US + number * PERIOD_US) * 1000 + 400 + after_ns for number in numbers]


def moments(*told):
    return [Moment(at_s, state, code) for at_s, state, code in told]


def test_a_picture_says_how_old_it_is_also_as_text():
    picture = pulled(7)
    assert picture.age_ms == pytest.approx(20, abs=0.01)
    assert parse(picture.line()) == picture
    assert picture.taken_ns == pytest.approx(picture.decoded_ns - LATE_NS, abs=1000)
    slate = PulledPicture(5, None)
    assert parse(slate.line()) == slate


def test_all_that_was_encoded_and_pulled_once_is_whole():
    encoded = captured(*range(40))
    seen = [pulled(number) for number in range(5, 30)]
    assert continuity(seen, encoded) == Continuity(25, 0, 0, 0, 0)
    # A network camera stamped it before it arrived.
    later = captured(*range(40), after_ns=9_000_000)
    assert continuity(seen, later) == Continuity(25, 0, 0, 0, 0)


def test_what_was_encoded_and_did_not_arrive_is_missing():
    encoded = captured(*(number for number in range(40) if number != 9))
    numbers = [number for number in range(5, 30) if number not in (9, 12, 13)]
    whole = continuity([pulled(number) for number in numbers], encoded)
    assert (whole.missing, whole.not_encoded, whole.doubled) == (2, 1, 0)


def test_what_comes_again_or_too_late_is_doubled_and_a_slate_is_not_read():
    encoded = captured(*range(10))
    seen = [pulled(number) for number in (0, 1, 1, 3, 2, 4)] + [PulledPicture(9, None)]
    assert continuity(seen, encoded) == Continuity(6, 0, 2, 1, 0)


def test_pictures_that_belong_to_no_packets_are_no_result():
    with pytest.raises(RuntimeError, match='belong to no packets'):
        continuity([pulled(50), pulled(51)], captured(*range(10)))
    with pytest.raises(RuntimeError, match='belong to no packets'):
        continuity([pulled(3), pulled(50)], captured(*range(50, 60)))
    with pytest.raises(RuntimeError, match='0 pictures'):
        continuity([PulledPicture(9, None)], [])


def test_lag_is_the_worst_and_that_at_the_end_and_a_gap_counts():
    seen = [pulled(number, SECOND_NS * 2) for number in range(60)]
    seen += [pulled(number) for number in range(200, 320)]
    since_ns = seen[0].decoded_ns
    late = lag(seen, since_ns, seen[-1].decoded_ns + SECOND_NS)
    assert late.worst_s == pytest.approx(2, abs=0.01)
    assert late.final_s == pytest.approx(0.02, abs=0.001)
    assert late.gap_s == pytest.approx((200 - 59) * PERIOD_US / 1e6 - 1.98, abs=0.01)
    nothing = lag(seen, seen[-1].decoded_ns + 1, seen[-1].decoded_ns + SECOND_NS)
    assert math.isnan(nothing.final_s)
    assert nothing.gap_s == pytest.approx(1)


def test_pauses_between_attempts_count_as_far_as_they_lie_in_the_time():
    live, waiting = RecoveryState.LIVE, RecoveryState.WAITING_TO_RETRY
    told = moments(
        (1.0, live, ''),
        (2.0, waiting, 'closed'),
        (3.0, RecoveryState.CONNECTING, 'closed'),
        (3.5, waiting, 'refused'),
        (3.6, waiting, 'refused'),
        (5.0, live, 'refused'),
    )
    assert waited_s(told, 0.0, 9.0) == pytest.approx(2.5)
    assert waited_s(told, 2.5, 4.0) == pytest.approx(1.0)
    assert waited_s(told[:2], 0.0, 4.0) == pytest.approx(2.0)
    assert codes_since(told, 1.5) == ('closed', 'refused')
    assert codes_since(told, 3.2) == ('refused',)


def test_a_fault_that_is_survived_in_time_is_no_complaint():
    outcome = Outcome('reset', 0.1, recover_s=3.0, picture_s=3.1, waited_s=2.5, codes=('closed',))
    assert outcome.late_s == pytest.approx(0.5)
    assert outcome.complaints(Limits(0.5), ('closed', 'refused')) == []


@pytest.mark.parametrize(
    ('outcome', 'told'),
    [
        (Outcome('a', math.nan, 0.1, 0.1), 'a: noticed after nan s, at most 0.5'),
        (Outcome('a', 0.6, 0.1, 0.1), 'a: noticed after 0.60 s, at most 0.5'),
        (Outcome('a', 0.1, 2.0, 2.0, 0.5), 'a: live 1.50 s later than its pauses say, at most 1'),
        (Outcome('a', 0.1, math.nan, math.nan), 'a: not live again by itself'),
        (Outcome('a', 0.1, 0.1, math.nan), 'a: not live again by itself'),
    ],
)
def test_what_is_not_as_it_must_be_is_told(outcome, told):
    assert outcome.complaints(Limits(0.5)) == [told]


def test_another_error_than_the_right_one_is_told():
    outcome = Outcome('wrong_key', 0.1, 0.1, 0.1, codes=('closed',))
    (told,) = outcome.complaints(Limits(0.5), ('key_rejected',))
    assert told == 'wrong_key: told closed, not key_rejected'


def test_who_does_not_recover_makes_the_figure_infinite():
    well, lost = Outcome('a', 0.1, 0.3, 0.3), Outcome('a', 0.1, math.nan, math.nan)
    assert recover_p95_s([well] * 40) == 0.3
    assert recover_p95_s([well] * 10 + [lost]) == math.inf
    assert worst([0.1, 0.30041]) == 0.3
    assert math.isnan(worst([0.1, math.nan, 0.3]))


def test_a_name_is_known_and_forgotten_for_one_process_alone(tmp_path):
    names = Names(tmp_path)
    if not names.are_own:
        assert names.prefix == ()
        pytest.skip('mount namespaces are for root only')

    def is_known(*prefix):
        words = [*prefix, 'getent', 'hosts', 'server.mmoment.test']
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    assert not is_known(*names.prefix)
    names.learn('server.mmoment.test')
    assert is_known(*names.prefix)
    assert not is_known()
    names.forget()
    assert not is_known(*names.prefix)


def test_a_cable_loses_what_is_sent_and_says_nothing():
    listener = socket.create_server(('127.0.0.1', 0))

    def echo():
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(100):
                connection.sendall(data)

    thread = threading.Thread(target=echo)
    thread.start()
    try:
        with cable(listener.getsockname()[1]) as laid:
            host, port = laid.address.split(':')
            with socket.create_connection((host, int(port)), 5) as client:
                client.sendall(b'a')
                assert client.recv(1) == b'a'
                for begin, end in ((laid.lose, laid.deliver), (laid.pull, laid.plug)):
                    begin()
                    client.settimeout(0.2)
                    client.sendall(b'b')
                    with pytest.raises(TimeoutError):
                        client.recv(1)
                    end()
                    client.settimeout(10)
                    assert client.recv(1) == b'b'
    except NoCable as reason:
        with socket.create_connection(listener.getsockname()):
            pass
        pytest.skip(str(reason))
    finally:
        thread.join(10)
        listener.close()


@pytest.mark.graph
def test_a_push_that_is_lost_again_and_again_keeps_nothing():
    try:
        kept = leaks(10)
    except NotInstalled as reason:
        pytest.skip(str(reason))
    assert (kept.cycles, kept.lost) == (10, 0)
    assert (kept.descriptors, kept.threads) == (0, 0)
