"""`/api/camera`: what the camera is, and where its pictures come from."""

from __future__ import annotations

from fastapi import APIRouter

from mmoment_api.errors import ApiError
from mmoment_api.health import judge
from mmoment_api.media_control import CAPTURE, ENCODER
from mmoment_api.models import CameraInfoAnswer, SourceAnswer, SourceRequest
from mmoment_api.routes.common import ServicesOf
from mmoment_api.vision import embedder_model_id

router = APIRouter(tags=['camera'])

CAPABILITY_OF = {
    'face_node': 'face_detection',
    'gesture_node': 'gesture_detection',
    'session_node': 'sessions',
}
WORKING = ('ok', 'degraded')


@router.get('/api/camera/info')
async def get_camera_info(services: ServicesOf) -> CameraInfoAnswer:
    """Type, name, model, and what it can do at the moment."""
    parts = judge(services.state, services.settings.nodes).parts
    camera = services.state.live_camera()
    capabilities = {'live_view': camera is not None and camera.is_live}
    for node, capability in CAPABILITY_OF.items():
        capabilities[capability] = node in parts and parts[node].state in WORKING
    capabilities['face_recognition'] = (
        capabilities.get('face_detection', False) and embedder_model_id(services.state) is not None
    )
    capabilities['photo'] = services.state.is_heard(CAPTURE)
    capabilities['video'] = capabilities['photo'] and services.state.is_heard(ENCODER)
    capabilities['streaming'] = services.state.pushed.now() is not None
    return CameraInfoAnswer(
        type='camera',
        name=services.settings.name,
        model=camera.kind if camera else 'unknown',
        capabilities=capabilities,
        camera_pda=services.state.chain.camera_address,
        device_pubkey=services.state.chain.device,
    )


@router.post('/api/camera/source')
async def post_source(body: SourceRequest, services: ServicesOf) -> SourceAnswer:
    """Take the pictures from somewhere else: auto, demo, pattern, csi, a device, address or file."""
    is_accepted, message = await services.control.set_source(body.source)
    if not is_accepted:
        raise ApiError(422, 'invalid', message or 'The source is not understood', field='source')
    return SourceAnswer(message=message or 'The source is being opened')
