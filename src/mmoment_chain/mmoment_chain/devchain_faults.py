"""Faults that the dev chain has on demand: what goes wrong, for whom, and how often.

Those that hit calls wait in a list. Each call takes the first that fits it, and uses it up by one;
so a test says what goes wrong and when, and nothing is left to chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from mmoment_chain.devchain_errors import invalid

FOR_EVER = 0


class FaultKind(str, Enum):
    """What goes wrong with a call."""

    DELAY = 'delay'
    """The answer comes `seconds` later."""
    TOO_MANY = 'too_many'
    """HTTP 429 with Retry-After: `seconds`."""
    DROP = 'drop'
    """A transaction is accepted and never runs."""
    CLOSE = 'close'
    """The connection ends before the call is read."""
    LOSE_ANSWER = 'lose_answer'
    """The call is done, and the connection ends in the middle of the answer."""
    ERROR = 'error'
    """The answer is the error `code`, `message`, `data`."""
    BEHIND = 'behind'
    """The node says that it is `blocks` behind (-32005)."""
    STALE = 'stale'
    """The node answers as it would have `blocks` ago, and does not say so."""
    EXPIRED = 'expired'
    """The blockhash that is told has expired already."""
    BODY = 'body'
    """The answer is the HTTP status `code` with the text `message`, whatever that is."""


@dataclass(slots=True)
class Fault:
    """One fault. methods: whom it hits, empty for every call; skips: calls that it lets pass first;
    times: how often it strikes, FOR_EVER without end.
    """

    kind: FaultKind
    methods: tuple[str, ...] = ()
    times: int = 1
    skips: int = 0
    seconds: float = 0.0
    blocks: int = 0
    code: int = 0
    message: str = ''
    data: Any = None

    @classmethod
    def from_json(cls, given: Any) -> Fault:
        """The fault that an object names by its fields. Raises RpcError."""
        names = {each.name for each in fields(cls)}
        if not isinstance(given, Mapping) or not set(given) <= names or 'kind' not in given:
            raise invalid(f'a fault has kind and any of {", ".join(sorted(names))}')
        try:
            kind = FaultKind(given['kind'])
        except ValueError:
            kinds = ', '.join(each.value for each in FaultKind)
            raise invalid(f'kind of a fault: one of {kinds}') from None
        methods = tuple(given.get('methods', ()))
        return cls(**{**given, 'kind': kind, 'methods': methods})

    def fits(self, method: str) -> bool:
        """Whether it hits calls of this method."""
        return not self.methods or method in self.methods


@dataclass(slots=True)
class Faults:
    """The faults that wait, and how often each kind has struck."""

    waiting: list[Fault] = field(default_factory=list)
    struck: dict[FaultKind, int] = field(default_factory=dict)

    def add(self, *faults: Fault) -> None:
        """Have these strike, after those that wait already."""
        self.waiting.extend(faults)

    def clear(self) -> None:
        """Have nothing go wrong any more."""
        self.waiting.clear()

    def take(self, method: str) -> Fault | None:
        """The fault that hits this call."""
        for fault in self.waiting:
            if not fault.fits(method):
                continue
            if fault.skips:
                fault.skips -= 1
                continue
            self.struck[fault.kind] = self.struck.get(fault.kind, 0) + 1
            if fault.times != FOR_EVER:
                fault.times -= 1
                if fault.times == 0:
                    self.waiting.remove(fault)
            return fault
        return None
