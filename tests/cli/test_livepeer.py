"""`./mmoment livepeer` says the same as the command that it hands over to."""

import os

import pytest

from cli import livepeer
from cli.main import parser
from mmoment_stream import livepeer_command

HERE = os.getcwd()


@pytest.mark.parametrize('action', livepeer.ACTIONS)
def test_the_command_understands_what_it_is_handed(action):
    operand = ['x'] if action in ('webhook-add', 'webhook-remove') else []
    words = ['livepeer', action, '--data-folder', 'a b', '--target=main', '--json']
    options = parser().parse_args([*words, *operand])

    handed_on = livepeer.words(options)
    understood = livepeer_command.parser().parse_args(handed_on)
    assert understood.action == action
    assert str(understood.data_folder) == f'{HERE}/a b'
    assert (understood.target, understood.json) == ('main', True)
    assert understood.key_file == livepeer_command.KEY_FILE
    assert getattr(understood, 'url', getattr(understood, 'id', '')) == ('x' if operand else '')


def test_every_action_is_done_by_the_command():
    assert tuple(livepeer.ACTIONS) == tuple(livepeer_command.ACTIONS)
