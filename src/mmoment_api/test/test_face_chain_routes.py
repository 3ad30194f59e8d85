import base64
from dataclasses import replace

import pytest
from fake_chain import MINT, wire
from fake_control import KNOWN
from people import AGREED, ANN, BEN

from mmoment_api.chain_control import refused_by_chain

EXTRACT, CONFIRM = '/api/face/extract-embedding', '/api/face/enroll/confirm'
SIGNATURE = '5' * 88
PICTURE = base64.b64encode(b'\xff\xd8\xff picture').decode()
KEY = base64.b64encode(b'k' * 32).decode()
BODY = {**AGREED, 'image': PICTURE, 'owner_key': KEY}
SEALED = replace(KNOWN, record_id='record-1', envelope=b'sealed')


@pytest.fixture
def services(make_services):
    made = make_services(session_enrolment='any')
    made.control.outcome = SEALED
    return made


def test_a_picture_becomes_a_transaction_and_no_embedding(services, ann):
    answer = ann.post(EXTRACT, json=BODY).json()
    assert answer['face_id']
    assert (answer['quality_score'], answer['quality_rating']) == (0.8, 'good')
    assert answer['recommendations'] == ['blurred']
    assert answer['transaction_buffer'] == wire(b'message 1')
    assert (answer['transaction_count'], answer['summary']) == (1, ['Do mint_face'])
    assert not [name for name in answer if 'embedding' in name]
    ((_, wish),) = services.chain.asked
    assert (wish.kind, wish.wallet, wish.session_id) == ('mint_face', ANN, 's1')
    assert dict(wish.values) == {
        'envelope': 'c2VhbGVk',
        'model_id': 'model-1',
        'record_id': 'record-1',
        'custody': 'user',
    }
    (learnt,) = services.control.wishes
    assert (learnt.identity, len(learnt.pictures), learnt.owner_key) == (ANN, 1, b'k' * 32)


def test_what_enrolling_refuses_is_refused(make_services, caller_of, session_control):
    services = make_services()
    ann = caller_of(services).checked_in(session_control.open(ANN))
    direct, through = (ann.post(path, json=BODY) for path in ('/api/face/enroll', EXTRACT))
    assert through.status_code == direct.status_code != 200
    assert through.json() == direct.json()
    assert services.chain.asked == []


def test_a_face_that_is_there_already_is_written_anew(services, ann):
    services.chain.refusals['mint_face'] = refused_by_chain('already_there', 'There is one')
    assert ann.post(EXTRACT, json=BODY).json()['summary'] == ['Do update_face']


def test_enrolling_succeeds_without_the_chain(services, ann):
    services.chain.is_away = True
    answer = ann.post(EXTRACT, json=BODY)
    assert answer.status_code == 200
    assert answer.json()['transaction_buffer'] is None
    assert answer.json()['chain_error'] == 'part_not_running'


@pytest.mark.parametrize(
    ('body', 'outcome'),
    [({**BODY, 'build_transaction': False}, SEALED), (BODY, KNOWN)],
)
def test_nothing_is_built_that_was_not_asked_for_or_sealed(services, ann, body, outcome):
    services.control.outcome = outcome
    answer = ann.post(EXTRACT, json=body).json()
    assert (answer['transaction_buffer'], answer['transaction_count']) == (None, 0)
    assert services.chain.asked == []


def test_the_owner_puts_nobody_elses_face_on_the_chain(services, owner):
    answer = owner.post(EXTRACT, json={'image': PICTURE, 'wallet_address': BEN}).json()
    assert (answer['wallet_address'], answer['transaction_buffer']) == (BEN, None)
    assert services.chain.asked == []


def test_it_is_confirmed_once_the_chain_says_so(services, ann):
    face_id = ann.post(EXTRACT, json=BODY).json()['face_id']
    signed = {'signed_transaction': wire(b'message 1', filled=2), 'face_id': face_id}
    services.chain.refusals['submit'] = refused_by_chain('expired', 'Too late')
    late = ann.post(CONFIRM, json=signed)
    assert (late.status_code, late.json()['error']) == (409, 'expired')
    assert 'transaction_id' not in late.json()
    services.chain.refusals.clear()
    done = ann.post(CONFIRM, json=signed).json()
    assert (done['transaction_id'], done['face_id'], done['mint']) == ('4' * 88, face_id, MINT)
    assert (done['complete'], done['transaction_buffer']) == (True, None)


@pytest.mark.parametrize(
    'signed', [{'signed_transaction': wire(b'message 1', filled=2)}, {'signature': SIGNATURE}]
)
def test_whose_face_it_is_says_what_was_built_and_not_who_asks(services, ann, signed):
    face_id = ann.post(EXTRACT, json=BODY).json()['face_id']
    answer = ann.post(CONFIRM, json={**signed, 'face_id': 'f' * len(face_id)})
    assert (answer.status_code, answer.json()['field']) == (422, 'face_id')
    assert [question[0] for question in services.chain.asked] == ['build']
    assert ann.post(CONFIRM, json=signed).json()['face_id'] == face_id


def test_of_several_that_were_built_the_one_of_that_face_is_confirmed(services, ann):
    first = ann.post(EXTRACT, json=BODY).json()['face_id']
    services.chain.row = 'c'
    services.control.outcome = replace(SEALED, model_id='model-2')
    second = ann.post(EXTRACT, json=BODY).json()['face_id']
    assert first != second
    done = ann.post(CONFIRM, json={'signature': SIGNATURE, 'face_id': first}).json()
    assert done['face_id'] == first
    asked = [question[1] for question in services.chain.asked if question[0] == 'confirm']
    assert asked == ['b1']


def test_a_face_of_two_transactions_needs_two_signatures(services, ann):
    services.chain.count = 2
    face_id = ann.post(EXTRACT, json=BODY).json()['face_id']
    first = ann.post(CONFIRM, json={'signed_transaction': wire(b'message 1', filled=2)}).json()
    assert (first['complete'], first['transaction_buffer']) == (False, wire(b'message 2'))
    second = ann.post(CONFIRM, json={'signed_transaction': wire(b'message 2', filled=2)}).json()
    assert second['complete'] is True
    assert first['face_id'] == second['face_id'] == face_id
    submitted = [question for question in services.chain.asked if question[0] == 'submit']
    assert [question[1] for question in submitted] == ['b1', 'b2']


def test_what_was_not_built_here_for_this_wallet_is_not_sent(services, caller_of, session_control):
    ann = caller_of(services).checked_in(session_control.open(ANN))
    ben = caller_of(services).checked_in(session_control.open(BEN))
    ann.post(EXTRACT, json=BODY)
    for caller, message in ((ben, b'message 1'), (ann, b'another')):
        answer = caller.post(CONFIRM, json={'signed_transaction': wire(message, filled=2)})
        assert (answer.status_code, answer.json()['error']) == (422, 'not_ours')
    assert not [question for question in services.chain.asked if question[0] == 'submit']


def test_of_what_a_wallet_has_sent_the_signature_is_enough(services, ann):
    services.chain.count = 2
    face_id = ann.post(EXTRACT, json=BODY).json()['face_id']
    first = ann.post(CONFIRM, json={'signature': SIGNATURE, 'face_id': face_id}).json()
    assert (first['transaction_id'], first['face_id']) == (SIGNATURE, face_id)
    assert (first['complete'], first['transaction_buffer']) == (False, wire(b'message 2'))
    second = ann.post(CONFIRM, json={'signature': SIGNATURE}).json()
    assert (second['complete'], second['mint']) == (True, MINT)
    confirmed = [question for question in services.chain.asked if question[0] == 'confirm']
    assert confirmed == [('confirm', 'b1', SIGNATURE), ('confirm', 'b2', SIGNATURE)]


@pytest.mark.parametrize('code', ['undecided', 'refused', 'expired', 'foreign_transaction'])
def test_a_signature_alone_proves_nothing(services, ann, code):
    ann.post(EXTRACT, json=BODY)
    services.chain.refusals['confirm'] = refused_by_chain(code, 'Why')
    answer = ann.post(CONFIRM, json={'signature': SIGNATURE})
    assert (answer.status_code, answer.json()['error']) == (409, code)
    assert 'transaction_id' not in answer.json()
    services.chain.refusals.clear()
    for _ in range(2):
        assert ann.post(CONFIRM, json={'signature': SIGNATURE}).json()['complete'] is True


def test_a_wallet_may_have_sent_what_was_built_before(services, ann):
    ann.post(EXTRACT, json=BODY)
    services.chain.row = 'c'
    ann.post(EXTRACT, json=BODY)
    services.chain.refusals['confirm bc1'] = refused_by_chain('foreign_transaction', 'Why')
    assert ann.post(CONFIRM, json={'signature': SIGNATURE}).json()['complete'] is True
    asked = [question[1] for question in services.chain.asked if question[0] == 'confirm']
    assert asked == ['bc1', 'b1']
    services.chain.refusals['confirm b1'] = refused_by_chain('unknown_signature', 'Why')
    answer = ann.post(CONFIRM, json={'signature': SIGNATURE})
    assert (answer.status_code, answer.json()['error']) == (409, 'unknown_signature')


def test_where_nothing_was_built_there_is_nothing_to_confirm(services, caller_of, session_control):
    ann = caller_of(services).checked_in(session_control.open(ANN))
    ben = caller_of(services).checked_in(session_control.open(BEN))
    ann.post(EXTRACT, json=BODY)
    answer = ben.post(CONFIRM, json={'signature': SIGNATURE})
    assert (answer.status_code, answer.json()['error']) == (422, 'not_ours')
    assert answer.json()['field'] == 'signature'
    both = {'signature': SIGNATURE, 'signed_transaction': wire(b'message 1', filled=2)}
    for body in ({}, both):
        answer = ann.post(CONFIRM, json=body)
        assert (answer.status_code, answer.json()['field']) == (422, 'signed_transaction')
    assert not [question for question in services.chain.asked if question[0] == 'confirm']
