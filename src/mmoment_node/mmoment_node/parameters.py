"""Parameters of a node as one typed table: a frozen dataclass.

Each field is made with `parameter`, which carries what ROS, the YAML file and the README say
about it, so that there is one place to look at and to change:

    @dataclass(frozen=True, slots=True)
    class CameraParameters:
        fps: float = parameter(30.0, 'Pictures per second', unit='Hz', minimum=1.0, maximum=240.0)
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

Scalar = bool | int | float | str
ParameterValue = Scalar | tuple[str, ...]

_KEY = 'mmoment'
_TYPES: dict[Any, str] = {
    bool: 'bool',
    int: 'int',
    float: 'double',
    str: 'string',
    tuple[str, ...]: 'string array',
}

T = TypeVar('T')
Table = TypeVar('Table')


class ParameterError(ValueError):
    """A value that a parameter refuses; the text names the parameter and what it takes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is known about a parameter besides its type and default."""

    description: str
    unit: str = ''
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = False

    def constraint(self) -> str:
        """The range or the choices in words; empty if anything goes."""
        if self.choices:
            return 'one of: ' + ', '.join(self.choices)
        if self.minimum is not None and self.maximum is not None:
            return f'{self.minimum:g} to {self.maximum:g}'
        if self.minimum is not None:
            return f'at least {self.minimum:g}'
        if self.maximum is not None:
            return f'at most {self.maximum:g}'
        return ''


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a table."""

    name: str
    type_name: str
    default: ParameterValue
    rule: Rule


def parameter(
    default: T,
    description: str,
    *,
    unit: str = '',
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    read_only: bool = False,
) -> T:
    """A field of a parameter table."""
    rule = Rule(description, unit, minimum, maximum, choices, read_only)
    # Typed as the value, like dataclasses.field itself, so that the field's annotation fits.
    return dataclasses.field(default=default, metadata={_KEY: rule})


def entries(table: type) -> Iterator[Entry]:
    """The rows of a table, in the order they are written."""
    types = typing.get_type_hints(table)
    for item in dataclasses.fields(table):
        rule = item.metadata.get(_KEY)
        type_name = _TYPES.get(types[item.name])
        if rule is None or type_name is None:
            raise TypeError(
                f'{table.__name__}.{item.name}: make it with parameter(), '
                f'as one of {", ".join(_TYPES.values())}'
            )
        yield Entry(item.name, type_name, typing.cast(ParameterValue, item.default), rule)


def checked(entry: Entry, value: Any) -> ParameterValue:
    """`value` as the entry's type; raises `ParameterError` if it is refused."""
    value = _converted(entry, value)
    rule = entry.rule
    if rule.choices and value not in rule.choices:
        raise ParameterError(f"{entry.name} is '{value}', must be {rule.constraint()}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low = rule.minimum is not None and value < rule.minimum
        high = rule.maximum is not None and value > rule.maximum
        if low or high or value != value:
            unit = f' {rule.unit}' if rule.unit else ''
            raise ParameterError(f'{entry.name} is {value:g}, must be {rule.constraint()}{unit}')
    return value


def _converted(entry: Entry, value: Any) -> ParameterValue:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    match entry.type_name:
        case 'bool' if isinstance(value, bool):
            return value
        case 'int' if is_number and math.isfinite(value) and value == int(value):
            return int(value)
        case 'double' if is_number:
            return float(value)
        case 'string' if isinstance(value, str):
            return value
        case 'string array' if not isinstance(value, str) and hasattr(value, '__iter__'):
            texts = tuple(value)
            if all(isinstance(text, str) for text in texts):
                # ROS has no empty string array: it is written as one empty string.
                return tuple(text for text in texts if text)
    raise ParameterError(f'{entry.name} is {value!r}, must be of type {entry.type_name}')


def build(table: type[Table], values: Mapping[str, Any]) -> Table:
    """A table of these values, defaults elsewhere; raises `ParameterError` for the first bad one."""
    known = {entry.name: entry for entry in entries(table)}
    for name in values:
        if name not in known:
            raise ParameterError(f'{name} is unknown, choose one of: {", ".join(known)}')
    return table(**{name: checked(known[name], value) for name, value in values.items()})


def changed(table: Table, values: Mapping[str, Any]) -> Table:
    """A copy of `table` with these values; raises `ParameterError`, also for read-only ones."""
    known = {entry.name: entry for entry in entries(type(table))}
    update = {}
    for name, value in values.items():
        entry = known[name]
        new = checked(entry, value)
        if entry.rule.read_only and new != getattr(table, name):
            raise ParameterError(f'{name} is read-only: set it before the node starts')
        update[name] = new
    return dataclasses.replace(table, **update)  # type: ignore[type-var]
