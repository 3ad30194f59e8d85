"""Services that end what was kept."""

import contextlib
import sqlite3

import pytest
from media_world import put
from sealed_people import check_in_known
from session_world import Wallet, events_of, wait_until

from mmoment_chain import media_records
from mmoment_interfaces.srv import (
    CheckIn,
    EraseMedia,
    ForgetPerson,
    ForgetTemplate,
    GetSession,
    GetTemplate,
)

pytestmark = pytest.mark.graph


def test_consent_is_withdrawn_and_the_person_stays_checked_in(world, anna):
    faces = world.start_faces()
    node = world.start()
    opened = check_in_known(world, node, anna)
    other = world.call(
        ForgetTemplate, 'forget_template', token=opened.token, wallet=Wallet().address
    )
    assert other.error_code == 'wrong_wallet'
    assert faces.known
    answer = world.call(ForgetTemplate, 'forget_template', token=opened.token)
    assert answer.success, answer.message
    assert (answer.templates, answer.consents, answer.face_forgotten) == (1, 1, True)
    assert not faces.known
    template = world.call(GetTemplate, 'get_template', wallet=anna.address)
    assert template.error_code == 'no_template'
    found = world.call(GetSession, 'get_session', token=opened.token, right='enroll')
    assert found.success
    assert not found.session.face_known
    assert events_of(node, anna)[-2:] == ['consent_withdrawn', 'templates_deleted']
    again = world.call(ForgetTemplate, 'forget_template', token=opened.token)
    assert (again.success, again.templates, again.consents) == (True, 0, 0)
    # Whoever agrees once more is known once more.
    assert check_in_known(world, node, anna)


def test_the_owner_forgets_a_template_by_the_wallet(world, anna):
    faces = world.start_faces()
    node = world.start()
    check_in_known(world, node, anna)
    answer = world.call(ForgetTemplate, 'forget_template', wallet=anna.address)
    assert (answer.success, answer.templates, answer.face_forgotten) == (True, 1, True)
    assert not faces.known
    for fields, code in (
        ({}, 'bad_wallet'),
        ({'wallet': 'anna'}, 'bad_wallet'),
        ({'token': 'A' * 43}, 'bad_token'),
    ):
        assert world.call(ForgetTemplate, 'forget_template', **fields).error_code == code


def test_an_erasure_says_what_is_left_to_do(world, anna):
    faces = world.start_faces()
    node = world.start()
    check_in_known(world, node, anna)
    done = world.call(ForgetPerson, 'forget_person', wallet=anna.address, confirm_media=True)
    assert (done.success, done.face_forgotten, done.traces_cleaned) == (True, True, True)
    assert not done.media_erased
    assert 'as soon as the part that keeps them runs' in done.message
    check_in_known(world, node, anna)
    faces.hang()
    with contextlib.closing(sqlite3.connect(node._home.store, isolation_level=None)) as reader:
        reader.execute('BEGIN')
        reader.execute('SELECT count(*) FROM sessions').fetchone()
        left = world.call(ForgetPerson, 'forget_person', wallet=anna.address)
    assert (left.success, left.face_forgotten, left.traces_cleaned) == (True, False, False)
    assert 'asked again' in left.message
    assert 'cleaned as soon as' in left.message
    faces.go_on()
    wait_until(lambda: not faces.known, 'the face to be forgotten')


@pytest.mark.parametrize('is_done', [True, False])
def test_photos_and_clips_go_too_if_that_is_confirmed(world, anna, is_done):
    asked = []

    def erase(request, answer):
        asked.append(request.identity)
        answer.success = is_done
        return answer

    world.tester.create_service(EraseMedia, 'erase_media', erase)
    node = world.start()
    world.check_in(anna)
    with node._store.transaction() as tx:
        put(tx, wallet=anna.address)
    wait_until(node._media._client.service_is_ready, 'the part that keeps media')
    kept = world.call(ForgetPerson, 'forget_person', wallet=anna.address)
    assert (kept.success, kept.media_erased, asked) == (True, False, [])
    with node._store.reading() as query:
        assert media_records.count(query, wallet=anna.address) == 1
    gone = world.call(ForgetPerson, 'forget_person', wallet=anna.address, confirm_media=True)
    assert (gone.success, gone.media_erased, asked) == (True, is_done, [anna.address])
    assert ('are deleted, copies' in gone.message) == is_done
    with node._store.reading() as query:
        assert media_records.count(query) == 0
        assert len(media_records.leaving(query)) == 1


def signed_request(world, wallet, **changes):
    challenge = world.challenge(wallet, purpose='forget_me')
    assert challenge.success, challenge.message
    assert 'forget me' in challenge.text
    given = {'wallet': wallet.address, 'message': challenge.text}
    return given | {'signature': wallet.sign(challenge.text)} | changes


def test_somebody_is_forgotten_by_their_signature_without_a_session(world, anna):
    node = world.start()
    token = world.check_in(anna).token
    request = signed_request(world, anna)
    answer = world.call(ForgetPerson, 'forget_person', **request)
    assert answer.success, answer.message
    assert answer.erased > 0
    assert events_of(node, anna) == []
    assert world.call(GetSession, 'get_session', token=token).error_code == 'bad_token'
    # What was signed once erases nothing of what comes after.
    token = world.check_in(anna).token
    again = world.call(ForgetPerson, 'forget_person', **request)
    assert again.error_code == 'used_nonce'
    assert world.call(GetSession, 'get_session', token=token).success


def test_and_by_the_transaction_of_a_hardware_wallet(world, anna):
    node = world.start()
    world.check_in(anna)
    challenge = world.challenge(anna, with_memo=True, purpose='forget_me')
    signed = anna.sign_transaction(challenge.memo_transaction)
    answer = world.call(ForgetPerson, 'forget_person', wallet=anna.address, memo_transaction=signed)
    assert answer.success, answer.message
    assert events_of(node, anna) == []


def test_no_other_signature_erases_anybody(world, anna):
    node = world.start()
    token, mallory = world.check_in(anna).token, Wallet()
    text = world.challenge(anna).text
    for fields, code in (
        # Signed to check in.
        (signed_request(world, anna, message=text, signature=anna.sign(text)), 'unknown_nonce'),
        (signed_request(world, anna, signature=mallory.sign('x')), 'bad_signature'),
        (signed_request(world, anna, signature=''), 'bad_signature'),
        ({**signed_request(world, mallory), 'wallet': anna.address}, 'wrong_wallet'),
        # Half a proof is not the word of the owner.
        ({'wallet': anna.address, 'signature': anna.sign(text)}, 'malformed'),
        ({'wallet': anna.address, 'memo_transaction': 'AAAA'}, 'malformed'),
    ):
        answer = world.call(ForgetPerson, 'forget_person', **fields)
        assert (answer.success, answer.error_code) == (False, code), fields
    assert world.call(GetSession, 'get_session', token=token).success
    to_forget = signed_request(world, anna)
    wrong_way = world.call(CheckIn, 'check_in', **to_forget)
    assert wrong_way.error_code == 'unknown_nonce'
    assert world.challenge(anna, purpose='give_me_all').error_code == 'malformed'
    assert node.fault is None
