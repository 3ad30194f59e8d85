"""`/sign-in`: turns the one-time link into a cookie.

Opening the link only shows a page, so that neither a preview nor a prefetch spends it; the page
then posts the token, and the browser's history never shows it again.
"""

from __future__ import annotations

import json
import math
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import JSONResponse, RedirectResponse, Response

from mmoment_api.access import SignInRefused, TooManyFailures
from mmoment_api.errors import HTTP_ERRORS, ApiError
from mmoment_api.models import SignInAnswer, SignInRequest, Success
from mmoment_api.routes import pages
from mmoment_api.routes.common import ServicesOf, get_session
from mmoment_api.services import Services
from mmoment_api.web_origin import is_encrypted, source_of

router = APIRouter(tags=['sign-in'])

FORM = 'application/x-www-form-urlencoded'
JSON = 'application/json'
FIRST_PAGE = '/test-page'
_BODY = {
    'requestBody': {
        'required': True,
        'content': {JSON: {'schema': SignInRequest.model_json_schema()}},
    }
}


@router.get('/sign-in', response_class=Response)
async def get_sign_in() -> Response:
    """The page behind the link."""
    return pages.page('sign-in.html')


@router.post('/sign-in', openapi_extra=_BODY, response_model=SignInAnswer)
async def post_sign_in(request: Request, services: ServicesOf) -> Response:
    """Spend the token for a cookie with the owner's rights; a form is led on to the first page.

    Programs and pages of allowed origins, which get no cookie of ours, ask for a bearer token.
    """
    is_form = request.headers.get('content-type', '').split(';')[0].strip() == FORM
    wanted = _wanted(await request.body(), is_form)
    peer = source_of(request, services)
    try:
        session = services.sign_in.exchange(wanted.token, peer)
    except SignInRefused as error:
        refusal = _refusal(error)
        if is_form:
            return pages.not_signed_in(services.settings.namespace, refusal.status)
        raise refusal from None
    if wanted.bearer:
        return JSONResponse(SignInAnswer(session_token=session).model_dump())
    response: Response
    if is_form:
        response = RedirectResponse(FIRST_PAGE, 303)
    else:
        response = JSONResponse(SignInAnswer().model_dump(exclude_none=True))
    _set_cookie(response, request, services, session)
    return response


@router.post('/sign-out', response_model=Success)
async def post_sign_out(request: Request, services: ServicesOf) -> Response:
    """End the session this comes with."""
    services.sign_in.sign_out(get_session(request))
    response = JSONResponse(Success().model_dump())
    response.delete_cookie(services.settings.cookie_name, httponly=True, samesite='strict')
    return response


def _wanted(body: bytes, is_form: bool) -> SignInRequest:
    try:
        if is_form:
            return SignInRequest(token=parse_qs(body.decode('ascii')).get('token', [''])[0])
        return SignInRequest.model_validate(json.loads(body))
    except ValidationError as error:
        field = '.'.join(str(step) for step in error.errors()[0]['loc']) or 'body'
        raise ApiError(422, 'invalid', f'{field} is missing or wrong', field=field) from None
    except (ValueError, RecursionError):
        raise ApiError(400, *HTTP_ERRORS[400]) from None


def _refusal(error: SignInRefused) -> ApiError:
    if isinstance(error, TooManyFailures):
        return ApiError(
            429,
            'too_many_failures',
            'Too many failed sign-ins from here; wait, then use a new link',
            {'Retry-After': str(math.ceil(error.retry_after_s))},
        )
    return ApiError(401, 'link_refused', 'This link is unknown, already used, or too old')


def _set_cookie(response: Response, request: Request, services: Services, cookie: str) -> None:
    response.set_cookie(
        services.settings.cookie_name,
        cookie,
        max_age=int(services.sign_in.session_lifetime_s),
        httponly=True,
        samesite='strict',
        secure=is_encrypted(request, services),
    )
