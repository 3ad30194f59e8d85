"""Paths of earlier cameras: the same functions under their old names, with the same access."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.datastructures import Default

from mmoment_api.routes import (
    capture,
    face,
    gesture,
    health,
    live,
    media,
    media_files,
    session,
    stream,
    visualization,
)
from mmoment_api.session_models import CheckOutAnswer, ConnectAnswer

# The answer is what the function says it gives.
_OWN = Default(None)

router = APIRouter(tags=['legacy'], deprecated=True)

ALIASES = (
    ('GET', '/health', health.get_health, None, _OWN),
    ('POST', '/connect', session.post_connect, session.CONNECT_BODY, ConnectAnswer),
    ('POST', '/disconnect', session.post_disconnect, None, CheckOutAnswer),
    ('POST', '/enroll_face', face.post_enroll, face.ENROLL_BODY, _OWN),
    ('POST', '/recognize_face', face.post_recognize, face.PICTURE_BODY, _OWN),
    ('GET', '/stream', live.get_live, None, _OWN),
    ('GET', '/current_gesture', gesture.get_gesture, None, _OWN),
    ('GET', '/detect_gesture', gesture.get_gesture, None, _OWN),
    ('POST', '/detect_gesture', gesture.get_gesture, None, _OWN),
    ('POST', '/toggle_face_detection', visualization.post_face, None, _OWN),
    ('POST', '/toggle_face_visualization', visualization.post_face, None, _OWN),
    ('POST', '/toggle_gesture_visualization', visualization.post_gesture, None, _OWN),
    ('POST', '/capture_moment', capture.post_capture, capture.CAPTURE_BODY, _OWN),
    ('POST', '/start_recording', capture.post_start, capture.START_BODY, _OWN),
    ('POST', '/stop_recording', capture.post_stop, capture.STOP_BODY, _OWN),
    ('GET', '/list_photos', media.get_photos, None, _OWN),
    ('GET', '/list_videos', media.get_videos, None, _OWN),
    ('GET', '/api/stream/livepeer/status', stream.get_stream_status, None, _OWN),
    ('POST', '/api/stream/livepeer/start', stream.post_stream_start, stream.PUSH_BODY, _OWN),
    ('POST', '/api/stream/livepeer/stop', stream.post_stream_stop, stream.PUSH_BODY, _OWN),
)
FILES = (
    ('/photos/{name}', media_files.get_photo, media_files.PHOTO_FILE),
    ('/videos/{name}', media_files.get_video, media_files.CLIP_FILE),
)


def _name(method: str, path: str) -> str:
    return f'legacy_{method.lower()}_{path.strip("/")}'


for _method, _path, _function, _body, _answer in ALIASES:
    router.add_api_route(
        _path,
        _function,
        methods=[_method],
        name=_name(_method, _path),
        openapi_extra=_body,
        response_model=_answer,
    )

for _path, _function, _described in FILES:
    router.add_api_route(_path, _function, methods=['GET'], name=_name('GET', _path), **_described)
    router.add_api_route(
        _path, _function, methods=['HEAD'], name=_name('HEAD', _path), include_in_schema=False
    )
