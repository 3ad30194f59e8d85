"""Reads the part of the ROS 2 YAML launch front end that our launch files use.

The same file is read by `ros2 launch`. Whatever is not listed in `ACTION_KEYS` is refused by its
name, with file and line: a key that one reader obeys and the other one overlooks would start two
different graphs from one file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mmoment_bringup.errors import LaunchFileError
from mmoment_bringup.substitutions import Template, parse_template

_CONDITION_KEYS = frozenset({'if', 'unless'})
_NODE_KEYS = frozenset(
    {
        'ros_args',
        'output',
        'respawn',
        'respawn_delay',
        'sigterm_timeout',
        'sigkill_timeout',
    }
)

ACTION_KEYS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    'arg': (frozenset({'name'}), frozenset({'default', 'description', 'choice'})),
    'let': (frozenset({'name', 'value'}), frozenset()),
    'set_env': (frozenset({'name', 'value'}), frozenset()),
    'log': (frozenset({'message'}), frozenset()),
    'include': (frozenset({'file'}), frozenset({'arg'})),
    'group': (frozenset({'children'}), frozenset()),
    'push_ros_namespace': (frozenset({'namespace'}), frozenset()),
    'set_parameters_from_file': (frozenset({'filename'}), frozenset()),
    'set_parameter': (frozenset({'name', 'value'}), frozenset()),
    'set_text_parameter': (frozenset({'name', 'value'}), frozenset()),
    'stop_on_exit_code': (frozenset({'code'}), frozenset()),
    'node': (frozenset({'pkg', 'exec', 'name'}), _NODE_KEYS),
}
"""Per action the keys it must have and those it may have, besides `if` and `unless`."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Runs an action if `test` comes out as `wanted`."""

    test: Template
    wanted: bool


@dataclass(frozen=True, slots=True)
class Argument:
    """A launch argument; without a default it must be given."""

    name: str
    default: Template | None
    description: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetVariable:
    """A variable for the rest of this scope."""

    name: Template
    value: Template


@dataclass(frozen=True, slots=True)
class SetEnvironment:
    """An environment variable for the processes that follow in this scope."""

    name: Template
    value: Template


@dataclass(frozen=True, slots=True)
class Log:
    """A line for the person who starts the graph."""

    message: Template


@dataclass(frozen=True, slots=True)
class Include:
    """Another launch file, with values for its arguments."""

    file: Template
    arguments: tuple[tuple[Template, Template], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Actions whose variables, environment, namespace and parameters end with the group."""

    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class PushNamespace:
    """A namespace below the present one, or an absolute one, for the rest of this scope."""

    namespace: Template


@dataclass(frozen=True, slots=True)
class ParametersFile:
    """A parameter file for every node that follows in this scope."""

    file: Template


@dataclass(frozen=True, slots=True)
class SetParameter:
    """One parameter for every node that follows in this scope; the value is YAML."""

    name: Template
    value: Template


@dataclass(frozen=True, slots=True)
class SetTextParameter:
    """One parameter for every node that follows in this scope; the value is text as it is."""

    name: Template
    value: Template


@dataclass(frozen=True, slots=True)
class StopOnExitCode:
    """Ends the whole launch when a process ends with this exit code."""

    code: int


@dataclass(frozen=True, slots=True)
class Node:
    """One ROS node in a process of its own. Times are seconds."""

    package: Template
    executable: Template
    name: Template
    ros_arguments: tuple[Template, ...]
    respawn: Template
    respawn_delay_s: float
    sigterm_timeout_s: float
    sigkill_timeout_s: float


Body = (
    Argument
    | SetVariable
    | SetEnvironment
    | Log
    | Include
    | Group
    | PushNamespace
    | ParametersFile
    | SetParameter
    | SetTextParameter
    | StopOnExitCode
    | Node
)


@dataclass(frozen=True, slots=True)
class Action:
    """What to do, when, and where it stands (`file:line: name`) for error messages."""

    body: Body
    condition: Condition | None
    where: str


@dataclass(frozen=True, slots=True)
class LaunchFile:
    """A launch file as it was read, nothing evaluated yet."""

    path: Path
    actions: tuple[Action, ...]


class _Table(dict[str, Any]):
    """A YAML mapping that knows its line."""

    line = 0


class _Loader(yaml.SafeLoader):
    """Safe loader whose mappings know their line and hold no key twice."""


def _construct_table(loader: _Loader, node: yaml.MappingNode) -> _Table:
    table = _Table()
    table.line = node.start_mark.line + 1
    for key_node, value_node in node.value:
        key = str(loader.construct_object(key_node, deep=True))
        if key in table:
            raise LaunchFileError(f"line {key_node.start_mark.line + 1}: key '{key}' stands twice")
        table[key] = loader.construct_object(value_node, deep=True)
    return table


_Loader.add_constructor('tag:yaml.org,2002:map', _construct_table)


def read_launch_file(path: Path) -> LaunchFile:
    """Return the actions of `path`; raises LaunchFileError with file, line and key."""
    try:
        text = path.read_text(encoding='utf-8')
    except OSError as error:
        raise LaunchFileError(f'cannot read launch file {path}: {error.strerror}') from error
    try:
        root = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        problem = ' '.join(str(error).split())
        raise LaunchFileError(f'{path} is not valid YAML: {problem}') from error
    except LaunchFileError as error:
        raise LaunchFileError(f'{path}: {error}') from error
    if not isinstance(root, dict) or list(root) != ['launch']:
        raise LaunchFileError(f"{path}: the only key at the top must be 'launch'")
    return LaunchFile(path, _Parser(path).actions(root['launch'], 'launch'))


class _Parser:
    """Turns YAML values into actions and refuses everything that is not known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.builders: dict[str, Callable[[_Table, str], Body]] = {
            'arg': self._argument,
            'let': lambda keys, where: SetVariable(*self._pair(keys, where)),
            'set_env': lambda keys, where: SetEnvironment(*self._pair(keys, where)),
            'set_parameter': lambda keys, where: SetParameter(*self._pair(keys, where)),
            'set_text_parameter': lambda keys, where: SetTextParameter(*self._pair(keys, where)),
            'log': lambda keys, where: Log(self._template(keys, 'message', where)),
            'include': self._include,
            'group': lambda keys, where: Group(self.actions(keys['children'], where)),
            'push_ros_namespace': lambda keys, where: PushNamespace(
                self._template(keys, 'namespace', where)
            ),
            'set_parameters_from_file': lambda keys, where: ParametersFile(
                self._template(keys, 'filename', where)
            ),
            'stop_on_exit_code': lambda keys, where: StopOnExitCode(
                int(self._number(keys, 'code', where, 0))
            ),
            'node': self._node,
        }

    def actions(self, items: object, where: str) -> tuple[Action, ...]:
        """Return the actions of a list of one-key mappings."""
        if not isinstance(items, list):
            raise LaunchFileError(f"{self.path}: '{where}' must hold a list of actions")
        return tuple(self._action(item) for item in items)

    def _action(self, item: object) -> Action:
        if not isinstance(item, _Table) or len(item) != 1:
            raise LaunchFileError(f'{self.path}: an action must be one key with its values: {item}')
        name, keys = next(iter(item.items()))
        where = f'{self.path}:{item.line}: {name}'
        if name not in ACTION_KEYS:
            known = ', '.join(sorted(ACTION_KEYS))
            raise LaunchFileError(f'{where}: this action is not supported here; known: {known}')
        if name == 'group' and isinstance(keys, list):
            keys = _Table(children=keys)
        if not isinstance(keys, _Table):
            raise LaunchFileError(f'{where}: its values must be keys, not {keys!r}')
        self._check_keys(name, keys, where)
        try:
            return Action(self.builders[name](keys, where), self._condition(keys, where), where)
        except LaunchFileError as error:
            text = str(error)
            # Errors of inner actions and of substitutions get the innermost place once
            raise LaunchFileError(
                text if text.startswith(f'{self.path}') else f'{where}: {text}'
            ) from error

    def _check_keys(self, name: str, keys: _Table, where: str) -> None:
        required, optional = ACTION_KEYS[name]
        allowed = required | optional | _CONDITION_KEYS
        for key in keys:
            if key not in allowed:
                known = ', '.join(sorted(allowed))
                raise LaunchFileError(f"{where}: key '{key}' is not supported here; known: {known}")
        for key in sorted(required):
            if key not in keys:
                raise LaunchFileError(f"{where}: key '{key}' is missing")
        if keys.keys() >= _CONDITION_KEYS:
            raise LaunchFileError(f"{where}: 'if' and 'unless' exclude each other")

    def _condition(self, keys: _Table, where: str) -> Condition | None:
        for key, wanted in (('if', True), ('unless', False)):
            if key in keys:
                return Condition(self._template(keys, key, where), wanted)
        return None

    def _text(self, keys: _Table, key: str, where: str) -> str:
        """Return a text; numbers and booleans must be quoted, as `ros2 launch` demands."""
        value = keys[key]
        if not isinstance(value, str):
            raise LaunchFileError(f"{where}: key '{key}' must be text; write '{value}' in quotes")
        return value

    def _template(self, keys: _Table, key: str, where: str) -> Template:
        return parse_template(self._text(keys, key, where))

    def _number(self, keys: _Table, key: str, where: str, default: float) -> float:
        value = keys.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise LaunchFileError(f"{where}: key '{key}' must be a number, not {value!r}")
        return value

    def _pair(self, keys: _Table, where: str) -> tuple[Template, Template]:
        return self._template(keys, 'name', where), self._template(keys, 'value', where)

    def _pairs(self, keys: _Table, key: str, where: str) -> list[_Table]:
        """Return the list under `key`, each entry a mapping."""
        entries = keys.get(key, [])
        if not isinstance(entries, list) or not all(isinstance(one, _Table) for one in entries):
            raise LaunchFileError(f"{where}: key '{key}' must be a list of mappings")
        return entries

    def _argument(self, keys: _Table, where: str) -> Argument:
        return Argument(
            name=self._text(keys, 'name', where),
            default=self._template(keys, 'default', where) if 'default' in keys else None,
            description=self._text(keys, 'description', where) if 'description' in keys else '',
            choices=tuple(
                self._text(choice, 'value', where) for choice in self._pairs(keys, 'choice', where)
            ),
        )

    def _include(self, keys: _Table, where: str) -> Include:
        arguments = tuple(self._pair(one, where) for one in self._pairs(keys, 'arg', where))
        return Include(self._template(keys, 'file', where), arguments)

    def _node(self, keys: _Table, where: str) -> Node:
        ros_arguments = self._text(keys, 'ros_args', where) if 'ros_args' in keys else ''
        return Node(
            package=self._template(keys, 'pkg', where),
            executable=self._template(keys, 'exec', where),
            name=self._template(keys, 'name', where),
            ros_arguments=tuple(parse_template(word) for word in _words(ros_arguments)),
            respawn=parse_template(str(keys.get('respawn', 'false')).lower())
            if isinstance(keys.get('respawn', False), bool)
            else self._template(keys, 'respawn', where),
            respawn_delay_s=self._number(keys, 'respawn_delay', where, 0.0),
            sigterm_timeout_s=self._number(keys, 'sigterm_timeout', where, 5.0),
            sigkill_timeout_s=self._number(keys, 'sigkill_timeout', where, 5.0),
        )


def _words(text: str) -> list[str]:
    """Split at blanks outside of `$( )`, as the front end does with arguments."""
    words = ['']
    depth = 0
    for character in text:
        depth += {'(': 1, ')': -1}.get(character, 0)
        if character.isspace() and depth == 0:
            words.append('')
        else:
            words[-1] += character
    return [word for word in words if word]
