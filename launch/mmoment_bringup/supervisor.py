"""Starts a launch file where `ros2 launch` is not installed.

    python -m mmoment_bringup.supervisor mmoment_bringup mmoment.launch.yaml source:=demo

Exit codes: 0 after Ctrl-C or SIGTERM, 2 if a person has to change something (the reason is the last
line, beginning with `error: `), 1 after another fault.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

if __name__ == '__main__':
    # Ctrl-C while the other modules are loaded is no reason for a page of traceback
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from mmoment_bringup import leftovers
from mmoment_bringup.console import Console
from mmoment_bringup.errors import EXIT_CONFIGURATION, EXIT_STOPPED, BringupError, LaunchFileError
from mmoment_bringup.graph import Graph
from mmoment_bringup.launch_file import LaunchFile, read_launch_file
from mmoment_bringup.launch_plan import declared_arguments, make_plan
from mmoment_bringup.namespace_lock import NamespaceLock

PROGRAM = 'mmoment_supervisor'


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; leaves through `sys.exit`."""
    try:
        code = run(sys.argv[1:] if arguments is None else arguments, os.environ)
    except KeyboardInterrupt:
        # Before the first node was started, or after the last one had ended
        code = EXIT_STOPPED
    sys.exit(code)


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Do what the command line says and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        path, launch_arguments = _split_words(options.words)
        launch_file = read_launch_file(path)
        if options.show_args:
            print(_described_arguments(launch_file, environment))
            return 0
        plan = make_plan(launch_file, launch_arguments, environment)
        lock = NamespaceLock((one.namespace for one in plan.processes), environment)
        # What killed nodes could not remove themselves: before, so that there is room for ours,
        # and after, so that we leave nothing
        leftovers.sweep()
        try:
            console = Console()
            for message in plan.messages:
                console.info(message)
            return Graph(plan, console).run()
        finally:
            leftovers.sweep()
            lock.release()
    except BringupError as error:
        print(f'error: {error}', file=sys.stderr, flush=True)
        return EXIT_CONFIGURATION


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description='Start the nodes of a launch file, restart those that die, end them together.',
        epilog='The words are those of "ros2 launch". --show-args lists the arguments of the file.',
    )
    parser.add_argument(
        '-s', '--show-args', action='store_true', help='list the arguments of the launch file'
    )
    parser.add_argument(
        'words',
        nargs='+',
        metavar='package file | path, name:=value',
        help='package and launch file name, or the path of a launch file; then its arguments',
    )
    return parser


def _split_words(words: Sequence[str]) -> tuple[Path, dict[str, str]]:
    """Return the launch file and its arguments from the words of the command line."""
    if Path(words[0]).is_file():
        path, rest = Path(words[0]).absolute(), words[1:]
    elif len(words) < 2 or ':=' in words[1]:
        raise LaunchFileError(f"'{words[0]}' is not a file; name a package and its launch file")
    else:
        path, rest = find_launch_file(words[0], words[1]), words[2:]
    arguments = {}
    for word in rest:
        name, separator, value = word.partition(':=')
        if not separator or not name:
            raise LaunchFileError(f"'{word}' is not an argument; write name:=value")
        arguments[name] = value
    return path, arguments


def find_launch_file(package: str, name: str) -> Path:
    """Return the launch file `name` of an installed package."""
    try:
        share = Path(get_package_share_directory(package))
    except (PackageNotFoundError, ValueError) as error:
        raise LaunchFileError(
            f"package '{package}' is not installed: build the workspace and source its setup file"
        ) from error
    folder = share / 'launch'
    path = folder / name
    if path.is_file():
        return path
    known = ', '.join(sorted(one.name for one in folder.glob('*.launch.yaml'))) or 'none'
    raise LaunchFileError(f"package '{package}' has no launch file '{name}'; it has: {known}")


def _described_arguments(launch_file: LaunchFile, environment: Mapping[str, str]) -> str:
    lines = [f'Arguments of {launch_file.path.name}, given as name:=value']
    for one in declared_arguments(launch_file, environment):
        default = 'must be given' if one.default is None else f"default '{one.default}'"
        choices = f'; one of {", ".join(one.choices)}' if one.choices else ''
        lines += [f'  {one.name}  ({default}{choices})', f'      {one.description}']
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
