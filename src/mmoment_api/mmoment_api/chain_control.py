"""The camera's side of Solana, as far as the web side knows it, and what is asked of `chain_node`.

Who may have what built is decided here and there: the owner of the camera is nobody's session, and
people are known by the public name of theirs. Nothing here can sign: keys are in wallets, and that
of the device in `chain_node`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from mmoment_api.errors import ApiError, part_not_running
from mmoment_api.session_control import SESSIONS

CHAIN = 'chain_node'
# Of something that says nothing any more, beside the states that it says of itself.
SILENT = 'silent'
FACE_RULE = 'face'
MINT_FACE, UPDATE_FACE = 'mint_face', 'update_face'
AFTER = 'after'
"""Value that names the transaction before, of a row."""


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """What `chain_node` says of itself; the fields are those of ChainStatus.

    connection: idle, connecting, live, waiting_to_retry or failed. balance_lamports: -1: not known.
    """

    connection: str = 'idle'
    retries: int = 0
    cluster: str = ''
    endpoint: str = ''
    slot: int = 0
    program_id: str = ''
    camera_address: str = ''
    device: str = ''
    owner: str = ''
    registered: bool = False
    active: bool = False
    mode: str = ''
    balance_lamports: int = -1
    balance_is_low: bool = False
    log_here: int = 0
    log_there: int = 0
    visits_waiting: int = 0
    held_back: str = ''
    spent_lamports: int = 0
    budget_lamports: int = 0
    last_signature: str = ''
    last_error: str = ''


@dataclass(frozen=True, slots=True)
class TransactionWish:
    """What somebody wants to sign. session_id: empty for the owner of the camera."""

    kind: str
    wallet: str
    session_id: str = ''
    values: tuple[tuple[str, str], ...] = ()

    def after(self, build_id: str) -> TransactionWish:
        """The one that follows, in a row of several."""
        return TransactionWish(self.kind, self.wallet, self.session_id, ((AFTER, build_id),))


@dataclass(frozen=True, slots=True)
class BuiltTransaction:
    """A transaction to be signed; `number` of `count`, from 1.

    transaction: base64, not yet signed by the wallet. can_be_sent: by the wallet itself, no other
    signature is missing. accounts: that the row makes, base58. last_valid_height: of a block; later it
    cannot be submitted any more.
    """

    build_id: str
    transaction: str
    can_be_sent: bool = False
    accounts: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    number: int = 1
    count: int = 1
    fee_lamports: int = 0
    rent_lamports: int = 0
    last_valid_height: int = 0
    message: str = ''


@dataclass(frozen=True, slots=True)
class ConfirmedTransaction:
    """What the chain has confirmed. accounts: that were made by it, base58."""

    signature: str
    slot: int = 0
    accounts: tuple[str, ...] = ()
    message: str = ''


@dataclass(frozen=True, slots=True)
class NftVerdict:
    """Whether a wallet holds what a rule asks for. mint: what satisfies it; empty: nothing."""

    holds: bool
    reason: str
    mint: str = ''
    slot: int = 0
    message: str = ''


@dataclass(frozen=True, slots=True)
class FaceOnChain:
    """The sealed face of a wallet: ciphertext."""

    envelope: bytes = field(repr=False)
    model_id: str = ''
    record_id: str = ''
    mint: str = ''


class ChainControl(Protocol):
    """What can be asked of `chain_node`; raises `ApiError` for what it refuses, or if it is away."""

    async def build(self, wish: TransactionWish) -> BuiltTransaction:
        """Build a transaction and try it, for a wallet to sign."""

    async def submit(self, build_id: str, transaction: str) -> ConfirmedTransaction:
        """Send what was signed (base64); returns once the chain has confirmed it.

        409 `undecided`: nobody knows yet; the same may be submitted again.
        """

    async def confirm(self, build_id: str, signature: str) -> ConfirmedTransaction:
        """What became of what the wallet has sent itself, by its signature (base58).

        409 `undecided`, as above; `unknown_signature`, `foreign_transaction`: it is not what was built.
        """

    async def verify(self, wallet: str, rule: str, is_fresh: bool) -> NftVerdict:
        """Whether a wallet holds something. is_fresh: not by what was heard a moment ago."""

    async def face(self, wallet: str) -> FaceOnChain:
        """The sealed face that a wallet keeps on the chain."""


_STATUS = {
    **dict.fromkeys(('missing_right', 'not_owner', 'wrong_wallet'), 403),
    **dict.fromkeys(('no_template', 'not_there', 'none'), 404),
    **dict.fromkeys(
        (
            'would_fail',
            'already_there',
            'not_registered',
            'wrong_mode',
            'no_group',
            'out_of_order',
            'refused',
            'expired',
            'undecided',
            'unknown_signature',
            'foreign_transaction',
            'foreign_group',
            'damaged',
            'transferable',
            'not_single',
            'not_theirs',
            'frozen',
            'incomplete',
        ),
        409,
    ),
    **dict.fromkeys(
        (
            'bad_value',
            'bad_rule',
            'bad_wallet',
            'bad_envelope',
            'too_large',
            'not_ours',
            'unsigned',
            'bad_signature',
        ),
        422,
    ),
    'too_many_open': 429,
    'internal': 500,
}
_FIELD = {
    'bad_value': 'values',
    'bad_rule': 'rule',
    'bad_wallet': 'wallet_address',
    'not_ours': 'transaction',
    'unsigned': 'transaction',
    'bad_signature': 'signature',
}
# Whoever asks has been let in a moment ago: the session has ended since.
_SESSION_OVER = frozenset({'no_session', 'session_over', 'bad_token'})
_PART = {'session_node_away': SESSIONS}
_RETRY_AFTER_S = 30


def refused_by_chain(code: str, message: str) -> ApiError:
    """What `chain_node` refused, with its own stable code and sentence.

    A code that is not listed here is a fault of the camera, or of the chain, rather than of the
    caller: 503.
    """
    if not code:
        return part_not_running(CHAIN, 'it gave up without a word; its log says why')
    if code in _SESSION_OVER:
        return ApiError(401, 'not_signed_in', message or 'Check in first', reason=code)
    status = _STATUS.get(code, 503)
    error = ApiError(status, code, message or f'{CHAIN} refused')
    if code in _FIELD:
        error.details['field'] = _FIELD[code]
    if status == 429:
        error.headers['Retry-After'] = str(_RETRY_AFTER_S)
    if status == 503:
        error.details['part'] = _PART.get(code, CHAIN)
    return error
