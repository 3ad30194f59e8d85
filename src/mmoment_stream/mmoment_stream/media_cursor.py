"""Who looks at the library, and where in its list they are."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mmoment_chain.media_records import MediaRecord, Position
from mmoment_stream.errors import Refused

USUAL_LIMIT = 50
LARGEST_LIMIT = 200
CURSOR = re.compile(r'(-?\d{1,18})-([0-9a-f]{32})')


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person, who sees and deletes their own; or the owner of the camera, who does so with all."""

    wallet: str | None  # None: the owner of the camera

    def __post_init__(self) -> None:
        if self.wallet == '':
            # Somebody who was forgotten must not become the owner of the camera.
            raise ValueError('a viewer has a wallet, or is the owner of the camera')

    @property
    def is_camera_owner(self) -> bool:
        """Whether everything may be seen."""
        return self.wallet is None

    def may_see(self, record: MediaRecord) -> bool:
        """Whether it is theirs."""
        return self.is_camera_owner or record.wallet == self.wallet


CAMERA_OWNER = Viewer(None)


@dataclass(frozen=True, slots=True)
class MediaPage:
    """A part of the list, newest first."""

    records: tuple[MediaRecord, ...]
    next_cursor: str  # empty: no more
    total: int  # in all


def limited(limit: int) -> int:
    """How many are listed at once. Raises Refused: malformed."""
    if not 0 <= limit <= LARGEST_LIMIT:
        raise Refused('malformed', f'At most {LARGEST_LIMIT} are listed at once')
    return limit or USUAL_LIMIT


def cursor_of(record: MediaRecord) -> str:
    """The cursor that goes on behind this one."""
    return f'{record.facts.started_ms}-{record.media_id}'


def position_of(cursor: str) -> Position | None:
    """The place that a cursor means; None: the beginning. Raises Refused: bad_cursor."""
    if not cursor:
        return None
    match = CURSOR.fullmatch(cursor)
    if match is None:
        raise Refused('bad_cursor')
    return Position(int(match[1]), match[2])
