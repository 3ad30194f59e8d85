"""Code, parameter file and README say the same about every parameter."""

import importlib.util
import os
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from mmoment_bringup.errors import BringupError
from mmoment_bringup.launch_file import read_launch_file
from mmoment_bringup.launch_plan import make_plan
from mmoment_bringup.parameter_tables import (
    NodeTable,
    markdown_text,
    node_tables,
    with_tables,
    yaml_text,
)
from mmoment_bringup.supervisor import find_launch_file
from mmoment_node.parameters import Entry, Rule

ROOT = Path(__file__).resolve().parents[2]
OF_EVERY_NODE = {'autostart', 'use_sim_time'}
TABLES = [
    NodeTable(
        'one_node',
        (
            Entry('rate_hz', 'double', 5.0, Rule('How often', 'Hz', 1.0, 30.0)),
            Entry(
                'mode', 'string', 'a|b', Rule('What to do', choices=('a|b', 'c'), read_only=True)
            ),
            Entry('names', 'string array', (), Rule('Who')),
        ),
    )
]


@pytest.fixture(scope='module')
def tables():
    if importlib.util.find_spec('rclpy') is None:
        pytest.skip('the tables stand in the node files, which need rclpy')
    return node_tables()


def test_the_parameter_file_is_the_one_made_from_the_code(tables):
    file = ROOT / 'launch/config/mmoment.yaml'
    assert file.read_text(encoding='utf-8') == yaml_text(tables), (
        f'run: python -m mmoment_bringup.parameter_tables yaml --write {file.relative_to(ROOT)}'
    )


def test_the_tables_of_the_readme_are_made_from_the_code(tables):
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    assert text == with_tables(text, markdown_text(tables)), (
        'run: python -m mmoment_bringup.parameter_tables markdown --write README.md'
    )


def test_every_node_of_the_launch_file_is_there(tables):
    assert [table.node for table in tables] == [
        'camera_node',
        'face_node',
        'overlay_node',
        'gesture_node',
        'encoder_node',
        'capture_node',
        'stream_node',
        'session_node',
        'chain_node',
        'api_node',
    ]


def test_the_launch_file_gives_no_node_a_parameter_that_it_does_not_have(tables):
    file = read_launch_file(find_launch_file('mmoment_bringup', 'mmoment.launch.yaml'))
    arguments = ('source', 'width', 'height', 'fps', 'port', 'data_folder', 'cluster', 'program_id')
    plan = make_plan(file, dict.fromkeys((*arguments, 'rpc'), '1'), dict(os.environ))
    known = {table.node: {entry.name for entry in table.entries} for table in tables}
    given = {
        (Path(process.command[0]).name, word.partition(':=')[0])
        for process in plan.processes
        for flag, word in pairwise(process.command)
        if flag == '-p'
    }
    assert {name for _, name in given} == {*arguments, 'endpoints', *OF_EVERY_NODE}
    assert [(node, name) for node, name in given if name not in known[node] | OF_EVERY_NODE] == []


def test_the_launch_file_tells_chain_node_which_chain_is_used():
    file = read_launch_file(find_launch_file('mmoment_bringup', 'mmoment.launch.yaml'))
    # An address may consist of digits, and is a text all the same.
    words = {'rpc': 'https://chain', 'cluster': 'devnet', 'program_id': '1' * 32}
    plan = make_plan(file, words, dict(os.environ))
    (command,) = [
        each.command for each in plan.processes if Path(each.command[0]).name == 'chain_node'
    ]
    given = {word for flag, word in pairwise(command) if flag == '-p'}
    assert {
        "endpoints:=['https://chain']",
        'cluster:="devnet"',
        f'program_id:="{"1" * 32}"',
    } <= given


def test_yaml_holds_the_defaults_and_tells_about_each_parameter():
    text = yaml_text(TABLES)
    values = yaml.safe_load(text)['/**/one_node']['ros__parameters']
    # An empty list cannot stand in a parameter file of ROS 2
    assert values == {'rate_hz': 5.0, 'mode': 'a|b'}
    assert '    # How often. [double; Hz; 1 to 30]\n    rate_hz: 5.0\n' in text
    assert '    # What to do. [string; one of: a|b, c; fixed]\n' in text
    assert '    # names: []\n' in text


def test_markdown_is_a_table_per_node():
    text = markdown_text(TABLES)
    assert text.startswith('**`one_node`**\n\n| parameter |')
    assert '| `rate_hz` | `5.0` | Hz | 1 to 30 | How often |\n' in text
    assert '| `mode` (fixed) | `"a\\|b"` |  | one of: a\\|b, c | What to do |\n' in text


def test_only_what_stands_between_the_marks_is_replaced():
    document = 'a\n<!-- parameters:begin -->\nold\n<!-- parameters:end -->\nb\n'
    replaced = with_tables(document, 'new\n')
    assert replaced == document.replace('old', 'new')
    with pytest.raises(BringupError, match='lacks the marks'):
        with_tables('no marks', 'new')
