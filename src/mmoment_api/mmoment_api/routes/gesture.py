"""`/api/gesture`: the gesture that is held at the moment."""

from __future__ import annotations

from fastapi import APIRouter

from mmoment_api.models import GestureAnswer
from mmoment_api.routes.common import ServicesOf
from mmoment_api.services import timestamp_ms

router = APIRouter(tags=['gesture'])

NONE = 'none'


@router.get('/api/gesture/current')
async def get_gesture(services: ServicesOf) -> GestureAnswer:
    """After hold time and hysteresis, with the confidence in the newest picture."""
    held = services.state.current_gesture()
    if held is None:
        return GestureAnswer(gesture=NONE, confidence=0.0, timestamp=timestamp_ms())
    return GestureAnswer(
        gesture=held.gesture,
        confidence=round(held.confidence, 3),
        timestamp=held.timestamp_ms,
        hand_track_id=held.hand_track_id,
        face_track_id=held.face_track_id,
    )
