"""Prints what a parameter file of ROS 2 gives to one node, as JSON.

    python -m mmoment_bringup.parameter_file FILE /NAMESPACE/NODE

For those who have no reader of YAML and have to know it before the node starts. The node itself is
given the file as it is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from mmoment_bringup.errors import EXIT_CONFIGURATION, BringupError

PARAMETERS = 'ros__parameters'


def parameters_of(path: Path, node: str) -> dict[str, Any]:
    """What the file gives to the node of that full name, what stands later over what stood before.

    Raises BringupError for a file that cannot be read.
    """
    try:
        root = yaml.safe_load(path.read_text('utf-8'))
    except OSError as error:
        raise BringupError(f'{path} cannot be read: {error.strerror}') from error
    except UnicodeDecodeError as error:
        raise BringupError(f'{path} is no text') from error
    except yaml.YAMLError as error:
        raise BringupError(f'{path} is not valid YAML: {" ".join(str(error).split())}') from error
    name = _tokens(node)
    given: dict[str, Any] = {}
    for pattern, parameters in _sections(root, []):
        if fits(pattern, name):
            given |= parameters
    return given


def fits(pattern: Sequence[str], name: Sequence[str]) -> bool:
    """Whether the name of a node is of this pattern: `*` is any one part of it, `**` any number."""
    if not pattern:
        return not name
    first, rest = pattern[0], pattern[1:]
    if first == '**':
        return any(fits(rest, name[begin:]) for begin in range(len(name) + 1))
    return bool(name) and first in ('*', name[0]) and fits(rest, name[1:])


def _sections(value: Any, above: list[str]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Patterns of names, and the parameters below each; namespaces may be keys of their own."""
    if not isinstance(value, dict):
        return
    for key, below in value.items():
        if key != PARAMETERS:
            yield from _sections(below, [*above, *_tokens(str(key))])
        elif isinstance(below, dict):
            yield above, below


def _tokens(name: str) -> list[str]:
    return [part for part in name.split('/') if part]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the parameters; returns the exit code."""
    parser = argparse.ArgumentParser(prog='parameter_file', description='Parameters of one node.')
    parser.add_argument('file', type=Path)
    parser.add_argument('node', help='its full name')
    options = parser.parse_args(arguments)
    try:
        given = parameters_of(options.file, options.node)
    except BringupError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIGURATION
    # Dates are the one thing that YAML has and JSON has not.
    print(json.dumps(given, default=str))
    return 0


if __name__ == '__main__':
    sys.exit(main())
