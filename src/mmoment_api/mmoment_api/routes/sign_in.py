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
from mmoment_api.models import SignInRequest, Success
from mmoment_api.routes import pages
from mmoment_api.routes.common import ServicesOf
from mmoment_api.services import Services

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


@router.post('/sign-in', openapi_extra=_BODY, response_model=Success)
async def post_sign_in(request: Request, services: ServicesOf) -> Response:
    """Spend the token for a cookie with the owner's rights; a form is led on to the first page."""
    is_form = request.headers.get('content-type', '').split(';')[0].strip() == FORM
    token = _token(await request.body(), is_form)
    peer = request.client.host if request.client else ''
    try:
        cookie = services.sign_in.exchange(token, peer)
    except SignInRefused as error:
        refusal = _refusal(error)
        if is_form:
            return pages.not_signed_in(services.settings.namespace, refusal.status)
        raise refusal from None
    response: Response
    if is_form:
        response = RedirectResponse(FIRST_PAGE, 303)
    else:
        response = JSONResponse(Success().model_dump())
    _set_cookie(response, request, services, cookie)
    return response


@router.post('/sign-out', response_model=Success)
async def post_sign_out(request: Request, services: ServicesOf) -> Response:
    """End the session of this browser."""
    name = services.settings.cookie_name
    services.sign_in.sign_out(request.cookies.get(name))
    response = JSONResponse(Success().model_dump())
    response.delete_cookie(name, httponly=True, samesite='strict')
    return response


def _token(body: bytes, is_form: bool) -> str:
    try:
        if is_form:
            return parse_qs(body.decode('ascii')).get('token', [''])[0]
        return SignInRequest.model_validate(json.loads(body)).token
    except ValidationError:
        raise ApiError(422, 'invalid', 'token is missing or not a text', field='token') from None
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
        secure=request.url.scheme == 'https',
    )
