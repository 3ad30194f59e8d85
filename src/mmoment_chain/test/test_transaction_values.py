import base64

import pytest
from refusals import refusal
from solders.pubkey import Pubkey

from mmoment_chain.transaction_values import Values, paired

KEY = bytes([9]) * 32
ADDRESS = str(Pubkey.from_bytes(KEY))


def values(**given):
    return Values(given)


def test_values_are_what_their_texts_say():
    given = values(
        name='Tür', open='yes', mode='public', number='18446744073709551615', who=ADDRESS,
        rights='view record', hours='1.5', content=base64.b64encode(b'abc').decode(),
    )  # fmt: skip
    assert given.text('name', 4) == 'Tür'
    assert given.flag('open') is True
    assert given.choice('mode', ('private', 'public'), 'private') == 'public'
    assert given.number('number', 0, 1 << 64) == (1 << 64) - 1
    assert given.wallet('who') == KEY
    assert given.rights('rights') == {'view', 'record'}
    assert given.seconds('hours') == 5400
    assert given.bytes('content') == b'abc'
    given.check_names()


def test_what_is_not_given_is_the_default_if_there_is_one():
    given = values()
    assert given.text('name', 4, 'Door') == 'Door'
    assert given.flag('open', False) is False
    assert given.choice('mode', ('private', 'public'), 'private') == 'private'
    assert given.number('number', 7, 10) == 7
    assert given.wallet('who', KEY) == KEY
    assert given.seconds('hours') == 0
    assert not given.has('content')


@pytest.mark.parametrize(
    ('ask', 'text'),
    [
        (lambda given: given.text('x', 3), 'Türe'),
        (lambda given: given.text('x', 9), 'a\nb'),
        (lambda given: given.flag('x'), 'true'),
        (lambda given: given.choice('x', ('a', 'b'), 'a'), 'c'),
        (lambda given: given.number('x', 0, 10), '10'),
        (lambda given: given.number('x', 0, 10), '-1'),
        (lambda given: given.number('x', 0, 10), '²'),
        (lambda given: given.number('x', 0, 10), '9' * 5000),
        (lambda given: given.wallet('x'), 'anna'),
        (lambda given: given.rights('x'), ' '),
        (lambda given: given.rights('x'), 'fly'),
        (lambda given: given.seconds('x'), 'nan'),
        (lambda given: given.seconds('x'), '-1'),
        (lambda given: given.seconds('x'), 'soon'),
        (lambda given: given.bytes('x'), '!'),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_name(ask, text):
    assert refusal(ask, values(x=text)).code == 'bad_value'


def test_what_must_be_there_is_missed_by_its_name():
    assert 'name' in refusal(values().text, 'name', 4).text


def test_a_value_that_nobody_asked_for_is_refused_with_those_there_are():
    given = values(name='Door', nmae='Gate')
    given.text('name', 9)
    refused = refusal(given.check_names)
    assert refused.code == 'bad_value'
    assert "'nmae'" in refused.text
    assert 'name' in refused.text


@pytest.mark.parametrize(('names', 'texts'), [(['a'], []), ([], ['1']), (['a', 'a'], ['1', '2'])])
def test_names_and_values_go_in_pairs(names, texts):
    assert refusal(paired, names, texts).code == 'bad_value'
    assert paired(['a', 'b'], ['1', '2']) == {'a': '1', 'b': '2'}
