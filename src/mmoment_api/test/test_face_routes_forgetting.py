import pytest
from people import ANN

from mmoment_api.session_control import WithdrawnConsent, refused_by_session


@pytest.mark.parametrize(
    'arguments', [{'params': {'wallet_address': ANN}}, {'json': {'wallet_address': ANN}}]
)
def test_the_owner_has_a_face_forgotten(owner, services, session_control, arguments):
    answer = owner('DELETE', '/api/face', **arguments)
    assert answer.json() == {
        'success': True,
        'wallet_address': ANN,
        'face_forgotten': True,
        'templates': 1,
        'consents': 2,
        'chain_mint': None,
        'message': 'Forgotten',
    }
    assert session_control.asked == [('forget_template', '', ANN)]
    # session_node has it wiped, and knows that it is.
    assert services.control.forgotten == []


def test_who_is_not_forgotten_yet_is_told(owner, session_control):
    session_control.withdrawn = WithdrawnConsent(0, 0, False, 'Soon')
    answer = owner('DELETE', '/api/face', json={'wallet_address': ANN}).json()
    assert (answer['face_forgotten'], answer['templates'], answer['message']) == (False, 0, 'Soon')


def test_without_session_node_the_owner_has_it_wiped_from_memory(owner, services, session_control):
    session_control.is_away = True
    answer = owner('DELETE', '/api/face', json={'wallet_address': ANN}).json()
    assert (answer['face_forgotten'], answer['templates'], answer['consents']) == (True, None, None)
    assert 'session_node is not running' in answer['message']
    assert services.control.forgotten == [ANN]
    services.control.is_away = True
    answer = owner('DELETE', '/api/face', json={'wallet_address': ANN})
    assert (answer.status_code, answer.json()['part']) == (503, 'face_node')


def test_what_session_node_refuses_is_not_taken_for_its_absence(owner, services, session_control):
    session_control.refusal = refused_by_session('not_kept', 'The disk is full')
    answer = owner('DELETE', '/api/face', json={'wallet_address': ANN})
    assert (answer.status_code, answer.json()['error']) == (503, 'not_kept')
    assert services.control.forgotten == []


def test_people_withdraw_their_own_consent_whatever_their_rights(caller, services, session_control):
    opened = session_control.open(ANN, rights=())
    person = caller.checked_in(opened)
    assert person('DELETE', '/api/face', json={'wallet_address': ANN}).status_code == 200
    assert session_control.asked_for('forget_template') == [('forget_template', opened.token, '')]
    # What was remembered of the session may say that the face is known.
    asked = len(session_control.asked_for('get_session'))
    assert person.get('/api/session').status_code == 200
    assert len(session_control.asked_for('get_session')) > asked
    # Whoever was asked a moment ago is known still: nobody but the owner gets half an answer.
    session_control.is_away = True
    answer = person('DELETE', '/api/face', json={'wallet_address': ANN})
    assert (answer.status_code, answer.json()['part']) == (503, 'session_node')
    assert services.control.forgotten == []


@pytest.mark.parametrize('arguments', [{}, {'params': {'wallet_address': 'x'}}, {'json': {}}])
def test_forgetting_needs_to_know_whom(owner, session_control, arguments):
    answer = owner('DELETE', '/api/face', **arguments)
    assert (answer.status_code, answer.json()['field']) == (422, 'wallet_address')
    assert not session_control.asked
