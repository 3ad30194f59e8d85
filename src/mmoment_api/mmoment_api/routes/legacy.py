"""Paths of earlier cameras: the same functions under their old names, with the same access."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.datastructures import Default

from mmoment_api.routes import face, gesture, health, live, session, visualization
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
)

for _method, _path, _function, _body, _answer in ALIASES:
    name = f'legacy_{_method.lower()}_{_path.strip("/")}'
    router.add_api_route(
        _path,
        _function,
        methods=[_method],
        name=name,
        openapi_extra=_body,
        response_model=_answer,
    )
