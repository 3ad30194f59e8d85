"""`./mmoment media`: hands over to the reader of the media library, in the prepared environment."""

from __future__ import annotations

import argparse
import os

from cli.prepare import prepare
from cli.project import Project

SUMMARY = 'verify or list the photos and clips of a camera'
MODULE = 'mmoment_stream.media_command'
KINDS = ('photo', 'clip')
USUAL_LIMIT = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions of `media`."""
    parser.epilog = 'The camera may run or not. Exit status: 1: something is wrong, 2: not done.'
    actions = parser.add_subparsers(dest='action', metavar='ACTION', required=True)
    verified = actions.add_parser('verify', help='check every file, record and signature')
    listed = actions.add_parser('list', help='list them, the newest first')
    verified.add_argument(
        '--public-key',
        metavar='KEY',
        action='append',
        default=[],
        help='that signed, as `keys show` tells it (default: those of the camera)',
    )
    listed.add_argument('--wallet', help='only those of this person')
    listed.add_argument('--kind', choices=KINDS, help='only photos, or only clips')
    listed.add_argument(
        '--limit', type=int, default=USUAL_LIMIT, help=f'at most so many (default: {USUAL_LIMIT})'
    )
    for action in (verified, listed):
        action.add_argument(
            '--namespace', default='mmoment', help='of the camera (default: mmoment)'
        )
        action.add_argument(
            '--data-folder', metavar='FOLDER', help='where cameras keep their data (default: yours)'
        )
        action.add_argument('--json', action='store_true', help='for programs')


def words(options: argparse.Namespace) -> list[str]:
    """The arguments of the reader for those of `media`."""
    given = [options.action, f'--namespace={options.namespace}']
    if options.data_folder is not None:
        given.append(f'--data-folder={os.path.abspath(os.path.expanduser(options.data_folder))}')
    if options.json:
        given.append('--json')
    if options.action == 'verify':
        return [*given, *(f'--public-key={key}' for key in options.public_key)]
    for name in ('wallet', 'kind', 'limit'):
        value = getattr(options, name)
        if value is not None:
            given.append(f'--{name}={value}')
    return given


def run(options: argparse.Namespace) -> int:
    """Run `media`; becomes the reader."""
    ready = prepare(Project.here(), [])
    command = [str(ready.python), '-m', MODULE, *words(options)]
    os.execve(command[0], command, dict(ready.env))
