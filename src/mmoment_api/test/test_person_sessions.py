"""What is remembered of sessions, and for how long."""

import asyncio
from dataclasses import replace

import pytest

from mmoment_api.access import Access
from mmoment_api.errors import ApiError
from mmoment_api.person_sessions import (
    ENOUGH_QUESTIONS,
    GONE_REMEMBERED_S,
    LOOKING_PERIOD_S,
    QUESTIONS_AT_MOST,
    REMEMBERED_S,
    UNKNOWN_AT_MOST,
    PersonSessions,
)
from mmoment_api.session_control import token_refused

ANN = 'So11111111111111111111111111111111111111112'
BEN = 'Vote111111111111111111111111111111111111111'
HERE = '203.0.113.9'
ELSEWHERE = '203.0.113.10'


@pytest.fixture
def sessions(session_control, clock):
    return PersonSessions(session_control, clock, lambda: session_control.utc_ms)


def ask(sessions, token, access=Access.VIEW, source=HERE):
    return asyncio.run(sessions.session(token, access, source))


class Lists:
    """The lists of one process of session_node, one after the other."""

    def __init__(self, sessions, control, run='run 1'):
        self.sessions, self.control, self.run, self.number = sessions, control, run, 0

    def say(self, *records, number=None, after_ms=0):
        self.number = number or self.number + 1
        stamp_ms = self.control.utc_ms + after_ms
        self.sessions.hear_sessions(records, stamp_ms, self.run, self.number)


@pytest.fixture
def lists(sessions, session_control):
    return Lists(sessions, session_control)


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


def test_an_action_is_told_also_behind_what_a_page_asked_for_itself(sessions, session_control):
    opened = session_control.open(ANN)
    for is_action in (False, False, True, True, False):
        asyncio.run(sessions.session(opened.token, Access.VIEW, HERE, is_action=is_action))
    told = [question[-1] for question in session_control.asked_for('get_session')]
    assert told == [False, True]


def test_who_looks_is_there(sessions, session_control, clock):
    opened = session_control.open(ANN)

    async def look():
        for _ in range(3):
            sessions.is_looking(opened.record.session_id)
        await asyncio.sleep(0)

    asyncio.run(look())
    told = ('note_presence', opened.record.session_id)
    assert session_control.asked == [told]
    clock.now_s += LOOKING_PERIOD_S
    session_control.is_away = True
    asyncio.run(look())
    assert session_control.asked == [told, told]


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


def test_unknown_tokens_open_nothing_and_are_asked_for_once_a_minute(
    sessions, session_control, clock
):
    for _ in range(10):
        assert ask(sessions, 'x' * 43) is None
    assert questions(session_control) == 1
    clock.now_s += GONE_REMEMBERED_S
    assert ask(sessions, 'x' * 43) is None
    assert questions(session_control) == 2


def guess(sessions, number, source=HERE):
    return ask(sessions, f'{number:043d}', source=source)


def test_who_guesses_costs_session_node_little(sessions, session_control, clock):
    known, new = session_control.open(ANN), session_control.open(BEN)
    ask(sessions, known.token)
    for number in range(UNKNOWN_AT_MOST):
        assert guess(sessions, number) is None
    asked = questions(session_control)
    with pytest.raises(ApiError) as refusal:
        guess(sessions, UNKNOWN_AT_MOST)
    assert (refusal.value.status, refusal.value.headers) == (429, {'Retry-After': '60'})
    assert questions(session_control) == asked
    # Neither others nor who is known from before, or has just checked in, wait for that.
    assert guess(sessions, UNKNOWN_AT_MOST, ELSEWHERE) is None
    clock.now_s += REMEMBERED_S
    assert ask(sessions, known.token)
    sessions.has_opened(new.token)
    assert ask(sessions, new.token)
    clock.now_s += 60.0
    assert guess(sessions, UNKNOWN_AT_MOST + 1) is None


def test_a_fault_of_session_node_is_no_unknown_token(sessions, session_control):
    opened = session_control.open(ANN)
    session_control.refusal = token_refused('not_kept', 'Its disk is full')
    for _ in range(UNKNOWN_AT_MOST + 1):
        assert ask(sessions, opened.token) is None
    session_control.refusal = None
    assert ask(sessions, opened.token)


@pytest.mark.parametrize('token', ['', 'short', 'x' * 129, 'ü' * 43, 'a b' * 20, 'x' * 43 + '\n'])
def test_what_cannot_be_a_token_is_not_asked_for(sessions, session_control, token):
    assert ask(sessions, token) is None
    assert questions(session_control) == 0


def test_an_end_counts_at_once(sessions, session_control):
    opened, other = session_control.open(ANN), session_control.open(BEN)
    ask(sessions, opened.token)
    other_record = ask(sessions, other.token)
    del session_control.opened[opened.token]
    sessions.hear_change(opened.record.session_id, ANN, is_over=True)
    assert ask(sessions, opened.token) is None
    assert not sessions.is_live(opened.record, Access.VIEW)
    assert sessions.is_live(other_record, Access.VIEW)


def test_an_answer_that_was_on_its_way_does_not_revive_a_session(sessions, session_control):
    opened = session_control.open(ANN)
    sessions.hear_change(opened.record.session_id, ANN, is_over=True)
    assert ask(sessions, opened.token) is None


def test_changed_rights_count_at_once(sessions, session_control, lists):
    opened = session_control.open(ANN, rights=('view', 'capture'))
    ask(sessions, opened.token)
    less = replace(opened.record, rights=frozenset({'capture'}))
    session_control.opened[opened.token] = less
    lists.say(less)
    with pytest.raises(ApiError):
        ask(sessions, opened.token, Access.VIEW)
    assert not sessions.is_live(opened.record, Access.VIEW)
    assert sessions.is_live(opened.record, Access.CAPTURE)


def test_who_is_missing_in_a_later_list_is_gone(sessions, session_control, lists):
    ann, ben = session_control.open(ANN), session_control.open(BEN)
    lists.say(ann.record, ben.record)
    assert len(sessions.live) == 2
    lists.say(ben.record)
    assert [record.identity for record in sessions.live] == [BEN]
    assert not sessions.is_live(ann.record, Access.VIEW)
    # Of the past, for instance from before both came; the stamp says nothing.
    lists.say(number=1, after_ms=5_000)
    assert sessions.is_live(ben.record, Access.VIEW)


def test_a_session_node_that_starts_anew_counts_anew(sessions, session_control, lists):
    ann, ben = session_control.open(ANN), session_control.open(BEN)
    lists.say(ann.record, ben.record, number=70)
    Lists(sessions, session_control, 'run 2').say(ben.record)
    assert not sessions.is_live(ann.record, Access.VIEW)
    # The last words of the one before, on their way until now.
    lists.say()
    assert sessions.is_live(ben.record, Access.VIEW)


def test_a_list_from_before_a_check_in_ends_nothing(sessions, session_control, lists):
    ann = session_control.open(ANN)
    record = ask(sessions, ann.token)
    lists.say(after_ms=-1)
    assert sessions.is_live(record, Access.VIEW)
    assert ask(sessions, ann.token)


HOUR_MS = 3_600_000


@pytest.mark.parametrize('jump_ms', [-48 * HOUR_MS, 48 * HOUR_MS])
@pytest.mark.parametrize('is_listed', [False, True])
def test_a_clock_that_is_set_ends_no_view_and_keeps_none(
    sessions, session_control, lists, clock, jump_ms, is_listed
):
    opened = session_control.open(ANN)
    record = ask(sessions, opened.token)
    if is_listed:
        lists.say(opened.record)
    session_control.utc_ms += jump_ms
    assert sessions.is_live(record, Access.VIEW)
    clock.now_s += 3599.0
    assert sessions.is_live(record, Access.VIEW)
    clock.now_s += 1.0
    assert not sessions.is_live(record, Access.VIEW)


@pytest.mark.parametrize('jump_ms', [-48 * HOUR_MS, 48 * HOUR_MS])
def test_behind_a_clock_that_was_set_lists_count_as_before(
    sessions, session_control, lists, clock, jump_ms
):
    opened = session_control.open(ANN, rights=('view', 'capture'))
    record = ask(sessions, opened.token)
    lists.say(opened.record)
    session_control.utc_ms += jump_ms
    dated = replace(opened.record, expires_ms=opened.record.expires_ms + jump_ms)
    lists.say(dated)
    assert sessions.is_live(record, Access.VIEW)
    lists.say(replace(dated, rights=frozenset({'capture'})))
    assert not sessions.is_live(record, Access.VIEW)
    assert sessions.is_live(record, Access.CAPTURE)
    clock.now_s += 3600.0
    assert not sessions.is_live(record, Access.CAPTURE)


def test_sessions_end_with_their_time_also_while_session_node_is_away(
    sessions, session_control, clock
):
    opened = session_control.open(ANN)
    record = ask(sessions, opened.token)
    session_control.is_away = True
    assert sessions.is_live(record, Access.VIEW)
    clock.now_s += 3600.0
    assert not sessions.is_live(record, Access.VIEW)
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

        async def slowly(token, right, is_action):
            await answer.wait()
            raise ApiError(401, 'not_signed_in', '')

        session_control.get_session = slowly
        guesses = [
            asyncio.ensure_future(sessions.session(f'{number:043d}', Access.VIEW, HERE))
            for number in range(QUESTIONS_AT_MOST)
        ]
        await asyncio.sleep(0)
        with pytest.raises(ApiError) as refusal:
            await sessions.session('x' * 43, Access.VIEW, HERE)
        assert refusal.value.status == 429
        assert refusal.value.message.startswith(ENOUGH_QUESTIONS)
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
