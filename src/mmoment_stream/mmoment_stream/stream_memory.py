"""What was asked of the push, over restarts: what is wanted, and settings that replace parameters.

All of it lies in one file, which is whole on the disk before anybody is told that it is kept.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from mmoment_node.errors import ConfigurationError
from mmoment_stream.durable import keep
from mmoment_stream.errors import Refused
from mmoment_stream.push_target import PushTarget
from mmoment_stream.stream_settings import FIELDS, StreamSettings, checked
from mmoment_stream.stream_targets import NAME
from mmoment_stream.stream_wanted import WantedTargets

VERSION = 2
# Had all targets wanted, or none.
VERSION_OF_ALL_OR_NONE = 1
STOPPED_FOR_NOW = (
    'The stream is stopped, but that could not be kept: it goes on when the camera starts again'
)


@dataclass(frozen=True, slots=True)
class StreamWish:
    """What is to be done."""

    wanted: WantedTargets
    settings: StreamSettings

    @property
    def is_wanted(self) -> bool:
        """Whether anything is; with no target there, whether one that comes would be."""
        return self.wanted.by_default or any(map(self.wanted.has, self.settings.names))

    @property
    def pushed(self) -> tuple[PushTarget, ...]:
        """Targets that are to be pushed to."""
        return tuple(each for each in self.settings.pushed if self.wanted.has(each.name))


class StreamMemory:
    """The wish, and the file that keeps it. Thread-safe.

    Raises ConfigurationError if the file is there and cannot be used; it is left as it is.
    """

    def __init__(self, path: Path, parameters: StreamSettings, *, is_wanted_at_start: bool) -> None:
        self._path = path
        self._parameters = parameters
        self._is_wanted_at_start = is_wanted_at_start
        self._lock = threading.Lock()
        # None: nobody has said, so the parameter counts.
        self._wanted: WantedTargets | None = None
        self._given: Mapping[str, Any] = {}
        self._load()

    @property
    def wish(self) -> StreamWish:
        """What is to be done now."""
        with self._lock:
            return self._wish()

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the settings that take the place of parameters."""
        with self._lock:
            return tuple(name for name in FIELDS if name in self._given)

    def want(self, name: str = '') -> None:
        """Remember that this target is wanted, empty: that all are, those to come included.

        Raises Refused: no_target, unknown_target, target_left_out, disk_full, not_kept; then
        nothing has changed.
        """
        with self._lock:
            wish = self._wish()
            if not wish.settings.pushed and not name:
                raise Refused('no_target')
            self._keep(_with(wish, name), self._given)

    def unwant(self, name: str = '') -> None:
        """Remember that this target is not wanted, empty: that none is.

        It holds for now, even where it cannot be kept. Raises Refused: unknown_target,
        target_left_out; then nothing has changed. Or disk_full, not_kept; then a restart brings
        the stream back.
        """
        with self._lock:
            wanted = _without(self._wish(), name)
            try:
                self._keep(wanted, self._given)
            except Refused as refusal:
                self._wanted = wanted
                raise Refused(refusal.code, STOPPED_FOR_NOW) from refusal.__cause__

    def configure(self, names: tuple[str, ...], settings: StreamSettings) -> None:
        """Have these of the settings take the place of parameters.

        Raises Refused: malformed, disk_full, not_kept; then nothing has changed.
        """
        if unknown := set(names) - set(FIELDS):
            raise Refused(
                'malformed', f'{len(unknown)} of the fields is none of: {", ".join(FIELDS)}'
            )
        with self._lock:
            given = {**self._given, **{name: getattr(settings, name) for name in names}}
            known = (*self._wish().settings.targets, *self._parameters.targets)
            # Those of the parameters may stay when others are added.
            checked(StreamSettings(**given), paths={each.key_file for each in known})
            self._keep(self._wanted, given)

    def forget(self) -> None:
        """Go back to the parameters. Raises Refused: disk_full, not_kept."""
        with self._lock:
            self._keep(self._wanted, {})

    def take_parameters(self, parameters: StreamSettings) -> None:
        """The parameters have changed."""
        with self._lock:
            self._parameters = parameters
            if self._wanted is not None:
                self._wanted = self._wanted.among(self._wish().settings.names)

    def _wish(self) -> StreamWish:
        wanted = self._wanted or WantedTargets(self._is_wanted_at_start)
        return StreamWish(wanted, replace(self._parameters, **self._given))

    def _keep(self, wanted: WantedTargets | None, given: Mapping[str, Any]) -> None:
        plain = asdict(StreamSettings(**given))
        if wanted is not None:
            wanted = wanted.among(replace(self._parameters, **given).names)
        content = {
            'version': VERSION,
            'wanted': None if wanted is None else wanted.by_default,
            'except': sorted(wanted.exceptions) if wanted else [],
            'settings': {name: plain[name] for name in FIELDS if name in given},
        }
        keep(self._path, f'{json.dumps(content, indent=2)}\n'.encode())
        self._wanted, self._given = wanted, given

    def _load(self) -> None:
        try:
            text = self._path.read_text(encoding='utf-8')
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            raise self._broken(type(error).__name__) from error
        try:
            self._wanted, self._given = _parsed(text)
        except Refused as refusal:
            raise self._broken(refusal.text) from None
        except (ValueError, KeyError, TypeError) as error:
            raise self._broken(f'it is not what this camera writes: {error}') from None

    def _broken(self, reason: str) -> ConfigurationError:
        return ConfigurationError(
            f'{self._path} cannot be used: {reason}. Nothing in it was changed: mend it, or move it '
            'away to go back to the parameters of stream_node'
        )


def _with(wish: StreamWish, name: str) -> WantedTargets:
    if not name:
        return WantedTargets(True)
    wish.settings.check_pushed(name)
    return wish.wanted.having(name, wanted=True)


def _without(wish: StreamWish, name: str) -> WantedTargets:
    if not name:
        return WantedTargets(False)
    wish.settings.check_pushed(name)
    left = StreamWish(wish.wanted.having(name, wanted=False), wish.settings)
    # Who has stopped the last one has stopped all: nothing goes out when another target comes.
    return left.wanted if left.pushed else WantedTargets(False)


def _parsed(text: str) -> tuple[WantedTargets | None, dict[str, Any]]:
    """What the file says. Raises Refused, ValueError, KeyError or TypeError if it is not ours."""
    content = json.loads(text)
    if content['version'] not in (VERSION, VERSION_OF_ALL_OR_NONE):
        raise ValueError('it is of another version of this program')
    wanted, given = _wanted(content), dict(content['settings'])
    if 'targets' in given:
        given['targets'] = tuple(_target(each) for each in given['targets'])
    settings = checked(StreamSettings(**given), paths=None)
    if type(settings.bitrate_kbps) is not int:
        raise TypeError('bitrate_kbps is a whole number')
    return wanted, given


def _wanted(content: Mapping[str, Any]) -> WantedTargets | None:
    by_default = content['wanted']
    names = content['except'] if content['version'] == VERSION else []
    if by_default is not None and not isinstance(by_default, bool):
        raise TypeError('wanted is true, false or null')
    if not isinstance(names, list) or not all(map(NAME.fullmatch, names)):
        raise TypeError('except is a list of names of targets')
    return None if by_default is None else WantedTargets(by_default, frozenset(names))


def _target(given: Mapping[str, Any]) -> PushTarget:
    target = PushTarget(**given)
    for field in fields(target):
        # The default has the type of the field, but that of the name, which has none.
        kind = bool if isinstance(field.default, bool) else str
        if type(getattr(target, field.name)) is not kind:
            raise TypeError(f'{field.name} of a target is no {kind.__name__}')
    return target
