"""What was asked of the push, over restarts: whether it is wanted, and settings that replace parameters.

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

VERSION = 1
STOPPED_FOR_NOW = (
    'The stream is stopped, but that could not be kept: it goes on when the camera starts again'
)


@dataclass(frozen=True, slots=True)
class StreamWish:
    """What is to be done."""

    is_wanted: bool
    settings: StreamSettings


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
        self._is_wanted: bool | None = None
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

    def want(self) -> None:
        """Remember that it is wanted. Raises Refused: disk_full, not_kept; then nothing has changed."""
        with self._lock:
            self._keep(True, self._given)

    def unwant(self) -> None:
        """Remember that it is not wanted. It holds for now, even where it cannot be kept.

        Raises Refused: disk_full, not_kept; then a restart brings the stream back.
        """
        with self._lock:
            try:
                self._keep(False, self._given)
            except Refused as refusal:
                self._is_wanted = False
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
            self._keep(self._is_wanted, given)

    def forget(self) -> None:
        """Go back to the parameters. Raises Refused: disk_full, not_kept."""
        with self._lock:
            self._keep(self._is_wanted, {})

    def take_parameters(self, parameters: StreamSettings) -> None:
        """The parameters have changed."""
        with self._lock:
            self._parameters = parameters

    def _wish(self) -> StreamWish:
        is_wanted = self._is_wanted_at_start if self._is_wanted is None else self._is_wanted
        return StreamWish(is_wanted, replace(self._parameters, **self._given))

    def _keep(self, is_wanted: bool | None, given: Mapping[str, Any]) -> None:
        plain = asdict(StreamSettings(**given))
        content = {
            'version': VERSION,
            'wanted': is_wanted,
            'settings': {name: plain[name] for name in FIELDS if name in given},
        }
        keep(self._path, f'{json.dumps(content, indent=2)}\n'.encode())
        self._is_wanted, self._given = is_wanted, given

    def _load(self) -> None:
        try:
            text = self._path.read_text(encoding='utf-8')
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            raise self._broken(type(error).__name__) from error
        try:
            self._is_wanted, self._given = _parsed(text)
        except Refused as refusal:
            raise self._broken(refusal.text) from None
        except (ValueError, KeyError, TypeError) as error:
            raise self._broken(f'it is not what this camera writes: {error}') from None

    def _broken(self, reason: str) -> ConfigurationError:
        return ConfigurationError(
            f'{self._path} cannot be used: {reason}. Nothing in it was changed: mend it, or move it '
            'away to go back to the parameters of stream_node'
        )


def _parsed(text: str) -> tuple[bool | None, dict[str, Any]]:
    """What the file says. Raises Refused, ValueError, KeyError or TypeError if it is not ours."""
    content = json.loads(text)
    if content['version'] != VERSION:
        raise ValueError('it is of another version of this program')
    is_wanted, given = content['wanted'], dict(content['settings'])
    if is_wanted is not None and not isinstance(is_wanted, bool):
        raise TypeError('wanted is true, false or null')
    if 'targets' in given:
        given['targets'] = tuple(_target(each) for each in given['targets'])
    settings = checked(StreamSettings(**given), paths=None)
    if type(settings.bitrate_kbps) is not int:
        raise TypeError('bitrate_kbps is a whole number')
    return is_wanted, given


def _target(given: Mapping[str, Any]) -> PushTarget:
    target = PushTarget(**given)
    for field in fields(target):
        # The default has the type of the field, but that of the name, which has none.
        kind = bool if isinstance(field.default, bool) else str
        if type(getattr(target, field.name)) is not kind:
            raise TypeError(f'{field.name} of a target is no {kind.__name__}')
    return target
