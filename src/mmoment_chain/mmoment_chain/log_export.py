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
    reason = reader.fault_at_end(verdict.entries, verdict.head)
    if verdict.is_good and reason is not None:
        return Verdict(verdict.entries, verdict.head, verdict.entries + 1, reason)
    return verdict


class ExportDamaged(StoreError):
    """An exported log is not what was written; `number` is the first entry that is not."""

    def __init__(self, number: int, reason: str) -> None:
        self.number = number
        self.reason = reason
        super().__init__(f'entry {number} of the exported log: {reason}')


def links_of(lines: Iterable[bytes]) -> Iterator[Link]:
    """Yield the entries of an exported log, each proven by those before it, and the end last.

    Raises ExportDamaged at what is not as it was written, StoreError if it is no export at all.
    """
    reader = _Reader(iter(lines))

    def proven() -> Iterator[Link]:
        count, previous = 0, GENESIS
        for link in reader.links():
            reason = event_log.fault(link, count + 1, previous)
            if reason is not None:
                raise ExportDamaged(count + 1, reason)
            count, previous = count + 1, link.hash
            yield link
        reason = reader.fault_at_end(count, previous)
        if reason is not None:
            raise ExportDamaged(count + 1, reason)

    return proven()


class _Reader:
    """Takes the lines of an export apart."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._fault: str | None = None
        self._end: dict[str, Any] | None = None
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
                self._fault = 'its line is damaged'
                return
            yield link
        self._fault = 'the file was cut short here'

    def fault_at_end(self, entries: int, head: bytes) -> str | None:
        """What is wrong after so many good entries, the last of which has that hash."""
        if self._fault is not None:
            return self._fault
        if self._end != {'entries': entries, 'head': head.hex()}:
            return 'the last line speaks of another number of entries or another last one'
        return None

    def _finish(self, content: dict[str, Any]) -> None:
        self._end = content
        if next(self._lines, None) is not None:
            self._fault = 'something follows the last line'


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
