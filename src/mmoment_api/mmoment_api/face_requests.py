"""What is asked of the face part: the wishes, what comes of them, and how many at once.

Nothing here holds or passes on a template: that stays in `face_node`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from mmoment_api.errors import ApiError, part_not_running
from mmoment_api.given_pictures import GivenPicture

# Each holds a body of some MiB, and `face_node` looks at one picture after the other.
PICTURE_REQUESTS_AT_MOST = 4
RETRY_AFTER_S = 1
ENOUGH_PICTURES = 'The camera looks at as many pictures as it can'
_FACE_ID_DOMAIN = 'mmoment face id 1'
_FACE_ID_DIGITS = 32


@dataclass(frozen=True, slots=True)
class EnrolmentWish:
    """Whose face to learn, and from what; no pictures: from the live picture.

    timeout_s: seconds to find good views in; 0: as long as `face_node` is configured to.
    owner_key: X25519 public key to seal the template to; empty: it is not to leave `face_node`.
    """

    identity: str
    pictures: tuple[GivenPicture, ...] = ()
    with_liveness: bool = False
    timeout_s: float = 0.0
    owner_key: bytes = b''


@dataclass(frozen=True, slots=True)
class EnrolmentOutcome:
    """What came of it; the fields are those of the action EnrollFace."""

    success: bool
    error_code: str
    message: str
    reasons: tuple[str, ...]
    quality: float
    quality_rating: str
    model_id: str
    views: int
    liveness_passed: bool
    record_id: str = ''
    envelope: bytes = field(default=b'', repr=False)


@dataclass(frozen=True, slots=True)
class FoundFace:
    """One face of a picture; `track_id` is 0 in a given picture, `identity` empty for strangers."""

    x: float
    y: float
    width: float
    height: float
    score: float
    track_id: int = 0
    identity: str = ''
    similarity: float = 0.0


@dataclass(frozen=True, slots=True)
class FoundFaces:
    """The faces of one picture; the fields are those of the service RecognizeFace."""

    success: bool
    error_code: str
    message: str
    model_id: str
    width: int
    height: int
    faces: tuple[FoundFace, ...] = ()


def face_id(model_id: str, identity: str) -> str:
    """A name for what is known of a person's face: the same as long as person and model are.

    It is made of nothing but the two, so it says nothing of the face itself.
    """
    text = '\0'.join((_FACE_ID_DOMAIN, model_id, identity))
    return hashlib.sha256(text.encode()).hexdigest()[:_FACE_ID_DIGITS]


class Enrolments:
    """The one enrolment that may run at a time. All methods belong to the event loop's thread."""

    def __init__(self) -> None:
        self._identity = ''
        self._task: asyncio.Task[EnrolmentOutcome] | None = None
        self._is_cancelled = False

    async def run(
        self, identity: str, enroll: Callable[[], Coroutine[Any, Any, EnrolmentOutcome]]
    ) -> EnrolmentOutcome:
        """Await `enroll`, which is cancelled together with the caller.

        Raises `ApiError` 409 if another runs, or if this one is ended by `cancel`.
        """
        if self._task is not None:
            raise enrolment_running()
        self._identity, self._is_cancelled = identity, False
        self._task = asyncio.ensure_future(enroll())
        try:
            return await self._task
        except asyncio.CancelledError:
            if not self._is_cancelled:
                raise
            raise ApiError(409, 'enrolment_cancelled', 'The enrolment was cancelled') from None
        finally:
            self._task = None

    def cancel(self, may_cancel: Callable[[str], bool]) -> bool:
        """End the enrolment that runs, if that of this person may be; whether there is one.

        Raises `ApiError` 403 if it is somebody else's.
        """
        if self._task is None or self._task.done():
            return False
        if not may_cancel(self._identity):
            raise ApiError(403, 'forbidden', 'Somebody else is being enrolled')
        self._is_cancelled = True
        self._task.cancel()
        return True

    def end(self, identity: str) -> None:
        """End the enrolment of this person, if one runs."""
        if self._identity == identity:
            self.cancel(lambda _: True)


class Gate:
    """Lets in so many at a time and turns away the rest."""

    def __init__(
        self, at_most: int = PICTURE_REQUESTS_AT_MOST, reason: str = ENOUGH_PICTURES
    ) -> None:
        self._free = at_most
        self._reason = reason

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside; raises `ApiError` 429 if there is no room."""
        if self._free == 0:
            raise ApiError(
                429,
                'too_many_requests',
                f'{self._reason}; try again in a moment',
                {'Retry-After': str(RETRY_AFTER_S)},
            )
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


def enrolment_running() -> ApiError:
    """409: one at a time."""
    return ApiError(
        409, 'enrolment_running', 'Another enrolment is under way; wait for its end or cancel it'
    )


def enrolment_not_undone() -> ApiError:
    """503: cancelled too late, and the part did not forget what it had learned."""
    return part_not_running(
        'face_node', 'the enrolment was done before it could be cancelled, so forget the person'
    )
