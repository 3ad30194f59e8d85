"""`/api/photos`, `/api/videos` and `/api/media`: what is kept, and what is done with it.

The files themselves are in `media_files.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from mmoment_api.access import Principal
from mmoment_api.errors import ApiError
from mmoment_api.media_control import (
    CLIP,
    PHOTO,
    Change,
    MediaPage,
    MediaQuestion,
    no_media,
)
from mmoment_api.media_models import (
    CURSOR_AT_MOST,
    LIST_AT_MOST,
    LIST_DEFAULT,
    DeletedAnswer,
    FavouriteAnswer,
    FavouriteRequest,
    MediaAnswer,
    MediaListAnswer,
    PhotosAnswer,
    VideosAnswer,
    media_answer,
)
from mmoment_api.media_names import is_filename, is_media_id
from mmoment_api.routes.askers import whoever_looks
from mmoment_api.routes.common import PrincipalOf, ServicesOf, body_of, may_know_of, read_model
from mmoment_api.services import Services
from mmoment_api.wallet import is_wallet_address

router = APIRouter(tags=['media'])

Limit = Annotated[
    int, Query(ge=1, description=f'At most so many; more than {LIST_AT_MOST} is {LIST_AT_MOST}')
]
Cursor = Annotated[
    str | None, Query(max_length=CURSOR_AT_MOST, description='`next_cursor` of the answer before')
]
Wallet = Annotated[
    str | None, Query(description='Whose, if the owner of the camera asks; people get their own')
]


async def get_question(
    principal: PrincipalOf,
    limit: Limit = LIST_DEFAULT,
    cursor: Cursor = None,
    wallet_address: Wallet = None,
) -> MediaQuestion:
    """What of the list is asked for."""
    # Older clients name themselves, which changes nothing.
    is_owner = principal is not None and principal.is_owner
    identity = wallet_address if wallet_address and is_owner else ''
    if identity and not is_wallet_address(identity):
        raise ApiError(
            422, 'invalid', 'wallet_address has to be 32 bytes in base58', field='wallet_address'
        )
    return MediaQuestion('', min(limit, LIST_AT_MOST), cursor or '', identity)


QuestionOf = Annotated[MediaQuestion, Depends(get_question)]


@router.get('/api/photos')
async def get_photos(
    request: Request, services: ServicesOf, principal: PrincipalOf, question: QuestionOf
) -> PhotosAnswer:
    """Photos, the newest first: one's own; for the owner of the camera, everybody's."""
    page = await _page(request, services, principal, replace(question, kind=PHOTO))
    return PhotosAnswer(photos=_answers(page, principal), **_figures(page))


@router.get('/api/videos')
async def get_videos(
    request: Request, services: ServicesOf, principal: PrincipalOf, question: QuestionOf
) -> VideosAnswer:
    """Clips, the newest first: one's own; for the owner of the camera, everybody's."""
    page = await _page(request, services, principal, replace(question, kind=CLIP))
    return VideosAnswer(videos=_answers(page, principal), **_figures(page))


@router.get('/api/media')
async def get_media(
    request: Request, services: ServicesOf, principal: PrincipalOf, question: QuestionOf
) -> MediaListAnswer:
    """Photos and clips together, the newest first."""
    page = await _page(request, services, principal, question)
    return MediaListAnswer(media=_answers(page, principal), **_figures(page))


@router.delete('/api/photos/{name}')
async def delete_photo(
    request: Request, services: ServicesOf, principal: PrincipalOf, name: str
) -> DeletedAnswer:
    """Delete a photo of one's own; the owner of the camera deletes anybody's."""
    return await _delete(request, services, principal, name, PHOTO)


@router.delete('/api/videos/{name}')
async def delete_video(
    request: Request, services: ServicesOf, principal: PrincipalOf, name: str
) -> DeletedAnswer:
    """Delete a clip of one's own; the owner of the camera deletes anybody's."""
    return await _delete(request, services, principal, name, CLIP)


@router.post('/api/media/{id}/favourite', openapi_extra=body_of(FavouriteRequest, is_required=True))
async def post_favourite(
    request: Request, services: ServicesOf, principal: PrincipalOf, id: str
) -> FavouriteAnswer:
    """Have a photo or clip kept when the camera makes room, or no longer."""
    if not is_media_id(id):
        raise no_media()
    body = await read_model(request, FavouriteRequest)
    asker = await whoever_looks(request, principal)
    change = Change.KEEP if body.favourite else Change.DO_NOT_KEEP
    await services.media.change_media(asker, id, change)
    return FavouriteAnswer(id=id, favourite=body.favourite)


async def _page(
    request: Request, services: Services, principal: Principal | None, question: MediaQuestion
) -> MediaPage:
    return await services.media.list_media(await whoever_looks(request, principal), question)


def _answers(page: MediaPage, principal: Principal | None) -> list[MediaAnswer]:
    return [media_answer(record, may_know_of(principal)) for record in page.records]


def _figures(page: MediaPage) -> dict[str, Any]:
    return {
        'count': len(page.records),
        'total': page.total,
        'next_cursor': page.next_cursor or None,
    }


async def _delete(
    request: Request, services: Services, principal: Principal | None, name: str, kind: str
) -> DeletedAnswer:
    if not is_filename(name, kind):
        raise no_media()
    asker = await whoever_looks(request, principal)
    await services.media.change_media(asker, name, Change.DELETE)
    return DeletedAnswer(filename=name)
