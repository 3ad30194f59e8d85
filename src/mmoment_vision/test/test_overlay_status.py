import time

from mmoment_vision.overlay_status import status_line

NOON_S = time.mktime((2026, 6, 1, 12, 0, 0, 0, 0, -1))
NOTHING = {'faces': 0, 'hands': 0, 'recording': '', 'blurred': ''}


def test_the_time_is_that_of_this_place_and_what_is_not_there_is_not_told():
    assert status_line(NOON_S, 29.6, **NOTHING) == '12:00:00   30 fps'


def test_one_is_told_from_several():
    line = status_line(NOON_S, 5.0, **NOTHING | {'faces': 1, 'hands': 2})
    assert line == '12:00:00   5 fps   1 face   2 hands'


def test_a_recording_comes_first_and_why_all_is_blurred_last():
    told = {'faces': 2, 'hands': 1, 'recording': 'REC 0:07', 'blurred': 'no faces'}
    line = status_line(NOON_S, 5.0, **told)
    assert line == 'REC 0:07   12:00:00   5 fps   2 faces   1 hand   blurred: no faces'
