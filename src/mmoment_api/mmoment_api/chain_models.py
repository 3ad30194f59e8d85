"""Requests and answers about the chain. Lamports are whole numbers: 10^9 of them are one SOL."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from mmoment_api.chain_control import FACE_RULE, SILENT, BuiltTransaction, ConfirmedTransaction
from mmoment_api.chain_known import ChainKnown
from mmoment_api.encodings import BASE64_AT_MOST
from mmoment_api.face_models import EnrollRequest, WalletAddress
from mmoment_api.models import Success

OwnerKind = Literal[
    'register_camera',
    'update_camera',
    'set_active',
    'rotate_device',
    'close_camera',
    'grant',
    'revoke',
    'create_group',
]
PersonKind = Literal['check_in', 'mint_face', 'update_face', 'burn_face']
Custody = Literal['user', 'passphrase', 'camera']

NAME_AT_MOST = 64
VALUES_AT_MOST = 16
RULE_AT_MOST = 128
# 1232 bytes in base64, which is what a transaction may have at most.
TRANSACTION_AT_MOST = 1644

Lamports = Annotated[int, Field(description='Lamports; 10^9 are one SOL')]
ValueName = Annotated[str, Field(min_length=1, max_length=NAME_AT_MOST)]
Value = Annotated[str, Field(max_length=BASE64_AT_MOST)]
BuildId = Annotated[str, Field(min_length=1, max_length=NAME_AT_MOST)]
Transaction = Annotated[
    str, Field(min_length=1, max_length=TRANSACTION_AT_MOST, description='Base64')
]
# 64 bytes.
Signature = Annotated[
    str,
    Field(
        pattern='^[1-9A-HJ-NP-Za-km-z]{64,88}$',
        description='Base58, of what the wallet has sent itself: instead of the transaction',
    ),
]


class ChainData(BaseModel):
    """How the camera is on the chain, as far as everybody is told."""

    running: bool = Field(description='The part for the chain was heard lately')
    state: str = Field(description='Of the connection: connecting, live, ...; silent: no part')
    cluster: str | None = Field(description='mainnet, testnet, devnet or localnet')
    program_id: str | None
    camera_address: str | None = Field(
        description='Of the account of this camera, whether or not it is there'
    )
    device: str | None = Field(description='Public key that signs for the camera')
    registered: bool
    active: bool = Field(description='It takes check-ins, by what the chain says')
    mode: str | None = Field(description='private or public; null: not registered')


class ChainDetail(BaseModel):
    """What only the owner is told."""

    endpoint: str = Field(description='Without credentials and keys')
    retries: int
    slot: int
    owner: str | None = Field(description='Wallet; null: not registered')
    balance: Annotated[int, Field(description='Lamports of the device')] | None
    balance_is_low: bool
    log_here: int = Field(description='Records in the event log of this camera')
    log_there: int = Field(description='Of them on the chain, confirmed')
    visits_waiting: int = Field(description='Check-ins and check-outs that are not there yet')
    held_back: str | None = Field(
        description='Why nothing is sent though something waits: budget, balance, wrong_log, ...'
    )
    spent: Lamports = Field(description='Lamports in the last 24 hours')
    budget: Lamports = Field(description='Lamports at most in 24 hours; 0: no limit')
    last_transaction: str | None = Field(description='The last that the chain has confirmed')
    last_error: str | None


class ChainAnswer(Success, ChainData):
    """How the camera is on the chain."""

    detail: ChainDetail | None = Field(default=None, description='For the owner only')


class BuildRequest(BaseModel):
    """What to build, for a wallet to sign."""

    kind: Literal[OwnerKind, PersonKind]
    wallet_address: WalletAddress | None = Field(
        default=None, description='Who signs; null: whoever is checked in'
    )
    values: dict[ValueName, Value] = Field(
        default={}, max_length=VALUES_AT_MOST, description='What it is to say, by kind'
    )
    after: BuildId | None = Field(
        default=None,
        description='Of a row: id of the one that is confirmed; values are not needed then',
    )


class BuiltAnswer(Success):
    """A transaction, unsigned by the wallet; it was tried and would succeed now."""

    id: str = Field(description='To submit it with')
    transaction: Transaction
    can_be_sent: bool = Field(
        description='By a wallet that sends what it signs; false: the camera has to sign as well, '
        'which it does when it is submitted'
    )
    accounts: list[str] = Field(description='That its row makes: the mint of a face, for instance')
    summary: list[str] = Field(description='What signing it does, a sentence each')
    number: int = Field(description='In its row, from 1')
    count: int = Field(description='Transactions in the row: each is built once the last is done')
    fee: Lamports
    rent: Lamports = Field(description='Lamports that come back when the account is closed')
    last_valid_height: int = Field(description='Of a block; later it cannot be submitted any more')
    message: str


class SubmitRequest(BaseModel):
    """A transaction with all signatures or, where its wallet has sent it, the signature of it."""

    id: BuildId
    transaction: Transaction | None = None
    signature: Signature | None = None


class SubmittedAnswer(Success):
    """The chain has confirmed it."""

    transaction_id: str = Field(description='Signature in base58')
    slot: int
    accounts: list[str] = Field(description='That were made: the mint of a face, for instance')
    message: str


class VerifyRequest(BaseModel):
    """What a wallet has to hold."""

    wallet_address: WalletAddress | None = Field(
        default=None, description='Null: whoever is checked in'
    )
    rule: str = Field(
        default=FACE_RULE,
        min_length=1,
        max_length=RULE_AT_MOST,
        description='face, collection:ADDRESS, token:MINT[:AMOUNT] or grant:RIGHT',
    )
    fresh: bool = Field(default=False, description='Not by what was heard a moment ago')


class VerifyAnswer(Success):
    """Whether it does, by what the chain says."""

    wallet_address: str
    rule: str
    holds: bool
    reason: str = Field(description='holds, none, frozen, foreign_group, not_enough, expired, ...')
    mint: str | None = Field(description='What satisfies the rule')
    slot: int
    message: str


class FaceAnswer(Success):
    """One's own sealed face on the chain: ciphertext, which only its owner can open."""

    wallet_address: str
    envelope: str = Field(description='Base64; as PUT /api/face/template takes it')
    model_id: str
    record_id: str
    mint: str


class ExtractRequest(EnrollRequest):
    """As for enrolling, and whether a transaction is wanted."""

    build_transaction: bool = True
    custody: Custody = Field(default='user', description='Of the key behind `owner_key`')


class ExtractAnswer(Success):
    """The face is known from now on; there is no place for a template that is not sealed."""

    wallet_address: str
    face_id: str
    quality_score: float
    quality_rating: str
    recommendations: list[str] = Field(description='Reasons of views that were refused')
    model: str
    record_id: str | None
    envelope: str | None = Field(description='The sealed template, base64: ciphertext')
    transaction_buffer: str | None = Field(
        description='Base64, unsigned: puts the sealed template on the chain; null: see message'
    )
    transaction_count: int = Field(description='To be signed one after the other; 0: none')
    summary: list[str]
    chain_error: str | None = Field(description='Stable code; why there is no transaction')
    message: str


class ConfirmRequest(BaseModel):
    """What the wallet has signed or, where it has sent that itself, the signature of it."""

    signed_transaction: Transaction | None = None
    signature: Signature | None = None
    face_id: str | None = Field(default=None, max_length=NAME_AT_MOST)


class ConfirmAnswer(Success):
    """The chain has confirmed it. Of a row, `transaction_buffer` is what to sign next."""

    transaction_id: str = Field(description='Signature in base58')
    face_id: str = Field(description='Of the face that was built into it')
    mint: str | None
    complete: bool = Field(description='Nothing is left to be signed')
    transaction_buffer: str | None
    chain_error: str | None = Field(description='Why the next one could not be built')
    message: str


def chain_data(known: ChainKnown) -> dict[str, Any]:
    """The fields of `ChainData`; what does not change is told of a part that is silent, too."""
    now, last = known.now(), known.last()
    return {
        'running': now is not None,
        'state': now.connection if now is not None else SILENT,
        'cluster': (last.cluster if last is not None else '') or None,
        'program_id': (last.program_id if last is not None else '') or None,
        'camera_address': known.camera_address,
        'device': known.device,
        'registered': last is not None and last.registered,
        'active': last is not None and last.active,
        'mode': (last.mode if last is not None else '') or None,
    }


def chain_answer(known: ChainKnown, *, with_detail: bool) -> ChainAnswer:
    """The same as an answer, for the owner with detail."""
    status = known.now()
    answer = ChainAnswer(**chain_data(known))
    if with_detail and status is not None:
        balance = status.balance_lamports
        answer.detail = ChainDetail(
            endpoint=status.endpoint,
            retries=status.retries,
            slot=status.slot,
            owner=status.owner or None,
            balance=balance if balance >= 0 else None,
            balance_is_low=status.balance_is_low,
            log_here=status.log_here,
            log_there=status.log_there,
            visits_waiting=status.visits_waiting,
            held_back=status.held_back or None,
            spent=status.spent_lamports,
            budget=status.budget_lamports,
            last_transaction=status.last_signature or None,
            last_error=status.last_error or None,
        )
    return answer


def built_answer(built: BuiltTransaction) -> BuiltAnswer:
    """A transaction to be signed, as it is told."""
    return BuiltAnswer(
        id=built.build_id,
        transaction=built.transaction,
        can_be_sent=built.can_be_sent,
        accounts=list(built.accounts),
        summary=list(built.summary),
        number=built.number,
        count=built.count,
        fee=built.fee_lamports,
        rent=built.rent_lamports,
        last_valid_height=built.last_valid_height,
        message=built.message,
    )


def submitted_answer(confirmed: ConfirmedTransaction) -> SubmittedAnswer:
    """A transaction that is on the chain, as it is told."""
    return SubmittedAnswer(
        transaction_id=confirmed.signature,
        slot=confirmed.slot,
        accounts=list(confirmed.accounts),
        message=confirmed.message,
    )
