"""Hands options to `ffmpeg` that nobody may see: not in its command, not in its environment.

It reads options from a file as well (-fpre), and that file is a pipe here. The ffmpeg of Debian 12
(5.1) does what they say. A later one (9.0) reads them and forgets them without a word, hence the trial.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Iterator, Mapping

from mmoment_stream.cancel_switch import CancelSwitch
from mmoment_stream.push_target import PushError

TRIAL_S = 5.0
# A little sound, and a kind of checksum that is not the usual one.
TRIAL_INPUT, TRIAL_OPTIONS, TRIAL_SIGN = bytes(4), {'hash': 'md5'}, b'MD5='
READ_BYTES = 4096
TRIAL_FROM = ('-v', 'error', '-nostdin', '-f', 'u8', '-ar', '8000', '-i', 'pipe:0')
TRIAL_TO = ('-f', 'hash', 'pipe:1')
_trusted: set[str] = set()


@contextlib.contextmanager
def hidden_options(options: Mapping[str, str]) -> Iterator[int]:
    """A descriptor to hand on (pass_fds), with these options in it; values of one line each.

    It goes into the command by `words_for`.
    """
    reader, writer = os.pipe()
    try:
        with open(writer, 'w', encoding='utf-8') as lines:
            lines.writelines(f'{name}={value}\n' for name, value in options.items())
        yield reader
    finally:
        os.close(reader)


def words_for(descriptor: int) -> tuple[str, str]:
    """What stands in the command instead of the options, before the output."""
    return '-fpre', f'/dev/fd/{descriptor}'


def check_heeds_hidden_options(program: str, switch: CancelSwitch) -> None:
    """Try whether this ffmpeg does what hidden options say. Raises PushError (tool) if not, Cancelled.

    switch: is armed; ends the trial.
    """
    if program in _trusted:
        return
    deadline_s = time.monotonic() + TRIAL_S
    with hidden_options(TRIAL_OPTIONS) as descriptor:
        try:
            trial = subprocess.Popen(
                [program, *TRIAL_FROM, *words_for(descriptor), *TRIAL_TO],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                pass_fds=(descriptor,),
            )
        except OSError as error:
            raise PushError('tool', f'{program} does not answer') from error
        try:
            found = _answer(trial, switch, deadline_s)
        finally:
            trial.kill()
            trial.wait()
            for pipe in (trial.stdin, trial.stdout):
                if pipe is not None:
                    pipe.close()
    if found is None:
        raise PushError('tool', f'{program} does not answer')
    if not found.startswith(TRIAL_SIGN):
        raise PushError('tool', f'this version of {program} would show the key to others')
    # A refusal is not kept: the program may be another one the next time.
    _trusted.add(program)


def _answer(
    trial: subprocess.Popen[bytes], switch: CancelSwitch, deadline_s: float
) -> bytes | None:
    """What it says of a little sound; None: nothing in time. Raises Cancelled."""
    assert trial.stdin is not None
    assert trial.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        trial.stdin.write(TRIAL_INPUT)
    trial.stdin.close()
    found = b''
    while len(found) < len(TRIAL_SIGN):
        if not switch.wait(trial.stdout.fileno(), select.POLLIN, deadline_s):
            return None
        piece = os.read(trial.stdout.fileno(), READ_BYTES)
        if not piece:
            break
        found += piece
    return found
