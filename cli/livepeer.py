"""`./mmoment livepeer`: hands over to the command that speaks to Livepeer, in the prepared environment."""

from __future__ import annotations

import argparse
import os

from cli.prepare import prepare
from cli.project import Project

SUMMARY = 'the stream at Livepeer: state, recordings, end, webhooks'
MODULE = 'mmoment_stream.livepeer_command'
ACTIONS = {
    'status': 'what Livepeer says of the stream',
    'recordings': 'when it was live, and where that can be watched',
    'terminate': 'end the push that is under way; the camera may connect again',
    'suspend': 'end the push, and let none in',
    'resume': 'let pushes in again',
    'webhooks': 'list them',
    'webhook-add': 'have events told to the camera, signed with a secret that is made for it',
    'webhook-remove': 'tell them no more',
}
TEXTS = ('target', 'stream_id', 'key_file', 'livepeer_url', 'ca_file')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions of `livepeer`."""
    parser.epilog = 'The camera may run or not. Exit status: 2: not done.'
    actions = parser.add_subparsers(dest='action', metavar='ACTION', required=True)
    for name, text in ACTIONS.items():
        action = actions.add_parser(name, help=text)
        if name == 'webhook-add':
            action.add_argument('url', help='https://HOST/api/stream/livepeer/webhook')
        if name == 'webhook-remove':
            action.add_argument('id', help='as `webhooks` tells it')
        action.add_argument('--target', help='where the camera has several at Livepeer')
        action.add_argument('--stream-id', help='of a stream that the camera has not made')
        action.add_argument(
            '--key-file', help='with the API key, in the key folder (default: livepeer.key)'
        )
        action.add_argument('--livepeer-url', help='as the parameter of stream_node')
        action.add_argument('--ca-file', help='as the parameter of stream_node')
        action.add_argument(
            '--namespace', default='mmoment', help='of the camera (default: mmoment)'
        )
        action.add_argument(
            '--data-folder', metavar='FOLDER', help='where cameras keep their data (default: yours)'
        )
        action.add_argument('--json', action='store_true', help='for programs')


def words(options: argparse.Namespace) -> list[str]:
    """The arguments of the command for those of `livepeer`."""
    given = [options.action, f'--namespace={options.namespace}']
    if options.data_folder is not None:
        given.append(f'--data-folder={os.path.abspath(os.path.expanduser(options.data_folder))}')
    for name in TEXTS:
        value = getattr(options, name)
        if value is not None:
            given.append(f'--{name.replace("_", "-")}={value}')
    if options.json:
        given.append('--json')
    operand = getattr(options, 'url', None) or getattr(options, 'id', None)
    return [*given, '--', operand] if operand else given


def run(options: argparse.Namespace) -> int:
    """Run `livepeer`; becomes the command."""
    ready = prepare(Project.here(), [])
    command = [str(ready.python), '-m', MODULE, *words(options)]
    os.execve(command[0], command, dict(ready.env))
