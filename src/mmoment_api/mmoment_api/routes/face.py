"""`/api/face`: learn a face, say whose faces a picture shows, forget a face.

No answer holds a template, an embedding or a cut-out face: those stay in `face_node`.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request

from mmoment_api.access import Access, Principal
from mmoment_api.encodings import decoded, encoded
from mmoment_api.enrolment_rules import check_consent, with_liveness
from mmoment_api.errors import HTTP_ERRORS, ApiError, refused_by_part
from mmoment_api.face_left import face_left
from mmoment_api.face_models import (
    CancelAnswer,
    DetectAnswer,
    EnrollAnswer,
    EnrollRequest,
    ForgetAnswer,
    ForgetRequest,
    FoundFaceAnswer,
    KnownFaceAnswer,
    PictureRequest,
    QualityAnswer,
    RecognizeAnswer,
)
from mmoment_api.face_requests import (
    EnrolmentOutcome,
    EnrolmentWish,
    FoundFace,
    FoundFaces,
    face_id,
)
from mmoment_api.given_pictures import PICTURES_AT_MOST, GivenPicture, decode_picture
from mmoment_api.models import Box
from mmoment_api.routes.common import (
    Person,
    PrincipalOf,
    ServicesOf,
    body_of,
    get_person_beside,
    read_model,
    while_connected,
)
from mmoment_api.services import Services
from mmoment_api.session_control import SESSIONS
from mmoment_api.wallet import is_wallet_address

router = APIRouter(tags=['face'])

FACES = 'face_node'
ENROLL_BODY = body_of(EnrollRequest, is_required=True)
PICTURE_BODY = body_of(PictureRequest, is_required=False)
NOT_YOUR_TEMPLATE = ('forbidden', 'Only a checked-in person gets their own template')


@router.post('/api/face/enroll', openapi_extra=ENROLL_BODY)
async def post_enroll(
    request: Request, services: ServicesOf, principal: PrincipalOf
) -> EnrollAnswer:
    """Learn a face from given pictures or, without any, from the live picture.

    People enrol themselves only, the owner anybody. People name the text they agreed to in
    `consent_version`, which is recorded before anything is learnt, and are enrolled from what the
    parameter `session_enrolment` says: as long as that is not `any`, from the live picture only,
    with movements if it asks for them. With `owner_key`, the answer has the template sealed to it,
    for its owner to keep: nobody gets the template of somebody else.

    Answers when it is done; `enrollment` events tell meanwhile what the person is to do. Ends early
    by `/api/face/enroll/cancel`, or when the client closes the connection, or when the session of
    who enrols themselves does; a person who was just learned is forgotten then, with all that was
    known before. One at a time.
    """
    with services.picture_gate.entered():
        body = await read_model(request, EnrollRequest)
        person = await get_person_beside(request, principal)
        wish = await _wish(services, principal, person, body)
    learner = person if person is not None and person.record.identity == wish.identity else None
    learning = services.enrolments.run(
        wish.identity, lambda: _learn(services, wish, learner, body.consent_version)
    )
    outcome = await while_connected(request, learning)
    if learner is not None:
        await _check_still_there(services, learner)
    return _enroll_answer(wish.identity, outcome)


@router.post('/api/face/enroll/cancel')
async def post_cancel(services: ServicesOf, principal: PrincipalOf) -> CancelAnswer:
    """End the enrolment that runs; whoever waits for it is told 409 `enrolment_cancelled`."""
    return CancelAnswer(
        cancelled=services.enrolments.cancel(lambda identity: _speaks_for(principal, identity))
    )


@router.post('/api/face/recognize', openapi_extra=PICTURE_BODY)
async def post_recognize(
    request: Request, services: ServicesOf, principal: PrincipalOf
) -> RecognizeAnswer:
    """The faces of a picture, and who they are as far as the caller may know; nothing is kept."""
    found = await _look(request, services)
    # The part's own sentence may speak of anybody who was found.
    is_owner = principal is not None and principal.is_owner
    return RecognizeAnswer(
        width=found.width,
        height=found.height,
        model=found.model_id or None,
        faces=[_known_face(face, principal) for face in found.faces],
        message=found.message if is_owner else _count(found),
    )


@router.post('/api/face/detect', openapi_extra=PICTURE_BODY)
async def post_detect(request: Request, services: ServicesOf) -> DetectAnswer:
    """The faces of a picture, without asking who they are; nothing is kept."""
    found = await _look(request, services)
    return DetectAnswer(
        width=found.width,
        height=found.height,
        faces=[_found_face(face) for face in found.faces],
        message=_count(found),
    )


@router.delete('/api/face', openapi_extra=body_of(ForgetRequest, is_required=False))
async def delete_face(
    request: Request,
    services: ServicesOf,
    principal: PrincipalOf,
    wallet_address: Annotated[str | None, Query(description='Here or in the body')] = None,
) -> ForgetAnswer:
    """Withdraw consent: erase what is known of a face, in memory and as a sealed template.

    People erase their own, the owner anybody's; also a success if there was nothing. While
    session_node is away, the owner can have it wiped from memory, and is told that the rest is left.
    A face on the chain stays: `chain_mint` names it, and only its owner can burn it.
    """
    if wallet_address is None:
        wallet_address = (await read_model(request, ForgetRequest)).wallet_address
    elif not is_wallet_address(wallet_address):
        raise ApiError(
            422, 'invalid', 'wallet_address has to be 32 bytes in base58', field='wallet_address'
        )
    _check_speaks_for(principal, wallet_address)
    person = await get_person_beside(request, principal)
    token = person.token if person is not None and person.record.identity == wallet_address else ''
    # Before: what it is asked about somebody, the part that asks the chain remembers for a while.
    left = await face_left(services, principal, wallet_address)
    # Not to be learnt again by one that is still under way.
    services.enrolments.end(wallet_address)
    control = services.sessions.control
    try:
        gone = await control.forget_template(token, '' if token else wallet_address)
    except ApiError as error:
        is_away = error.code == 'part_not_running'
        if not is_away or principal is None or not principal.is_owner:
            raise
        return await _only_from_memory(services, wallet_address)
    finally:
        services.built.forget(wallet_address)
        services.sessions.hear_change('', wallet_address, is_over=False)
    return ForgetAnswer(
        wallet_address=wallet_address,
        face_forgotten=gone.face_forgotten,
        templates=gone.templates,
        consents=gone.consents,
        chain_mint=left.mint,
        message=left.after(gone.message or 'Forgotten'),
    )


async def _wish(
    services: Services, principal: Principal | None, person: Person | None, body: EnrollRequest
) -> EnrolmentWish:
    """What is asked for, if this caller may ask for it; raises `ApiError`."""
    own = person.record.identity if person is not None else None
    identity = body.wallet_address or own
    if identity is None:
        raise ApiError(422, 'invalid', 'wallet_address is missing', field='wallet_address')
    _check_speaks_for(principal, identity)
    if identity == own:
        check_consent(body.consent_version)
    elif body.owner_key:
        raise ApiError(403, *NOT_YOUR_TEMPLATE, field='owner_key')
    liveness = body.liveness
    if principal is None or not principal.is_owner:
        liveness = with_liveness(
            services.settings.session_enrolment,
            is_asked=liveness,
            has_pictures=bool(body.pictures) or body.image is not None,
        )
    pictures = await asyncio.to_thread(_pictures, body)
    return EnrolmentWish(identity, pictures, liveness, body.timeout_s, decoded(body.owner_key))


async def _learn(
    services: Services, wish: EnrolmentWish, learner: Person | None, consent_version: str
) -> EnrolmentOutcome:
    """Record what who enrols themselves agreed to, then learn them."""
    if learner is not None:
        # Who left while their pictures were on the way is not learnt at all.
        if not services.sessions.is_live(learner.record, Access.SESSION):
            raise ApiError(401, *HTTP_ERRORS[401], reason='session_over')
        await services.sessions.control.give_consent(learner.token, consent_version)
    return await services.control.enroll(wish)


async def _check_still_there(services: Services, person: Person) -> None:
    """Forget who left meanwhile: what a check-out wipes was not known yet at that time."""
    if not services.sessions.is_live(person.record, Access.SESSION):
        await services.control.forget(person.record.identity)
        raise ApiError(401, *HTTP_ERRORS[401], reason='session_over')


async def _only_from_memory(services: Services, wallet: str) -> ForgetAnswer:
    await services.control.forget(wallet)
    return ForgetAnswer(
        wallet_address=wallet,
        face_forgotten=True,
        templates=None,
        consents=None,
        message=f'The camera does not know the face any more. {SESSIONS} is not running: a template '
        'that it keeps, and the consent, are left; do this again when it runs',
    )


async def _look(request: Request, services: Services) -> FoundFaces:
    with services.picture_gate.entered():
        body = await read_model(request, PictureRequest)
        found = await services.control.recognize(await asyncio.to_thread(_picture, body))
    if not found.success:
        raise refused_by_part(FACES, found.error_code, found.message)
    return found


def _count(found: FoundFaces) -> str:
    count = len(found.faces)
    return '1 face' if count == 1 else f'{count} faces'


def _pictures(body: EnrollRequest) -> tuple[GivenPicture, ...]:
    given = [(text, f'pictures.{number}') for number, text in enumerate(body.pictures)]
    if body.image is not None:
        given.append((body.image, 'image'))
    if len(given) > PICTURES_AT_MOST:
        raise ApiError(422, 'invalid', f'At most {PICTURES_AT_MOST} pictures', field='pictures')
    return tuple(decode_picture(text, field) for text, field in given)


def _picture(body: PictureRequest) -> GivenPicture | None:
    if body.picture is not None:
        return decode_picture(body.picture, 'picture')
    return decode_picture(body.image, 'image') if body.image is not None else None


def _enroll_answer(identity: str, outcome: EnrolmentOutcome) -> EnrollAnswer:
    """What came of it; raises `ApiError` if the face is not known now."""
    quality = QualityAnswer(
        score=outcome.quality, rating=outcome.quality_rating, reasons=list(outcome.reasons)
    )
    if not outcome.success:
        raise refused_by_part(
            FACES,
            outcome.error_code,
            outcome.message,
            reasons=list(outcome.reasons),
            quality=quality.model_dump(),
        )
    return EnrollAnswer(
        wallet_address=identity,
        face_id=face_id(outcome.model_id, identity),
        quality=quality,
        model=outcome.model_id,
        views=outcome.views,
        liveness_passed=outcome.liveness_passed,
        record_id=outcome.record_id or None,
        envelope=encoded(outcome.envelope) or None,
        message=outcome.message,
    )


def _found_face(face: FoundFace) -> FoundFaceAnswer:
    return FoundFaceAnswer(box=_box(face), score=face.score, track_id=face.track_id or None)


def _known_face(face: FoundFace, principal: Principal | None) -> KnownFaceAnswer:
    may_know = _speaks_for(principal, face.identity) and face.identity != ''
    return KnownFaceAnswer(
        box=_box(face),
        score=face.score,
        track_id=face.track_id or None,
        identity=face.identity if may_know else None,
        similarity=face.similarity if may_know else None,
    )


def _box(face: FoundFace) -> Box:
    return Box(x=face.x, y=face.y, width=face.width, height=face.height)


def _speaks_for(principal: Principal | None, identity: str) -> bool:
    return principal is not None and principal.speaks_for(identity)


def _check_speaks_for(principal: Principal | None, identity: str) -> None:
    if not _speaks_for(principal, identity):
        raise ApiError(403, *HTTP_ERRORS[403])
