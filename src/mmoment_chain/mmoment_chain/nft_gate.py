"""Rights that a camera ties to something on the chain, and who has to do without them.

    RIGHT RULE      such as: recognize face, record token:MINT:2, enroll collection:GROUP

Rules are those of nft_rules.py; where a right has several, all of them must hold. Who was never
asked about has none of these rights. The owner of the camera, and whoever has the right `admin`, has
all rights in any case.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mmoment_chain import rights
from mmoment_chain.clock import Clock
from mmoment_chain.errors import Refused
from mmoment_chain.nft_rules import parse_rule

NOT_ASKED_YET = 'The chain was not asked yet'
AWAY = 'The chain cannot be asked at the moment'
# So long after a check-in that did not go through nobody is remembered.
UNUSED_S = 60.0
# Where there was no answer.
AGAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Gate:
    """A right, and what a wallet has to hold for it."""

    right: str
    rule: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a rule holds for somebody."""

    holds: bool
    text: str  # our sentence
    is_known: bool = True  # False: nobody could be asked


@dataclass(frozen=True, slots=True)
class _Case:
    findings: Mapping[str, Finding]  # by rule
    asked_s: float  # by the clock that nobody sets

    @property
    def is_known(self) -> bool:
        return all(finding.is_known for finding in self.findings.values())


def parse_gates(texts: Iterable[str]) -> tuple[Gate, ...]:
    """Gates that these texts write. Refused 'bad_rule', 'unknown_right'."""
    return tuple(_parsed(text) for text in texts)


class NftGate:
    """Knows what the chain has said of people. Safe to use from several threads."""

    def __init__(self, gates: Iterable[Gate], clock: Clock) -> None:
        self.gates = tuple(gates)
        self.rules = tuple(dict.fromkeys(gate.rule for gate in self.gates))
        self._rights = frozenset(gate.right for gate in self.gates)
        self._clock = clock
        self._cases: dict[str, _Case] = {}
        self._lock = threading.Lock()

    def withheld(self, wallet: str) -> frozenset[str]:
        """Rights that this wallet has not, whoever gave them to it."""
        return frozenset(self.because(wallet)) if self.gates else frozenset()

    def because(self, wallet: str) -> Mapping[str, str]:
        """The same, and why: our sentence for each."""
        with self._lock:
            case = self._cases.get(wallet)
        if case is None:
            return MappingProxyType(dict.fromkeys(self._rights, NOT_ASKED_YET))
        missing: dict[str, str] = {}
        for gate in self.gates:
            finding = case.findings[gate.rule]
            if not finding.holds:
                missing.setdefault(gate.right, f'{finding.text} ({gate.rule})')
        return MappingProxyType(missing)

    def judge(self, wallet: str, findings: Mapping[str, Finding], *, is_check_in: bool) -> bool:
        """Note what the chain says, by rule; returns whether other rights are withheld now.

        At a check-in what is not known counts as not there. Later what was known goes on to count.
        """
        before = self.withheld(wallet)
        missing = Finding(False, AWAY, is_known=False)
        found = {rule: findings.get(rule, missing) for rule in self.rules}
        with self._lock:
            case = self._cases.get(wallet)
            if not is_check_in and case is not None:
                found = {
                    rule: each if each.is_known else case.findings[rule]
                    for rule, each in found.items()
                }
            self._cases[wallet] = _Case(MappingProxyType(found), self._clock.elapsed_s())
        return self.withheld(wallet) != before

    def due(self, wallets: Collection[str], every_s: float) -> list[str]:
        """Of these people, who are here, those to be asked about again; all others are forgotten.

        every_s: 0 for never, but for those of whom nothing is known.
        """
        now_s = self._clock.elapsed_s()
        with self._lock:
            for wallet, case in list(self._cases.items()):
                if wallet not in wallets and now_s - case.asked_s >= UNUSED_S:
                    del self._cases[wallet]
            return [each for each in wallets if self._is_due(each, now_s, every_s)]

    def _is_due(self, wallet: str, now_s: float, every_s: float) -> bool:
        case = self._cases.get(wallet)
        if case is None:
            return True
        if not case.is_known:
            return now_s - case.asked_s >= AGAIN_S
        return bool(every_s) and now_s - case.asked_s >= every_s


def _parsed(text: str) -> Gate:
    words = text.split()
    if len(words) != 2:
        raise Refused('bad_rule', f'A gate is a right and a rule, as in "recognize face": {text!r}')
    right, rule = words
    rights.checked([right])
    parse_rule(rule)
    return Gate(right, rule)
