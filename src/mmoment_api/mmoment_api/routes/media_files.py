"""Files of photos and clips, and their thumbnails: to whom they belong, to others 404.

So nobody can find out by trying which names exist.
"""

from __future__ import annotations

import asyncio
import os
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mmoment_api.errors import ApiError
from mmoment_api.media_control import CLIP, PHOTO, MediaRecord, no_media
from mmoment_api.media_names import is_filename
from mmoment_api.routes.askers import whoever_looks
from mmoment_api.routes.common import PrincipalOf, ServicesOf
from mmoment_api.services import Services
from mmoment_api.web_files import FileAnswer, FileLabel, open_file

router = APIRouter(tags=['media'])

THUMBNAIL_TYPE = 'image/jpeg'
Download = Annotated[
    bool, Query(description='To be saved rather than shown, by what browsers are told')
]


def _described(*types: str) -> dict[int | str, dict[str, Any]]:
    binary = {'schema': {'type': 'string', 'format': 'binary'}}
    content = {'content': {name: binary for name in types}}
    return {
        200: {'description': 'The file', **content},
        206: {'description': 'The part that `Range` asks for', **content},
        304: {'description': 'The caller has it: `If-None-Match`'},
        416: {'description': 'The file has no such part'},
    }


PHOTO_FILE: dict[str, Any] = {
    'response_class': Response,
    'responses': _described('image/jpeg', 'image/webp'),
}
CLIP_FILE: dict[str, Any] = {'response_class': Response, 'responses': _described('video/mp4')}
THUMBNAIL_FILE: dict[str, Any] = {
    'response_class': Response,
    'responses': _described(THUMBNAIL_TYPE),
}


@router.head('/api/photos/{name}', include_in_schema=False)
@router.get('/api/photos/{name}', **PHOTO_FILE)
async def get_photo(
    request: Request,
    services: ServicesOf,
    principal: PrincipalOf,
    name: str,
    download: Download = False,
) -> Response:
    """A photo. Takes `Range`, `If-Range` and `If-None-Match`, and HEAD as well."""
    record = await _record(request, services, principal, name, PHOTO)
    return await _file(request, record, download)


@router.head('/api/videos/{name}', include_in_schema=False)
@router.get('/api/videos/{name}', **CLIP_FILE)
async def get_video(
    request: Request,
    services: ServicesOf,
    principal: PrincipalOf,
    name: str,
    download: Download = False,
) -> Response:
    """A clip, H.264 in MP4 without sound. Takes `Range`, `If-Range`, `If-None-Match`, and HEAD."""
    record = await _record(request, services, principal, name, CLIP)
    return await _file(request, record, download)


@router.head('/api/photos/{name}/thumbnail', include_in_schema=False)
@router.get('/api/photos/{name}/thumbnail', **THUMBNAIL_FILE)
async def get_photo_thumbnail(
    request: Request, services: ServicesOf, principal: PrincipalOf, name: str
) -> Response:
    """A small JPEG of a photo."""
    return await _thumbnail(request, await _record(request, services, principal, name, PHOTO))


@router.head('/api/videos/{name}/thumbnail', include_in_schema=False)
@router.get('/api/videos/{name}/thumbnail', **THUMBNAIL_FILE)
async def get_video_thumbnail(
    request: Request, services: ServicesOf, principal: PrincipalOf, name: str
) -> Response:
    """A small JPEG of a clip."""
    return await _thumbnail(request, await _record(request, services, principal, name, CLIP))


async def _record(
    request: Request, services: Services, principal: PrincipalOf, name: str, kind: str
) -> MediaRecord:
    if not is_filename(name, kind):
        raise no_media()
    asker = await whoever_looks(request, principal)
    record = await services.media.get_media(asker, name)
    if (record.kind, record.filename) != (kind, name):
        raise no_media()
    return record


async def _file(request: Request, record: MediaRecord, is_download: bool) -> Response:
    label = FileLabel(record.filename, record.mime_type, record.sha256, is_download)
    return await _answer(request, record.path, label, record.size_bytes)


async def _thumbnail(request: Request, record: MediaRecord) -> Response:
    if not record.thumbnail_path:
        raise ApiError(404, 'no_thumbnail', 'There is no thumbnail of it')
    stem = record.filename.rpartition('.')[0]
    tag = f'{record.sha256}-thumbnail' if record.sha256 else ''
    label = FileLabel(f'{stem}-thumbnail.jpg', THUMBNAIL_TYPE, tag)
    return await _answer(request, record.thumbnail_path, label)


async def _answer(
    request: Request, path: str, label: FileLabel, size: int | None = None
) -> Response:
    """The file behind `path`; of `size` bytes, if that is known. Raises `ApiError`."""
    if not path:
        raise ApiError(404, 'not_here', 'The file is in the remote store only')
    try:
        file = await asyncio.to_thread(open_file, path)
    except FileNotFoundError:
        # Deleted between the answer and now.
        raise no_media() from None
    except OSError as error:
        raise _damaged() from error
    try:
        if size is not None and os.fstat(file.fileno()).st_size != size:
            raise _damaged()
        return FileAnswer(request, file, label)
    except ApiError:
        file.close()
        raise


def _damaged() -> ApiError:
    return ApiError(
        500, 'media_damaged', 'The file is not as it was kept; the command media verify says more'
    )
