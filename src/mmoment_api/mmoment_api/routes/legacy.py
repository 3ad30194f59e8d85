"""Paths of earlier cameras: the same functions under their old names, with the same access."""

from __future__ import annotations

from fastapi import APIRouter

from mmoment_api.routes import face, gesture, health, live, visualization

router = APIRouter(tags=['legacy'], deprecated=True)

ALIASES = (
    ('GET', '/health', health.get_health, None),
    ('POST', '/enroll_face', face.post_enroll, face.ENROLL_BODY),
    ('POST', '/recognize_face', face.post_recognize, face.PICTURE_BODY),
    ('GET', '/stream', live.get_live, None),
    ('GET', '/current_gesture', gesture.get_gesture, None),
    ('GET', '/detect_gesture', gesture.get_gesture, None),
    ('POST', '/detect_gesture', gesture.get_gesture, None),
    ('POST', '/toggle_face_detection', visualization.post_face, None),
    ('POST', '/toggle_face_visualization', visualization.post_face, None),
    ('POST', '/toggle_gesture_visualization', visualization.post_gesture, None),
)

for _method, _path, _function, _body in ALIASES:
    name = f'legacy_{_method.lower()}_{_path.strip("/")}'
    router.add_api_route(_path, _function, methods=[_method], name=name, openapi_extra=_body)
