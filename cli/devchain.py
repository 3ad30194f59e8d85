"""`./mmoment devchain`: hands over to the dev chain, in the prepared environment."""

from __future__ import annotations

import argparse
import os

from cli.prepare import prepare
from cli.project import Project

SUMMARY = 'run Solana on this machine, with the camera registry on it'
MODULE = 'mmoment_chain.devchain_command'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `devchain`."""
    parser.epilog = (
        'Prints the address of its JSON-RPC, the program and the faucet; Ctrl-C ends it. '
        'What was confirmed is there next time.'
    )
    parser.add_argument('--host', help='address to listen at (default: 127.0.0.1)')
    parser.add_argument(
        '--port', help='of JSON-RPC; WebSockets have the next one (default: 8899; 0: any)'
    )
    parser.add_argument(
        '--data', metavar='FOLDER', help='where the chain is kept (default: beside the cameras)'
    )
    parser.add_argument('--reset', action='store_true', help='begin a new chain')
    parser.add_argument('--block-ms', help='between blocks (default: 400)')
    parser.add_argument(
        '--finalized-after', metavar='BLOCKS', help='blocks until one is final (default: 31)'
    )
    parser.add_argument(
        '--control',
        action='store_true',
        help='let programs on this machine have it misbehave (methods devchain_...)',
    )
    parser.add_argument(
        '--fault',
        action='append',
        default=[],
        metavar='NAME=VALUE,...',
        help='a fault from the start on, as kind=delay,seconds=0.5,times=0; may be repeated',
    )
    parser.add_argument(
        '--program-id', metavar='ADDRESS', help='where the camera registry is deployed'
    )
    parser.add_argument('--no-program', action='store_true', help='deploy nothing')


def words(options: argparse.Namespace) -> list[str]:
    """The arguments of the dev chain for those of `devchain`."""
    given = []
    for name in ('host', 'port', 'block-ms', 'finalized-after', 'program-id'):
        value = getattr(options, name.replace('-', '_'))
        if value is not None:
            given.append(f'--{name}={value}')
    if options.data is not None:
        given.append(f'--data={os.path.abspath(os.path.expanduser(options.data))}')
    given += [f'--fault={each}' for each in options.fault]
    for name in ('reset', 'control', 'no-program'):
        if getattr(options, name.replace('-', '_')):
            given.append(f'--{name}')
    return given


def run(options: argparse.Namespace) -> int:
    """Run `devchain`; becomes the dev chain."""
    ready = prepare(Project.here(), [])
    command = [str(ready.python), '-m', MODULE, *words(options)]
    os.execve(command[0], command, dict(ready.env))
