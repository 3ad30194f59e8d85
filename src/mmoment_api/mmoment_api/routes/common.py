"""What all routers use: the services, who calls, and the check of access."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from mmoment_api.access import Access, Principal
from mmoment_api.access_table import access_of
from mmoment_api.errors import HTTP_ERRORS, ApiError
from mmoment_api.services import Services
from mmoment_api.web_guard import ORIGIN_NOT_ALLOWED, is_embedded_elsewhere


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


ServicesOf = Annotated[Services, Depends(get_services)]
PrincipalOf = Annotated[Principal | None, Depends(get_principal)]
WelcomeOf = Annotated[Callable[[], bool], Depends(get_welcome)]
