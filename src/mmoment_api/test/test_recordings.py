import pytest

from mmoment_api.media_control import RunningClip
from mmoment_api.recordings import NOTED_S, SILENT_AFTER_S, Recordings

ANN, OWNER = 'ann', ''
ONE, TWO = RunningClip('1', ANN, limit_s=60.0), RunningClip('2', OWNER)


@pytest.fixture
def recordings(clock):
    return Recordings(clock)


def test_what_is_heard_runs_until_it_is_no_longer_said(recordings):
    assert recordings.running() == ()
    recordings.hear([ONE, TWO])
    assert recordings.running() == (ONE, TWO)
    assert recordings.of(ANN) == (ONE,)
    assert recordings.of(OWNER) == (TWO,)
    recordings.hear([TWO])
    assert recordings.running() == (TWO,)


def test_a_part_that_died_records_nothing(recordings, clock):
    recordings.hear([ONE])
    clock.now_s += SILENT_AFTER_S
    assert recordings.running() == (ONE,)
    assert not recordings.has_gone_silent()
    clock.now_s += 0.1
    assert recordings.has_gone_silent()
    assert recordings.running() == ()
    recordings.hear([])
    assert not recordings.has_gone_silent()


def test_who_began_one_need_not_wait_for_the_list(recordings, clock):
    recordings.note_started(ONE)
    assert recordings.of(ANN) == (ONE,)
    # The list knows more of it, and does not make it two.
    newer = RunningClip('1', ANN, elapsed_s=1.0, limit_s=60.0)
    recordings.hear([newer])
    assert recordings.running() == (newer,)
    recordings.hear([])
    clock.now_s += NOTED_S
    assert recordings.running() == ()


def test_what_was_stopped_is_not_noted_any_more(recordings):
    recordings.note_started(ONE)
    recordings.note_started(TWO)
    recordings.note_stopped('1')
    recordings.note_stopped('unknown')
    assert recordings.running() == (TWO,)


def test_old_notes_are_not_gathered(recordings, clock):
    recordings.note_started(ONE)
    clock.now_s += NOTED_S
    recordings.note_started(TWO)
    assert recordings.running() == (TWO,)
    assert len(recordings._noted) == 1
