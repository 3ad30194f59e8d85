"""What a caller needs for each route. What is not listed here is for the owner only.

A right means: a session that has it, or the owner. Whose data a session may ask for or change with
its right, `Principal.speaks_for` says.

A test holds this table against `openapi.json` and against the routes that the app really has.
"""

from __future__ import annotations

from mmoment_api.access import Access

ACCESS: dict[str, Access] = {
    'GET /': Access.PUBLIC,
    'GET /assets/{name}': Access.PUBLIC,
    'GET /sign-in': Access.PUBLIC,
    'POST /sign-in': Access.PUBLIC,
    'POST /sign-out': Access.PUBLIC,
    'GET /api/health': Access.PUBLIC,
    'GET /health': Access.PUBLIC,
    'GET /api/status': Access.PUBLIC,
    'GET /api/camera/info': Access.PUBLIC,
    'POST /api/camera/source': Access.OWNER,
    'GET /api/stream/info': Access.VIEW,
    'GET /api/stream/status': Access.VIEW,
    'GET /api/stream/livepeer/status': Access.VIEW,
    'POST /api/stream/start': Access.STREAM,
    'POST /api/stream/livepeer/start': Access.STREAM,
    'POST /api/stream/stop': Access.STREAM,
    'POST /api/stream/livepeer/stop': Access.STREAM,
    'GET /api/stream/settings': Access.OWNER,
    'PATCH /api/stream/settings': Access.OWNER,
    'DELETE /api/stream/settings': Access.OWNER,
    # Its signature says who calls.
    'POST /api/stream/livepeer/webhook': Access.PUBLIC,
    'GET /mjpeg-stream': Access.VIEW,
    'GET /stream': Access.VIEW,
    'GET /api/live': Access.VIEW,
    'WEBSOCKET /api/live/video': Access.VIEW,
    'WEBSOCKET /api/live/jpeg': Access.VIEW,
    'POST /api/live/whep': Access.VIEW,
    'DELETE /api/live/whep/{name}': Access.VIEW,
    'GET /api/gesture/current': Access.VIEW,
    'GET /current_gesture': Access.VIEW,
    'GET /detect_gesture': Access.VIEW,
    'POST /detect_gesture': Access.VIEW,
    'POST /api/face/enroll': Access.ENROLL,
    'POST /enroll_face': Access.ENROLL,
    'POST /api/face/enroll/cancel': Access.ENROLL,
    'POST /api/face/recognize': Access.RECOGNIZE,
    'POST /recognize_face': Access.RECOGNIZE,
    'POST /api/face/detect': Access.RECOGNIZE,
    'GET /api/visualization': Access.VIEW,
    'POST /api/visualization/face': Access.VIEW,
    'POST /api/visualization/gesture': Access.VIEW,
    'POST /api/visualization/pose': Access.VIEW,
    # Not for sessions: it decides about the faces of others.
    'POST /api/visualization/privacy': Access.OWNER,
    'POST /toggle_face_detection': Access.VIEW,
    'POST /toggle_face_visualization': Access.VIEW,
    'POST /toggle_gesture_visualization': Access.VIEW,
    'GET /api/events': Access.VIEW,
    'WEBSOCKET /api/events': Access.VIEW,
    'GET /api/session/challenge': Access.PUBLIC,
    'POST /api/session/connect': Access.PUBLIC,
    'POST /connect': Access.PUBLIC,
    'POST /api/checkin': Access.PUBLIC,
    'GET /api/session': Access.SESSION,
    'GET /api/session/status/{wallet}': Access.SESSION,
    'POST /api/session/renew': Access.SESSION,
    'POST /api/session/disconnect': Access.SESSION,
    'POST /disconnect': Access.SESSION,
    'POST /api/checkout': Access.SESSION,
    'GET /api/sessions': Access.OWNER,
    'POST /api/sessions/revoke': Access.OWNER,
    'POST /api/grants': Access.OWNER,
    'GET /api/face/template': Access.SESSION,
    'PUT /api/face/template': Access.ENROLL,
    # Nobody needs a right to be forgotten.
    'DELETE /api/face': Access.SESSION,
    'POST /api/person/forget': Access.SESSION,
    'GET /api/chain/status': Access.PUBLIC,
    # Whose a kind is, the route decides.
    'POST /api/chain/transactions': Access.SESSION,
    'POST /api/chain/transactions/submit': Access.SESSION,
    'POST /api/chain/nft/verify': Access.SESSION,
    'GET /api/chain/face': Access.SESSION,
    'GET /check-in': Access.PUBLIC,
    'GET /test-page': Access.SESSION,
    'GET /local-test': Access.SESSION,
    'GET /docs': Access.OWNER,
    'GET /openapi.json': Access.OWNER,
    'POST /api/capture': Access.CAPTURE,
    'POST /capture_moment': Access.CAPTURE,
    'POST /api/record': Access.RECORD,
    'POST /start_recording': Access.RECORD,
    'POST /stop_recording': Access.RECORD,
    'GET /api/media': Access.VIEW,
    'GET /api/photos': Access.VIEW,
    'GET /list_photos': Access.VIEW,
    'GET /api/videos': Access.VIEW,
    'GET /list_videos': Access.VIEW,
    'GET /api/photos/{name}': Access.VIEW,
    'GET /photos/{name}': Access.VIEW,
    'GET /api/videos/{name}': Access.VIEW,
    'GET /videos/{name}': Access.VIEW,
    'GET /api/photos/{name}/thumbnail': Access.VIEW,
    'GET /api/videos/{name}/thumbnail': Access.VIEW,
    # Nobody needs a right to delete what is theirs.
    'DELETE /api/photos/{name}': Access.SESSION,
    'DELETE /api/videos/{name}': Access.SESSION,
    'POST /api/media/{id}/favourite': Access.VIEW,
    'POST /api/face/extract-embedding': Access.ENROLL,
    'POST /api/face/enroll/confirm': Access.ENROLL,
}


def access_of(method: str, path: str) -> Access:
    """What a call needs; `path` is the route's own, with its placeholders.

    HEAD is GET without the body, so it needs the same.
    """
    method = 'GET' if method == 'HEAD' else method
    return ACCESS.get(f'{method} {path}', Access.OWNER)
