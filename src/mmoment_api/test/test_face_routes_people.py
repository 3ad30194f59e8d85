"""What those who are checked in may do: with their own face alone, and if they agreed to it."""

import pytest
from fake_pictures import PICTURE
from people import AGREED, ANN, BEN, FACES

from mmoment_api.face_requests import FoundFaces
from mmoment_api.session_control import refused_by_session
from mmoment_chain.consent_texts import VERSIONS


def test_people_speak_for_themselves_only(ann, services):
    services.control.found = FoundFaces(True, '', f'{BEN} is there', 'm', 640, 480, FACES)
    for wallet, status in ((ANN, 200), (BEN, 403)):
        answer = ann.post('/api/face/enroll', json={'wallet_address': wallet, **AGREED})
        assert answer.status_code == status
    assert ann('DELETE', '/api/face', json={'wallet_address': BEN}).status_code == 403
    assert [wish.identity for wish in services.control.wishes] == [ANN]
    assert not services.sessions.control.asked_for('forget_template')
    answer = ann.post('/api/face/recognize')
    assert [face['identity'] for face in answer.json()['faces']] == [ANN, None, None]
    assert BEN not in answer.text
    assert '0.6' not in answer.text


@pytest.mark.parametrize('body', [{}, {'consent_version': ''}, {'consent_version': 'another'}])
def test_people_are_not_enrolled_without_having_agreed(
    ann, caller_of, services, session_control, body
):
    admin = caller_of(services).checked_in(session_control.open(BEN, rights=('admin',)))
    beside_link = caller_of(services).signed_in()
    beside_link.cookie += f'; {ann.cookie}'
    for caller, wallet in ((ann, ANN), (admin, BEN), (beside_link, ANN)):
        for named in ({}, {'wallet_address': wallet}):
            answer = caller.post('/api/face/enroll', json={**named, **body})
            assert (answer.status_code, answer.json()['error']) == (422, 'no_consent')
            assert answer.json()['field'] == 'consent_version'
            assert answer.json()['versions'] == list(VERSIONS)
    assert not services.control.wishes
    assert beside_link.post('/api/face/enroll', json={'wallet_address': BEN}).status_code == 200


@pytest.mark.parametrize('version', VERSIONS)
def test_each_text_of_the_camera_will_do_and_is_recorded(ann, services, session_control, version):
    answer = ann.post('/api/face/enroll', json={'consent_version': version})
    assert answer.status_code == 200
    assert [wish.identity for wish in services.control.wishes] == [ANN]
    (token,) = session_control.opened
    assert session_control.asked_for('give_consent') == [('give_consent', token, version)]


def test_where_the_consent_cannot_be_recorded_nobody_is_learnt(ann, services, session_control):
    assert ann.get('/api/session').status_code == 200
    session_control.refusal = refused_by_session('not_kept', 'The disk is full')
    answer = ann.post('/api/face/enroll', json=AGREED)
    assert (answer.status_code, answer.json()['error']) == (503, 'not_kept')
    assert not services.control.wishes


def test_the_owner_answers_for_the_consent_of_others(owner, services, session_control):
    assert owner.post('/api/face/enroll', json={'wallet_address': BEN}).status_code == 200
    assert [wish.identity for wish in services.control.wishes] == [BEN]
    assert not session_control.asked_for('give_consent')


@pytest.mark.parametrize('given', [{'image': PICTURE}, {'pictures': [PICTURE]}])
@pytest.mark.parametrize(
    ('setting', 'status', 'liveness'),
    [
        ({}, 403, False),
        ({'session_enrolment': 'live'}, 403, False),
        ({'session_enrolment': 'live_with_liveness'}, 403, True),
        ({'session_enrolment': 'any'}, 200, False),
    ],
)
def test_what_people_are_enrolled_from(
    caller_of, make_services, session_control, given, setting, status, liveness
):
    services = make_services(**setting)
    person = caller_of(services).checked_in(session_control.open(ANN))
    answer = person.post('/enroll_face', json={**AGREED, **given})
    assert answer.status_code == status
    if status == 403:
        assert (answer.json()['error'], answer.json()['field']) == ('not_enabled', 'pictures')
        assert not services.control.wishes
    del services.control.wishes[:]
    for asked in (False, True):
        body = {**AGREED, 'liveness': asked}
        assert person.post('/api/face/enroll', json=body).status_code == 200
    assert [wish.with_liveness for wish in services.control.wishes] == [liveness, True]
    owner = caller_of(services).signed_in()
    body = {'wallet_address': BEN, **given}
    assert owner.post('/api/face/enroll', json=body).status_code == 200
    assert services.control.wishes[-1].with_liveness is False


def test_who_leaves_meanwhile_is_not_known_afterwards(ann, services, session_control):
    (record,) = session_control.opened.values()
    control = services.control
    learn = control.enroll

    async def learn_and_leave(wish):
        outcome = await learn(wish)
        services.sessions.hear_change(record.session_id, ANN, is_over=True)
        return outcome

    control.enroll = learn_and_leave
    answer = ann.post('/api/face/enroll', json=AGREED)
    assert (answer.status_code, answer.json()['reason']) == (401, 'session_over')
    assert control.forgotten == [ANN]


def test_who_left_while_the_pictures_were_on_the_way_is_not_learnt(
    caller, services, session_control
):
    # Live when asked for, and over behind that.
    ann = caller.checked_in(session_control.open(ANN, expires_ms=session_control.utc_ms))
    answer = ann.post('/api/face/enroll', json=AGREED)
    assert (answer.status_code, answer.json()['reason']) == (401, 'session_over')
    assert services.control.wishes == []


def test_nobody_but_the_owner_turns_the_blur_off(ann, services):
    answer = ann.post('/api/visualization/privacy', json={'enabled': False})
    assert (answer.status_code, answer.json()['right']) == (403, 'owner')
    assert services.control.switches['blur_strangers'] is True
