"""Hands options to `ffmpeg` that nobody may see: not in its command, not in its environment.

It reads options from a file as well (-fpre), and that file is a pipe here. The ffmpeg of Debian 12
(5.1) does what they say. A later one (9.0) reads them and forgets them without a word, hence the trial.
"""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
from collections.abc import Iterator, Mapping

from mmoment_stream.push_target import PushError

TRIAL_S = 5.0
# A little sound, and a kind of checksum that is not the usual one.
TRIAL_INPUT, TRIAL_OPTIONS, TRIAL_SIGN = bytes(4), {'hash': 'md5'}, b'MD5='
TRIAL_FROM = ('-v', 'error', '-nostdin', '-f', 'u8', '-ar', '8000', '-i', 'pipe:0')
TRIAL_TO = ('-f', 'hash', 'pipe:1')


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


# A refusal is not kept: the program may be another one the next time.
@functools.lru_cache(maxsize=4)
def check_heeds_hidden_options(program: str) -> None:
    """Try whether this ffmpeg does what hidden options say. Raises PushError (tool) if not."""
    with hidden_options(TRIAL_OPTIONS) as descriptor:
        try:
            found = subprocess.run(
                [program, *TRIAL_FROM, *words_for(descriptor), *TRIAL_TO],
                input=TRIAL_INPUT,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(descriptor,),
                timeout=TRIAL_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PushError('tool', f'{program} does not answer') from error
    if not found.stdout.startswith(TRIAL_SIGN):
        raise PushError('tool', f'this version of {program} would show the key to others')
