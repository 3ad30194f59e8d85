"""`./mmoment media` says the same as the reader that it hands over to."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli import media
from cli.main import parser
from mmoment_chain.media_signature import CLIP, PHOTO
from mmoment_stream import media_command

HERE = os.getcwd()
KEY = '7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU'


@pytest.mark.parametrize(
    ('given', 'handed_on'),
    [
        (['verify'], ['verify', '--namespace=mmoment']),
        (
            ['verify', '--json', '--public-key', KEY, '--public-key', KEY],
            ['verify', '--namespace=mmoment', '--json', *[f'--public-key={KEY}'] * 2],
        ),
        (['list'], ['list', '--namespace=mmoment', '--limit=50']),
        (
            ['list', '--namespace', 'gym', '--data-folder', 'a b', '--wallet', 'w', '--json'],
            [
                'list',
                '--namespace=gym',
                f'--data-folder={HERE}/a b',
                '--json',
                '--wallet=w',
                '--limit=50',
            ],
        ),
        (
            ['list', '--kind', 'clip', '--limit', '3'],
            ['list', '--namespace=mmoment', '--kind=clip', '--limit=3'],
        ),
    ],
)
def test_the_reader_understands_what_it_is_handed(given: list[str], handed_on: list[str]):
    options = parser().parse_args(['media', *given])

    assert media.words(options) == handed_on
    understood = media_command.parser().parse_args(handed_on)
    assert understood.action == given[0]
    assert understood.namespace == options.namespace
    assert understood.json == options.json


def test_it_becomes_the_reader_in_the_prepared_environment(monkeypatch: pytest.MonkeyPatch):
    started = []

    def become(path: str, command: list[str], env: Mapping[str, str]) -> None:
        started.append((path, command, env))

    ready = SimpleNamespace(python=Path('/venv/python'), env={'A': 'b'})
    monkeypatch.setattr(media, 'prepare', lambda project, groups: ready)
    monkeypatch.setattr(os, 'execve', become)

    media.run(parser().parse_args(['media', 'verify']))

    words = ['/venv/python', '-m', media_command.__name__, 'verify', '--namespace=mmoment']
    assert started == [('/venv/python', words, {'A': 'b'})]


def test_both_mean_the_same():
    assert media_command.__name__ == media.MODULE
    assert media.KINDS == (PHOTO, CLIP)
    assert media_command.parser().parse_args(['list']).limit == media.USUAL_LIMIT
