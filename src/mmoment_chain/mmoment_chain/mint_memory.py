"""Which mints were looked at for a rule: what is likely to satisfy it is looked at first again.

Who sends worthless tokens to somebody gains nothing by it but a slower first look: the one that
held before goes before all others, and those that were looked at in vain go last. They are looked at
all the same, since a mint may become a member of a group later. A look that was broken off, as by a
server that limits questions, goes on with others when it is repeated.

What a wallet held says who was here, so it is not kept for ever: for a day, and not of who is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable

from mmoment_chain.clock import Clock
from mmoment_chain.nft_rules import MOST_MINTS, Judgement, Rule

HELD, UNKNOWN, IN_VAIN = range(3)
MOST_HELD = 10_000
HELD_FOR_S = 86_400.0
# What two wallets have that somebody sends as much as is looked at.
MOST_IN_VAIN = 2 * MOST_MINTS


class MintMemory:
    """What is kept is bounded: the oldest goes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # By rule and wallet: the mint, and when it was seen; the oldest first.
        self._held: dict[tuple[Rule, bytes], tuple[bytes, float]] = {}
        self._in_vain: dict[tuple[Rule, bytes], None] = {}  # rule and mint

    def place(self, rule: Rule, wallet: bytes, mint: bytes) -> int:
        """HELD, UNKNOWN or IN_VAIN."""
        self.tidy()
        if self._mint(rule, wallet) == mint:
            return HELD
        return IN_VAIN if (rule, mint) in self._in_vain else UNKNOWN

    def note(self, rule: Rule, wallet: bytes, mints: Iterable[bytes], judgement: Judgement) -> None:
        """What was found when these mints were looked at."""
        for mint in mints:
            if self._mint(rule, wallet) == mint:
                del self._held[rule, wallet]
            self._in_vain.pop((rule, mint), None)
            self._in_vain[rule, mint] = None
        if judgement.holds and judgement.mint is not None:
            self._in_vain.pop((rule, judgement.mint), None)
            self._held.pop((rule, wallet), None)
            self._held[rule, wallet] = judgement.mint, self._clock.elapsed_s()
        self.tidy()
        _shorten(self._held, MOST_HELD)
        _shorten(self._in_vain, MOST_IN_VAIN)

    def forget(self, wallet: bytes) -> None:
        """Keep nothing of a wallet."""
        for key in [key for key in self._held if key[1] == wallet]:
            del self._held[key]

    def tidy(self) -> None:
        """Let go of what was seen too long ago."""
        now_s = self._clock.elapsed_s()
        while self._held:
            oldest = next(iter(self._held))
            if now_s - self._held[oldest][1] < HELD_FOR_S:
                return
            del self._held[oldest]

    def _mint(self, rule: Rule, wallet: bytes) -> bytes | None:
        held = self._held.get((rule, wallet))
        return None if held is None else held[0]


def _shorten(kept: dict, most: int) -> None:  # type: ignore[type-arg]
    while len(kept) > most:
        del kept[next(iter(kept))]
