"""Names that a photo or clip can have at all. Nothing else is ever asked for, let alone opened."""

from __future__ import annotations

import re

from mmoment_api.media_control import CLIP, PHOTO

_STEM = r'[A-Za-z0-9][A-Za-z0-9_-]{0,127}'
_FILENAME = {
    PHOTO: re.compile(rf'{_STEM}\.(?:jpg|jpeg|webp)', re.ASCII),
    CLIP: re.compile(rf'{_STEM}\.mp4', re.ASCII),
}
_MEDIA_ID = re.compile(r'[0-9a-f]{32}', re.ASCII)
# What browsers may show. Whatever else a file claims to be is only ever saved.
SHOWN_TYPES = frozenset({'image/jpeg', 'image/webp', 'video/mp4'})


def is_filename(name: str, kind: str) -> bool:
    """Whether `name` could be that of a file of this kind: one plain word and its ending."""
    return _FILENAME[kind].fullmatch(name) is not None


def is_media_id(name: str) -> bool:
    """Whether `name` could be the id of a photo or clip."""
    return _MEDIA_ID.fullmatch(name) is not None
