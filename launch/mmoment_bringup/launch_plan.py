"""Works out from a launch file and its arguments which processes to start, and how.

The command lines are those that `launch_ros` builds, so that a node sees the same whichever way it
was started.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix

from mmoment_bringup import launch_file as lf
from mmoment_bringup.errors import LaunchFileError
from mmoment_bringup.parameter_text import quoted
from mmoment_bringup.substitutions import Scope, Template, expand, expand_condition

_NAMESPACE = re.compile(r'(/[A-Za-z_][A-Za-z0-9_]*)+|/')
# An include that includes itself would never end; nobody nests this deep on purpose
_MAX_INCLUDES = 16


@dataclass(frozen=True, slots=True)
class PlannedProcess:
    """One process to start. `label` stands before its output; times are seconds."""

    label: str
    namespace: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    is_respawned: bool
    respawn_delay_s: float
    sigterm_timeout_s: float
    sigkill_timeout_s: float


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """The processes in the order of the file, and the exit codes that end them all."""

    processes: tuple[PlannedProcess, ...]
    fatal_exit_codes: frozenset[int]
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeclaredArgument:
    """A launch argument with its default for this machine; None: it must be given."""

    name: str
    default: str | None
    description: str
    choices: tuple[str, ...]


def declared_arguments(
    launch_file: lf.LaunchFile, environment: Mapping[str, str]
) -> list[DeclaredArgument]:
    """Return the arguments of the file, in its order, with defaults worked out."""
    variables: dict[str, str] = {}
    found = []
    for action in launch_file.actions:
        if isinstance(action.body, lf.Argument):
            scope = Scope(variables, environment, launch_file.path.parent)
            body = action.body
            default = None if body.default is None else expand(body.default, scope)
            variables[body.name] = default or ''
            found.append(DeclaredArgument(body.name, default, body.description, body.choices))
    return found


def make_plan(
    launch_file: lf.LaunchFile, arguments: Mapping[str, str], environment: Mapping[str, str]
) -> LaunchPlan:
    """Evaluate the file; raises LaunchFileError for everything that cannot be started as written.

    `arguments` must be among the file's `arg` actions: a misspelt one is refused.
    """
    known = [one.body.name for one in launch_file.actions if isinstance(one.body, lf.Argument)]
    for name in arguments:
        if name not in known:
            raise LaunchFileError(f"unknown argument '{name}'; known: {', '.join(known)}")
    planner = _Planner()
    context = _Context(dict(arguments), dict(environment), launch_file.path.parent)
    planner.run(launch_file.actions, context)
    if not planner.processes:
        raise LaunchFileError(f'{launch_file.path}: starts no node')
    return LaunchPlan(
        tuple(planner.processes), frozenset(planner.fatal_exit_codes), tuple(planner.messages)
    )


@dataclass(slots=True)
class _Context:
    """What is true at one place of the file."""

    variables: dict[str, str]
    environment: dict[str, str]
    directory: Path
    namespace: str = '/'
    parameters: list[str] = field(default_factory=list)
    includes: int = 0

    def scope(self) -> Scope:
        return Scope(self.variables, self.environment, self.directory)

    def copy(self) -> _Context:
        return _Context(
            dict(self.variables),
            dict(self.environment),
            self.directory,
            self.namespace,
            list(self.parameters),
            self.includes,
        )


class _Planner:
    """Walks through the actions and collects what is to be started."""

    def __init__(self) -> None:
        self.processes: list[PlannedProcess] = []
        self.fatal_exit_codes: set[int] = set()
        self.messages: list[str] = []

    def run(self, actions: tuple[lf.Action, ...], context: _Context) -> None:
        for action in actions:
            try:
                self._run_one(action, context)
            except LaunchFileError as error:
                text = str(error)
                is_placed = re.match(r'.+:\d+: \w+: ', text) is not None
                raise LaunchFileError(text if is_placed else f'{action.where}: {text}') from error

    def _run_one(self, action: lf.Action, context: _Context) -> None:
        condition = action.condition
        if condition and expand_condition(condition.test, context.scope()) != condition.wanted:
            return

        def text(template: Template) -> str:
            return expand(template, context.scope())

        match action.body:
            case lf.Argument() as argument:
                self._set_argument(argument, context)
            case lf.SetVariable(name, value):
                context.variables[text(name)] = text(value)
            case lf.SetEnvironment(name, value):
                context.environment[text(name)] = text(value)
            case lf.Log(message):
                self.messages.append(text(message))
            case lf.Group(actions):
                self.run(actions, context.copy())
            case lf.PushNamespace(namespace):
                context.namespace = _joined_namespace(context.namespace, text(namespace))
            case lf.ParametersFile(file):
                context.parameters += ['--params-file', _existing_file(text(file))]
            case lf.SetParameter(name, value):
                context.parameters += ['-p', f'{text(name)}:={text(value)}']
            case lf.SetTextParameter(name, value):
                context.parameters += ['-p', f'{text(name)}:={quoted(text(value))}']
            case lf.StopOnExitCode(code):
                self.fatal_exit_codes.add(code)
            case lf.Include() as include:
                self._include(include, context)
            case lf.Node() as node:
                self.processes.append(self._process(node, context))

    def _set_argument(self, argument: lf.Argument, context: _Context) -> None:
        if argument.name not in context.variables:
            if argument.default is None:
                raise LaunchFileError(
                    f"argument '{argument.name}' must be given: {argument.name}:="
                )
            context.variables[argument.name] = expand(argument.default, context.scope())
        value = context.variables[argument.name]
        if argument.choices and value not in argument.choices:
            raise LaunchFileError(
                f"argument '{argument.name}' must be one of {', '.join(argument.choices)}, "
                f"not '{value}'"
            )

    def _include(self, include: lf.Include, context: _Context) -> None:
        path = Path(expand(include.file, context.scope()))
        if context.includes >= _MAX_INCLUDES:
            raise LaunchFileError(f'{path} includes itself')
        inner = context.copy()
        inner.includes += 1
        for name, value in include.arguments:
            inner.variables[expand(name, context.scope())] = expand(value, context.scope())
        inner.directory = path.parent
        self.run(lf.read_launch_file(path).actions, inner)

    def _process(self, node: lf.Node, context: _Context) -> PlannedProcess:
        scope = context.scope()
        package, executable = expand(node.package, scope), expand(node.executable, scope)
        ros_arguments = [expand(argument, scope) for argument in node.ros_arguments]
        command = [
            str(find_executable(package, executable)),
            '--ros-args',
            *ros_arguments,
            *('-r', f'__node:={expand(node.name, scope)}'),
            *('-r', f'__ns:={context.namespace}'),
            *context.parameters,
        ]
        return PlannedProcess(
            label=f'{executable}-{len(self.processes) + 1}',
            namespace=context.namespace,
            command=tuple(command),
            environment=dict(context.environment),
            is_respawned=expand_condition(node.respawn, scope),
            respawn_delay_s=node.respawn_delay_s,
            sigterm_timeout_s=node.sigterm_timeout_s,
            sigkill_timeout_s=node.sigkill_timeout_s,
        )


def find_executable(package: str, executable: str) -> Path:
    """Return the path of a package's executable, found through the ament index."""
    try:
        prefix = get_package_prefix(package)
    except (PackageNotFoundError, ValueError) as error:
        raise LaunchFileError(
            f"package '{package}' is not installed: build the workspace and source its setup file"
        ) from error
    folder = Path(prefix) / 'lib' / package
    path = folder / executable
    if path.is_file():
        return path
    found = sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []
    known = ', '.join(found) if found else 'none; build the workspace again'
    raise LaunchFileError(f"package '{package}' has no executable '{executable}'; it has: {known}")


def _joined_namespace(outer: str, inner: str) -> str:
    """Return the namespace of a push of `inner` below `outer`; an absolute one stands alone."""
    joined = inner if inner.startswith('/') else f'{outer.rstrip("/")}/{inner}'
    joined = joined.rstrip('/') or '/'
    if _NAMESPACE.fullmatch(joined) is None:
        raise LaunchFileError(
            f"namespace '{inner}' is not valid: use letters, digits and _, not a digit first, "
            'parted by /'
        )
    return joined


def _existing_file(name: str) -> str:
    path = Path(name).absolute()
    if not path.is_file():
        raise LaunchFileError(f"parameter file '{name}' does not exist: correct params_file:=")
    return str(path)
