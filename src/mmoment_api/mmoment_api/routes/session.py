"""`/api/session`: check in with a wallet, see and renew one's session, check out; the owner's view.

Who holds a wallet is proved to `session_node`; the token it gives is passed on and kept nowhere.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import JSONResponse, Response

from mmoment_api.access import RIGHTS
from mmoment_api.encodings import decoded
from mmoment_api.errors import HTTP_ERRORS, ApiError
from mmoment_api.face_models import WalletAddress
from mmoment_api.person_sessions import TOKEN
from mmoment_api.routes.common import (
    Person,
    PersonOf,
    PrincipalOf,
    ServicesOf,
    body_of,
    get_person,
    get_session,
    read_model,
    require_person,
)
from mmoment_api.services import Services, timestamp_ms
from mmoment_api.session_control import ADMIN, CheckInWish, OpenedSession, SessionRecord
from mmoment_api.session_models import (
    ChallengeAnswer,
    CheckOutAnswer,
    ConnectAnswer,
    ConnectRequest,
    GrantAnswer,
    GrantRequest,
    RevokeAnswer,
    RevokeRequest,
    SessionAnswer,
    SessionsAnswer,
    SessionStatusAnswer,
    WhoAnswer,
    WithheldRight,
)
from mmoment_api.web_origin import is_encrypted, page_domain, source_of

router = APIRouter(tags=['session'])

CONNECT_BODY = body_of(ConnectRequest, is_required=True)
MS_PER_S = 1000


@router.get('/api/session/challenge')
async def get_challenge(
    request: Request,
    services: ServicesOf,
    wallet_address: Annotated[WalletAddress, Query()],
    memo: Annotated[bool, Query(description='With a transaction for hardware wallets')] = False,
) -> ChallengeAnswer:
    """A text for this wallet to sign; 429 with Retry-After for who asks too often."""
    challenge = await services.sessions.control.create_challenge(
        wallet_address, page_domain(request, services), source_of(request, services), memo
    )
    return ChallengeAnswer(
        wallet_address=wallet_address,
        message=challenge.text,
        nonce=challenge.nonce,
        memo_transaction=challenge.memo_transaction or None,
        issued_at=challenge.issued_ms,
        expires_at=challenge.expires_ms,
    )


@router.post('/api/session/connect', openapi_extra=CONNECT_BODY, response_model=ConnectAnswer)
async def post_connect(request: Request, services: ServicesOf) -> Response:
    """Check in with the signed challenge, or, where the camera takes it, what older clients sign.

    With `cookie`, the session of the cookie that this comes with ends.
    """
    body = await read_model(request, ConnectRequest)
    message, signature = body.signed()
    wish = CheckInWish(
        wallet=body.wallet_address,
        message=message,
        signature=signature,
        memo_transaction=body.transaction,
        display_name=body.display_name or '',
        source=source_of(request, services),
        wrapped_key=decoded(body.wrapped_key),
        # Nobody could check out of the one that this browser had before.
        replaces=_token_in_cookie(request, services) if body.cookie else '',
    )
    opened = await services.sessions.control.check_in(wish)
    services.sessions.drop(wish.replaces)
    services.sessions.has_opened(opened.token)
    return _opened(request, services, opened, body.cookie, opened.message or 'Checked in')


@router.post('/api/checkin', openapi_extra=CONNECT_BODY, response_model=ConnectAnswer)
async def post_checkin(request: Request, services: ServicesOf) -> Response:
    """The same as `/api/session/connect`."""
    return await post_connect(request, services)


@router.post('/api/session/renew', response_model=ConnectAnswer)
async def post_renew(request: Request, services: ServicesOf, person: PersonOf) -> Response:
    """Exchange the token for a new one; the old one is good for a moment longer."""
    token = require_person(person).token
    opened = await services.sessions.control.renew_session(token)
    services.sessions.drop(token)
    services.sessions.has_opened(opened.token)
    in_cookie = request.cookies.get(services.settings.person_cookie_name) == token
    return _opened(request, services, opened, in_cookie, 'Renewed')


@router.post('/api/session/disconnect', response_model=CheckOutAnswer)
async def post_disconnect(services: ServicesOf, person: PersonOf) -> Response:
    """Check out: the session ends, and the camera knows the face no longer."""
    leaving = require_person(person)
    await services.sessions.control.check_out(leaving.token)
    _is_over(services, leaving)
    answer = CheckOutAnswer(wallet_address=leaving.record.identity, message='Checked out')
    return without_cookie(services, JSONResponse(answer.model_dump()))


@router.post('/api/checkout', response_model=CheckOutAnswer)
async def post_checkout(services: ServicesOf, person: PersonOf) -> Response:
    """The same as `/api/session/disconnect`."""
    return await post_disconnect(services, person)


@router.get('/api/session')
async def get_who(request: Request, services: ServicesOf, principal: PrincipalOf) -> WhoAnswer:
    """Who calls, and what they may."""
    has_link = services.sign_in.principal(get_session(request)) is not None
    try:
        person = await get_person(request)
    except ApiError:
        # The owner's link needs no session_node.
        if not has_link:
            raise
        person = None
    is_owner = principal is not None and principal.is_owner
    rights = principal.rights if principal is not None else frozenset()
    names = {right.value for right in (RIGHTS if is_owner else rights)} | (
        {ADMIN} if is_owner else set()
    )
    return WhoAnswer(
        owner=is_owner,
        link=has_link,
        wallet_address=person.record.identity if person is not None else None,
        rights=sorted(names),
        session=session_answer(person.record) if person is not None else None,
    )


@router.get('/api/session/status/{wallet}')
async def get_session_status(
    services: ServicesOf, principal: PrincipalOf, wallet: Annotated[WalletAddress, Path()]
) -> SessionStatusAnswer:
    """Whether one's own wallet is checked in, or for the owner any."""
    if principal is None or not principal.speaks_for(wallet):
        raise ApiError(403, *HTTP_ERRORS[403])
    live = await services.sessions.control.list_sessions()
    own = [record for record in live if record.identity == wallet]
    return SessionStatusAnswer(
        is_checked_in=bool(own),
        active_session_count=len(live),
        wallet_address=wallet,
        expires_at=max((record.expires_ms for record in own), default=None),
    )


@router.get('/api/sessions')
async def get_sessions(services: ServicesOf) -> SessionsAnswer:
    """Everybody who is checked in."""
    live = await services.sessions.control.list_sessions()
    return SessionsAnswer(sessions=[session_answer(record) for record in live], count=len(live))


@router.post('/api/sessions/revoke')
async def post_revoke(body: RevokeRequest, services: ServicesOf) -> RevokeAnswer:
    """End a session, or all of a wallet, at once."""
    if (body.id is None) == (body.wallet_address is None):
        raise ApiError(422, 'invalid', 'Name either id or wallet_address', field='id')
    ended = await services.sessions.control.revoke_sessions(
        body.id or '', body.wallet_address or ''
    )
    for record in services.sessions.live:
        if record.session_id == body.id or record.identity == body.wallet_address:
            services.sessions.hear_change(record.session_id, record.identity, is_over=True)
    return RevokeAnswer(sessions=ended)


@router.post('/api/grants')
async def post_grants(body: GrantRequest, services: ServicesOf) -> GrantAnswer:
    """Give a wallet rights at this camera, or take them back."""
    if not body.rights and not body.revoke:
        raise ApiError(422, 'invalid', 'Name the rights to give', field='rights')
    await services.sessions.control.grant_rights(
        body.wallet_address, list(body.rights), body.hours, body.revoke
    )
    services.sessions.hear_change('', body.wallet_address, is_over=False)
    return GrantAnswer(wallet_address=body.wallet_address)


def session_answer(record: SessionRecord) -> SessionAnswer:
    """One session as it is told."""
    return SessionAnswer(
        id=record.session_id,
        wallet_address=record.identity,
        display_name=record.display_name or None,
        rights=sorted(record.rights),
        source=record.source,
        created_at=record.created_ms,
        expires_at=record.expires_ms,
        last_seen_at=record.last_seen_ms,
        face_known=record.face_known,
    )


def without_cookie(services: Services, response: Response) -> Response:
    """The answer, which also takes the token away from the browser."""
    name = services.settings.person_cookie_name
    response.delete_cookie(name, httponly=True, samesite='strict')
    return response


def _token_in_cookie(request: Request, services: Services) -> str:
    """What may be a token; empty: nothing is."""
    token = request.cookies.get(services.settings.person_cookie_name, '')
    return token if TOKEN.fullmatch(token) else ''


def _opened(
    request: Request, services: Services, opened: OpenedSession, in_cookie: bool, message: str
) -> Response:
    record, encrypted = opened.record, is_encrypted(request, services)
    answer = ConnectAnswer(
        session_id=None if in_cookie else opened.token,
        id=record.session_id,
        wallet_address=record.identity,
        display_name=record.display_name or None,
        rights=sorted(record.rights),
        withheld=[
            WithheldRight(right=right, because=because) for right, because in opened.withheld
        ],
        created_at=record.created_ms,
        expires_at=record.expires_ms,
        camera_pda=services.state.chain.camera_address,
        camera_url=f'{"https" if encrypted else "http"}://{request.url.netloc}',
        message=message,
    )
    response = JSONResponse(answer.model_dump())
    if in_cookie:
        response.set_cookie(
            services.settings.person_cookie_name,
            opened.token,
            max_age=max(0, (record.expires_ms - timestamp_ms()) // MS_PER_S),
            httponly=True,
            samesite='strict',
            secure=encrypted,
        )
    return response


def _is_over(services: Services, person: Person) -> None:
    services.sessions.drop(person.token)
    services.sessions.hear_change(person.record.session_id, person.record.identity, is_over=True)
