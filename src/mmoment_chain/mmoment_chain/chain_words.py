"""The words of `./mmoment chain`: actions and options, each checked as it is read."""

from __future__ import annotations

import argparse
from decimal import Decimal, InvalidOperation
from pathlib import Path

from mmoment_chain import chain_estimate, program_build
from mmoment_chain.clusters import CLUSTERS, LOCALNET
from mmoment_chain.errors import Refused
from mmoment_chain.program_layout import Mode
from mmoment_chain.wallet import parse_wallet

STANDARD_OUTPUT = '-'
LAMPORTS_PER_SOL = 10**9
SUMMARY = 'register a camera on the chain, tell how it stands, verify its log, deploy the program'
OWNER = 'key of the owner, in a file as solana-keygen writes it; demo: one for dev chains'
PAYER = 'key of who pays, and may replace the program later; demo: one for dev chains'


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    command = argparse.ArgumentParser(prog='chain', description=SUMMARY, allow_abbrev=False)
    add_arguments(command)
    return command


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = command.add_subparsers(dest='action', metavar='ACTION', required=True)
    _register(_action(actions, 'register', 'put the camera on the chain'))
    _of_camera(_action(actions, 'status', 'tell how the camera stands, by the chain'), True)
    _log(actions)
    _cost(_action(actions, 'cost', 'tell what a camera costs on this chain'))
    _deploy(_action(actions, 'deploy', 'bring the program onto the chain, or a new version of it'))


def _register(registered: argparse.ArgumentParser) -> None:
    registered.add_argument('--owner', required=True, metavar='FILE|demo', help=OWNER)
    registered.add_argument('--name', required=True, help='of the camera, as people see it')
    registered.add_argument('--model', default='', help='of the camera')
    registered.add_argument('--address', default='', help='of its service, for people')
    registered.add_argument(
        '--mode', choices=[mode.name.lower() for mode in Mode], default='private',
        help='whether the chain shows who checks in; for good (default: private)',
    )  # fmt: skip
    registered.add_argument(
        '--closed-list', action='store_true', help='take only people who have a grant'
    )
    registered.add_argument(
        '--fund', type=_lamports, metavar='SOL',
        help='give the camera so much to pay with (default: nothing; demo: 1)',
    )  # fmt: skip
    registered.add_argument('--dry-run', action='store_true', help='only try it')
    _of_camera(registered)


def _log(actions) -> None:  # type: ignore[no-untyped-def]
    log = actions.add_parser('log', help='the log that the chain has', allow_abbrev=False)
    steps = log.add_subparsers(dest='step', metavar='ACTION', required=True)
    exported = _action(steps, 'export', 'write it as JSON lines')
    exported.add_argument(
        'file', nargs='?', default=STANDARD_OUTPUT, help='(default: - for stdout)'
    )
    _of_camera(exported, True)
    verified = _action(steps, 'verify', 'recompute its head, and compare it with the log here')
    verified.add_argument('file', nargs='?', type=Path, help='an exported log instead of the store')
    verified.add_argument('--chain-only', action='store_true', help='compare with no log here')
    _of_camera(verified, True)


def _cost(cost: argparse.ArgumentParser) -> None:
    use = chain_estimate.Use()
    for name, default, text in (
        ('visits', use.visits_a_day, 'in a day'),
        ('records', use.other_records_a_day, 'of the log in a day, besides those of visits'),
        ('records-per-visit', use.records_a_visit, 'of the log'),
        ('at-once', use.at_once, 'people who are checked in at the same time'),
        ('flush-after-s', use.flush_after_s, 'seconds that a record waits for others'),
    ):
        cost.add_argument(
            f'--{name}', type=_number, default=default, metavar='N', help=f'{text} (default: {default})'
        )  # fmt: skip
    cost.add_argument('--mode', choices=[mode.name.lower() for mode in Mode], default='private')


def _deploy(deployed: argparse.ArgumentParser) -> None:
    deployed.add_argument('--payer', required=True, metavar='FILE|demo', help=PAYER)
    deployed.add_argument(
        '--program-key', type=Path, metavar='FILE',
        help='key of the address that the program gets; a development chain needs none',
    )  # fmt: skip
    deployed.add_argument(
        '--program-file', type=Path, help='the program (default: the one that comes with this)'
    )
    deployed.add_argument('--dry-run', action='store_true', help='only tell what it takes')


def _action(actions, name: str, text: str) -> argparse.ArgumentParser:  # type: ignore[no-untyped-def]
    made: argparse.ArgumentParser = actions.add_parser(
        name, help=text, description=text, allow_abbrev=False
    )
    made.add_argument(
        '--rpc', action='append', default=[], metavar='URL',
        help='server of the chain; may be repeated (default: one that answers everybody)',
    )  # fmt: skip
    made.add_argument(
        '--cluster', choices=CLUSTERS, default=LOCALNET,
        help=f'which chain that is; a server of another is not asked (default: {LOCALNET})',
    )  # fmt: skip
    made.add_argument(
        '--rpc-file', type=Path, metavar='FILE', help='servers, one a line, where URLs hold keys'
    )
    made.add_argument('--program', type=_address, default=program_build.PROGRAM_ID, metavar='ADDRESS',
                      help='of the camera registry (default: that of dev chains)')  # fmt: skip
    made.add_argument('--json', action='store_true', help='print one JSON object')
    return made


def _of_camera(action: argparse.ArgumentParser, may_be_elsewhere: bool = False) -> None:
    action.add_argument('--namespace', default='mmoment', help='of the camera (default: mmoment)')
    action.add_argument('--data-folder', type=Path, help='where cameras keep their data')
    if may_be_elsewhere:
        action.add_argument(
            '--camera', type=_address, metavar='ADDRESS', help='one of elsewhere, by its account'
        )


def _address(text: str) -> bytes:
    try:
        return parse_wallet(text)
    except Refused as refusal:
        raise argparse.ArgumentTypeError(refusal.text) from None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise argparse.ArgumentTypeError('a whole number from 0 on')
    return int(text)


def _lamports(text: str) -> int:
    try:
        lamports = Decimal(text) * LAMPORTS_PER_SOL
    except InvalidOperation:
        lamports = Decimal(-1)
    if not lamports.is_finite() or lamports != int(lamports) or not 0 <= lamports < 2**63:
        raise argparse.ArgumentTypeError('an amount of SOL, with at most nine places')
    return int(lamports)
