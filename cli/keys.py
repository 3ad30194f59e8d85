"""`./mmoment keys`: hands over to the keeper of a camera's keys, in the prepared environment."""

from __future__ import annotations

import argparse
import os

from cli.prepare import prepare
from cli.project import Project

SUMMARY = 'show the public keys of a camera, or replace its keys'
MODULE = 'mmoment_chain.keys_command'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions of `keys`."""
    parser.epilog = 'Exit status: 1: replaced, but a template stayed with its old key, 2: not done.'
    actions = parser.add_subparsers(dest='action', metavar='ACTION', required=True)
    shown = actions.add_parser('show', help='tell the name and the public keys of a camera')
    rotated = actions.add_parser(
        'rotate', help='replace the keys; the camera must be stopped, and keeps its name'
    )
    rotated.add_argument(
        '--force',
        action='store_true',
        help='also if the signing key is in use on a chain: the SOL that it has and the group of its '
        'face NFTs are lost, and the owner has to sign for the new key (rotate_device)',
    )
    for action in (shown, rotated):
        action.add_argument(
            '--namespace', default='mmoment', help='of the camera (default: mmoment)'
        )
        action.add_argument(
            '--data-folder', metavar='FOLDER', help='where cameras keep their data (default: yours)'
        )


def words(options: argparse.Namespace) -> list[str]:
    """The arguments of the keeper for those of `keys`."""
    given = [options.action, f'--namespace={options.namespace}']
    if options.data_folder is not None:
        given.append(f'--data-folder={os.path.abspath(os.path.expanduser(options.data_folder))}')
    if getattr(options, 'force', False):
        given.append('--force')
    return given


def run(options: argparse.Namespace) -> int:
    """Run `keys`; becomes the keeper."""
    ready = prepare(Project.here(), [])
    command = [str(ready.python), '-m', MODULE, *words(options)]
    os.execve(command[0], command, dict(ready.env))
