"""`./mmoment bench`: hands over to the benchmark runner, in the prepared environment."""

from __future__ import annotations

import argparse
import ast
import os
from pathlib import Path

from cli.errors import CliError
from cli.prepare import prepare
from cli.project import Project

SUMMARY = 'measure, and compare with what others offer'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `bench`."""
    parser.add_argument('name', nargs='?', help='benchmark to run; without it they are listed')
    parser.add_argument(
        '--json', action='store_true', help='one JSON object as the last line instead of a table'
    )
    parser.add_argument('--quick', action='store_true', help='at most a minute, with fewer samples')


def available(folder: Path) -> dict[str, str]:
    """Benchmarks by name with their one-line summary, without importing them."""
    found = {}
    for path in sorted(folder.glob('*.py')):
        summary = _summary(path)
        if summary is not None:
            found[path.stem] = summary
    return found


def _summary(path: Path) -> str | None:
    for statement in ast.parse(path.read_text(encoding='utf-8')).body:
        targets = (
            statement.targets
            if isinstance(statement, ast.Assign)
            else [getattr(statement, 'target', None)]
        )
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        value = getattr(statement, 'value', None)
        if 'SUMMARY' in names and isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None


def run(options: argparse.Namespace) -> int:
    """Run `bench`: lists, or becomes the runner."""
    project = Project.here()
    names = available(project.root / 'bench')
    if options.name is None:
        width = max((len(name) for name in names), default=0)
        for name, summary in names.items():
            print(f'{name:<{width}}  {summary}')
        return 0
    if options.name not in names:
        raise CliError(f'no benchmark {options.name}; there are: {", ".join(names) or "none yet"}')
    ready = prepare(project, ['bench'])
    flags = [f'--{name}' for name in ('json', 'quick') if getattr(options, name)]
    os.chdir(project.root)
    words = [str(ready.python), '-m', 'bench', options.name, *flags]
    os.execve(words[0], words, dict(ready.env))
