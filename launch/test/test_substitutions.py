from pathlib import Path

import pytest

from mmoment_bringup.errors import LaunchFileError
from mmoment_bringup.substitutions import Scope, expand, expand_condition, parse_template

SCOPE = Scope({'source': 'demo', 'empty': ''}, {'HOME': '/home/me'}, Path('/here'))


def value(text: str) -> str:
    return expand(parse_template(text), SCOPE)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('', ''),
        ('plain text', 'plain text'),
        ('a$(var source)b', 'ademob'),
        ('$(var missing fallback)', 'fallback'),
        ('$(env HOME)/x', '/home/me/x'),
        ('$(env NOT_THERE $(var source)/x)', 'demo/x'),
        ("$(env NOT_THERE '$(var source) two words')", 'demo two words'),
        ('$(dirname)/other.yaml', '/here/other.yaml'),
        ('$(equals x$(var empty) x)', 'true'),
        ("$(equals $(var source) 'demo')", 'true'),
        ('$(equals 1 true)', 'true'),
        ('$(equals 1.0 1)', 'true'),
        ('$(equals a b)', 'false'),
        (r'\$(var source)', '$(var source)'),
        ('costs $5 (or so)', 'costs $5 (or so)'),
    ],
)
def test_expands_as_the_launch_front_end_does(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('$(eval 1 + 1)', r'\$\(eval \.\.\.\).*not supported.*known: .*var'),
        ('$(var a', 'not closed'),
        ("$(var 'a)", 'not closed'),
        ("$(equals $(var source) '')", "empty pair of '"),
        ('$(equals a)', 'takes 2 arguments, got 1'),
        ('$(var missing)', "before an arg or let named 'missing'"),
        ('$(env MISSING)', "'MISSING' is not set"),
        ('$(find-pkg-share no_such_package)', "'no_such_package' is not installed.*build"),
    ],
)
def test_refuses_by_name(text, reason):
    with pytest.raises(LaunchFileError, match=reason):
        value(text)


def test_finds_the_share_folder_of_a_package(workspace, monkeypatch):
    workspace.add_package('fake')
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(workspace.prefix))
    assert value('$(find-pkg-share fake)/x') == f'{workspace.prefix}/share/fake/x'


def test_a_condition_is_true_or_false_and_nothing_else():
    assert expand_condition(parse_template('True'), SCOPE)
    assert not expand_condition(parse_template('0'), SCOPE)
    with pytest.raises(LaunchFileError, match='must be true, false, 1 or 0'):
        expand_condition(parse_template('$(var source)'), SCOPE)
