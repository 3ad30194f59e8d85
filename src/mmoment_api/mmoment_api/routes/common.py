"""What all routers use: the services, who calls, the check of access, and bodies that are large."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, HTTPConnection, Request

from mmoment_api.access import Access, Principal
from mmoment_api.access_table import access_of
from mmoment_api.errors import HTTP_ERRORS, ApiError
from mmoment_api.services import Services
from mmoment_api.web_guard import ORIGIN_NOT_ALLOWED, is_embedded_elsewhere

JSON = 'application/json'

Model = TypeVar('Model', bound=BaseModel)
Result = TypeVar('Result')


def get_services(connection: HTTPConnection) -> Services:
    """The services of the app that is called."""
    services: Services = connection.app.state.services
    return services


def get_session(connection: HTTPConnection) -> str | None:
    """The token of the session this call came with: of a program as Bearer, else the cookie."""
    scheme, _, token = connection.headers.get('authorization', '').partition(' ')
    if scheme.lower() == 'bearer':
        return token.strip()
    return connection.cookies.get(get_services(connection).settings.cookie_name)


def get_principal(connection: HTTPConnection) -> Principal | None:
    """Who calls; None: nobody who proved who they are."""
    services = get_services(connection)
    return services.sign_in.principal(get_session(connection))


async def authorise(connection: HTTPConnection) -> None:
    """Refuse a call that lacks what its route needs; every route of the app depends on it."""
    method = connection.scope.get('method', 'WEBSOCKET')
    access = access_of(method, connection.scope['route'].path)
    if access is Access.PUBLIC:
        return
    if is_embedded_elsewhere(connection.headers, get_services(connection).settings.allowed_origins):
        raise ApiError(403, *ORIGIN_NOT_ALLOWED)
    principal = get_principal(connection)
    if principal is None:
        raise ApiError(401, *HTTP_ERRORS[401])
    if not principal.may(access):
        raise ApiError(403, *HTTP_ERRORS[403], right=access.value)


def get_welcome(connection: HTTPConnection) -> Callable[[], bool]:
    """Whether the session that this call came with still lasts; for answers without end."""

    def is_welcome() -> bool:
        return get_principal(connection) is not None

    return is_welcome


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
        field = (
            '.'.join(str(step) for step in error.errors(include_input=False)[0]['loc']) or 'body'
        )
        message = f'{field} is missing, or not of the type or value it has to be'
        raise ApiError(422, 'invalid', message, field=field) from None
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


ServicesOf = Annotated[Services, Depends(get_services)]
PrincipalOf = Annotated[Principal | None, Depends(get_principal)]
WelcomeOf = Annotated[Callable[[], bool], Depends(get_welcome)]
