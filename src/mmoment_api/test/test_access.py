import pytest

from mmoment_api.access import (
    FAILURES_AT_MOST,
    LINKS_AT_MOST,
    OWNER,
    RIGHTS,
    SESSIONS_AT_MOST,
    Access,
    Principal,
    SignIn,
    SignInRefused,
    TooManyFailures,
)


@pytest.fixture
def sign_in(clock):
    return SignIn(clock, link_lifetime_s=60.0, session_lifetime_s=600.0)


def test_a_link_works_once(sign_in):
    token = sign_in.new_token()
    cookie = sign_in.exchange(token, 'peer')
    assert sign_in.principal(cookie) is OWNER
    with pytest.raises(SignInRefused):
        sign_in.exchange(token, 'peer')


def test_a_link_ends_after_its_time(sign_in, clock):
    token = sign_in.new_token()
    clock.now_s += 60.0
    with pytest.raises(SignInRefused):
        sign_in.exchange(token, 'peer')


def test_a_new_link_leaves_the_earlier_ones_until_there_are_too_many(sign_in):
    tokens = [sign_in.new_token() for _ in range(LINKS_AT_MOST + 1)]
    with pytest.raises(SignInRefused):
        sign_in.exchange(tokens[0], 'peer')
    assert all(sign_in.exchange(token, 'peer') for token in tokens[1:])


def test_tokens_have_256_bits_and_are_not_kept(sign_in):
    token = sign_in.new_token()
    assert len(token) >= 43
    assert token not in repr(vars(sign_in))
    cookie = sign_in.exchange(token, 'peer')
    assert cookie not in repr(vars(sign_in))
    assert cookie != token


def test_a_session_ends_after_its_time_or_by_sign_out(sign_in, clock):
    first = sign_in.exchange(sign_in.new_token(), 'peer')
    second = sign_in.exchange(sign_in.new_token(), 'peer')
    sign_in.sign_out(first)
    assert sign_in.principal(first) is None
    assert sign_in.principal(second) is OWNER
    clock.now_s += 600.0
    assert sign_in.principal(second) is None


@pytest.mark.parametrize('cookie', [None, '', 'x', 'ü\ud800'])
def test_other_cookies_are_nobody(sign_in, cookie):
    assert sign_in.principal(cookie) is None


def test_the_session_used_longest_ago_makes_room(sign_in):
    cookies = []
    for _ in range(SESSIONS_AT_MOST):
        cookies.append(sign_in.exchange(sign_in.new_token(), 'peer'))
    sign_in.principal(cookies[0])
    sign_in.exchange(sign_in.new_token(), 'peer')
    assert sign_in.principal(cookies[0]) is OWNER
    assert sign_in.principal(cookies[1]) is None


def test_failures_are_limited_per_peer_but_never_refuse_a_right_token(sign_in, clock):
    for _ in range(FAILURES_AT_MOST):
        with pytest.raises(SignInRefused) as refusal:
            sign_in.exchange('wrong', 'one')
        assert not isinstance(refusal.value, TooManyFailures)
    clock.now_s += 20.0
    with pytest.raises(TooManyFailures) as refusal:
        sign_in.exchange('wrong', 'one')
    assert refusal.value.retry_after_s == pytest.approx(40.0)
    with pytest.raises(SignInRefused) as other:
        sign_in.exchange('wrong', 'two')
    assert not isinstance(other.value, TooManyFailures)
    assert sign_in.exchange(sign_in.new_token(), 'one')


def test_the_owner_has_every_right_and_others_their_own():
    assert all(OWNER.may(access) for access in Access)
    viewer = Principal('somebody', frozenset({Access.VIEW}))
    assert viewer.may(Access.PUBLIC)
    assert viewer.may(Access.VIEW)
    assert not any(viewer.may(right) for right in (RIGHTS - {Access.VIEW}) | {Access.OWNER})


def test_the_owner_speaks_for_everybody_and_people_for_themselves():
    ann = Principal('ann', frozenset({Access.ENROLL}))
    assert OWNER.speaks_for('ann')
    assert ann.speaks_for('ann')
    assert not ann.speaks_for('ben')
    assert not Principal('').speaks_for('')
