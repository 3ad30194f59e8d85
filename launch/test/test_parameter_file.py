"""What a parameter file gives to one node, as ROS 2 reads it."""

import json

import pytest

from mmoment_bringup.errors import BringupError
from mmoment_bringup.parameter_file import fits, main, parameters_of

NODE = '/gym/door/chain_node'


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'mine.yaml'

    def write(text):
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    'key',
    [
        '/**', '/**/chain_node', '/gym/door/chain_node', 'gym/door/chain_node', '/gym/*/chain_node',
        '/gym/**', '/**/door/chain_node',
    ],
)  # fmt: skip
def test_what_is_for_the_node_is_found(file, key):
    path = file(f'{key}:\n  ros__parameters:\n    cluster: devnet\n')
    assert parameters_of(path, NODE) == {'cluster': 'devnet'}


@pytest.mark.parametrize(
    'key', ['/**/face_node', '/gym/chain_node', 'chain_node', '/*/chain_node', '/gym', '/door/**']
)
def test_what_is_for_others_is_not(file, key):
    assert parameters_of(file(f'{key}:\n  ros__parameters:\n    cluster: devnet\n'), NODE) == {}


def test_namespaces_may_be_keys_of_their_own(file):
    text = 'gym:\n  door:\n    chain_node:\n      ros__parameters: {cluster: devnet}\n'
    assert parameters_of(file(text), NODE) == {'cluster': 'devnet'}


def test_what_stands_later_counts(file):
    text = '/**:\n  ros__parameters: {a: 1, b: 2}\n/**/chain_node:\n  ros__parameters: {b: 3}\n'
    assert parameters_of(file(text), NODE) == {'a': 1, 'b': 3}


@pytest.mark.parametrize('text', ['', 'a', '- a', '/**/chain_node:\n', '/**: {ros__parameters: 1}'])
def test_what_gives_nothing_gives_nothing(file, text):
    assert parameters_of(file(text), NODE) == {}


def test_the_pattern_of_all_may_stand_for_no_part():
    assert fits(['**', 'node'], ['node'])
    assert not fits(['*', 'node'], ['node'])


def test_a_file_that_cannot_be_read_is_told(file, tmp_path):
    with pytest.raises(BringupError, match=r'mine\.yaml is not valid YAML'):
        parameters_of(file('a: [1'), NODE)
    with pytest.raises(BringupError, match='No such file'):
        parameters_of(tmp_path / 'none.yaml', NODE)


def test_the_command_prints_json(file, capsys):
    path = file('/**/chain_node:\n  ros__parameters: {endpoints: [a], since: 2026-01-01}\n')
    assert main([str(path), NODE]) == 0
    assert json.loads(capsys.readouterr().out) == {'endpoints': ['a'], 'since': '2026-01-01'}
    assert main([str(file('a: [1')), NODE]) == 2
    assert 'not valid YAML' in capsys.readouterr().err
