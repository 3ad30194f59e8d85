"""`/api/visualization`: what the overlay draws. The switches are parameters of `overlay_node`."""

from __future__ import annotations

from fastapi import APIRouter

from mmoment_api.errors import ApiError
from mmoment_api.models import LayerAnswer, LayerRequest, LayersAnswer
from mmoment_api.routes.common import ServicesOf
from mmoment_api.services import Services

router = APIRouter(tags=['visualization'])

# Layer by the name clients use, to the parameters that draw it.
LAYERS: dict[str, tuple[str, ...]] = {
    'face': ('show_faces',),
    'gesture': ('show_hands', 'show_gestures'),
    'privacy': ('blur_strangers',),
}


@router.get('/api/visualization')
async def get_layers(services: ServicesOf) -> LayersAnswer:
    """All switches as they are now."""
    switches = await services.control.layers()
    return LayersAnswer(
        layers={
            layer: all(switches.get(name, False) for name in names)
            for layer, names in LAYERS.items()
        }
    )


@router.post('/api/visualization/face')
async def post_face(services: ServicesOf, body: LayerRequest | None = None) -> LayerAnswer:
    """Face boxes and their labels."""
    return await _switch(services, 'face', body)


@router.post('/api/visualization/gesture')
async def post_gesture(services: ServicesOf, body: LayerRequest | None = None) -> LayerAnswer:
    """Hand landmarks and gesture labels."""
    return await _switch(services, 'gesture', body)


@router.post('/api/visualization/privacy')
async def post_privacy(services: ServicesOf, body: LayerRequest | None = None) -> LayerAnswer:
    """Blur everybody who is not known, in every picture that leaves the camera."""
    return await _switch(services, 'privacy', body)


@router.post('/api/visualization/pose')
async def post_pose(body: LayerRequest | None = None) -> LayerAnswer:
    """No part estimates poses: always 404 `no_such_layer`."""
    raise ApiError(404, 'no_such_layer', 'This camera has no pose layer; it draws face and gesture')


async def _switch(services: Services, layer: str, body: LayerRequest | None) -> LayerAnswer:
    enabled = body.enabled if body is not None else None
    if enabled is None:
        enabled = not (await get_layers(services)).layers[layer]
    await services.control.set_layers(dict.fromkeys(LAYERS[layer], enabled))
    return LayerAnswer(enabled=enabled)
