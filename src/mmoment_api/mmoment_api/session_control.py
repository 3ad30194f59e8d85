"""Sessions of people, as far as the web side knows them, and what is asked of `session_node`.

Who holds a wallet, which rights that gives and how long a session lasts is decided there. Tokens
pass through here and are kept nowhere but as digests, see `person_sessions.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from mmoment_api.access import RIGHTS, Principal
from mmoment_api.errors import ApiError, part_not_running

SESSIONS = 'session_node'
# Whoever has it may do at this camera what its owner may.
ADMIN = 'admin'


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One live session; `session_id` is its public name and opens nothing. Times: ms since 1970.

    ends_s: when it is over by the clock of who heard of it, which nobody sets; 0: not heard yet.
    """

    session_id: str
    identity: str
    display_name: str = ''
    rights: frozenset[str] = frozenset()
    source: str = ''
    created_ms: int = 0
    expires_ms: int = 0
    last_seen_ms: int = 0
    face_known: bool = False
    ends_s: float = field(default=0.0, compare=False)

    def principal(self) -> Principal:
        """What this session may; people are named by their wallet."""
        known = frozenset(right for right in RIGHTS if right.value in self.rights)
        return Principal(self.identity, known, is_owner=ADMIN in self.rights)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A text for a wallet to sign. `memo_transaction` is empty unless it was asked for."""

    text: str
    nonce: str
    memo_transaction: str
    issued_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class CheckInWish:
    """A signed challenge, and what the person wants to be called; the fields are CheckIn's."""

    wallet: str
    message: str = field(default='', repr=False)
    signature: str = field(default='', repr=False)
    memo_transaction: str = field(default='', repr=False)
    display_name: str = ''
    source: str = ''
    wrapped_key: bytes = field(default=b'', repr=False)
    replaces: str = field(default='', repr=False)


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session and its secret, told once.

    withheld: rights that this camera ties to something on the chain, each with our sentence.
    """

    token: str = field(repr=False)
    record: SessionRecord
    message: str = ''
    withheld: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class GivenTemplate:
    """A template to be kept, as an enrolment gave it: ciphertext."""

    record_id: str
    model_id: str
    custody: str
    envelope: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedTemplate:
    """A person's template as `session_node` keeps it: ciphertext, and whom to wrap its key to."""

    record_id: str
    model_id: str
    custody: str
    envelope: bytes
    camera_key: bytes
    camera_id: str


@dataclass(frozen=True, slots=True)
class WithdrawnConsent:
    """What is gone of a person's face; who is still known, `session_node` goes on to wipe."""

    templates: int
    consents: int
    face_forgotten: bool
    message: str = ''


@dataclass(frozen=True, slots=True)
class ErasedPerson:
    """What is gone of a person who was erased; what is not yet, `session_node` goes on with.

    media_erased: photos and clips; false as well where no part keeps any.
    """

    records: int
    face_forgotten: bool
    traces_cleaned: bool
    media_erased: bool
    message: str = ''


class SessionControl(Protocol):
    """What can be asked of `session_node`; raises `ApiError` for what it refuses, or if it is away."""

    async def create_challenge(
        self, wallet: str, domain: str, source: str, with_memo: bool
    ) -> Challenge:
        """A text that this wallet is to sign."""

    async def check_in(self, wish: CheckInWish) -> OpenedSession:
        """Open a session."""

    async def check_out(self, token: str) -> None:
        """End the session of this token."""

    async def get_session(self, token: str, right: str, is_action: bool) -> SessionRecord:
        """Whose session it is; `right` (empty: none) has to be among its rights.

        is_action: a sign that the person is there, which keeps the session alive.
        """

    async def note_presence(self, session_id: str) -> None:
        """Tell that the person of a live session is there."""

    async def renew_session(self, token: str) -> OpenedSession:
        """Exchange a token for a new one."""

    async def list_sessions(self) -> list[SessionRecord]:
        """All live sessions."""

    async def revoke_sessions(self, session_id: str, identity: str) -> int:
        """End one session, or all of a wallet: how many."""

    async def grant_rights(
        self, wallet: str, rights: list[str], hours: float, revoke: bool
    ) -> None:
        """Give a wallet rights, or take them back."""

    async def give_consent(self, token: str, consent_version: str) -> None:
        """Record what this session's person agreed to."""

    async def keep_template(self, token: str, template: GivenTemplate, consent_version: str) -> str:
        """Keep the sealed template of this session's person: its record id."""

    async def get_template(self, wallet: str) -> SealedTemplate:
        """The sealed template of a person."""

    async def forget_template(self, token: str, wallet: str) -> WithdrawnConsent:
        """Erase a person's template, kept and in memory, and withdraw their consent to it.

        By their token or, for the owner, by wallet.
        """

    async def forget_person(self, token: str, wallet: str, confirm_media: bool) -> ErasedPerson:
        """Erase a person, by their token or, for the owner, by wallet."""


_STATUS = {
    **dict.fromkeys(('missing_right', 'no_right', 'not_owner', 'not_enabled'), 403),
    **dict.fromkeys(('no_session', 'no_template'), 404),
    'too_many': 429,
    **dict.fromkeys(('too_many_sessions', 'not_kept'), 503),
    **dict.fromkeys(
        (
            'bad_wallet',
            'malformed',
            'unknown_right',
            'bad_duration',
            'bad_envelope',
            'wrong_key',
            'wrong_model',
            'bad_key',
            'expires_too_late',
            'bad_custody',
            'bad_name',
            'no_consent',
        ),
        422,
    ),
}
# Where the caller can name what is wrong. Whatever else is refused proves nobody's wallet: 401.
_FIELD = {
    'bad_wallet': 'wallet_address',
    'malformed': 'message',
    'unknown_right': 'rights',
    'bad_duration': 'hours',
    'no_consent': 'consent_version',
}
_NO_TOKEN = ('missing_right', 'no_right')


def refused_by_session(
    code: str, message: str, retry_after_s: float = 0.0, otherwise: int = 401
) -> ApiError:
    """What `session_node` refused, with its own stable code and sentence.

    otherwise: status of what is neither named above nor the proof of a wallet.
    """
    if not code:
        return part_not_running(SESSIONS, 'it gave up without a word; its log says why')
    status = _STATUS.get(code, otherwise)
    headers = {}
    details = {'field': _FIELD[code]} if code in _FIELD else {}
    if status == 429:
        headers['Retry-After'] = str(max(1, math.ceil(retry_after_s)))
    return ApiError(status, code, message or f'{SESSIONS} refused', headers, **details)


def token_refused(code: str, message: str) -> ApiError:
    """What `session_node` says of a token: that the right is missing, or that it opens nothing."""
    if code in _NO_TOKEN:
        return refused_by_session('missing_right', message)
    if not code:
        return refused_by_session(code, message)
    return ApiError(401, 'not_signed_in', message or 'Check in first', reason=code)
