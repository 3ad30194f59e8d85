"""`./mmoment log` says the same as the reader that it hands over to."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli import log
from cli.main import parser
from mmoment_chain import log_command
from mmoment_chain.places import store_path

HERE = os.getcwd()
NOTED = 'ab' * 32


@pytest.mark.parametrize(
    ('given', 'handed_on'),
    [
        (['export'], ['export', '--namespace=mmoment', '--', '-']),
        (['export', 'a b'], ['export', '--namespace=mmoment', '--', f'{HERE}/a b']),
        (['verify'], ['verify', '--namespace=mmoment']),
        (
            ['verify', '--noted', NOTED, '--', '-odd'],
            ['verify', '--namespace=mmoment', f'--noted={NOTED}', '--', f'{HERE}/-odd'],
        ),
        (
            ['backup', '--namespace', 'gym', '--store', 's', '/b'],
            ['backup', '--namespace=gym', f'--store={HERE}/s', '--', '/b'],
        ),
    ],
)
def test_the_reader_understands_what_it_is_handed(given: list[str], handed_on: list[str]):
    options = parser().parse_args(['log', *given])

    assert log.words(options) == handed_on
    understood = log_command.parser().parse_args(handed_on)
    assert understood.action == given[0]
    assert understood.namespace == options.namespace


def test_it_becomes_the_reader_in_the_prepared_environment(monkeypatch: pytest.MonkeyPatch):
    started = []

    def become(path: str, command: list[str], env: Mapping[str, str]) -> None:
        started.append((path, command, env))

    ready = SimpleNamespace(python=Path('/venv/python'), env={'A': 'b'})
    monkeypatch.setattr(log, 'prepare', lambda project, groups: ready)
    monkeypatch.setattr(os, 'execve', become)

    log.run(parser().parse_args(['log', 'verify']))

    words = ['/venv/python', '-m', log_command.__name__, 'verify', '--namespace=mmoment']
    assert started == [('/venv/python', words, {'A': 'b'})]


def test_both_have_the_same_defaults():
    assert log_command.__name__ == log.MODULE
    assert store_path('mmoment') == store_path(
        log_command.parser().parse_args(['verify']).namespace
    )
