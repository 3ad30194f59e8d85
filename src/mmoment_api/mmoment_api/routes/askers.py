"""For whom something is asked of the part that keeps photos and clips.

Who takes a photo or begins a clip does so as the person they are checked in as, also with the
owner's link in the same browser: it is theirs then. Whoever looks is the owner first, who sees all.
"""

from __future__ import annotations

from starlette.requests import Request

from mmoment_api.access import Access, Principal
from mmoment_api.errors import HTTP_ERRORS, ApiError
from mmoment_api.media_control import CAMERA_OWNER, Asker
from mmoment_api.routes.common import get_person, get_person_beside, require_person


async def whoever_looks(request: Request, principal: Principal | None) -> Asker:
    """The owner of the camera, or the person who is checked in."""
    if principal is not None and principal.is_owner:
        return CAMERA_OWNER
    return Asker.of(require_person(await get_person(request)).record)


async def whoever_takes(request: Request, principal: Principal | None, right: Access) -> Asker:
    """The person who is checked in and has the right, or else the owner of the camera."""
    person = await get_person_beside(request, principal)
    if person is not None and person.record.principal().may(right):
        return Asker.of(person.record)
    if principal is None or not principal.is_owner:
        raise ApiError(403, *HTTP_ERRORS[403], right=right.value)
    return CAMERA_OWNER
