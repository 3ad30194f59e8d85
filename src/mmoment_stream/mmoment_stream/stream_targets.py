"""Targets of the push as a person writes them, and what is wrong with them.

    name=main url=rtmps://HOST/APP key_file=main.key
    name=studio provider=livepeer key_file=livepeer.key

No text made here repeats what was written: somebody may have put a key where none belongs.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterable, Mapping

from mmoment_stream.errors import Refused
from mmoment_stream.key_file import is_plain_name
from mmoment_stream.push_address import RTMP_SCHEMES, parse_address
from mmoment_stream.push_target import LIVEPEER, NONE, PROVIDERS, RTMP, PushError, PushTarget

# Each has threads, a connection and an uplink to share.
MOST_TARGETS = 8
SETTINGS_NAME = 'settings.json'
"""Lies beside the key files, so no key file is called like it."""
NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_-]{0,31}')
STREAM_ID = re.compile(r'[A-Za-z0-9-]{0,64}')
SILENT, NO_AUDIO = 'silent', 'none'
AUDIO = {SILENT: True, NO_AUDIO: False}
TRUTH = {'true': True, 'false': False}
NEEDS_KEY_FILE = (
    'key_file has to name the file with the stream key: url ends with the application. A server '
    'without keys has names of streams: put that into the file'
)
WORDS = ('name', 'provider', 'url', 'key_file', 'stream_id', 'audio', 'enabled')


def parse_targets(texts: Iterable[str]) -> tuple[PushTarget, ...]:
    """What these texts say, each `key=value` words in the quoting of a shell. Raises Refused."""
    return checked_targets(
        (_parsed(text, number) for number, text in enumerate(texts, 1)), paths=None
    )


def checked_targets(
    targets: Iterable[PushTarget], *, paths: Collection[str] | None = ()
) -> tuple[PushTarget, ...]:
    """The targets, if there is nothing wrong with them. Raises Refused: malformed.

    paths: key files outside the key folder that may be named; None: any. Only who may write the
    configuration of the machine names new ones: others could have any file of it read, and sent to
    an address of theirs.
    """
    checked = tuple(targets)
    if len(checked) > MOST_TARGETS:
        raise _refused(f'there may be {MOST_TARGETS} targets at most')
    for number, target in enumerate(checked, 1):
        if NAME.fullmatch(target.name) is None:
            raise _refused(
                f'target number {number} needs a name of at most 32 letters, digits, - and _'
            )
        problem = _problem(target, paths)
        if problem:
            raise _refused(f'target {target.name}: {problem}')
    names = [target.name for target in checked]
    twice = next((name for name in names if names.count(name) > 1), '')
    if twice:
        raise _refused(f'two targets are called {twice}')
    return checked


def _parsed(text: str, number: int) -> PushTarget:
    where = f'target number {number}'
    try:
        words = shlex.split(text)
    except ValueError:
        raise _refused(f'{where}: a quotation mark has no counterpart') from None
    given: dict[str, str] = {}
    for word in words:
        key, separator, value = word.partition('=')
        if not separator or key not in WORDS or key in given:
            raise _refused(
                f'{where}: write it as key=value words, each key once, of: {", ".join(WORDS)}'
            )
        given[key] = value
    return PushTarget(
        name=given.get('name', ''),
        provider=given.get('provider', RTMP),
        url=given.get('url', ''),
        key_file=given.get('key_file', ''),
        stream_id=given.get('stream_id', ''),
        silent_audio=_one_of(AUDIO, given.get('audio', NO_AUDIO), f'{where}: audio'),
        enabled=_one_of(TRUTH, given.get('enabled', 'true'), f'{where}: enabled'),
    )


def _one_of(choices: Mapping[str, bool], value: str, what: str) -> bool:
    if value not in choices:
        raise _refused(f'{what} is one of: {", ".join(choices)}')
    return choices[value]


def _problem(target: PushTarget, paths: Collection[str] | None) -> str:
    """What is wrong with it; empty: nothing."""
    if target.provider not in PROVIDERS:
        return f'provider is one of: {", ".join(PROVIDERS)}'
    return _problem_of_key_file(target, paths) or _problem_of_place(target)


def _problem_of_key_file(target: PushTarget, paths: Collection[str] | None) -> str:
    name = target.key_file
    if not name:
        return 'key_file has to name the file with the API key' if _is_livepeer(target) else ''
    if is_plain_name(name):
        return f'key_file may not be {name}' if name == SETTINGS_NAME else ''
    if os.path.isabs(name) and (paths is None or name in paths):
        return ''
    return (
        'key_file has to be the name of a file in the key folder: at most 100 letters, digits, '
        '., - and _'
    )


def _problem_of_place(target: PushTarget) -> str:
    if target.stream_id and not _is_livepeer(target):
        return 'only the provider livepeer takes a stream_id'
    if STREAM_ID.fullmatch(target.stream_id) is None:
        return 'a stream_id has letters, digits and - only'
    if _is_livepeer(target):
        return 'livepeer says itself where to push: leave out url' if target.url else ''
    if target.provider == NONE and not target.url:
        return ''
    if not target.url:
        return 'it needs a url'
    try:
        address = parse_address(target.url)
    except PushError as error:
        return error.text
    # Else the key would stand at the end of the address, which everybody sees.
    return NEEDS_KEY_FILE if address.scheme in RTMP_SCHEMES and not target.key_file else ''


def _is_livepeer(target: PushTarget) -> bool:
    return target.provider == LIVEPEER


def _refused(text: str) -> Refused:
    return Refused('malformed', text[0].upper() + text[1:])
