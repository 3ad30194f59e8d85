"""`/api/capture` and `/api/record`: photos and clips of what the camera sees now."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request

from mmoment_api.access import Access, Principal
from mmoment_api.errors import ApiError
from mmoment_api.media_control import (
    CAMERA_OWNER,
    PREROLL_AS_CONFIGURED,
    Asker,
    ClipWish,
    MediaRecord,
    PhotoWish,
    RunningClip,
)
from mmoment_api.media_models import (
    CaptureAnswer,
    CaptureRequest,
    ClipRequest,
    RecordAnswer,
    RecordRequest,
    StopRequest,
    media_answer,
)
from mmoment_api.media_names import is_media_id
from mmoment_api.routes.askers import whoever_looks, whoever_takes
from mmoment_api.routes.common import PrincipalOf, ServicesOf, body_of, may_know_of, read_model
from mmoment_api.services import Services

router = APIRouter(tags=['capture'])

CAPTURE_BODY = body_of(CaptureRequest, is_required=False)
RECORD_BODY = body_of(RecordRequest, is_required=True)
START_BODY = body_of(ClipRequest, is_required=False)
STOP_BODY = body_of(StopRequest, is_required=False)


@router.post('/api/capture', openapi_extra=CAPTURE_BODY)
async def post_capture(
    request: Request, services: ServicesOf, principal: PrincipalOf
) -> CaptureAnswer:
    """Take a photo of now, in the camera's full size; it is kept when this answers."""
    body = await read_model(request, CaptureRequest)
    if body.annotated:
        # The drawings name others, so that these are for the owner of the camera.
        asker = await whoever_looks(request, principal)
    else:
        asker = await whoever_takes(request, principal, Access.CAPTURE)
    record = await services.media.capture_photo(asker, PhotoWish(body.annotated, body.format or ''))
    answer = media_answer(record, may_know_of(principal))
    return CaptureAnswer(**answer.model_dump(), timestamp=record.taken_s)


@router.post('/api/record', openapi_extra=RECORD_BODY)
async def post_record(
    request: Request, services: ServicesOf, principal: PrincipalOf
) -> RecordAnswer:
    """Begin a clip, or end it.

    `start` answers as soon as it is being recorded: the clip has a file name only once it is kept,
    which `stop` waits for. Without an id, `stop` ends the caller's own; the owner of the camera may
    end others' by their id. A clip also ends by itself, by `duration` or by the camera's limit;
    `captures` events tell when it is kept.
    """
    body = await read_model(request, RecordRequest)
    if body.action == 'start':
        return await _start(request, services, principal, body)
    return await _stop(request, services, principal, body)


async def post_start(
    request: Request, services: ServicesOf, principal: PrincipalOf
) -> RecordAnswer:
    """Begin a clip; see `/api/record`."""
    return await _start(request, services, principal, await read_model(request, ClipRequest))


async def post_stop(request: Request, services: ServicesOf, principal: PrincipalOf) -> RecordAnswer:
    """End a clip; see `/api/record`."""
    return await _stop(request, services, principal, await read_model(request, StopRequest))


async def _start(
    request: Request, services: Services, principal: Principal | None, body: ClipRequest
) -> RecordAnswer:
    asker = await whoever_takes(request, principal, Access.RECORD)
    preroll_s = PREROLL_AS_CONFIGURED if body.pre_roll is None else body.pre_roll
    media_id = await services.media.start_clip(asker, ClipWish(body.duration or 0.0, preroll_s))
    services.state.recordings.note_started(
        RunningClip(media_id, asker.identity, started_s=time.time(), trigger='api')
    )
    return RecordAnswer(action='start', id=media_id, wallet_address=asker.identity or None)


async def _stop(
    request: Request, services: Services, principal: Principal | None, body: StopRequest
) -> RecordAnswer:
    if body.id is not None:
        if not is_media_id(body.id):
            raise _nothing_runs()
        asker = await whoever_looks(request, principal)
        kept = await services.media.stop_clips(asker, body.id)
    else:
        asker = await whoever_takes(request, principal, Access.RECORD)
        kept = await _stop_own(services, asker)
    if not kept:
        raise _nothing_runs()
    for record in kept:
        services.state.recordings.note_stopped(record.media_id)
    return _stopped_answer(kept, principal)


async def _stop_own(services: Services, asker: Asker) -> tuple[MediaRecord, ...]:
    """End what the asker records; those of others go on, also if the owner of the camera asks."""
    if asker != CAMERA_OWNER:
        return await services.media.stop_clips(asker, '')
    kept: tuple[MediaRecord, ...] = ()
    for clip in services.state.recordings.of(CAMERA_OWNER.identity):
        try:
            kept += await services.media.stop_clips(asker, clip.media_id)
        except ApiError as error:
            # It has just ended by itself.
            if error.code != 'no_recording':
                raise
    return kept


def _stopped_answer(kept: tuple[MediaRecord, ...], principal: Principal | None) -> RecordAnswer:
    newest_first = sorted(kept, key=lambda record: record.taken_s, reverse=True)
    clips = [media_answer(record, may_know_of(principal)) for record in newest_first]
    return RecordAnswer(
        action='stop',
        id=clips[0].id,
        wallet_address=clips[0].wallet_address,
        filename=clips[0].filename,
        url=clips[0].url,
        thumbnail_url=clips[0].thumbnail_url,
        size=clips[0].size,
        duration=clips[0].duration,
        clips=clips,
    )


def _nothing_runs() -> ApiError:
    return ApiError(404, 'no_recording', 'No such recording runs')
