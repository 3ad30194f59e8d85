"""Commands of `./mmoment`."""

from __future__ import annotations

import argparse
import errno
import signal
import sys

from cli import (
    bench,
    chain,
    devchain,
    doctor,
    keys,
    livepeer,
    log,
    media,
    models,
    shell,
    test,
    up,
)
from cli.errors import CliError

COMMANDS = {
    'up': up,
    'test': test,
    'bench': bench,
    'doctor': doctor,
    'models': models,
    'log': log,
    'media': media,
    'livepeer': livepeer,
    'keys': keys,
    'chain': chain,
    'devchain': devchain,
    'shell': shell,
}
TAKING_MORE = (shell.run, test.run)
"""Commands that hand further words on."""
INTERRUPTED = 130
"""Exit status of a program ended by Ctrl-C, as shells count it."""

WHAT_TO_DO = {
    errno.ENOSPC: 'free some space, then run this again',
    errno.EDQUOT: 'free some of your space, then run this again',
    errno.EROFS: 'move the clone to where it can be written',
    errno.EMFILE: 'raise the limit of open files (ulimit -n)',
    errno.EIO: 'look at the disk',
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    main_parser = argparse.ArgumentParser(
        prog='./mmoment',
        description='Mmoment, an identity-aware camera: everything from a clone.',
        allow_abbrev=False,
    )
    commands = main_parser.add_subparsers(metavar='COMMAND', required=True)
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name, help=module.SUMMARY, description=module.SUMMARY, allow_abbrev=False
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return main_parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    rest: list[str] = []
    if '--' in given:
        # What follows is somebody else's: a command for `shell`, arguments for pytest.
        cut = given.index('--')
        given, rest = given[:cut], given[cut + 1 :]
    options, unknown = parser().parse_known_args(given)
    if options.run in TAKING_MORE:
        options.more = [*unknown, *rest]
    elif unknown or rest:
        parser().error(f'unknown argument {[*unknown, *rest][0]}')
    end_children_on_sigterm()
    try:
        return options.run(options)
    except CliError as error:
        print(f'mmoment: {error}', file=sys.stderr)
        return 1
    except PermissionError as error:
        print(
            f'mmoment: may not write {error.filename}: the clone belongs to another user, run this as that user',
            file=sys.stderr,
        )
        return 1
    except OSError as error:
        print(f'mmoment: {told(error)}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\nmmoment: interrupted; run it again to go on', file=sys.stderr)
        return INTERRUPTED


def told(error: OSError) -> str:
    """One line for a failure of the machine: where, what, and what to do if that is known."""
    where = f'{error.filename}: ' if error.filename else ''
    what = error.strerror or str(error)
    advice = WHAT_TO_DO.get(error.errno or 0)
    return f'{where}{what}{f": {advice}" if advice else ""}'


def end_children_on_sigterm() -> None:
    """Let SIGTERM unwind as Ctrl-C does, so that no pip or colcon goes on behind our back."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
