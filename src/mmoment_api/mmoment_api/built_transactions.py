"""Which transaction a signed one is: older clients send it back without the id it was built with.

A wallet adds signatures and leaves the message as it is, so the message says which it is, and so does
a signature of it. A wallet that sends what it signs may change the message before: then it is one of
those that were built for it. Kept in memory, few, and only for as long as `chain_node` would take them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from mmoment_api.chain_control import BuiltTransaction, TransactionWish
from mmoment_chain.errors import Refused
from mmoment_chain.wallet import parse_signature, parse_wallet, verify

KEPT_S = 3600.0
KEPT_AT_MOST = 256
SIGNATURE_BYTES = 64
# More signatures do not fit a transaction; below 128 their number is one byte.
SIGNATURES_AT_MOST = 19
# Of those that a wallet may have changed, the newest: the chain is asked about each.
LIKELY_AT_MOST = 4


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was built, for whom, and until when it is worth remembering (seconds, monotonic).

    face_id: of the face that it puts on the chain; empty: of none.
    """

    wish: TransactionWish
    built: BuiltTransaction
    until_s: float
    face_id: str = ''


class BuiltTransactions:
    """By their message; belongs to the event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[bytes, Remembered] = OrderedDict()

    def note(self, wish: TransactionWish, built: BuiltTransaction, face_id: str = '') -> None:
        """Remember what was built; the oldest is forgotten if there are too many."""
        self._tidy()
        digest = _digest(built.transaction)
        if digest is not None:
            self._kept[digest] = Remembered(wish, built, self._clock() + KEPT_S, face_id)
            while len(self._kept) > KEPT_AT_MOST:
                self._kept.popitem(last=False)

    def forget(self, wallet: str) -> None:
        """Keep nothing of what was built for somebody: they, or their face, are forgotten."""
        self._tidy()
        for digest, kept in list(self._kept.items()):
            if kept.wish.wallet == wallet:
                del self._kept[digest]

    def find(self, transaction: str, wallet: str) -> Remembered | None:
        """What this is (base64, signed), if it was built for this wallet; None: nothing of ours."""
        digest = _digest(transaction)
        found = self._kept.get(digest) if digest is not None else None
        if found is None or found.until_s <= self._clock() or found.wish.wallet != wallet:
            return None
        return found

    def find_signed(self, signature: str, wallet: str) -> list[Remembered]:
        """What this wallet may have signed with this signature (base58): that, or what is likeliest.

        Empty: nothing was built for this wallet.
        """
        now_s = self._clock()
        own = [
            kept
            for kept in reversed(self._kept.values())
            if kept.wish.wallet == wallet and kept.until_s > now_s
        ]
        signed = [kept for kept in own if _is_signed(kept.built.transaction, signature, wallet)]
        return signed or own[:LIKELY_AT_MOST]

    def _tidy(self) -> None:
        now_s = self._clock()
        for digest, kept in list(self._kept.items()):
            if kept.until_s <= now_s:
                del self._kept[digest]


def _message(transaction: str) -> bytes:
    """Behind the signatures; empty: it is no transaction."""
    try:
        wire = base64.b64decode(transaction, validate=True)
    except (ValueError, binascii.Error):
        return b''
    if not wire or not 0 < wire[0] <= SIGNATURES_AT_MOST:
        return b''
    return wire[1 + wire[0] * SIGNATURE_BYTES :]


def _digest(transaction: str) -> bytes | None:
    """Of the message; None: it is no transaction."""
    message = _message(transaction)
    return hashlib.sha256(message).digest() if message else None


def _is_signed(transaction: str, signature: str, wallet: str) -> bool:
    try:
        return verify(parse_wallet(wallet), _message(transaction), parse_signature(signature))
    except Refused:
        return False
