"""Puts the REST surface together: routers, access, error answers."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi.websockets import WebSocket
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp

from mmoment_api.errors import HTTP_ERRORS, ApiError
from mmoment_api.models import ErrorAnswer
from mmoment_api.routes import (
    camera,
    capture,
    chain,
    events,
    face,
    face_chain,
    gesture,
    health,
    legacy,
    live,
    live_video,
    media,
    media_files,
    pages,
    person,
    root,
    session,
    sign_in,
    status,
    stream,
    visualization,
    whep,
)
from mmoment_api.routes.common import authorise, get_services
from mmoment_api.services import VERSION, Services
from mmoment_api.web_guard import WebGuard, deny

ROUTERS = (
    root,
    health,
    status,
    camera,
    stream,
    live,
    live_video,
    whep,
    face,
    gesture,
    visualization,
    events,
    capture,
    media,
    media_files,
    session,
    person,
    chain,
    face_chain,
    sign_in,
    pages,
    legacy,
)


def create_app(services: Services) -> FastAPI:
    """The app without its outermost layer; see `guarded`."""
    app = FastAPI(
        title='Mmoment camera',
        description='Errors are {"success": false, "error": code, "message": sentence}.',
        version=VERSION,
        # The pages of the framework load scripts from elsewhere; ours are in routes/pages.py.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(authorise)],
        responses={
            '4XX': {'model': ErrorAnswer, 'description': 'Refused'},
            '5XX': {'model': ErrorAnswer, 'description': 'A part does not run, or a fault'},
        },
    )
    app.state.services = services
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_fault)
    for module in ROUTERS:
        app.include_router(module.router)
    return app


def guarded(app: FastAPI) -> ASGIApp:
    """The app as it is served: other sites' access, and the checks around everything."""
    settings = app.state.services.settings
    inner: ASGIApp = app
    if settings.allowed_origins:
        inner = CORSMiddleware(
            app,
            allow_origins=list(settings.allowed_origins),
            allow_methods=['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
            allow_headers=['Authorization', 'Content-Type', 'Range'],
            expose_headers=['Accept-Ranges', 'Content-Disposition', 'Content-Range', 'Location'],
            allow_credentials=True,
        )
    return WebGuard(inner, settings.allowed_hosts, settings.allowed_origins)


async def _answer(connection: HTTPConnection, error: ApiError) -> Response | None:
    response: Response = JSONResponse(error.body(), error.status, error.headers)
    if isinstance(connection, WebSocket):
        await deny(connection, response)
        return None
    if error.status == 401 and pages.is_for_a_person(connection):
        response = pages.not_signed_in(get_services(connection).settings.namespace)
    return response


async def _on_api_error(connection: Any, error: Any) -> Any:
    return await _answer(connection, error)


async def _on_http_error(connection: Any, error: Any) -> Any:
    code, message = HTTP_ERRORS.get(error.status_code, ('refused', 'The request was refused'))
    headers = dict(error.headers or {})
    return await _answer(connection, ApiError(error.status_code, code, message, headers))


async def _on_invalid(connection: Any, error: Any) -> Any:
    first = error.errors()[0]
    if first['type'] == 'json_invalid':
        return await _answer(connection, ApiError(400, *HTTP_ERRORS[400]))
    # The first step is where the field was looked for: body, query, ...
    field = '.'.join(str(step) for step in first['loc'][1:]) or 'body'
    message = f'{field} is missing, or not of the type or value it has to be'
    return await _answer(connection, ApiError(422, 'invalid', message, field=field))


async def _on_disconnect(request: Any, error: Any) -> Any:
    # No fault of ours to be logged; nobody is there to read the answer.
    return await _answer(request, ApiError(400, *HTTP_ERRORS[400]))


async def _on_fault(request: Any, error: Any) -> Any:
    # The server logs it with its trace; the client learns nothing about our insides.
    return await _answer(request, ApiError(500, *HTTP_ERRORS[500]))
