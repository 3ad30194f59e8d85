"""Challenges: what somebody signs to prove that a wallet is theirs, once and within minutes.

A nonce has 160 bits, is kept as a digest, and opens one sign-in. How long a challenge lives is
bounded twice: by the wall clock, whose times stand in the text and count after a restart, too; and,
while this process runs, by the time that went by, which nobody can set back.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import string
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from mmoment_chain import challenge_records, siws
from mmoment_chain.challenge_records import ChallengeRecord
from mmoment_chain.clock import Clock
from mmoment_chain.errors import Refused
from mmoment_chain.memo_sign_in import signed_text, unsigned_transaction
from mmoment_chain.rate_limit import RateLimit, RateLimiter, SourceLimiter, source_keys
from mmoment_chain.sign_in_text import Purpose, SignInTexts, require_same
from mmoment_chain.siws import SignInMessage
from mmoment_chain.store import Store, Transaction
from mmoment_chain.wallet import parse_wallet, verify

# 27 of 62 signs have 160 bits.
NONCE_SIGNS = string.ascii_letters + string.digits
NONCE_LENGTH = 27

# Reading a wallet's screen and finding the button takes a minute; five are the most that is sound.
LIFETIME_S = 300.0

# Our own clock may be corrected by a little between two requests. For the old text, whose time
# comes from the client, this is how wrong that may be.
SKEW_MS = 120_000

# The old text has no end. What is remembered of it outlives the time in which it is taken, in case
# the clock is set forward, this process ends, and the clock is set back.
OLD_TEXT_KEPT_MS = 3_600_000
IS_OLD_TEXT = re.compile(
    r'(?P<wallet>[1-9A-HJ-NP-Za-km-z]{32,44})\|(?P<ms>[0-9]{1,15})\|(?P<nonce>[A-Za-z0-9_\-]{8,128})'
)

# Anybody may ask in the name of any wallet, so a wallet is counted at each source by itself: others
# could use up what it has anywhere. It has less than the source: people share an address.
SOURCE_LIMIT = RateLimit(burst=20, refill_s=3.0)
WALLET_LIMIT = RateLimit(burst=10, refill_s=6.0)
# Answers are cheap to check, but not for nothing.
ANSWER_LIMIT = RateLimit(burst=60, refill_s=0.5)
# One in so many places is kept for the owner, if all others are taken.
OWNERS_SHARE = 16


@dataclass(frozen=True, slots=True)
class ChallengeSettings:
    """How challenges are given out. Raises ValueError outside the ranges."""

    lifetime_s: float = LIFETIME_S  # 10 to 300
    chain_id: str = 'devnet'
    source_limit: RateLimit = SOURCE_LIMIT
    wallet_limit: RateLimit = WALLET_LIMIT
    answer_limit: RateLimit = ANSWER_LIMIT
    kept_at_most: int = 4096
    owner_wallet: str = ''  # for whom the last places are kept; empty: nobody
    old_text_enabled: bool = False

    def __post_init__(self) -> None:
        if not 10.0 <= self.lifetime_s <= LIFETIME_S:
            raise ValueError(f'a challenge lives 10 to {LIFETIME_S:.0f} s')
        if self.kept_at_most < 1:
            raise ValueError('at least one challenge must be kept')

    @property
    def kept_for_others(self) -> int:
        """How many challenges are kept at most before only the owner gets one."""
        if not self.owner_wallet:
            return self.kept_at_most
        return self.kept_at_most - self.kept_at_most // OWNERS_SHARE


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a wallet is to sign: `text`, or for hardware wallets `memo_transaction` (base64)."""

    message: SignInMessage = field(repr=False)
    memo_transaction: str = field(repr=False)
    issued_ms: int
    expires_ms: int

    @property
    def nonce(self) -> str:
        """The secret part of the text."""
        return self.message.nonce or ''

    @property
    def text(self) -> str:
        """The text as it is to be signed."""
        return self.message.text()


@dataclass(frozen=True, slots=True)
class Answer:
    """A challenge that was answered rightly, and is not used up yet."""

    wallet: str
    record: ChallengeRecord
    is_old_text: bool = False


class ChallengeBook:
    """Gives out challenges and takes the answers. Safe to use from several threads.

    Every refusal is a `Refused`; none of their texts holds a nonce or a signature.
    """

    def __init__(
        self,
        store: Store,
        camera_id: str,
        domains: Iterable[str],
        settings: ChallengeSettings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._texts = SignInTexts(camera_id, domains, settings.chain_id)
        self._source_limiter = SourceLimiter(settings.source_limit, clock)
        self._wallet_limiter = RateLimiter(settings.wallet_limit, clock)
        self._answer_limiter = SourceLimiter(settings.answer_limit, clock)
        # Of this process: when each challenge ends by elapsed time, the oldest first.
        self._ends_s: OrderedDict[bytes, float] = OrderedDict()
        self._pruned_before_ms = 0
        self._lock = threading.Lock()

    @property
    def domains(self) -> tuple[str, ...]:
        """Where people may sign in, as `host[:port]`."""
        return self._texts.domains

    def issue(
        self, wallet: str, domain: str, source: str, purpose: Purpose = Purpose.CHECK_IN
    ) -> Challenge:
        """A new challenge for this wallet at this domain; `source` is the address of who asks.

        Refused with 'bad_wallet', 'wrong_domain' or, before anything is kept, 'too_many'.
        """
        self._source_limiter.take(source)
        address = parse_wallet(wallet)
        if not self._texts.is_ours(domain):
            raise Refused('wrong_domain')
        self._wallet_limiter.take(f'{wallet} {source_keys(source)[-1]}')
        nonce = ''.join(secrets.choice(NONCE_SIGNS) for _ in range(NONCE_LENGTH))
        issued_ms, issued_s = self._clock.utc_ms(), self._clock.elapsed_s()
        expires_ms = issued_ms + round(self._settings.lifetime_s * 1000)
        message = self._texts.message(purpose, wallet, domain, nonce, issued_ms, expires_ms)
        transaction = unsigned_transaction(address, message.text())
        record = ChallengeRecord(
            nonce_digest(purpose.value, nonce), wallet, domain, issued_ms, expires_ms
        )
        with self._store.transaction() as tx:
            ended = self._end_overdue(tx, issued_s)
            self._make_room(tx, wallet, overdue=len(ended))
            challenge_records.add(tx, record)
        with self._lock:
            for nonce_hash in ended:
                self._ends_s.pop(nonce_hash, None)
            self._ends_s[record.nonce_hash] = issued_s + self._settings.lifetime_s
        return Challenge(
            message, base64.b64encode(transaction).decode('ascii'), issued_ms, expires_ms
        )

    def check(
        self,
        wallet: str,
        message: bytes,
        signature: bytes,
        source: str,
        purpose: Purpose = Purpose.CHECK_IN,
    ) -> Answer:
        """Whether `wallet` signed these bytes and they answer a challenge. `spend` uses it up.

        The bytes are those that the wallet returned: it may have written the text anew.
        """
        self._answer_limiter.take(source)
        address = parse_wallet(wallet)
        text = _text_of(message)
        if IS_OLD_TEXT.fullmatch(text):
            answer = self._check_old_text(wallet, text, purpose)
        else:
            answer = self._check_text(wallet, text, purpose)
        if not verify(address, message, signature):
            raise Refused('bad_signature')
        return answer

    def check_memo(
        self, wallet: str, transaction: bytes, source: str, purpose: Purpose = Purpose.CHECK_IN
    ) -> Answer:
        """As `check`, for a signed `memo_transaction`."""
        self._answer_limiter.take(source)
        text = signed_text(parse_wallet(wallet), transaction)
        return self._check_text(wallet, text, purpose)

    def spend(self, tx: Transaction, answer: Answer) -> None:
        """Use the challenge up in a transaction, together with what it is used for.

        Of several at the same time one succeeds; the others are refused with 'used_nonce'.
        """
        if answer.is_old_text:
            self._require_recent(answer.record.issued_ms)
            self._make_room(tx, answer.wallet)
            is_first = challenge_records.add(tx, answer.record)
        else:
            self._require_in_time(answer.record)
            is_first = challenge_records.use(tx, answer.record.nonce_hash, self._clock.utc_ms())
        if not is_first:
            raise Refused('used_nonce')

    def redeem(
        self,
        wallet: str,
        message: bytes,
        signature: bytes,
        source: str,
        purpose: Purpose = Purpose.CHECK_IN,
    ) -> None:
        """Check an answer and use its challenge up."""
        answer = self.check(wallet, message, signature, source, purpose)
        with self._store.transaction() as tx:
            self.spend(tx, answer)

    def redeem_memo(
        self, wallet: str, transaction: bytes, source: str, purpose: Purpose = Purpose.CHECK_IN
    ) -> None:
        """Check a signed `memo_transaction` and use its challenge up."""
        answer = self.check_memo(wallet, transaction, source, purpose)
        with self._store.transaction() as tx:
            self.spend(tx, answer)

    def _check_text(self, wallet: str, text: str, purpose: Purpose) -> Answer:
        returned = siws.parse(text)
        self._texts.require_ours(returned)
        self._require_current(returned)
        nonce = returned.nonce or ''
        with self._store.reading() as query:
            record = challenge_records.get(query, nonce_digest(purpose.value, nonce))
        if record is None:
            raise Refused('unknown_nonce')
        # First, since the wallet of a used one may have been erased.
        if record.used_ms is not None:
            raise Refused('used_nonce')
        if record.wallet != wallet:
            raise Refused('wrong_wallet')
        asked = self._texts.message(
            purpose, wallet, record.domain, nonce, record.issued_ms, record.expires_ms
        )
        require_same(asked, returned)
        self._require_in_time(record)
        return Answer(wallet, record)

    def _check_old_text(self, wallet: str, text: str, purpose: Purpose) -> Answer:
        if not self._settings.old_text_enabled or purpose is not Purpose.CHECK_IN:
            raise Refused('not_enabled')
        signer, ms, nonce = text.split('|')
        if signer != wallet:
            raise Refused('wrong_wallet')
        stamp_ms = int(ms)
        # The nonce is the client's: another wallet may have the same one.
        digest = nonce_digest('old_text', f'{wallet}|{nonce}')
        self._require_recent(stamp_ms)
        with self._store.reading() as query:
            if challenge_records.get(query, digest) is not None:
                raise Refused('used_nonce')
        record = ChallengeRecord(
            digest, wallet, '', stamp_ms, stamp_ms + OLD_TEXT_KEPT_MS, self._clock.utc_ms()
        )
        return Answer(wallet, record, is_old_text=True)

    def _require_recent(self, stamp_ms: int) -> None:
        """Refuse an old text that is not of now, or of which nothing may be remembered any more."""
        now_ms = self._clock.utc_ms()
        with self._lock:
            is_forgotten = stamp_ms + OLD_TEXT_KEPT_MS < self._pruned_before_ms
        if is_forgotten or stamp_ms + SKEW_MS <= now_ms:
            raise Refused('expired')
        if stamp_ms > now_ms + SKEW_MS:
            raise Refused('not_yet_valid')

    def _require_current(self, returned: SignInMessage) -> None:
        """Refuse a text that by its own times is over or not valid yet."""
        now_ms = self._clock.utc_ms()
        if returned.expiration_time and siws.time_ms(returned.expiration_time) <= now_ms:
            raise Refused('expired')
        for time in (returned.issued_at, returned.not_before):
            if time and siws.time_ms(time) > now_ms + SKEW_MS:
                raise Refused('not_yet_valid')

    def _require_in_time(self, record: ChallengeRecord) -> None:
        """Refuse a challenge that is over by either clock."""
        now_ms = self._clock.utc_ms()
        with self._lock:
            ends_s = self._ends_s.get(record.nonce_hash)
        if record.expires_ms <= now_ms or (
            ends_s is not None and ends_s <= self._clock.elapsed_s()
        ):
            raise Refused('expired')

    def _end_overdue(self, tx: Transaction, now_s: float) -> list[bytes]:
        """Use up what is over by elapsed time: if the wall clock was set back, it says otherwise.

        Returns what to drop from `_ends_s` once the transaction holds.
        """
        with self._lock:
            ended = [nonce for nonce, end_s in self._ends_s.items() if end_s <= now_s]
        for nonce_hash in ended:
            challenge_records.use(tx, nonce_hash, self._clock.utc_ms())
        return ended

    def _make_room(self, tx: Transaction, wallet: str, overdue: int = 0) -> None:
        """Remove what is over by the wall clock, and refuse if too many are left."""
        now_ms = self._clock.utc_ms()
        challenge_records.prune(tx, now_ms)
        with self._lock:
            self._pruned_before_ms = max(self._pruned_before_ms, now_ms)
            kept = max(challenge_records.count(tx), len(self._ends_s) - overdue)
        settings = self._settings
        is_owner = wallet != '' and wallet == settings.owner_wallet
        if kept >= (settings.kept_at_most if is_owner else settings.kept_for_others):
            raise Refused(
                'too_many',
                'Too many people are signing in: try again in some minutes',
                retry_after_s=settings.lifetime_s,
            )


def nonce_digest(purpose: str, nonce: str) -> bytes:
    """What is kept of a nonce: a digest that holds for one purpose."""
    return hashlib.sha256(f'Mmoment challenge|{purpose}|{nonce}'.encode()).digest()


def _text_of(message: bytes) -> str:
    if len(message) > siws.LONGEST_TEXT:
        raise Refused('malformed')
    try:
        return message.decode('ascii')
    except UnicodeDecodeError:
        # `from None`: the fault would carry the bytes.
        raise Refused('malformed') from None
