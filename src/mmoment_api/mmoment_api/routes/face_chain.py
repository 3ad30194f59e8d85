"""`/api/face/extract-embedding` and `/enroll/confirm`: enrol, and put the sealed face on the chain.

Names of older clients. What they once got was the face itself; what they get now is sealed to its
owner, in a transaction that only their wallet can sign.
"""

from __future__ import annotations

from fastapi import APIRouter, Request

from mmoment_api.access import Principal
from mmoment_api.built_transactions import Remembered
from mmoment_api.chain_control import (
    MINT_FACE,
    UPDATE_FACE,
    BuiltTransaction,
    ConfirmedTransaction,
    TransactionWish,
)
from mmoment_api.chain_models import (
    ConfirmAnswer,
    ConfirmRequest,
    ExtractAnswer,
    ExtractRequest,
)
from mmoment_api.errors import ApiError
from mmoment_api.face_models import EnrollAnswer
from mmoment_api.media_control import Asker
from mmoment_api.routes import face
from mmoment_api.routes.common import (
    Person,
    PersonOf,
    PrincipalOf,
    ServicesOf,
    body_of,
    get_person_beside,
    read_model,
    require_person,
)
from mmoment_api.services import Services
from mmoment_api.signed_transactions import Signed

router = APIRouter(tags=['face'])

ALREADY_THERE = 'already_there'
SIGNED_TRANSACTION = 'signed_transaction'
# It may be that of another one that was built.
OF_ANOTHER = frozenset({'foreign_transaction', 'unknown_signature'})
NOT_ASKED = 'No transaction was asked for'
NOT_SEALED = 'Nothing was sealed: name the key of its owner in owner_key to get a transaction'
OTHER_FACE = (
    'This transaction is not of the face with this face_id: send the one that enrolling told with '
    'it, or leave it out'
)
NOT_OWN = 'Only whoever enrols themselves can put the face on the chain'


@router.post('/api/face/extract-embedding', openapi_extra=body_of(ExtractRequest, is_required=True))
async def post_extract(
    request: Request, services: ServicesOf, principal: PrincipalOf
) -> ExtractAnswer:
    """Enrol as `/api/face/enroll` does, and build what puts the sealed template on the chain.

    No answer has the embedding. With `owner_key` there is `transaction_buffer`: sign it in the
    wallet, then send it to `/api/face/enroll/confirm`. That there is none is no failure of the
    enrolment: `chain_error` and `message` say why.
    """
    with services.picture_gate.entered():
        body = await read_model(request, ExtractRequest)
    learnt = await face.post_enroll(request, services, principal)
    answer = _learnt(learnt)
    person = await get_person_beside(request, principal)
    if not body.build_transaction:
        answer.message = NOT_ASKED
    elif person is None or person.record.identity != learnt.wallet_address:
        answer.message = NOT_OWN
    elif learnt.envelope is None or learnt.record_id is None:
        answer.message = NOT_SEALED
    else:
        try:
            _tell(answer, await _sealed_on_chain(services, principal, person, learnt, body.custody))
        except ApiError as error:
            answer.chain_error, answer.message = error.code, error.message
    return answer


@router.post('/api/face/enroll/confirm', openapi_extra=body_of(ConfirmRequest, is_required=True))
async def post_confirm(
    request: Request, services: ServicesOf, principal: PrincipalOf, person: PersonOf
) -> ConfirmAnswer:
    """Send what the wallet has signed; `transaction_id` comes only once the chain has confirmed it.

    Of a wallet that sends what it signs, `signature` is enough: the chain is asked what became of it,
    and whether it did what was built here. What it answers if not: see
    `/api/chain/transactions/submit`. Where the face needs several transactions, `transaction_buffer`
    is the next one to sign. `face_id`, as enrolling told it, may be left out; with that of another
    face nothing is sent.
    """
    body = await read_model(request, ConfirmRequest)
    wallet = require_person(person).record.identity
    signed = Signed.given(SIGNED_TRANSACTION, body.signed_transaction, body.signature)
    with services.chain_turns.entered(principal):
        known, done = await _decided(services, signed, wallet, body.face_id)
    answer = ConfirmAnswer(
        transaction_id=done.signature,
        face_id=known.face_id,
        mint=done.accounts[0] if done.accounts else None,
        complete=known.built.number >= known.built.count,
        transaction_buffer=None,
        chain_error=None,
        message=done.message,
    )
    if not answer.complete:
        try:
            wish = known.wish.after(known.built.build_id)
            following = await _built(services, principal, wish, known.face_id)
            answer.transaction_buffer = following.transaction
        except ApiError as error:
            answer.chain_error, answer.message = error.code, error.message
    return answer


async def _decided(
    services: Services, signed: Signed, wallet: str, face_id: str | None
) -> tuple[Remembered, ConfirmedTransaction]:
    """Which of those that were built it is, and what the chain says of it; raises `ApiError`.

    face_id: what it has to be of; None: whatever it is of.
    """
    if signed.transaction:
        found = services.built.find(signed.transaction, wallet)
        likely = [] if found is None else [found]
    else:
        likely = services.built.find_signed(signed.signature, wallet)
    error = ApiError(
        422,
        'not_ours',
        'This is not a transaction that was built here for this wallet: ask for a new one',
        field='signature' if signed.signature else SIGNED_TRANSACTION,
    )
    of_face = [known for known in likely if face_id in (None, known.face_id)]
    if likely and not of_face:
        raise ApiError(422, 'invalid', OTHER_FACE, field='face_id')
    for known in of_face:
        try:
            return known, await signed.decided_by(services.chain, known.built.build_id)
        except ApiError as refused:
            if refused.code not in OF_ANOTHER:
                raise
            error = refused
    raise error


async def _sealed_on_chain(
    services: Services,
    principal: Principal | None,
    person: Person,
    learnt: EnrollAnswer,
    custody: str,
) -> BuiltTransaction:
    """What puts it there, or in the place of what is there already."""
    asker = Asker.of(person.record)
    values = (
        ('envelope', learnt.envelope or ''),
        ('model_id', learnt.model),
        ('record_id', learnt.record_id or ''),
        ('custody', custody),
    )
    wish = TransactionWish(MINT_FACE, asker.identity, asker.session_id, values)
    try:
        return await _built(services, principal, wish, learnt.face_id)
    except ApiError as error:
        if error.code != ALREADY_THERE:
            raise
    return await _built(
        services,
        principal,
        TransactionWish(UPDATE_FACE, asker.identity, asker.session_id, values),
        learnt.face_id,
    )


async def _built(
    services: Services, principal: Principal | None, wish: TransactionWish, face_id: str
) -> BuiltTransaction:
    with services.chain_turns.entered(principal):
        built = await services.chain.build(wish)
    services.built.note(wish, built, face_id)
    return built


def _learnt(learnt: EnrollAnswer) -> ExtractAnswer:
    return ExtractAnswer(
        wallet_address=learnt.wallet_address,
        face_id=learnt.face_id,
        quality_score=learnt.quality.score,
        quality_rating=learnt.quality.rating,
        recommendations=learnt.quality.reasons,
        model=learnt.model,
        record_id=learnt.record_id,
        envelope=learnt.envelope,
        transaction_buffer=None,
        transaction_count=0,
        summary=[],
        chain_error=None,
        message=learnt.message,
    )


def _tell(answer: ExtractAnswer, built: BuiltTransaction) -> None:
    answer.transaction_buffer = built.transaction
    answer.transaction_count = built.count
    answer.summary = list(built.summary)
