"""Requests and answers about photos and clips.

Times are seconds since 1970, as existing clients of these routes expect them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from mmoment_api.media_control import CLIP, PHOTO, MediaRecord, RunningClip
from mmoment_api.models import RunningClipAnswer, Success

# Longer than any clip `capture_node` can be configured to.
CLIP_AT_MOST_S = 14_400.0
PREROLL_AT_MOST_S = 60.0
LIST_AT_MOST = 200
LIST_DEFAULT = 50
CURSOR_AT_MOST = 512
FOLDERS = {PHOTO: '/api/photos', CLIP: '/api/videos'}
PHOTO_FORMATS, CLIP_FORMATS = ('jpeg', 'webp'), ('mp4',)
MS_PER_S = 1000

Kind = Literal['photo', 'clip']


class MediaSummary(BaseModel):
    """A photo or clip that is kept."""

    id: str
    kind: Kind
    filename: str
    url: str = Field(description='Path of the file at this camera')
    thumbnail_url: str | None = Field(description='JPEG; null: there is none')
    size: int = Field(description='Bytes')
    created: float = Field(description='Capture time of the first picture, seconds since 1970')
    duration: float = Field(description='Seconds; 0 for a photo')
    width: int
    height: int
    mime_type: str
    wallet_address: str | None = Field(description='Of its owner; null: the owner of the camera')
    trigger: str = Field(description='api, gesture or service')
    gesture: str | None
    annotated: bool = Field(description='With what the overlay draws')
    favourite: bool = Field(description='Not deleted to make room')
    uploaded: bool = Field(description='In the remote store as well')
    sha256: str


class MediaAnswer(MediaSummary):
    """The same with who is in it, as far as the caller may know."""

    people: list[str] = Field(description='Wallets of those whose faces were named meanwhile')


class CaptureRequest(BaseModel):
    """What photo to take."""

    annotated: bool = Field(default=False, description='With what the overlay draws')
    format: Literal['jpeg', 'webp'] | None = Field(
        default=None, description='Null: as the camera is configured'
    )


class CaptureAnswer(MediaAnswer):
    """The photo is kept."""

    success: bool = True
    timestamp: float = Field(description='The same as created')


class ClipRequest(BaseModel):
    """What clip to begin."""

    duration: float | None = Field(
        default=None,
        ge=0.0,
        le=CLIP_AT_MOST_S,
        allow_inf_nan=False,
        description='Seconds from now on; null or 0: until it is stopped',
    )
    pre_roll: float | None = Field(
        default=None,
        ge=0.0,
        le=PREROLL_AT_MOST_S,
        allow_inf_nan=False,
        description='Seconds before now; null: as the camera is configured',
    )


class StopRequest(BaseModel):
    """Which clip to end."""

    id: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description='Null: all of the caller'
    )


class RecordRequest(ClipRequest, StopRequest):
    """Begin a clip, or end it."""

    action: Literal['start', 'stop']


class RecordAnswer(Success):
    """A clip has begun, or is kept. Of one that has just begun, only id and owner are known."""

    action: Literal['start', 'stop']
    id: str
    wallet_address: str | None = Field(description='Of its owner; null: the owner of the camera')
    filename: str | None = None
    url: str | None = None
    thumbnail_url: str | None = None
    size: int | None = None
    duration: float | None = Field(default=None, description='Seconds, with those before')
    clips: list[MediaAnswer] = Field(default=[], description='All that were ended, newest first')


class ListAnswer(Success):
    """Some of the list; with `next_cursor` as `cursor`, the next call goes on behind it."""

    count: int = Field(description='In this answer')
    total: int
    next_cursor: str | None = Field(description='Null: no more')


class PhotosAnswer(ListAnswer):
    """Photos, the newest first."""

    photos: list[MediaAnswer]


class VideosAnswer(ListAnswer):
    """Clips, the newest first."""

    videos: list[MediaAnswer]


class MediaListAnswer(ListAnswer):
    """Photos and clips, the newest first."""

    media: list[MediaAnswer]


class FavouriteRequest(BaseModel):
    """Whether retention is to leave it alone."""

    favourite: bool


class FavouriteAnswer(Success):
    """Done."""

    id: str
    favourite: bool


class DeletedAnswer(Success):
    """It is gone, the file as well."""

    filename: str


def media_summary(record: MediaRecord) -> dict[str, Any]:
    """The fields of `MediaSummary`."""
    url = f'{FOLDERS[record.kind]}/{record.filename}'
    return {
        'id': record.media_id,
        'kind': record.kind,
        'filename': record.filename,
        'url': url,
        'thumbnail_url': f'{url}/thumbnail' if record.thumbnail_path else None,
        'size': record.size_bytes,
        'created': record.taken_s,
        'duration': round(record.duration_s, 3),
        'width': record.width,
        'height': record.height,
        'mime_type': record.mime_type,
        'wallet_address': record.identity or None,
        'trigger': record.trigger,
        'gesture': record.gesture or None,
        'annotated': record.annotated,
        'favourite': record.favourite,
        'uploaded': record.uploaded,
        'sha256': record.sha256,
    }


def media_answer(record: MediaRecord, may_know: Callable[[str], bool]) -> MediaAnswer:
    """A photo or clip as its caller is told; `may_know` says which people by name."""
    people = [wallet for wallet in record.people if may_know(wallet)]
    return MediaAnswer(**media_summary(record), people=people)


def running_clip_answer(clip: RunningClip) -> RunningClipAnswer:
    """A clip that is being recorded, as its owner is told."""
    return RunningClipAnswer(
        id=clip.media_id,
        wallet_address=clip.identity or None,
        started_at=round(clip.started_s * MS_PER_S),
        elapsed=round(clip.elapsed_s, 3),
        limit=round(clip.limit_s, 3),
        trigger=clip.trigger,
    )
