"""What is remembered of sessions, and for how long."""

import asyncio
from dataclasses import replace

import pytest

from mmoment_api.access import Access
from mmoment_api.errors import ApiError
from mmoment_api.person_sessions import QUESTIONS_AT_MOST, REMEMBERED_S, PersonSessions

ANN = 'So11111111111111111111111111111111111111112'
BEN = 'Vote111111111111111111111111111111111111111'


@pytest.fixture
def sessions(session_control, clock):
    return PersonSessions(session_control, clock, lambda: session_control.utc_ms)


def ask(sessions, token, access=Access.VIEW):
    return asyncio.run(sessions.session(token, access))


def questions(control):
    return len(control.asked_for('get_session'))


def test_an_answer_is_remembered_for_a_moment(sessions, session_control, clock):
    opened = session_control.open(ANN)
    for _ in range(10):
        assert ask(sessions, opened.token) == opened.record
    assert questions(session_control) == 1
    clock.now_s += REMEMBERED_S
    ask(sessions, opened.token)
    assert questions(session_control) == 2


def test_a_right_that_was_not_among_the_rights_is_asked_for_again(sessions, session_control):
    opened = session_control.open(ANN, rights=('view',))
    assert ask(sessions, opened.token)
    with pytest.raises(ApiError) as refusal:
        ask(sessions, opened.token, Access.CAPTURE)
    assert (refusal.value.status, refusal.value.details) == (403, {'right': 'capture'})
    session_control.opened[opened.token] = replace(
        opened.record, rights=frozenset({'view', 'capture'})
    )
    assert ask(sessions, opened.token, Access.CAPTURE)


def test_unknown_tokens_open_nothing_and_are_not_remembered(sessions, session_control):
    assert ask(sessions, 'x' * 43) is None
    assert ask(sessions, 'x' * 43) is None
    assert questions(session_control) == 2


@pytest.mark.parametrize('token', ['', 'short', 'x' * 129, 'ü' * 43, 'a b' * 20, 'x' * 43 + '\n'])
def test_what_cannot_be_a_token_is_not_asked_for(sessions, session_control, token):
    assert ask(sessions, token) is None
    assert questions(session_control) == 0


def test_an_end_counts_at_once(sessions, session_control):
    opened, other = session_control.open(ANN), session_control.open(BEN)
    ask(sessions, opened.token)
    ask(sessions, other.token)
    del session_control.opened[opened.token]
    sessions.hear_change(opened.record.session_id, ANN, is_over=True)
    assert ask(sessions, opened.token) is None
    assert not sessions.is_live(opened.record, Access.VIEW)
    assert sessions.is_live(other.record, Access.VIEW)


def test_an_answer_that_was_on_its_way_does_not_revive_a_session(sessions, session_control):
    opened = session_control.open(ANN)
    sessions.hear_change(opened.record.session_id, ANN, is_over=True)
    assert ask(sessions, opened.token) is None


def test_changed_rights_count_at_once(sessions, session_control):
    opened = session_control.open(ANN, rights=('view', 'capture'))
    ask(sessions, opened.token)
    less = replace(opened.record, rights=frozenset({'capture'}))
    session_control.opened[opened.token] = less
    sessions.hear_sessions([less], session_control.utc_ms)
    with pytest.raises(ApiError):
        ask(sessions, opened.token, Access.VIEW)
    assert not sessions.is_live(opened.record, Access.VIEW)
    assert sessions.is_live(opened.record, Access.CAPTURE)


def test_who_is_missing_in_a_later_list_is_gone(sessions, session_control):
    ann, ben = session_control.open(ANN), session_control.open(BEN)
    sessions.hear_sessions([ann.record, ben.record], session_control.utc_ms)
    assert len(sessions.live) == 2
    sessions.hear_sessions([ben.record], session_control.utc_ms + 1)
    assert [record.identity for record in sessions.live] == [BEN]
    assert not sessions.is_live(ann.record, Access.VIEW)
    # Of the past, for instance from before both came.
    sessions.hear_sessions([], session_control.utc_ms)
    assert sessions.is_live(ben.record, Access.VIEW)


def test_a_list_from_before_a_check_in_ends_nothing(sessions, session_control):
    ann = session_control.open(ANN)
    ask(sessions, ann.token)
    sessions.hear_sessions([], session_control.utc_ms - 1)
    assert sessions.is_live(ann.record, Access.VIEW)
    assert ask(sessions, ann.token)


def test_sessions_end_with_their_time_also_while_session_node_is_away(sessions, session_control):
    opened = session_control.open(ANN)
    ask(sessions, opened.token)
    session_control.is_away = True
    assert sessions.is_live(opened.record, Access.VIEW)
    session_control.utc_ms = opened.record.expires_ms
    assert not sessions.is_live(opened.record, Access.VIEW)
    with pytest.raises(ApiError) as refusal:
        ask(sessions, opened.token)
    assert refusal.value.status == 503


def test_whoever_has_the_admin_right_may_what_the_owner_may(sessions, session_control):
    opened = session_control.open(ANN, rights=('admin',))
    principal = ask(sessions, opened.token, Access.OWNER).principal()
    assert (principal.name, principal.is_owner) == (ANN, True)


def test_guessing_is_bounded(sessions, session_control):
    async def scenario():
        answer = asyncio.Event()

        async def slowly(token, right):
            await answer.wait()
            raise ApiError(401, 'not_signed_in', '')

        session_control.get_session = slowly
        guesses = [
            asyncio.ensure_future(sessions.session(f'{number:043d}', Access.VIEW))
            for number in range(QUESTIONS_AT_MOST)
        ]
        await asyncio.sleep(0)
        with pytest.raises(ApiError) as refusal:
            await sessions.session('x' * 43, Access.VIEW)
        assert refusal.value.status == 429
        answer.set()
        assert set(await asyncio.gather(*guesses)) == {None}

    asyncio.run(scenario())


def test_no_token_is_kept_as_it_is(sessions, session_control):
    opened = session_control.open(ANN)
    ask(sessions, opened.token)
    del session_control.asked[:]
    session_control.opened.clear()
    assert opened.token not in repr(vars(sessions))
    assert opened.token not in repr(opened)
