"""Runs a dev chain: Solana on this machine, with the camera registry on it, kept on the disk.

Run by `./mmoment devchain`; with an installed workspace:
`python3 -m mmoment_chain.devchain_command`. Ctrl-C ends it; what was confirmed is there next time.
"""

from __future__ import annotations

import argparse
import ipaddress
import logging
import signal
import sys
import threading
from pathlib import Path

from mmoment_chain import places, program_build
from mmoment_chain.devchain_chain import FINALIZED_AFTER_BLOCKS
from mmoment_chain.devchain_errors import DevchainError
from mmoment_chain.devchain_faults import Fault
from mmoment_chain.devchain_server import PORT, DevchainServer, DevchainSettings
from mmoment_chain.devchain_store import FILE_NAME
from mmoment_chain.errors import ChainError, StoreUnusable
from mmoment_chain.store_files import WriterLock
from mmoment_chain.wallet import parse_wallet, wallet_text
from mmoment_node.errors import EXIT_CONFIGURATION

BLOCK_MS = 400
BLOCK_MS_RANGE = range(5, 60_001)
FINALIZED_RANGE = range(1, 256)
LOOK_PERIOD_S = 0.5


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    command = argparse.ArgumentParser(
        prog='devchain', description=__doc__.split('\n')[0], allow_abbrev=False
    )
    add_arguments(command)
    return command


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    command.add_argument('--host', default='127.0.0.1', help='address to listen at')
    command.add_argument(
        '--port', type=int, default=PORT,
        help=f'of JSON-RPC; WebSockets have the next one (default: {PORT}; 0: any)',
    )  # fmt: skip
    command.add_argument('--data', type=Path, metavar='FOLDER', help='where the chain is kept')
    command.add_argument('--reset', action='store_true', help='begin a new chain')
    command.add_argument(
        '--block-ms', type=int, default=BLOCK_MS, help=f'between blocks (default: {BLOCK_MS})'
    )
    command.add_argument(
        '--finalized-after', type=int, default=FINALIZED_AFTER_BLOCKS, metavar='BLOCKS',
        help=f'blocks until one is final (default: {FINALIZED_AFTER_BLOCKS})',
    )  # fmt: skip
    command.add_argument(
        '--control', action='store_true',
        help='let programs on this machine have it misbehave (methods devchain_...)',
    )  # fmt: skip
    command.add_argument(
        '--fault', action='append', default=[], metavar='NAME=VALUE,...',
        help='a fault from the start on, as kind=delay,seconds=0.5,times=0; may be repeated',
    )  # fmt: skip
    command.add_argument(
        '--program-id', metavar='ADDRESS', help='where the camera registry is deployed'
    )
    command.add_argument('--no-program', action='store_true', help='deploy nothing')


def main(arguments: list[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM; 0: ended so, 1: the server failed, 2: it could not start."""
    options = parser().parse_args(arguments)
    logging.basicConfig(format='devchain: %(message)s', level=logging.INFO)
    # It tells of clients that went away, and of connections that were to be cut.
    logging.getLogger('uvicorn').setLevel(logging.CRITICAL)
    ending = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())
    try:
        settings = settings_of(options)
        faults = [parsed_fault(text) for text in options.fault]
        if options.reset:
            reset(settings.folder)
        with DevchainServer(settings) as server:
            server.faults.add(*faults)
            print(told(server), flush=True)
            while not ending.wait(LOOK_PERIOD_S):
                if server.wait(0):
                    return 1
    except (ChainError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return EXIT_CONFIGURATION
    return 0


def settings_of(options: argparse.Namespace) -> DevchainSettings:
    """How the chain is to run. Raises DevchainError, Refused, OSError."""
    for name, value, allowed in (
        ('--block-ms', options.block_ms, BLOCK_MS_RANGE),
        ('--finalized-after', options.finalized_after, FINALIZED_RANGE),
        ('--port', options.port, range(65535)),
    ):
        if value not in allowed:
            raise DevchainError(f'{name} is between {allowed[0]} and {allowed[-1]}')
    if options.control and not _is_loopback(options.host):
        raise DevchainError('--control is for a chain that listens on this machine alone')
    program_id = program_build.PROGRAM_ID
    return DevchainSettings(
        folder=default_folder() if options.data is None else options.data,
        host=options.host,
        port=options.port,
        block_ms=options.block_ms,
        finalized_after_blocks=options.finalized_after,
        has_control=options.control,
        program_id=parse_wallet(options.program_id) if options.program_id else program_id,
        program=None if options.no_program else program_build.program(),
    )


def default_folder() -> Path:
    """Beside the data of the cameras of this machine."""
    return places.camera_folder('').parent.parent / 'devchain'


def reset(folder: Path) -> None:
    """Take away what is kept of a chain, and nothing else. Raises DevchainError if it runs."""
    if not (folder / FILE_NAME).exists():
        return
    try:
        lock = WriterLock(folder / FILE_NAME)
    except StoreUnusable as error:
        raise DevchainError(f'{folder} is in use by another dev chain: stop that one') from error
    try:
        for end in ('', '-wal', '-shm'):
            (folder / f'{FILE_NAME}{end}').unlink(missing_ok=True)
    finally:
        lock.release()


def parsed_fault(text: str) -> Fault:
    """The fault of `kind=delay,methods=getSlot+getBlock,seconds=1`. Raises RpcError."""
    fields: dict[str, object] = {}
    for each in text.split(','):
        name, _, value = each.partition('=')
        if name == 'methods':
            fields[name] = value.split('+')
        elif name == 'seconds':
            fields[name] = float(value)
        else:
            is_number = value.lstrip('-').isdigit()
            fields[name] = int(value) if is_number and name != 'message' else value
    return Fault.from_json(fields)


def told(server: DevchainServer) -> str:
    """What a person who starts a chain wants to know, a line for each."""
    settings = server.settings
    program = 'none' if settings.program is None else wallet_text(settings.program_id)
    lines = [
        f'RPC: {server.url}',
        f'WebSocket: {server.websocket_url}',
        f'program: {program}',
        f'faucet: {server.faucet}',
        f'kept in: {settings.folder}',
    ]
    if settings.has_control:
        lines.append('control: programs on this machine may call devchain_...')
    return '\n'.join(lines)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


if __name__ == '__main__':
    sys.exit(main())
