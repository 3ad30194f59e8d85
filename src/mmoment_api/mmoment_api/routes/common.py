"""What all routers use: the services, who calls, the check of access, and bodies that are large."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from fastapi import Depends
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, HTTPConnection, Request

from mmoment_api.access import Access, Principal
from mmoment_api.access_table import access_of
from mmoment_api.errors import HTTP_ERRORS, ApiError
from mmoment_api.identities import MayKnow, nobody
from mmoment_api.services import Services
from mmoment_api.session_control import SessionRecord
from mmoment_api.web_guard import BODY_AT_MOST, ORIGIN_NOT_ALLOWED, is_embedded_elsewhere
from mmoment_api.web_origin import source_of

JSON = 'application/json'
# What is offered instead is a secret, so it is never the protocol that is chosen.
EVENTS_PROTOCOL = 'mmoment.events'
LIVE_PROTOCOL = 'mmoment.live'
TOKEN_PROTOCOL = 'mmoment.token.'

PASSIVE_METHODS = frozenset({'GET', 'HEAD', 'WEBSOCKET'})

Model = TypeVar('Model', bound=BaseModel)
Result = TypeVar('Result')


def get_services(connection: HTTPConnection) -> Services:
    """The services of the app that is called."""
    services: Services = connection.app.state.services
    return services


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is checked in, and the secret that proves it."""

    token: str = field(repr=False)
    record: SessionRecord


def get_session(connection: HTTPConnection) -> str | None:
    """The token of the owner's session: of a program as Bearer, else the cookie."""
    bearer = get_bearer(connection)
    if bearer is not None:
        return bearer
    return connection.cookies.get(get_services(connection).settings.cookie_name)


def get_bearer(connection: HTTPConnection) -> str | None:
    """The token that a program sends; a page's WebSocket can only offer it as a subprotocol."""
    scheme, _, token = connection.headers.get('authorization', '').partition(' ')
    if scheme.lower() == 'bearer':
        return token.strip()
    for name in connection.headers.get('sec-websocket-protocol', '').split(','):
        if name.strip().startswith(TOKEN_PROTOCOL):
            return name.strip().removeprefix(TOKEN_PROTOCOL)
    return None


async def get_person(connection: HTTPConnection) -> Person | None:
    """Who is checked in with what this call came with, whether or not it is the owner's as well."""
    return await _person(connection, Access.SESSION)


async def get_person_beside(
    connection: HTTPConnection, principal: Principal | None
) -> Person | None:
    """The same, but None for an owner of whom nobody can tell: their link needs no session_node."""
    try:
        return await get_person(connection)
    except ApiError:
        if principal is None or not principal.is_owner:
            raise
        return None


async def get_principal(connection: HTTPConnection) -> Principal | None:
    """Who calls; None: nobody who proved who they are."""
    access = _access(connection)
    try:
        return await _principal(connection, access)
    except ApiError:
        # Whom everybody may ask, nobody has to be known to.
        if access is Access.PUBLIC:
            return None
        raise


async def authorise(connection: HTTPConnection) -> None:
    """Refuse a call that lacks what its route needs; every route of the app depends on it."""
    access = _access(connection)
    if access is Access.PUBLIC:
        return
    if is_embedded_elsewhere(connection.headers, get_services(connection).settings.allowed_origins):
        raise ApiError(403, *ORIGIN_NOT_ALLOWED)
    principal = await _principal(connection, access)
    if principal is None:
        raise ApiError(401, *HTTP_ERRORS[401])
    if not principal.may(access):
        raise ApiError(403, *HTTP_ERRORS[403], right=access.value)


async def get_welcome(connection: HTTPConnection) -> Callable[[], bool]:
    """Whether what this call was allowed by still lasts; for answers without end."""
    return await _welcome(connection, is_looked_at=False)


async def get_live_welcome(connection: HTTPConnection) -> Callable[[], bool]:
    """The same for a live view: as long as it is sent, its person counts as there."""
    return await _welcome(connection, is_looked_at=True)


async def _welcome(connection: HTTPConnection, *, is_looked_at: bool) -> Callable[[], bool]:
    services, token = get_services(connection), get_session(connection)
    if services.sign_in.principal(token) is not None:
        return lambda: services.sign_in.principal(token) is not None
    person, access = await get_person(connection), _access(connection)

    def is_welcome() -> bool:
        if person is None or not services.sessions.is_live(person.record, access):
            return False
        if is_looked_at:
            services.sessions.is_looking(person.record.session_id)
        return True

    return is_welcome


def _access(connection: HTTPConnection) -> Access:
    method = connection.scope.get('method', 'WEBSOCKET')
    return access_of(method, connection.scope['route'].path)


async def _principal(connection: HTTPConnection, access: Access) -> Principal | None:
    services = get_services(connection)
    owner = services.sign_in.principal(get_session(connection))
    if owner is not None:
        return owner
    person = await _person(connection, access)
    return person.record.principal() if person is not None else None


async def _person(connection: HTTPConnection, access: Access) -> Person | None:
    """Raises `ApiError` if the right is missing, or if nobody can tell whose token it is."""
    bearer = get_bearer(connection)
    if bearer is not None:
        return await _holder(connection, bearer, access)
    cookie = connection.cookies.get(get_services(connection).settings.person_cookie_name)
    person = await _holder(connection, cookie, access)
    # The cookie of a session that is over hides no token that older clients send.
    if person is None and isinstance(connection, Request) and access is not Access.PUBLIC:
        wallet, token = await _in_body(connection)
        person = await _holder(connection, token, access)
        if person is not None and person.record.identity != wallet:
            return None
    return person


def _is_action(connection: HTTPConnection, access: Access) -> bool:
    """Whether a person does something; pages look for what is new without anybody there."""
    method = connection.scope.get('method', 'WEBSOCKET')
    return access is not Access.PUBLIC and method not in PASSIVE_METHODS


async def _holder(connection: HTTPConnection, token: str | None, access: Access) -> Person | None:
    services = get_services(connection)
    if not token or services.sign_in.principal(token) is not None:
        return None
    record = await services.sessions.session(
        token,
        access,
        source_of(connection, services),
        is_action=_is_action(connection, access),
    )
    return Person(token, record) if record is not None else None


async def _in_body(request: Request) -> tuple[str | None, str | None]:
    """Wallet and token as older clients send them. Large bodies are not read to find out."""
    kind = request.headers.get('content-type', '').partition(';')[0].strip().lower()
    length = request.headers.get('content-length', '')
    if kind != JSON or not length.isdecimal() or int(length) > BODY_AT_MOST:
        return None, None
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(body, dict):
        return None, None
    wallet, token = body.get('wallet_address'), body.get('session_id')
    if not isinstance(wallet, str) or not isinstance(token, str):
        return None, None
    return wallet, token


async def read_model(request: Request, model: type[Model]) -> Model:
    """The JSON body, read and understood here: the framework would read it before asking who calls.

    Without a body, all fields have their defaults. Raises `ApiError` that names the field.
    """
    body = await request.body()
    kind = request.headers.get('content-type', JSON).partition(';')[0].strip().lower()
    if body and kind != JSON:
        raise ApiError(415, 'wrong_type', f'Send the body as {JSON}')
    # Megabytes of base64 would hold up the live view.
    return await asyncio.to_thread(understood, body or b'{}', model)


def understood(body: bytes, model: type[Model]) -> Model:
    """JSON text as a model; raises `ApiError`."""
    try:
        return model.model_validate(json.loads(body))
    except ValidationError as error:
        steps = error.errors(include_input=False)[0]['loc']
        name = '.'.join(str(step) for step in steps) or 'body'
        message = f'{name} is missing, or not of the type or value it has to be'
        raise ApiError(422, 'invalid', message, field=name) from None
    except (ValueError, RecursionError):
        raise ApiError(400, *HTTP_ERRORS[400]) from None


def body_of(model: type[BaseModel], *, is_required: bool) -> dict[str, Any]:
    """How a body that `read_model` reads is described."""
    content = {JSON: {'schema': model.model_json_schema()}}
    return {'requestBody': {'required': is_required, 'content': content}}


async def while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Await `work`, which is cancelled when the client leaves; its body must have been read."""
    task = asyncio.ensure_future(work)
    listener = asyncio.ensure_future(_until_disconnected(request))
    try:
        await asyncio.wait((task, listener), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for item in (task, listener):
            item.cancel()
        await asyncio.gather(task, listener, return_exceptions=True)


async def _until_disconnected(request: Request) -> None:
    while (await request.receive())['type'] != 'http.disconnect':
        pass


def may_know_of(principal: Principal | None) -> MayKnow:
    """Which people this caller may know by name."""
    return nobody if principal is None else principal.speaks_for


def require_person(person: Person | None) -> Person:
    """Whoever is checked in; raises `ApiError` for an owner who is not."""
    if person is None:
        raise ApiError(404, 'no_session', 'Nobody is checked in here: this needs a wallet')
    return person


ServicesOf = Annotated[Services, Depends(get_services)]
PrincipalOf = Annotated[Principal | None, Depends(get_principal)]
PersonOf = Annotated[Person | None, Depends(get_person)]
WelcomeOf = Annotated[Callable[[], bool], Depends(get_welcome)]
LiveWelcomeOf = Annotated[Callable[[], bool], Depends(get_live_welcome)]
