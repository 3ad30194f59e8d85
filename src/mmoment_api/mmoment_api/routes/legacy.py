"""Paths of earlier cameras: the same functions under their old names, with the same access."""

from __future__ import annotations

from fastapi import APIRouter

from mmoment_api.routes import gesture, health, live, visualization

router = APIRouter(tags=['legacy'], deprecated=True)

ALIASES = (
    ('GET', '/health', health.get_health),
    ('GET', '/stream', live.get_live),
    ('GET', '/current_gesture', gesture.get_gesture),
    ('GET', '/detect_gesture', gesture.get_gesture),
    ('POST', '/detect_gesture', gesture.get_gesture),
    ('POST', '/toggle_face_detection', visualization.post_face),
    ('POST', '/toggle_face_visualization', visualization.post_face),
    ('POST', '/toggle_gesture_visualization', visualization.post_gesture),
)

for _method, _path, _function in ALIASES:
    name = f'legacy_{_method.lower()}_{_path.strip("/")}'
    router.add_api_route(_path, _function, methods=[_method], name=name)
