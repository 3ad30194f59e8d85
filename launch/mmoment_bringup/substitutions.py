"""Substitutions of launch files: `$(var name)` and the few others that our launch files use.

The syntax is that of the ROS 2 launch front ends: a substitution has a name and arguments parted by
one space, an argument can be quoted with ' or ", can hold further substitutions, and a backslash
takes the next character literally.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from mmoment_bringup.errors import LaunchFileError

TRUE_WORDS = ('true', '1')
FALSE_WORDS = ('false', '0')


@dataclass(frozen=True, slots=True)
class Substitution:
    """One `$(name argument ...)`; each argument is a template of its own."""

    name: str
    arguments: tuple[Template, ...]


Template = tuple['str | Substitution', ...]
"""Text and substitutions in the order in which their values are joined."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a substitution can refer to.

    `directory` is the folder of the launch file that is being read.
    """

    variables: Mapping[str, str]
    environment: Mapping[str, str]
    directory: Path


def parse_template(text: str) -> Template:
    """Return the parts of `text`.

    Raises LaunchFileError where a substitution is not closed or is unknown.
    """
    template, end = _Reader(text).template(0, stop='')
    assert end == len(text)
    return template


def expand(template: Template, scope: Scope) -> str:
    """Return the text of `template` in `scope`; raises LaunchFileError naming what is missing."""
    return ''.join(
        part if isinstance(part, str) else _FUNCTIONS[part.name](part, scope) for part in template
    )


def expand_condition(template: Template, scope: Scope) -> bool:
    """Return the truth of `template`, which must come out as true, false, 1 or 0."""
    word = expand(template, scope).strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise LaunchFileError(f"'{word}' is not a condition: it must be true, false, 1 or 0")


class _Reader:
    """Recursive-descent reader of one string."""

    def __init__(self, text: str) -> None:
        self.text = text

    def template(self, position: int, stop: str) -> tuple[Template, int]:
        """Read until one of the characters in `stop` or the end; returns the place reached."""
        parts: list[str | Substitution] = []
        literal = ''
        while position < len(self.text) and self.text[position] not in stop:
            if self.text[position] == '\\' and position + 1 < len(self.text):
                literal += self.text[position + 1]
                position += 2
            elif self.text.startswith('$(', position):
                if literal:
                    parts.append(literal)
                    literal = ''
                substitution, position = self.substitution(position + 2)
                parts.append(substitution)
            else:
                literal += self.text[position]
                position += 1
        if literal:
            parts.append(literal)
        return tuple(parts), position

    def substitution(self, position: int) -> tuple[Substitution, int]:
        """Read from behind `$(` to behind the matching bracket."""
        start = position
        while position < len(self.text) and self.text[position] not in ' )':
            position += 1
        name = self.text[start:position]
        arguments: list[Template] = []
        while position < len(self.text) and self.text[position] == ' ':
            argument, position = self.argument(position + 1)
            arguments.append(argument)
        if not self.text.startswith(')', position):
            raise LaunchFileError(f"'$({name}' is not closed in '{self.text}'")
        _check(name, len(arguments))
        return Substitution(name, tuple(arguments)), position + 1

    def argument(self, position: int) -> tuple[Template, int]:
        """Read one argument, quoted or not."""
        quote = self.text[position : position + 1]
        if quote not in ('"', "'"):
            return self.template(position, stop=' )')
        template, position = self.template(position + 1, stop=quote)
        if not template:
            # The front end of ROS 2 takes an empty pair for the text '[]'
            raise LaunchFileError(f'an empty pair of {quote} in {self.text!r} is not supported')
        if not self.text.startswith(quote, position):
            raise LaunchFileError(f'a {quote} is not closed in {self.text!r}')
        return template, position + 1


def _check(name: str, count: int) -> None:
    """Refuse a substitution that this reader does not know, or with a wrong number of arguments."""
    if name not in _FUNCTIONS:
        known = ', '.join(sorted(_FUNCTIONS))
        raise LaunchFileError(f"substitution '$({name} ...)' is not supported here; known: {known}")
    least, most = _ARGUMENT_COUNTS[name]
    if not least <= count <= most:
        wanted = str(least) if least == most else f'{least} or {most}'
        raise LaunchFileError(f"substitution '$({name} ...)' takes {wanted} arguments, got {count}")


def _variable(call: Substitution, scope: Scope) -> str:
    name = expand(call.arguments[0], scope)
    if name in scope.variables:
        return scope.variables[name]
    if len(call.arguments) == 2:
        return expand(call.arguments[1], scope)
    raise LaunchFileError(f"'$(var {name})' is used before an arg or let named '{name}'")


def _environment(call: Substitution, scope: Scope) -> str:
    name = expand(call.arguments[0], scope)
    if name in scope.environment:
        return scope.environment[name]
    if len(call.arguments) == 2:
        return expand(call.arguments[1], scope)
    raise LaunchFileError(f"environment variable '{name}' is not set and '$(env)' has no default")


def _package_share(call: Substitution, scope: Scope) -> str:
    package = expand(call.arguments[0], scope)
    try:
        return str(get_package_share_directory(package))
    except (PackageNotFoundError, ValueError) as error:
        raise LaunchFileError(
            f"package '{package}' is not installed: build the workspace and source its setup file"
        ) from error


def _directory(call: Substitution, scope: Scope) -> str:
    return str(scope.directory)


def _equals(call: Substitution, scope: Scope) -> str:
    left, right = (expand(argument, scope) for argument in call.arguments)
    words = TRUE_WORDS + FALSE_WORDS
    if left.lower() in words and right.lower() in words:
        return str((left.lower() in TRUE_WORDS) == (right.lower() in TRUE_WORDS)).lower()
    try:
        return str(math.isclose(float(left), float(right))).lower()
    except ValueError:
        return str(left == right).lower()


_FUNCTIONS: dict[str, Callable[[Substitution, Scope], str]] = {
    'var': _variable,
    'env': _environment,
    'find-pkg-share': _package_share,
    'dirname': _directory,
    'equals': _equals,
}
_ARGUMENT_COUNTS = {
    'var': (1, 2),
    'env': (1, 2),
    'find-pkg-share': (1, 1),
    'dirname': (0, 0),
    'equals': (2, 2),
}
