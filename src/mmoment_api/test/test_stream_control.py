from dataclasses import replace

import pytest
from fake_stream import IDLE, MAIN, ON_AIR, STUDIO

from mmoment_api.stream_control import refused_by_stream


@pytest.mark.parametrize(
    ('code', 'status', 'told'),
    [
        ('no_target', 409, 'no_target'),
        ('unknown_target', 404, 'unknown_target'),
        ('target_left_out', 409, 'target_left_out'),
        ('malformed', 422, 'malformed'),
        ('missing_right', 403, 'missing_right'),
        ('no_session', 401, 'not_signed_in'),
        ('not_ready', 503, 'not_ready'),
        ('session_node_away', 503, 'session_node_away'),
        ('internal', 500, 'internal'),
        ('something_new', 503, 'something_new'),
        ('', 503, 'part_not_running'),
    ],
)
def test_refusals_have_a_status(code, status, told):
    error = refused_by_stream(code, 'Why')
    assert (error.status, error.code) == (status, told)
    assert error.message == 'Why' or not code
    blamed = {'session_node_away': 'session_node'}.get(code, 'stream_node')
    assert error.details.get('part') == (blamed if status == 503 else None)


def test_the_target_to_name_is_one_that_is_live_and_can_be_watched():
    assert IDLE.shown() is None
    assert ON_AIR.shown() == STUDIO
    assert replace(ON_AIR, targets=(MAIN,)).shown() == MAIN
    plain = replace(STUDIO, name='plain', playback_id='')
    assert replace(ON_AIR, targets=(plain, STUDIO)).shown() == STUDIO
    assert replace(ON_AIR, targets=(MAIN, plain)).shown() == plain
    assert replace(ON_AIR, targets=(replace(STUDIO, enabled=False),)).shown() is None
    stopped, tried = replace(MAIN, wanted=False), replace(MAIN, name='tried')
    assert replace(ON_AIR, targets=(stopped, tried)).shown() == tried
    assert replace(ON_AIR, targets=(stopped,)).shown() == stopped
