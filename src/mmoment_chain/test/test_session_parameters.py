import dataclasses

import pytest
from book_world import OWNER

from mmoment_chain.session_parameters import (
    SessionParameters,
    challenge_settings,
    session_settings,
    sign_in_domains,
)
from mmoment_chain.sign_in_text import SignInTexts

DEFAULTS = SessionParameters()


def test_the_defaults_are_those_of_the_cores():
    settings = session_settings(DEFAULTS)
    assert (settings.session_s, settings.absent_s) == (12 * 3600, 1800)
    assert 'admin' not in settings.default_rights
    challenges = challenge_settings(DEFAULTS)
    assert challenges.lifetime_s == 300
    assert not challenges.old_text_enabled
    texts = SignInTexts('lobby', sign_in_domains(DEFAULTS), DEFAULTS.chain_id)
    assert texts.domains == ('127.0.0.1:5002', 'localhost:5002')


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'owner_wallet': 'me'}, 'owner_wallet'),
        ({'default_rights': ('view', 'fly')}, "default_rights.*'fly'.*recognize"),
    ],
)
def test_a_value_that_makes_no_sense_is_told_by_its_name(changes, told):
    with pytest.raises(ValueError, match=told):
        session_settings(dataclasses.replace(DEFAULTS, **changes))


@pytest.mark.parametrize(
    ('changes', 'told'),
    [({'camera_id': 'a b'}, 'camera_id'), ({'challenge_minutes': 0.1}, 'lives 10 to')],
)
def test_so_are_those_of_challenges(changes, told):
    with pytest.raises(ValueError, match=told):
        challenge_settings(dataclasses.replace(DEFAULTS, **changes))


def test_the_owner_is_taken_as_given():
    parameters = dataclasses.replace(DEFAULTS, owner_wallet=OWNER)
    assert session_settings(parameters).owner_wallet == OWNER
    assert challenge_settings(parameters).owner_wallet == OWNER


@pytest.mark.parametrize(
    ('port', 'domains'),
    [
        (5002, ('127.0.0.1:5002', 'localhost:5002')),
        (5003, ('127.0.0.1:5003', 'localhost:5003')),
        (80, ('127.0.0.1', 'localhost')),
        (0, ('127.0.0.1:*', 'localhost:*')),
    ],
)
def test_the_domains_follow_the_port(port, domains):
    found = sign_in_domains(dataclasses.replace(DEFAULTS, port=port))
    assert found == domains
    assert SignInTexts('lobby', found, 'devnet').domains


def test_domains_that_are_named_stay_as_they_are():
    named = dataclasses.replace(DEFAULTS, domains=('https://camera.example',), port=0)
    assert sign_in_domains(named) == ('https://camera.example',)
