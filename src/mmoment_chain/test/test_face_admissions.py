import pytest
from fake_clock import FakeClock

from mmoment_chain.check_out import Departure
from mmoment_chain.face_admissions import GONE_AFTER_S, RETRY_S, Admit, FaceAdmissions, Forget

FIRST, SECOND = frozenset({b'first'}), frozenset({b'second'})
KEY = b'wrapped key'


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def faces(clock):
    admissions = FaceAdmissions(clock)
    yield admissions
    admissions.close()


def calls(faces):
    """What is asked for now, each answered well."""
    made = []
    while call := faces.next_call():
        made.append(call)
        faces.done(call)
    return made


def welcome(faces, wallet='anna', left_s=3600.0):
    faces.welcome(wallet, 'Anna', 'record', bytearray(KEY), left_s)


def test_somebody_is_admitted_once_with_their_key(faces):
    faces.face_nodes_are(FIRST)
    key = bytearray(KEY)
    faces.welcome('anna', 'Anna', 'record', key, 3600.0)
    assert key == bytes(len(KEY))
    assert not faces.is_known('anna')
    assert calls(faces) == [Admit('anna', 'Anna', 'record', KEY)]
    assert faces.is_known('anna')
    assert calls(faces) == []


def test_the_key_of_a_call_can_be_wiped_and_is_there_again_for_the_next(faces, clock):
    faces.face_nodes_are(FIRST)
    welcome(faces)
    call = faces.next_call()
    call.wrapped_key[:] = bytes(len(KEY))
    clock.advance(RETRY_S)
    assert faces.next_call().wrapped_key == KEY


def test_nothing_shows_the_key(faces):
    faces.face_nodes_are(FIRST)
    welcome(faces)
    call = faces.next_call()
    assert 'wrapped key' not in repr(call)
    assert 'wrapped key' not in repr(faces._people)


def test_a_call_that_is_not_answered_is_made_again(faces, clock):
    faces.face_nodes_are(FIRST)
    welcome(faces)
    assert faces.next_call()
    assert faces.next_call() is None
    clock.advance(RETRY_S)
    assert isinstance(faces.next_call(), Admit)


def test_a_refusal_is_kept_and_not_asked_again(faces, clock):
    faces.face_nodes_are(FIRST)
    welcome(faces)
    assert not faces.is_settled('anna')
    faces.done(faces.next_call(), 'it is damaged')
    clock.advance(60)
    assert faces.next_call() is None
    assert faces.refusal('anna') == 'it is damaged'
    assert faces.is_settled('anna')
    assert not faces.is_known('anna')


def test_who_leaves_is_forgotten_and_their_key_is_wiped(faces):
    faces.face_nodes_are(FIRST)
    welcome(faces)
    calls(faces)
    key = faces._people['anna'].wrapped_key
    faces.begin(Departure('session', 'anna', 'asked', is_last=False))
    assert calls(faces) == []
    faces.begin(Departure('session', 'anna', 'asked', is_last=True))
    assert key.closed
    assert faces.is_leaving('anna')
    assert not faces.is_known('anna')
    assert calls(faces) == [Forget('anna')]
    assert not faces.is_leaving('anna')


def test_who_leaves_while_being_admitted_is_forgotten_after_that(faces):
    faces.face_nodes_are(FIRST)
    welcome(faces)
    admit = faces.next_call()
    faces.forget('anna')
    forget = faces.next_call()
    faces.done(forget)
    faces.done(admit)
    assert calls(faces) == [Forget('anna')]
    assert not faces.is_known('anna')


def test_an_answer_for_somebody_welcomed_before_says_nothing_of_who_came_since(faces):
    faces.face_nodes_are(FIRST)
    welcome(faces)
    old = faces.next_call()
    faces.forget('anna')
    welcome(faces)
    assert not faces.done(old, 'it is damaged')
    assert not faces.refusal('anna')
    assert not faces.is_settled('anna')
    assert calls(faces) == [Admit('anna', 'Anna', 'record', KEY)]
    assert faces.is_known('anna')


def test_forgetting_is_tried_until_it_is_done_also_by_a_face_node_that_hangs(faces, clock):
    faces.face_nodes_are(FIRST)
    faces.forget('anna')
    for _ in range(50):
        assert faces.next_call() == Forget('anna')
        assert faces.next_call() is None
        clock.advance(RETRY_S)
    assert faces.is_leaving('anna')


def test_a_face_node_that_is_gone_has_lost_everything(faces, clock):
    faces.face_nodes_are(FIRST)
    welcome(faces)
    calls(faces)
    faces.forget('ben')
    faces.face_nodes_are(frozenset())
    clock.advance(GONE_AFTER_S - 1)
    assert not faces.face_nodes_are(frozenset())
    assert faces.is_leaving('ben')
    assert faces.next_call() is None
    clock.advance(1)
    assert faces.face_nodes_are(frozenset())
    assert not faces.is_leaving('ben')
    assert not faces.is_known('anna')


def test_a_face_node_that_was_started_again_is_told_once_more(faces):
    faces.face_nodes_are(FIRST)
    welcome(faces)
    calls(faces)
    faces.named('ben')
    assert not faces.face_nodes_are(FIRST)
    assert faces.face_nodes_are(SECOND)
    assert not faces.is_known('anna')
    assert not faces.is_known('ben')
    assert calls(faces) == [Admit('anna', 'Anna', 'record', KEY)]


def test_a_key_is_used_until_it_ends(faces, clock):
    faces.face_nodes_are(FIRST)
    welcome(faces, left_s=100.0)
    calls(faces)
    clock.advance(99)
    assert calls(faces) == []
    clock.advance(1)
    assert calls(faces) == [Forget('anna')]
    faces.face_nodes_are(SECOND)
    assert calls(faces) == []


def test_who_is_named_is_known_and_news_once(faces):
    assert faces.named('anna')
    assert not faces.named('anna')
    assert faces.is_known('anna')
    faces.forget('anna')
    # A picture from before.
    assert not faces.named('anna')
    assert not faces.is_known('anna')


def test_somebody_without_a_key_is_kept_by_the_camera(faces):
    faces.face_nodes_are(FIRST)
    faces.welcome('anna', '', 'record', bytearray(), 3600.0)
    assert calls(faces) == [Admit('anna', '', 'record', b'')]


def test_before_a_face_node_is_found_nothing_is_called_and_nobody_waited_for(faces):
    welcome(faces)
    assert faces.next_call() is None
    assert faces.is_settled('anna')
    assert faces.count_waiting() == (1, 0)
