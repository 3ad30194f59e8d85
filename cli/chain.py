"""`./mmoment chain`: hands over to the program that speaks with the chain, in the prepared environment."""

from __future__ import annotations

import argparse
import os

from cli.prepare import prepare
from cli.project import Project

SUMMARY = 'register a camera on the chain, tell how it stands, verify its log, deploy the program'
MODULE = 'mmoment_chain.chain_command'
DEMO = 'demo'
MODES = ('private', 'public')
CLUSTERS = ('mainnet', 'testnet', 'devnet', 'localnet')
PATHS = ('rpc_file', 'data_folder', 'owner', 'payer', 'program_key', 'program_file')
FLAGS = ('closed_list', 'chain_only', 'dry_run', 'json')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions of `chain`."""
    parser.epilog = 'Exit status: 0: done, 1: the log is not proven, 2: it could not be done.'
    actions = parser.add_subparsers(dest='action', metavar='ACTION', required=True)
    _add_register(_action(actions, 'register', 'put the camera on the chain'))
    _of_camera(_action(actions, 'status', 'tell how the camera stands, by the chain itself'))
    log = actions.add_parser('log', help='the log that the chain has', allow_abbrev=False)
    _add_log(log.add_subparsers(dest='step', metavar='ACTION', required=True))
    _add_cost(_action(actions, 'cost', 'tell what a camera costs at the prices of this chain'))
    _add_deploy(_action(actions, 'deploy', 'bring the program onto the chain, or a new version'))


def _add_register(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        '--owner',
        required=True,
        metavar='FILE|demo',
        help='key of the owner, in a file as solana-keygen writes it; demo: one for dev chains',
    )
    action.add_argument('--name', required=True, help='of the camera, as people see it')
    action.add_argument('--model', help='of the camera')
    action.add_argument('--address', help='of its service, for people')
    action.add_argument(
        '--mode', choices=MODES, help='whether the chain shows who checks in (default: private)'
    )
    action.add_argument(
        '--closed-list', action='store_true', help='take only people who have a grant'
    )
    action.add_argument(
        '--fund',
        metavar='SOL',
        help='give the camera so much to pay with (default: nothing; demo: 1)',
    )
    action.add_argument('--dry-run', action='store_true', help='only try it')
    _of_camera(action, may_be_elsewhere=False)


def _add_log(steps: argparse._SubParsersAction) -> None:
    exported = _action(steps, 'export', 'write it as JSON lines')
    exported.add_argument('file', nargs='?', default='-', help='(default: - for stdout)')
    verified = _action(steps, 'verify', 'recompute its head, and compare it with the log here')
    verified.add_argument('file', nargs='?', help='an exported log (default: the one in the store)')
    verified.add_argument('--chain-only', action='store_true', help='compare with no log here')
    for step in (exported, verified):
        _of_camera(step)


def _add_cost(action: argparse.ArgumentParser) -> None:
    action.add_argument('--visits', metavar='N', help='in a day (default: 100)')
    action.add_argument(
        '--records', metavar='N', help='of the log in a day, besides those of visits (default: 100)'
    )
    action.add_argument('--records-per-visit', metavar='N', help='of the log (default: 6)')
    action.add_argument(
        '--at-once', metavar='N', help='people who are checked in at the same time (default: 20)'
    )
    action.add_argument(
        '--flush-after-s', metavar='N', help='seconds a record waits for others (default: 10)'
    )
    action.add_argument('--mode', choices=MODES, help='(default: private)')


def _add_deploy(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        '--payer',
        required=True,
        metavar='FILE|demo',
        help='key of who pays, and may replace the program later; demo: one for dev chains',
    )
    action.add_argument(
        '--program-key',
        metavar='FILE',
        help='key of the address that the program gets; a dev chain needs none',
    )
    action.add_argument(
        '--program-file', metavar='FILE', help='(default: the one that comes with this)'
    )
    action.add_argument('--dry-run', action='store_true', help='only tell what it takes')


def _action(
    actions: argparse._SubParsersAction, name: str, summary: str
) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions.add_parser(
        name, help=summary, description=summary, allow_abbrev=False
    )
    action.add_argument(
        '--rpc',
        action='append',
        default=[],
        metavar='URL',
        help='server of the chain; may be repeated (default: one of the cluster that answers '
        'everybody, on localnet the dev chain of this machine)',
    )
    action.add_argument(
        '--cluster',
        choices=CLUSTERS,
        help='which chain that is; a server of another is not asked (default: localnet: any that '
        'is not public)',
    )
    action.add_argument(
        '--rpc-file', metavar='FILE', help='servers, one a line, where their addresses hold keys'
    )
    action.add_argument(
        '--program',
        metavar='ADDRESS',
        help='of the camera registry (default: that of dev chains, which is for localnet only)',
    )
    action.add_argument('--json', action='store_true', help='print one JSON object')
    return action


def _of_camera(action: argparse.ArgumentParser, *, may_be_elsewhere: bool = True) -> None:
    action.add_argument('--namespace', help='of the camera (default: mmoment)')
    action.add_argument(
        '--data-folder', metavar='FOLDER', help='where cameras keep their data (default: yours)'
    )
    if may_be_elsewhere:
        action.add_argument(
            '--camera', metavar='ADDRESS', help='one of elsewhere, by the address of its account'
        )


def words(options: argparse.Namespace) -> list[str]:
    """The arguments of the program for those of `chain`."""
    given = [options.action, *([options.step] if options.action == 'log' else [])]
    for name, value in vars(options).items():
        flag = f'--{name.replace("_", "-")}'
        if name in ('action', 'step', 'file', 'run') or value is None or value is False:
            continue
        if name in FLAGS:
            given.append(flag)
        elif name == 'rpc':
            given += [f'{flag}={url}' for url in value]
        elif name in PATHS and value != DEMO:
            given.append(f'{flag}={os.path.abspath(os.path.expanduser(value))}')
        else:
            given.append(f'{flag}={value}')
    if getattr(options, 'file', None) is not None:
        # Behind `--` a file may be called anything.
        name = options.file if options.file == '-' else os.path.abspath(options.file)
        given += ['--', name]
    return given


def run(options: argparse.Namespace) -> int:
    """Run `chain`; becomes the program."""
    ready = prepare(Project.here(), [])
    command = [str(ready.python), '-m', MODULE, *words(options)]
    os.execve(command[0], command, dict(ready.env))
