"""`/api/face/template` and `/api/person`: what is kept of a person, sealed, until they want it gone.

A template passes here as ciphertext only: neither this process nor the store has a key to it.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from mmoment_api.encodings import decoded, encoded
from mmoment_api.errors import HTTP_ERRORS, ApiError
from mmoment_api.face_left import face_left
from mmoment_api.routes.common import (
    PersonOf,
    PrincipalOf,
    ServicesOf,
    body_of,
    read_model,
    require_person,
)
from mmoment_api.routes.session import without_cookie
from mmoment_api.session_control import GivenTemplate
from mmoment_api.session_models import (
    KeepTemplateAnswer,
    KeepTemplateRequest,
    PersonForgetAnswer,
    PersonForgetRequest,
    TemplateAnswer,
)

router = APIRouter(tags=['person'])


@router.get('/api/face/template')
async def get_template(services: ServicesOf, person: PersonOf) -> TemplateAnswer:
    """One's own sealed template, and whom to wrap its key to at the next check-in.

    404 `no_template` has `camera_key` and `camera_id` as well: what is sealed to that key when it
    is enrolled can be kept with custody `camera`, if the person agrees.
    """
    wallet = require_person(person).record.identity
    kept = await services.sessions.control.get_template(wallet)
    return TemplateAnswer(
        wallet_address=wallet,
        record_id=kept.record_id,
        model_id=kept.model_id,
        custody=kept.custody,
        envelope=encoded(kept.envelope),
        camera_key=encoded(kept.camera_key),
        camera_id=kept.camera_id,
    )


@router.put('/api/face/template', openapi_extra=body_of(KeepTemplateRequest, is_required=True))
async def put_template(
    request: Request, services: ServicesOf, person: PersonOf
) -> KeepTemplateAnswer:
    """Keep one's own template, as `/api/face/enroll` gave it; needs consent to a text."""
    token = require_person(person).token
    body = await read_model(request, KeepTemplateRequest)
    record_id = await services.sessions.control.keep_template(
        token,
        GivenTemplate(body.record_id, body.model_id, body.custody, decoded(body.envelope)),
        body.consent_version,
    )
    return KeepTemplateAnswer(record_id=record_id)


@router.post(
    '/api/person/forget',
    openapi_extra=body_of(PersonForgetRequest, is_required=False),
    response_model=PersonForgetAnswer,
)
async def post_forget(
    request: Request, services: ServicesOf, principal: PrincipalOf, person: PersonOf
) -> Response:
    """Erase a person: template, personal fields of sessions and events, and media if confirmed.

    People erase themselves; the owner may name a wallet. What is left reveals nobody. The answer
    says what is done, and what the camera is still at.
    """
    body = await read_model(request, PersonForgetRequest)
    own = person.record.identity if person is not None else None
    wallet = body.wallet_address or own
    if wallet is None:
        raise ApiError(422, 'invalid', 'wallet_address is missing', field='wallet_address')
    if principal is None or not (wallet == own or principal.is_owner):
        raise ApiError(403, *HTTP_ERRORS[403])
    is_own = person is not None and wallet == own
    token = person.token if person is not None and is_own else ''
    # Before: what it is asked about somebody, the part that asks the chain remembers for a while.
    left = await face_left(services, principal, wallet)
    # Not to be learnt again by one that is still under way.
    services.enrolments.end(wallet)
    erased = await services.sessions.control.forget_person(
        token, '' if token else wallet, body.confirm_media
    )
    services.built.forget(wallet)
    for record in services.sessions.live:
        if record.identity == wallet:
            services.sessions.hear_change(record.session_id, wallet, is_over=True)
    answer = PersonForgetAnswer(
        wallet_address=wallet,
        erased=erased.records,
        face_forgotten=erased.face_forgotten,
        traces_cleaned=erased.traces_cleaned,
        media_erased=erased.media_erased,
        chain_mint=left.mint,
        message=left.after(erased.message or 'Forgotten'),
    )
    response = JSONResponse(answer.model_dump())
    if person is None or not is_own:
        return response
    services.sessions.hear_change(person.record.session_id, wallet, is_over=True)
    return without_cookie(services, response)
