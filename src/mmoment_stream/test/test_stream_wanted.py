import pytest

from mmoment_stream.stream_wanted import WantedTargets


@pytest.mark.parametrize('by_default', [False, True])
def test_one_that_was_named_is_the_exception(by_default):
    plain = WantedTargets(by_default)
    named = plain.having('main', wanted=not by_default)
    assert (named.has('main'), named.has('second')) == (not by_default, by_default)
    assert named.having('main', wanted=not by_default) == named
    assert named.having('main', wanted=by_default) == plain
    assert plain.having('main', wanted=by_default) == plain


def test_what_is_there_no_more_is_forgotten():
    wanted = WantedTargets(False, frozenset(('main', 'second')))
    assert wanted.among(['second', 'third']) == WantedTargets(False, frozenset(('second',)))
