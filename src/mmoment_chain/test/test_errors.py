import re

import pytest

from mmoment_chain.errors import REFUSALS, ChainError, Refused, StoreUnusable
from mmoment_node.errors import ConfigurationError


@pytest.mark.parametrize('code', REFUSALS)
def test_every_refusal_has_a_stable_code_and_a_sentence(code):
    refused = Refused(code)
    assert re.fullmatch(r'[a-z]+(_[a-z]+)*', refused.code)
    assert refused.text == REFUSALS[code]
    assert str(refused) == f'{code}: {refused.text}'
    assert isinstance(refused, ChainError)


def test_a_refusal_may_say_more_than_the_table():
    refused = Refused('too_many', 'Too many challenges: wait 3 s', retry_after_s=3.0)
    assert (refused.text, refused.retry_after_s) == ('Too many challenges: wait 3 s', 3.0)


def test_a_code_outside_the_table_is_no_refusal():
    with pytest.raises(KeyError):
        Refused('because')


def test_a_store_that_needs_a_person_stops_a_node():
    assert issubclass(StoreUnusable, ConfigurationError)
