import pytest

from mmoment_chain.errors import REFUSALS, Refused
from mmoment_chain.tokens import new_session_id, new_token, token_digest


def test_a_token_has_256_bits_and_no_two_are_the_same():
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(len(token) == 43 for token in tokens)
    assert len({new_session_id() for _ in range(1000)}) == 1000


def test_its_digest_is_the_same_each_time_at_one_camera_and_another_elsewhere():
    token = new_token()
    assert token_digest(token, 'lobby') == token_digest(token, 'lobby')
    assert len(token_digest(token, 'lobby')) == 32
    assert token_digest(token, 'lobby') != token_digest(token, 'garage')
    assert token_digest(token, 'lobby') != token_digest(new_token(), 'lobby')


@pytest.mark.parametrize(
    'text', ['', 'x', 'a' * 42, 'a' * 44, 'a' * 42 + '=', 'a' * 42 + '\n', "' OR 1=1 --", 'ä' * 43]
)
def test_what_is_no_token_is_refused_without_being_told_again(text):
    with pytest.raises(Refused) as caught:
        token_digest(text, 'lobby')
    assert caught.value.code == 'bad_token'
    assert caught.value.text == REFUSALS['bad_token']
