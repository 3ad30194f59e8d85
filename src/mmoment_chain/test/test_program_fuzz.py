"""Thousands of random inputs in the machine, held against the model: MMOMENT_FUZZ_INPUTS for more."""

import os

import program_model
import pytest
from program_fuzz import DRAWN, Difference, Fuzz
from program_world import FEATURES

INPUTS = int(os.environ.get('MMOMENT_FUZZ_INPUTS', '4000'))


@pytest.mark.parametrize('features', FEATURES)
def test_nothing_succeeds_that_should_fail_and_what_succeeds_does_what_it_should(features):
    fuzz = Fuzz(seed=len(features), features=features)
    fuzz.run(INPUTS)
    assert sum(fuzz.done.values()) == INPUTS
    # It would be no proof if an instruction never got through, or if all of them did.
    assert {name for name in DRAWN if not fuzz.done[f'{name} ok']} == set()
    assert INPUTS / 4 < fuzz.done['refused'] < INPUTS * 0.95


@pytest.mark.parametrize(
    ('name', 'spoilt'),
    [
        ('set_active', lambda step: step.set(0, step.camera()[1])),
        ('check_out', lambda step: program_model.need(False)),
        ('revoke', lambda step: step.set(1, None)),
    ],
)
def test_a_machine_that_does_something_else_is_found(monkeypatch, name, spoilt):
    """With a model that is wrong in one rule the run must end: the comparison compares."""
    number = next(
        number for number, rule in program_model.RULES.items() if rule[1].__name__ == name
    )
    count = program_model.RULES[number][0]
    monkeypatch.setitem(program_model.RULES, number, (count, spoilt))
    with pytest.raises(Difference, match=name):
        Fuzz(seed=3).run(4000)


def test_lamports_that_vanish_are_found(monkeypatch):
    fuzz = Fuzz(seed=1)
    held = fuzz.lamports
    calls = iter(range(10**6))
    monkeypatch.setattr(fuzz, 'lamports', lambda given: {**held(given), b'': next(calls)})
    with pytest.raises(Difference, match='lamports'):
        fuzz.run(100)
