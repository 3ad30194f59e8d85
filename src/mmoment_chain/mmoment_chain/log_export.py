"""The event log as a file that is verified without the camera: JSON lines, each in canonical form.

First line: format and version. Then one line for each entry: the entry itself, its hash, and salt
and value of each personal field that was still there. Last line: how many entries there are and the
hash of the last, so that a file that was cut short is no valid export.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from mmoment_chain import event_log
from mmoment_chain.canonical_json import canonical, parsed
from mmoment_chain.errors import StoreError
from mmoment_chain.event_log import GENESIS, Link, Opening, Verdict
from mmoment_chain.store import Query

FIRST_LINE = {'format': 'mmoment-event-log', 'version': 1}


def export(query: Query, file: BinaryIO) -> tuple[int, bytes]:
    """Write every entry as it is kept; returns how many there are and the hash of the last.

    What was tampered with is exported as it is: the verification tells.
    """
    _write(file, FIRST_LINE)
    count, last = 0, GENESIS
    for _, link in event_log.links(query):
        openings = {
            name: {'salt': opening.salt.hex(), 'value': opening.value}
            for name, opening in link.openings.items()
        }
        _write(file, {'entry': _entry(link.text), 'hash': link.hash.hex(), 'open': openings})
        count, last = count + 1, link.hash
    _write(file, {'entries': count, 'head': last.hex()})
    return count, last


def verify_export(lines: Iterable[bytes], noted: bytes | None = None) -> Verdict:
    """Check an exported log, line by line, as `event_log.verify` checks the one in the store.

    lines: an open binary file. noted: a hash that must be among those of the entries. Raises
    StoreError if it is no export at all.
    """
    reader = _Reader(iter(lines))
    verdict = event_log.check(reader.links(), noted)
    if verdict.is_good and reader.fault is not None:
        return Verdict(verdict.entries, verdict.head, verdict.entries + 1, reader.fault)
    if verdict.is_good and reader.end != {'entries': verdict.entries, 'head': verdict.head.hex()}:
        reason = 'the last line speaks of another number of entries or another last one'
        return Verdict(verdict.entries, verdict.head, verdict.entries + 1, reason)
    return verdict


def links_of(lines: Iterable[bytes]) -> Iterator[Link]:
    """Yield the entries of an exported log as they stand there, up to what cannot be read.

    Whether it is whole and as it was written, `verify_export` says. Raises StoreError if it is no
    export at all.
    """
    return _Reader(iter(lines)).links()


class _Reader:
    """Takes the lines of an export apart; `fault` says what stopped it, `end` is the last line."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self.fault: str | None = None
        self.end: dict[str, Any] | None = None
        try:
            is_ours = _object(next(lines, b'')) == FIRST_LINE
        except ValueError:
            is_ours = False
        if not is_ours:
            raise StoreError('this is no exported event log of a version that is known here')

    def links(self) -> Iterator[Link]:
        """Yield entries until the last line, the end of the file, or something else."""
        for line in self._lines:
            try:
                content = _object(line)
                if 'entries' in content:
                    self._finish(content)
                    return
                link = _link(content)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                self.fault = 'its line is damaged'
                return
            yield link
        self.fault = 'the file was cut short here'

    def _finish(self, content: dict[str, Any]) -> None:
        self.end = content
        if next(self._lines, None) is not None:
            self.fault = 'something follows the last line'


def _write(file: BinaryIO, content: dict[str, Any]) -> None:
    file.write(canonical(content).encode('utf-8') + b'\n')


def _entry(text: str) -> Any:
    """The entry as an object if that loses nothing, else its text."""
    try:
        entry = parsed(text)
        return entry if canonical(entry) == text else text
    except (ValueError, RecursionError):
        return text


def _object(line: bytes) -> dict[str, Any]:
    return parsed(line.decode('utf-8'))


def _link(content: dict[str, Any]) -> Link:
    entry = content['entry']
    openings = {}
    for name, opening in content['open'].items():
        if not isinstance(opening['value'], str):
            raise ValueError('a personal field is text')
        openings[name] = Opening(bytes.fromhex(opening['salt']), opening['value'])
    return Link(
        text=entry if isinstance(entry, str) else canonical(entry),
        hash=bytes.fromhex(content['hash']),
        openings=openings,
    )
