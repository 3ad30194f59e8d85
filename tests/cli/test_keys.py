"""`./mmoment keys` says the same as the keeper that it hands over to."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli import keys
from cli.main import parser
from mmoment_chain import keys_command

HERE = os.getcwd()


@pytest.mark.parametrize(
    ('given', 'handed_on'),
    [
        (['show'], ['show', '--namespace=mmoment']),
        (
            ['rotate', '--namespace', 'gym', '--data-folder', 'a b'],
            ['rotate', '--namespace=gym', f'--data-folder={HERE}/a b'],
        ),
        (['rotate', '--force'], ['rotate', '--namespace=mmoment', '--force']),
    ],
)
def test_the_keeper_understands_what_it_is_handed(given: list[str], handed_on: list[str]):
    options = parser().parse_args(['keys', *given])

    assert keys.words(options) == handed_on
    understood = keys_command.parser().parse_args(handed_on)
    assert understood.action == given[0]
    assert understood.namespace == options.namespace
    assert getattr(understood, 'force', None) == getattr(options, 'force', None)
    assert (understood.data_folder is None) == (options.data_folder is None)


def test_it_becomes_the_keeper_in_the_prepared_environment(monkeypatch: pytest.MonkeyPatch):
    started = []

    def become(path: str, command: list[str], env: Mapping[str, str]) -> None:
        started.append((path, command, env))

    ready = SimpleNamespace(python=Path('/venv/python'), env={'A': 'b'})
    monkeypatch.setattr(keys, 'prepare', lambda project, groups: ready)
    monkeypatch.setattr(os, 'execve', become)

    keys.run(parser().parse_args(['keys', 'show']))

    words = ['/venv/python', '-m', keys_command.__name__, 'show', '--namespace=mmoment']
    assert started == [('/venv/python', words, {'A': 'b'})]
    assert keys_command.__name__ == keys.MODULE
