"""`./mmoment chain` says the same as the program that it hands over to."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli import chain
from cli.main import parser
from mmoment_chain import chain_command, chain_words
from mmoment_chain.clusters import CLUSTERS

HERE = os.getcwd()
REGISTER = ['register', '--owner', 'demo', '--name', 'Front door']
ADDRESS = '1' * 32


@pytest.mark.parametrize(
    ('given', 'handed_on'),
    [
        (REGISTER, ['register', '--owner=demo', '--name=Front door']),
        (
            [*REGISTER, '--fund', '2', '--closed-list', '--mode', 'public', '--dry-run'],
            [
                *('register', '--owner=demo', '--name=Front door', '--mode=public'),
                *('--closed-list', '--fund=2', '--dry-run'),
            ],
        ),
        (
            ['register', '--owner', 'key', '--name', 'x'],
            ['register', f'--owner={HERE}/key', '--name=x'],
        ),
        (
            ['status', '--rpc', 'http://a', '--rpc', 'http://b', '--json', '--camera', ADDRESS],
            ['status', '--rpc=http://a', '--rpc=http://b', '--json', f'--camera={ADDRESS}'],
        ),
        (
            ['status', '--namespace', 'gym', '--data-folder', 'd', '--rpc-file', 'r'],
            ['status', f'--rpc-file={HERE}/r', '--namespace=gym', f'--data-folder={HERE}/d'],
        ),
        (
            ['log', 'export', '--cluster', 'devnet', '--program', ADDRESS],
            ['log', 'export', '--cluster=devnet', f'--program={ADDRESS}', '--', '-'],
        ),
        (['log', 'export'], ['log', 'export', '--', '-']),
        (['log', 'export', 'a b'], ['log', 'export', '--', f'{HERE}/a b']),
        (['log', 'verify', '--chain-only'], ['log', 'verify', '--chain-only']),
        (['log', 'verify', '--', '-odd'], ['log', 'verify', '--', f'{HERE}/-odd']),
        (
            ['cost', '--visits', '5', '--flush-after-s', '3'],
            ['cost', '--visits=5', '--flush-after-s=3'],
        ),
        (
            ['deploy', '--payer', '/k', '--program-key', 'p', '--program-file', 'f'],
            ['deploy', '--payer=/k', f'--program-key={HERE}/p', f'--program-file={HERE}/f'],
        ),
    ],
)
def test_the_program_understands_what_it_is_handed(given: list[str], handed_on: list[str]):
    options = parser().parse_args(['chain', *given])
    assert chain.words(options) == handed_on
    understood = chain_words.parser().parse_args(handed_on)
    assert understood.action == given[0]


def test_both_know_the_same_options():
    for action in (
        ['register'],
        ['status'],
        ['log', 'export'],
        ['log', 'verify'],
        ['cost'],
        ['deploy'],
    ):
        assert _options(parser(), ['chain', *action]) == _options(chain_words.parser(), action)


def test_both_know_the_same_clusters():
    assert chain.CLUSTERS == CLUSTERS


def _options(found, path: list[str]) -> dict[str, bool]:
    for word in path:
        (choices,) = [
            each.choices
            for each in found._actions
            if each.dest in ('action', 'step', '==SUPPRESS==') and each.choices
        ]
        found = choices[word]
    return {flag: each.required for each in found._actions for flag in each.option_strings}


def test_it_becomes_the_program_in_the_prepared_environment(monkeypatch: pytest.MonkeyPatch):
    started = []

    def become(path: str, command: list[str], env: Mapping[str, str]) -> None:
        started.append((path, command, env))

    ready = SimpleNamespace(python=Path('/venv/python'), env={'A': 'b'})
    monkeypatch.setattr(chain, 'prepare', lambda project, groups: ready)
    monkeypatch.setattr(os, 'execve', become)

    chain.run(parser().parse_args(['chain', 'cost']))

    words = ['/venv/python', '-m', chain_command.__name__, 'cost']
    assert started == [('/venv/python', words, {'A': 'b'})]
    assert chain_command.__name__ == chain.MODULE
