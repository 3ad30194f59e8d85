"""`/api/stream`: what is pushed to the outside, and how to get the live picture."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request

from mmoment_api.access import Access, Principal
from mmoment_api.errors import ApiError
from mmoment_api.livepeer_webhook import SIGNATURE_HEADER
from mmoment_api.models import StreamInfoAnswer
from mmoment_api.pushed_stream import ProviderNews
from mmoment_api.routes.askers import whoever_looks
from mmoment_api.routes.common import PrincipalOf, ServicesOf, body_of, read_model
from mmoment_api.services import Services, timestamp_ms
from mmoment_api.stream_models import (
    HookAnswer,
    PushRequest,
    SettingsAnswer,
    SettingsRequest,
    StreamAnswer,
    settings_answer,
    stream_answer,
    stream_data,
)

router = APIRouter(tags=['stream'])

PUSH_BODY = body_of(PushRequest, is_required=False)
SETTINGS_BODY = body_of(SettingsRequest, is_required=True)
MJPEG = 'mjpeg'


@router.get('/api/stream/info')
async def get_stream_info(request: Request, services: ServicesOf) -> StreamInfoAnswer:
    """Where to look: at what is pushed while a provider shows it, else at the camera itself."""
    camera = services.state.live_camera()
    status = services.state.pushed.now()
    shown = status.shown() if status is not None and status.live else None
    answer = StreamInfoAnswer(
        is_active=status is not None and status.live,
        stream_type=MJPEG,
        resolution=camera.resolution if camera else None,
        fps=round(camera.fps, 2) if camera and camera.is_live else 0.0,
        stream_url=str(request.url_for('get_live')),
    )
    if shown is not None and shown.playback_id:
        answer.playback_id = shown.playback_id
        answer.stream_type = shown.provider
        answer.stream_url = shown.hls_url or answer.stream_url
    return answer


@router.get('/api/stream/status')
async def get_stream_status(services: ServicesOf, principal: PrincipalOf) -> StreamAnswer:
    """How the push is; its targets only for those who may start and stop it."""
    return _answer(services, principal)


@router.post('/api/stream/start', openapi_extra=PUSH_BODY)
async def post_stream_start(
    request: Request, services: ServicesOf, principal: PrincipalOf
) -> StreamAnswer:
    """Push to this target, or to all that are enabled, until somebody stops it; outlasts restarts.

    Without a name, targets that are added or enabled later are pushed to as well.
    """
    target = (await read_model(request, PushRequest)).target or ''
    asker = await whoever_looks(request, principal)
    services.state.pushed.hear(await services.stream.start_stream(asker, target))
    return _answer(services, principal)


@router.post('/api/stream/stop', openapi_extra=PUSH_BODY)
async def post_stream_stop(
    request: Request, services: ServicesOf, principal: PrincipalOf
) -> StreamAnswer:
    """Push to this target no more while others go on, or to none."""
    target = (await read_model(request, PushRequest)).target or ''
    asker = await whoever_looks(request, principal)
    services.state.pushed.hear(await services.stream.stop_stream(asker, target))
    return _answer(services, principal)


@router.get('/api/stream/settings')
async def get_stream_settings(services: ServicesOf) -> SettingsAnswer:
    """What is pushed, when and where to; keys are no part of it."""
    return settings_answer(await services.stream.stream_settings())


@router.patch('/api/stream/settings', openapi_extra=SETTINGS_BODY)
async def patch_stream_settings(request: Request, services: ServicesOf) -> SettingsAnswer:
    """Change what is given, for good: it takes the place of the node's parameters."""
    body = await read_model(request, SettingsRequest)
    return settings_answer(await services.stream.change_stream(body.change()))


@router.delete('/api/stream/settings')
async def delete_stream_settings(services: ServicesOf) -> SettingsAnswer:
    """Go back to the node's parameters."""
    return settings_answer(await services.stream.forget_stream_settings())


@router.post('/api/stream/livepeer/webhook')
async def post_webhook(request: Request, services: ServicesOf) -> HookAnswer:
    """Livepeer tells that something happened; it proves itself by its signature.

    Whatever it says, the provider is asked how the stream is. What is answered with 503, it sends
    again.
    """
    webhook = services.webhook
    if not webhook.is_enabled:
        raise ApiError(
            404, 'not_enabled', 'Webhooks need the parameter livepeer_webhook_secret_file'
        )
    body = await request.body()
    event = await asyncio.to_thread(
        webhook.checked, request.headers.get(SIGNATURE_HEADER, ''), body
    )
    if webhook.is_known(event):
        return HookAnswer(event=event.event, duplicate=True)
    await services.stream.refresh_stream()
    webhook.note(event)
    services.state.pushed.hear_news(ProviderNews(event.event, event.at_ms))
    services.events.publish('stream', stream_data(services.state.pushed))
    return HookAnswer(event=event.event)


def _answer(services: Services, principal: Principal | None) -> StreamAnswer:
    may_push = principal is not None and principal.may(Access.STREAM)
    return stream_answer(services.state.pushed, timestamp_ms(), with_targets=may_push)
