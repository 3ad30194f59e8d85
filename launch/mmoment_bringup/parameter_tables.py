"""Prints the parameters of all nodes as the YAML file, or as the tables of the README.

    python -m mmoment_bringup.parameter_tables yaml
    python -m mmoment_bringup.parameter_tables markdown

The nodes are those of the launch file; what is said about a parameter stands in the node's code
only. `--write FILE` brings a file up to date: the whole YAML file, or what stands between the two
marks of a Markdown file.
"""

from __future__ import annotations

import argparse
import importlib
import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmoment_bringup import launch_file as lf
from mmoment_bringup.errors import BringupError
from mmoment_bringup.supervisor import find_launch_file
from mmoment_node.parameters import Entry, ParameterValue, entries

BEGIN_MARK = '<!-- parameters:begin -->'
END_MARK = '<!-- parameters:end -->'

_COMMENT_WIDTH = 96
_HEADER = """\
# Parameters of all nodes, with their defaults. To change some, copy this file, keep what you
# change, and give the copy: params_file:=FILE
#
# A value given to the launch file (source, width, height, fps, port, autostart, use_sim_time) wins
# over the one here. Do not use the key '/**' for those: ROS 2 lets it stand behind '/**/NODE', and
# what you give would be lost.
# "fixed" parameters are read when the node starts; the others can be changed at any time with
#   ros2 param set /mmoment/NODE NAME VALUE
# Secrets are never parameters: they come by the path of a file.
#
# Made from the code by: python -m mmoment_bringup.parameter_tables yaml
"""


@dataclass(frozen=True, slots=True)
class NodeTable:
    """The parameters of one node."""

    node: str
    entries: tuple[Entry, ...]


def node_tables() -> list[NodeTable]:
    """Return the tables of the nodes in the order of the launch file."""
    launch_file = lf.read_launch_file(find_launch_file('mmoment_bringup', 'mmoment.launch.yaml'))
    return [
        NodeTable(executable, tuple(entries(_table_of(package, executable))))
        for package, executable in _nodes(launch_file.actions)
    ]


def _nodes(actions: Sequence[lf.Action]) -> Iterator[tuple[str, str]]:
    """Yield package and executable of each node, which stand in the file without substitutions."""
    for action in actions:
        if isinstance(action.body, lf.Group):
            yield from _nodes(action.body.actions)
        elif isinstance(action.body, lf.Node):
            yield ''.join(map(str, action.body.package)), ''.join(map(str, action.body.executable))


def _table_of(package: str, executable: str) -> type:
    """Return the parameter table of `CameraNode` in `camera_node.py` for `camera_node`."""
    module = importlib.import_module(f'{package}.{executable}')
    class_name = executable.title().replace('_', '')
    table: type = getattr(module, class_name).PARAMETERS
    return table


def yaml_text(tables: Sequence[NodeTable]) -> str:
    """Return the commented parameter file."""
    parts = [_HEADER]
    for table in tables:
        parts.append(f'\n/**/{table.node}:\n  ros__parameters:\n')
        parts += [_yaml_entry(entry) for entry in table.entries]
    return ''.join(parts)


def _yaml_entry(entry: Entry) -> str:
    comment = textwrap.fill(
        f'{entry.rule.description}. {_facts(entry)}',
        _COMMENT_WIDTH,
        initial_indent='    # ',
        subsequent_indent='    # ',
        break_long_words=False,
        break_on_hyphens=False,
    )
    # ROS 2 cannot read an empty list from a file: the line is there to be filled
    sign = '# ' if entry.default == () else ''
    return f'{comment}\n    {sign}{entry.name}: {_yaml_value(entry.default)}\n'


def _facts(entry: Entry) -> str:
    """Return type, unit, range and whether it can be changed, in words."""
    rule = entry.rule
    words = [entry.type_name]
    if rule.unit:
        words.append(rule.unit)
    if rule.constraint():
        words.append(rule.constraint())
    if rule.read_only:
        words.append('fixed')
    return f'[{"; ".join(words)}]'


def _yaml_value(value: ParameterValue) -> str:
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def markdown_text(tables: Sequence[NodeTable]) -> str:
    """Return one table per node for the README."""
    parts = []
    for table in tables:
        parts += [
            f'\n**`{table.node}`**\n\n',
            '| parameter | default | unit | range | meaning |\n|---|---|---|---|---|\n',
        ]
        parts += [_markdown_row(entry) for entry in table.entries]
    return ''.join(parts).lstrip('\n')


def _markdown_row(entry: Entry) -> str:
    rule = entry.rule
    fixed = ' (fixed)' if rule.read_only else ''
    cells = [
        f'`{entry.name}`{fixed}',
        f'`{_yaml_value(entry.default)}`',
        rule.unit,
        rule.constraint(),
        rule.description,
    ]
    return '| ' + ' | '.join(cell.replace('|', '\\|') for cell in cells) + ' |\n'


def with_tables(document: str, tables: str) -> str:
    """Return a Markdown document with what stands between the marks replaced."""
    before, begin, rest = document.partition(BEGIN_MARK)
    _, end, after = rest.partition(END_MARK)
    if not begin or not end:
        raise BringupError(f'the document lacks the marks {BEGIN_MARK} and {END_MARK}')
    return f'{before}{begin}\n{tables}{end}{after}'


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, or write them into a file."""
    parser = argparse.ArgumentParser(
        prog='parameter_tables', description='Print the parameters of all nodes.'
    )
    parser.add_argument('form', choices=('yaml', 'markdown'))
    parser.add_argument('--write', type=Path, metavar='FILE', help='bring this file up to date')
    options = parser.parse_args(arguments)
    tables = node_tables()
    text = yaml_text(tables) if options.form == 'yaml' else markdown_text(tables)
    if options.write is None:
        print(text, end='')
        return
    if options.form == 'markdown':
        text = with_tables(options.write.read_text(encoding='utf-8'), text)
    options.write.write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
