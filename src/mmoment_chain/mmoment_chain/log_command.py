"""Exports and verifies the event log of a camera, running or not, and copies its store.

Run by `./mmoment log`; with an installed workspace: `python3 -m mmoment_chain.log_command`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmoment_chain import event_log, log_export
from mmoment_chain.clock import SystemClock
from mmoment_chain.errors import ChainError, StoreError
from mmoment_chain.event_log import Verdict
from mmoment_chain.places import store_path
from mmoment_chain.store import Store
from mmoment_chain.store_files import new_file
from mmoment_node.errors import EXIT_CONFIGURATION

STANDARD_OUTPUT = '-'
EXIT_BAD_ENTRY = 1
KNOWS_PEOPLE = (
    'note: this copy knows people whom the camera may be asked to forget: delete it when that '
    'happens, and at the latest when the camera itself would have forgotten them'
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    command = argparse.ArgumentParser(prog='log', description=__doc__, allow_abbrev=False)
    actions = command.add_subparsers(dest='action', required=True)
    exported = actions.add_parser('export')
    verified = actions.add_parser('verify')
    copied = actions.add_parser('backup')
    exported.add_argument('file', nargs='?', default=STANDARD_OUTPUT)
    verified.add_argument('file', nargs='?')
    verified.add_argument('--noted', type=_hash)
    copied.add_argument('file')
    for action in (exported, verified, copied):
        action.add_argument('--namespace', default='mmoment')
        action.add_argument('--store', type=Path)
    return command


def main(arguments: list[str] | None = None) -> int:
    """Do one action; 0: done, 1: an entry is bad, 2: it could not be done."""
    options = parser().parse_args(arguments)
    path = options.store or store_path(options.namespace)
    try:
        if options.action == 'verify':
            return _verify(path, options.file, options.noted)
        if options.action == 'export':
            _export(path, options.file)
        else:
            with _opened(path) as store:
                store.backup(Path(options.file))
        if options.action != 'verify':
            # On standard error: the standard output may be the export.
            print(KNOWS_PEOPLE, file=sys.stderr)
    except ChainError as error:
        print(f'error: {error}', file=sys.stderr)
        return EXIT_CONFIGURATION
    except BrokenPipeError:
        # Nothing more can be told to who has gone, not even at the end of the interpreter.
        sys.stdout = None  # type: ignore[assignment]
        return EXIT_CONFIGURATION
    return 0


def _export(path: Path, target: str) -> None:
    with _opened(path) as store, store.reading() as query:
        if target == STANDARD_OUTPUT:
            log_export.export(query, sys.stdout.buffer)
            sys.stdout.flush()
            return
        with new_file(Path(target)) as draft, draft.open('wb') as file:
            count, last = log_export.export(query, file)
    print(f'{_entries(count)} in {target}; hash of the last: {last.hex()}')


def _verify(path: Path, exported: str | None, noted: bytes | None) -> int:
    if exported is None:
        with _opened(path) as store, store.reading() as query:
            verdict = event_log.verify(query, noted)
    else:
        verdict = _verify_file(exported, noted)
    if not verdict.is_good:
        print(f'error: entry {verdict.first_bad}: {verdict.reason}', file=sys.stderr)
        return EXIT_BAD_ENTRY
    print(f'{_entries(verdict.entries)}, all as written; hash of the last: {verdict.head.hex()}')
    return 0


def _verify_file(name: str, noted: bytes | None) -> Verdict:
    try:
        with open(name, 'rb') as file:
            return log_export.verify_export(file, noted)
    except StoreError as error:
        raise StoreError(f'{name}: {error}') from error
    except OSError as error:
        raise StoreError(f'{name} cannot be read ({error.strerror}): name another file') from error


def _hash(text: str) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b''
    if len(value) != event_log.HASH_BYTES:
        raise argparse.ArgumentTypeError('a hash has 64 hexadecimal digits')
    return value


def _entries(count: int) -> str:
    return '1 entry' if count == 1 else f'{count} entries'


def _opened(path: Path) -> Store:
    return Store(path, SystemClock(), read_only=True)


if __name__ == '__main__':
    sys.exit(main())
