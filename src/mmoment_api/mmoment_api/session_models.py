"""Requests and answers about sessions, rights and sealed templates.

`session_id` is what existing clients call the token; the public name of a session is `id`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from mmoment_api.encodings import Base64
from mmoment_api.face_models import WalletAddress
from mmoment_api.models import CamelModel, Success

# Far above what a sign-in text, a signature or a transaction has.
TEXT_AT_MOST = 4096
NAME_AT_MOST = 64
MODEL_AT_MOST = 255
LEGACY_SEPARATOR = '|'

Text = Annotated[str, Field(max_length=TEXT_AT_MOST)]
Milliseconds = Annotated[int, Field(description='Milliseconds since 1970')]
Right = Literal['view', 'capture', 'record', 'recognize', 'enroll', 'stream', 'admin']


def _as_text(value: object) -> object:
    # Older clients send the time as a number, and sign its digits.
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else value


NumberText = Annotated[str, Field(max_length=TEXT_AT_MOST), BeforeValidator(_as_text)]


class ChallengeAnswer(Success):
    """A text to sign as it is, good for one check-in."""

    wallet_address: str
    message: str = Field(description='Sign-In-With-Solana text')
    nonce: str
    memo_transaction: str | None = Field(
        description='Base64, for hardware wallets that sign no texts; no chain ever takes it'
    )
    issued_at: Milliseconds
    expires_at: Milliseconds


class ConnectRequest(BaseModel):
    """The signed text, or the signed transaction, or what older clients sign instead."""

    wallet_address: WalletAddress
    message: Text = Field(default='', description='The text that was signed, byte for byte')
    signature: Text = Field(default='', description='64 bytes in base64 or base58')
    transaction: Text = Field(default='', description='Base64; instead of message and signature')
    display_name: Annotated[str, Field(max_length=NAME_AT_MOST)] | None = None
    wrapped_key: Base64 = Field(
        default='', description='Key of the stored template, wrapped to this camera'
    )
    cookie: bool = Field(
        default=False, description='Keep the token in a cookie that no script reads; not told then'
    )
    request_timestamp: NumberText = Field(default='', description='Older clients; ms since 1970')
    request_nonce: Text = ''
    request_signature: Text = ''

    def signed(self) -> tuple[str, str]:
        """Message and signature, of whichever form was sent."""
        if self.message or self.transaction or not self.request_signature:
            return self.message, self.signature
        parts = (self.wallet_address, self.request_timestamp, self.request_nonce)
        return LEGACY_SEPARATOR.join(parts), self.request_signature


class WithheldRight(BaseModel):
    """A right that this camera ties to something on the chain, which the wallet does not hold."""

    right: str
    because: str = Field(description='Our sentence')


class ConnectAnswer(Success):
    """Checked in."""

    session_id: str | None = Field(description='The token: a secret; null: it is in the cookie')
    id: str = Field(description='Public name of the session; opens nothing')
    wallet_address: str
    display_name: str | None
    rights: list[str]
    withheld: list[WithheldRight] = Field(
        default=[], description='Rights that something on the chain would give; told at check-in'
    )
    created_at: Milliseconds
    expires_at: Milliseconds
    camera_pda: str | None = None
    camera_url: str | None
    message: str


class SessionAnswer(BaseModel):
    """One live session."""

    id: str = Field(description='Public name of the session; opens nothing')
    wallet_address: str
    display_name: str | None
    rights: list[str]
    source: str = Field(description='How the person signed in')
    created_at: Milliseconds
    expires_at: Milliseconds
    last_seen_at: Milliseconds
    face_known: bool = Field(description='The camera can tell this face at the moment')


class WhoAnswer(Success):
    """Who calls."""

    owner: bool
    link: bool = Field(description='This browser or program holds a sign-in link of the owner')
    wallet_address: str | None = Field(description='Null: nobody is checked in here')
    rights: list[str]
    session: SessionAnswer | None


class SessionsAnswer(Success):
    """All live sessions."""

    sessions: list[SessionAnswer]
    count: int


class SessionStatusAnswer(CamelModel):
    """Whether a wallet is checked in."""

    success: bool = True
    is_checked_in: bool
    active_session_count: int = Field(description='Of all people at this camera')
    wallet_address: str
    expires_at: int | None = Field(description='Milliseconds since 1970; null: not checked in')


class CheckOutAnswer(Success):
    """Checked out."""

    wallet_address: str
    activities_committed: int | None = Field(
        default=None, description='Null: this camera writes none to a chain'
    )
    message: str


class RevokeRequest(BaseModel):
    """Which sessions to end: one by its public name, or all of a wallet."""

    id: Annotated[str, Field(min_length=1, max_length=NAME_AT_MOST)] | None = None
    wallet_address: WalletAddress | None = None


class RevokeAnswer(Success):
    """How many were ended."""

    sessions: int


class GrantRequest(BaseModel):
    """Rights for a wallet from now on, or to be taken back."""

    wallet_address: WalletAddress
    rights: list[Right] = Field(default=[], description='To take back: none means all')
    hours: float = Field(
        default=0.0, ge=0.0, le=87_600.0, allow_inf_nan=False, description='0: until taken back'
    )
    revoke: bool = False


class GrantAnswer(Success):
    """Done."""

    wallet_address: str


class PersonForgetRequest(BaseModel):
    """Whom to erase."""

    wallet_address: WalletAddress | None = Field(
        default=None, description='Null: whoever is checked in'
    )
    confirm_media: bool = Field(default=False, description='Photos and clips of the person too')


class PersonForgetAnswer(Success):
    """The records are erased; what is not done yet, the camera goes on with by itself."""

    wallet_address: str
    erased: int = Field(description='Records that were erased')
    face_forgotten: bool = Field(description='The camera does not know the face any more')
    traces_cleaned: bool = Field(description='Gone from all files of the store')
    media_erased: bool = Field(
        description='Photos and clips are deleted; false as well if none are kept'
    )
    chain_mint: str | None = Field(
        default=None,
        description='A sealed face that is still on the chain: only its owner can burn it',
    )
    message: str


class TemplateAnswer(Success):
    """A sealed template: ciphertext, which only its owner can open."""

    wallet_address: str
    record_id: str
    model_id: str
    custody: str
    envelope: str = Field(description='Base64')
    camera_key: str = Field(description='X25519 public key of the camera, base64')
    camera_id: str


class KeepTemplateRequest(BaseModel):
    """A sealed template to keep; it is bound to its record and model."""

    record_id: Annotated[str, Field(min_length=1, max_length=NAME_AT_MOST)]
    model_id: Annotated[str, Field(min_length=1, max_length=MODEL_AT_MOST)]
    envelope: Base64 = Field(min_length=1)
    custody: Literal['user', 'passphrase', 'camera']
    consent_version: str = Field(
        min_length=1, max_length=NAME_AT_MOST, description='Of the text the person agreed to'
    )


class KeepTemplateAnswer(Success):
    """It is kept."""

    record_id: str
