import base64

import pytest
from people import AGREED, ANN, BEN, bearer

from mmoment_api.session_control import GivenTemplate

BYTES = base64.b64encode(b'sealed').decode()
TEMPLATE = {
    'record_id': 'r1',
    'model_id': 'model-1',
    'envelope': BYTES,
    'custody': 'user',
    'consent_version': '1',
}


def test_a_session_enrols_its_own_wallet(ann, services):
    key = base64.b64encode(b'k' * 32).decode()
    control = services.control
    control.outcome = control.outcome.__class__(
        **{
            **{name: getattr(control.outcome, name) for name in control.outcome.__slots__},
            'record_id': 'r1',
            'envelope': b'sealed',
        }
    )
    answer = ann.post('/api/face/enroll', json={'owner_key': key, **AGREED})
    assert (answer.json()['record_id'], answer.json()['envelope']) == ('r1', BYTES)
    assert answer.json()['wallet_address'] == ANN
    assert (control.wishes[0].identity, control.wishes[0].owner_key) == (ANN, b'k' * 32)
    assert ann.post('/api/face/enroll', json={'wallet_address': BEN}).status_code == 403
    short = {'owner_key': base64.b64encode(b'k' * 31).decode()}
    assert ann.post('/api/face/enroll', json=short).json()['field'] == 'owner_key'
    assert len(control.wishes) == 1


def test_nobody_gets_the_template_of_somebody_else(owner, services, session_control):
    body = {'wallet_address': BEN, 'owner_key': base64.b64encode(b'k' * 32).decode()}
    answer = owner.post('/api/face/enroll', json=body)
    assert (answer.status_code, answer.json()['field']) == (403, 'owner_key')
    admin = bearer(session_control.open(ANN, rights=('admin',)))
    for consent in ({}, AGREED):
        answer = owner.post('/api/face/enroll', json={**body, **consent}, headers=admin)
        assert (answer.status_code, answer.json()['field']) == (403, 'owner_key')
    assert services.control.wishes == []
    own = {**body, 'wallet_address': ANN, **AGREED}
    assert owner.post('/api/face/enroll', json=own, headers=admin).status_code == 200


def test_ones_own_sealed_template_is_kept_and_given_back(ann, session_control):
    assert ann.get('/api/face/template').status_code == 404
    body = TEMPLATE
    assert ann('PUT', '/api/face/template', json=body).json()['record_id'] == 'r1'
    (question,) = session_control.asked_for('keep_template')
    assert question[2:] == (GivenTemplate('r1', 'model-1', 'user', b'sealed'), '1')
    assert ann.get('/api/face/template').json() == {
        'success': True,
        'wallet_address': ANN,
        'record_id': 'r1',
        'model_id': 'model-1',
        'custody': 'user',
        'envelope': BYTES,
        'camera_key': base64.b64encode(b'k' * 32).decode(),
        'camera_id': 'camera',
    }


@pytest.mark.parametrize(
    'changes', [{'envelope': ''}, {'envelope': '?'}, {'custody': 'me'}, {'consent_version': ''}]
)
def test_a_template_needs_consent_and_a_custody(ann, session_control, changes):
    body = {**TEMPLATE, **changes}
    answer = ann('PUT', '/api/face/template', json=body)
    assert (answer.status_code, answer.json()['field']) == (422, next(iter(changes)))
    assert not session_control.kept


def test_templates_are_nobody_elses(owner, session_control):
    answer = owner.get('/api/face/template', params={'wallet_address': ANN})
    assert (answer.status_code, answer.json()['error']) == (404, 'no_session')
