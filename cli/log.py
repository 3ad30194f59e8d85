"""`./mmoment log`: hands over to the reader of the event log, in the prepared environment."""

from __future__ import annotations

import argparse
import os

from cli.prepare import prepare
from cli.project import Project

SUMMARY = 'export or verify the event log of a camera, or copy its store'
MODULE = 'mmoment_chain.log_command'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions of `log`."""
    parser.epilog = 'The camera may run or not. Exit status: 1: an entry is bad, 2: not done.'
    actions = parser.add_subparsers(dest='action', metavar='ACTION', required=True)
    exported = actions.add_parser('export', help='write the log as JSON lines')
    verified = actions.add_parser('verify', help='check every entry of a log')
    copied = actions.add_parser('backup', help='copy the whole store to one file')
    exported.add_argument('file', nargs='?', default='-', help='a new file (default: - for stdout)')
    verified.add_argument('file', nargs='?', help='an exported log (default: the one in the store)')
    verified.add_argument(
        '--noted', metavar='HASH', help='a last hash of some time ago: it must still be there'
    )
    copied.add_argument('file', help='a new file; put in the place of a store it is one')
    for action in (exported, verified, copied):
        action.add_argument(
            '--namespace', default='mmoment', help='of the camera (default: mmoment)'
        )
        action.add_argument('--store', metavar='FILE', help='the store (default: by namespace)')


def words(options: argparse.Namespace) -> list[str]:
    """The arguments of the reader for those of `log`."""
    given = [options.action, f'--namespace={options.namespace}']
    if options.store is not None:
        given.append(f'--store={os.path.abspath(os.path.expanduser(options.store))}')
    if getattr(options, 'noted', None) is not None:
        given.append(f'--noted={options.noted}')
    if options.file is not None:
        # Behind `--` a file may be called anything.
        name = options.file if options.file == '-' else os.path.abspath(options.file)
        given += ['--', name]
    return given


def run(options: argparse.Namespace) -> int:
    """Run `log`; becomes the reader."""
    ready = prepare(Project.here(), [])
    command = [str(ready.python), '-m', MODULE, *words(options)]
    os.execve(command[0], command, dict(ready.env))
