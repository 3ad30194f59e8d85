"""Photos and clips, as far as the web side knows them, and what is asked of `capture_node`.

Whose they are and who may do what with them is decided there, by the session it is told. That is
the public name of a session; an empty one stands for the owner of the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from mmoment_api.errors import ApiError, part_not_running
from mmoment_api.session_control import SESSIONS, SessionRecord

CAPTURE = 'capture_node'
# Clips are made of its packets.
ENCODER = 'encoder_node'
PHOTO, CLIP = 'photo', 'clip'
# Seconds before a clip: as many as `capture_node` is configured to.
PREROLL_AS_CONFIGURED = -1.0


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom something is asked: somebody's session, or, without one, the owner of the camera."""

    session_id: str = ''
    identity: str = ''

    @staticmethod
    def of(record: SessionRecord) -> Asker:
        """Whoever holds this session; raises `ApiError` for one that nobody could be told by."""
        if not record.session_id or not record.identity:
            raise part_not_running(SESSIONS, 'it named a session without a name or a person')
        return Asker(record.session_id, record.identity)


CAMERA_OWNER = Asker()


@dataclass(frozen=True, slots=True)
class MediaRecord:
    """A photo or clip. Texts are empty where there is nothing to say.

    path, thumbnail_path: absolute, on this machine. identity: wallet of its owner; empty: the owner
    of the camera. taken_s: capture time of the first picture, since 1970. people: wallets of those
    whose faces were named meanwhile. sha256: of the file, hex.
    """

    media_id: str
    kind: str
    filename: str
    path: str = ''
    thumbnail_path: str = ''
    identity: str = ''
    session_id: str = ''
    taken_s: float = 0.0
    duration_s: float = 0.0
    size_bytes: int = 0
    width: int = 0
    height: int = 0
    mime_type: str = ''
    trigger: str = ''
    gesture: str = ''
    people: tuple[str, ...] = ()
    annotated: bool = False
    favourite: bool = False
    uploaded: bool = False
    sha256: str = ''


@dataclass(frozen=True, slots=True)
class RunningClip:
    """A clip that is being recorded; `identity` as above. elapsed_s, limit_s: of video."""

    media_id: str
    identity: str = ''
    started_s: float = 0.0
    elapsed_s: float = 0.0
    limit_s: float = 0.0
    trigger: str = ''


@dataclass(frozen=True, slots=True)
class PhotoWish:
    """A photo of now. format: jpeg or webp; empty: as `capture_node` is configured to."""

    annotated: bool = False
    format: str = ''


@dataclass(frozen=True, slots=True)
class ClipWish:
    """A clip. duration_s: from now on; 0: until it is stopped. preroll_s: seconds before now."""

    duration_s: float = 0.0
    preroll_s: float = PREROLL_AS_CONFIGURED


@dataclass(frozen=True, slots=True)
class MediaQuestion:
    """Which photos and clips, the newest first.

    kind: empty: both. identity: whose, if the owner of the camera asks; empty: everybody's.
    """

    kind: str = ''
    limit: int = 0
    cursor: str = ''
    identity: str = ''


@dataclass(frozen=True, slots=True)
class MediaPage:
    """Some of them; `next_cursor` is empty behind the last, `total` counts all."""

    records: tuple[MediaRecord, ...]
    next_cursor: str
    total: int


class Change(Enum):
    """What can be done with a photo or clip; what is kept, retention leaves alone."""

    DELETE = 'delete'
    KEEP = 'keep'
    DO_NOT_KEEP = 'do_not_keep'


class MediaControl(Protocol):
    """What can be asked of `capture_node`; raises `ApiError` for what it refuses, or if it is away."""

    async def capture_photo(self, asker: Asker, wish: PhotoWish) -> MediaRecord:
        """Take a photo; it is kept when this returns."""

    async def start_clip(self, asker: Asker, wish: ClipWish) -> str:
        """Begin a clip: its id, as soon as it is being recorded. It goes on by itself."""

    async def stop_clips(self, asker: Asker, media_id: str) -> tuple[MediaRecord, ...]:
        """End one clip, or, with an empty id, all that this one may stop; they are kept then."""

    async def list_media(self, asker: Asker, question: MediaQuestion) -> MediaPage:
        """Photos and clips that this one may see."""

    async def get_media(self, asker: Asker, name: str) -> MediaRecord:
        """One of them, by its id or file name; what is somebody else's is not there."""

    async def change_media(self, asker: Asker, name: str, change: Change) -> None:
        """Delete one of them, or have it kept."""


_STATUS = {
    **dict.fromkeys(('no_media', 'no_recording'), 404),
    **dict.fromkeys(('missing_right', 'no_right'), 403),
    **dict.fromkeys(('busy', 'too_old', 'cancelled'), 409),
    **dict.fromkeys(('bad_cursor', 'malformed'), 422),
    'disk_full': 507,
    'internal': 500,
}
# Whoever asks has been let in a moment ago: the session has ended since.
_SESSION_OVER = frozenset({'no_session', 'session_over', 'bad_token'})
_FIELD = {'bad_cursor': 'cursor'}
# Which part is to blame, where it is not the one that was asked.
_PART = {'session_node_away': SESSIONS}


def refused_by_capture(code: str, message: str) -> ApiError:
    """What `capture_node` refused, with its own stable code and sentence.

    A code that is not listed here is a fault of the camera rather than of the caller: 503.
    """
    if not code:
        return part_not_running(CAPTURE, 'it gave up without a word; its log says why')
    if code in _SESSION_OVER:
        return ApiError(401, 'not_signed_in', message or 'Check in first', reason=code)
    status = _STATUS.get(code, 503)
    error = ApiError(status, code, message or f'{CAPTURE} refused')
    if code in _FIELD:
        error.details['field'] = _FIELD[code]
    if status == 503:
        error.details['part'] = _PART.get(code, CAPTURE)
    return error


def no_media() -> ApiError:
    """404, the same for what does not exist and for what is somebody else's."""
    return ApiError(404, 'no_media', 'There is no such photo or clip')
