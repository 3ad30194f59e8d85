from people import ANN, BEN

from mmoment_api.session_control import ErasedPerson


def test_people_erase_themselves(ann, session_control):
    (token,) = session_control.opened
    assert ann.post('/api/person/forget', json={'wallet_address': BEN}).status_code == 403
    answer = ann.post('/api/person/forget', json={'confirm_media': True})
    assert answer.json() == {
        'success': True,
        'wallet_address': ANN,
        'erased': 3,
        'face_forgotten': True,
        'traces_cleaned': True,
        'media_erased': False,
        'chain_mint': None,
        'message': 'Forgotten',
    }
    assert session_control.asked_for('forget_person') == [('forget_person', token, '', True)]
    assert 'max-age=0' in answer.headers['set-cookie'].lower()
    assert ann.get('/api/session').status_code == 401


def test_the_owner_erases_whom_they_name(owner, session_control):
    assert owner.post('/api/person/forget').status_code == 422
    answer = owner.post('/api/person/forget', json={'wallet_address': ANN})
    assert answer.json()['erased'] == 3
    assert session_control.asked_for('forget_person') == [('forget_person', '', ANN, False)]


def test_what_is_not_erased_yet_is_told(owner, session_control):
    session_control.erased = ErasedPerson(2, False, False, True, 'Files are still cleaned')
    answer = owner.post('/api/person/forget', json={'wallet_address': ANN}).json()
    assert (answer['erased'], answer['message']) == (2, 'Files are still cleaned')
    told = (answer['face_forgotten'], answer['traces_cleaned'], answer['media_erased'])
    assert told == (False, False, True)
