import pytest

from mmoment_api.errors import ApiError
from mmoment_api.media_control import CAMERA_OWNER, Asker, refused_by_capture
from mmoment_api.session_control import SessionRecord


@pytest.mark.parametrize(
    ('code', 'status', 'told'),
    [
        ('no_media', 404, 'no_media'),
        ('no_recording', 404, 'no_recording'),
        ('missing_right', 403, 'missing_right'),
        ('no_session', 401, 'not_signed_in'),
        ('session_over', 401, 'not_signed_in'),
        ('busy', 409, 'busy'),
        ('too_old', 409, 'too_old'),
        ('disk_full', 507, 'disk_full'),
        ('no_picture', 503, 'no_picture'),
        ('no_video', 503, 'no_video'),
        ('not_kept', 503, 'not_kept'),
        ('not_ready', 503, 'not_ready'),
        ('internal', 500, 'internal'),
        ('session_node_away', 503, 'session_node_away'),
        ('bad_cursor', 422, 'bad_cursor'),
        ('malformed', 422, 'malformed'),
        ('something_new', 503, 'something_new'),
        ('', 503, 'part_not_running'),
    ],
)
def test_refusals_have_a_status(code, status, told):
    error = refused_by_capture(code, 'Why')
    assert (error.status, error.code) == (status, told)
    assert error.message == 'Why' or not code
    blamed = {'session_node_away': 'session_node'}.get(code, 'capture_node')
    assert error.details.get('part') == (blamed if status == 503 else None)


def test_a_refusal_names_the_field():
    assert refused_by_capture('bad_cursor', '').details == {'field': 'cursor'}
    assert refused_by_capture('session_over', '').details == {'reason': 'session_over'}


def test_nobody_is_the_owner_by_the_lack_of_a_name():
    assert Asker.of(SessionRecord('s1', 'ann')) == Asker('s1', 'ann') != CAMERA_OWNER
    for record in (SessionRecord('', 'ann'), SessionRecord('s1', ''), SessionRecord('', '')):
        with pytest.raises(ApiError) as refusal:
            Asker.of(record)
        assert refusal.value.status == 503
