"""Addresses of parts that this camera does not run yet.

Clients that know them get 503 with the name of the part, rather than 404 or something made up.
None of them is in the capability index or in `openapi.json`.
"""

from __future__ import annotations

from fastapi import APIRouter

from mmoment_api.errors import part_not_running

router = APIRouter(include_in_schema=False)

PARTS: dict[str, tuple[str, ...]] = {
    'stream_node': (
        'GET /api/stream/status',
        'GET /api/stream/livepeer/status',
        'POST /api/stream/start',
        'POST /api/stream/stop',
        'POST /api/stream/livepeer/start',
        'POST /api/stream/livepeer/stop',
    ),
}


def _add(part: str, route: str) -> None:
    method, path = route.split(' ')

    async def answer() -> None:
        raise part_not_running(part)

    router.add_api_route(path, answer, methods=[method], name=f'later {route}')


for _part, _routes in PARTS.items():
    for _route in _routes:
        _add(_part, _route)
