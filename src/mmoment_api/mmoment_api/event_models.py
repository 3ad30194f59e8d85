"""What `/api/events` sends, for its description: the `data` of each type of event.

Events are made in `conversions.py`, many times a second and without these; a test holds the two
together.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from mmoment_api.chain_models import ChainData
from mmoment_api.media_models import Kind, MediaSummary
from mmoment_api.models import Box, HealthAnswer
from mmoment_api.stream_models import StreamData

Handedness = Literal['left', 'right']


class PictureData(BaseModel):
    """The picture that something was seen in."""

    sequence: int
    monotonic_ns: int = Field(description='Capture time, CLOCK_MONOTONIC of the camera')
    width: int
    height: int


class FaceData(BaseModel):
    """One face."""

    track_id: int = Field(description='Lives as long as the face is followed; no identity')
    box: Box
    score: float
    detected: bool = Field(description='By the detector in this picture; else it was followed')
    age_s: float
    identity: str | None = Field(description='Wallet address; null: nobody known')
    similarity: float | None = Field(description='Cosine, to what is known of that person')


class FacesData(PictureData):
    """`faces`: the faces of one picture."""

    faces: list[FaceData]


class HandData(BaseModel):
    """One hand."""

    track_id: int
    box: Box
    handedness: Handedness | None
    gesture: str | None
    confidence: float = Field(description='That it shows this gesture, or none')
    hold_progress: float = Field(description='Share of the hold time, 0 to 1; 1: it is held')
    face_track_id: int | None = Field(description='Whose hand it is')


class HandsData(PictureData):
    """`hands`: the hands of one picture."""

    hands: list[HandData]


class GestureData(BaseModel):
    """`gestures`: a gesture begins or ends to be held, or a movement was made (moved)."""

    sequence: int = Field(description='Of the picture; 0: none')
    monotonic_ns: int
    phase: Literal['begin', 'end', 'moved']
    gesture: str
    confidence: float
    held_s: float = Field(description='Seconds it was held, or the movement took')
    hand_track_id: int
    handedness: Handedness | None
    face_track_id: int | None
    identity: str | None


class GestureActionData(BaseModel):
    """`gesture_action`: a gesture that stands for an action; outcome says what comes of it."""

    sequence: int
    monotonic_ns: int
    outcome: Literal['requested', 'no_owner', 'no_right', 'cool_down']
    action: str
    gesture: str
    right: str = Field(description='Right that the action needs')
    hand_track_id: int
    face_track_id: int | None
    identity: str | None


class EnrollmentData(BaseModel):
    """`enrollment`: how an enrolment goes; names nobody."""

    active: bool
    step: str = Field(description='What the person is to do; of an ended one done or failed')
    instruction: str = Field(description='The same as a sentence')
    progress: float = Field(description='0 to 1')
    reasons: list[str] = Field(description='What is wrong with the newest view, stable codes')
    face_track_id: int | None


class SessionData(BaseModel):
    """`sessions`: something happened to a session; null where it is not the caller's to know."""

    change: Literal[
        'checked_in', 'checked_out', 'renewed', 'rights_changed', 'revoked', 'forgotten'
    ]
    sequence: int = Field(description='Of the event log')
    identity: str | None
    session: str | None = Field(description='Public name of the session; opens nothing')
    reason: str | None = Field(description='asked, absent, expired, revoked or forgotten')


class CaptureData(BaseModel):
    """`captures`: something happened to a photo or clip of the caller; to the owner, of anybody."""

    change: Literal['taken', 'started', 'recorded', 'failed', 'deleted']
    id: str | None
    kind: Kind
    identity: str | None = Field(description='Wallet of its owner; null: the owner of the camera')
    reason: str | None = Field(
        description='Stable code; of what is deleted: asked, retention or forgotten'
    )
    message: str | None
    media: MediaSummary | None = Field(description='Null: there is no file (yet)')


class RunningClipData(BaseModel):
    """A clip that is being recorded."""

    id: str
    identity: str | None = Field(description='Wallet of its owner; null: the owner of the camera')
    started: float = Field(description='Capture time of the first picture, seconds since 1970')
    elapsed_s: float = Field(description='Seconds of video until now')
    limit_s: float = Field(description='It ends by itself after so many')
    trigger: str


class RecordingsData(BaseModel):
    """`recordings`: what is being recorded, on every change and once a second meanwhile."""

    active: bool = Field(description='Anything is, whosever it is')
    recordings: list[RunningClipData] = Field(
        description="The caller's own; for the owner of the camera, all"
    )


class CameraData(BaseModel):
    """`camera`: the picture source."""

    connection: str
    kind: str
    resolution: str | None
    target_fps: float
    fps: float
    last_error: str
    retries: int


EVENT_MODELS: dict[str, type[BaseModel]] = {
    'faces': FacesData,
    'hands': HandsData,
    'gestures': GestureData,
    'gesture_action': GestureActionData,
    'enrollment': EnrollmentData,
    'sessions': SessionData,
    'captures': CaptureData,
    'recordings': RecordingsData,
    'stream': StreamData,
    'camera': CameraData,
    'health': HealthAnswer,
    'chain': ChainData,
}


def event_schema() -> dict[str, Any]:
    """The JSON schema of one event of any type."""
    return {'oneOf': [_schema_of(kind, model) for kind, model in EVENT_MODELS.items()]}


def _schema_of(kind: str, model: type[BaseModel]) -> dict[str, Any]:
    if model is HealthAnswer:
        # An answer of its own as well, and described there.
        schema: dict[str, Any] = {'$ref': f'#/components/schemas/{model.__name__}'}
        return _event_of(kind, schema)
    schema = model.model_json_schema()
    definitions = schema.pop('$defs', {})
    return _event_of(kind, _resolved(schema, definitions))


def _event_of(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        'type': 'object',
        'title': kind,
        'properties': {
            'type': {'const': kind},
            'timestamp': {'type': 'integer', 'description': 'Milliseconds since 1970'},
            'data': data,
        },
    }


def _resolved(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with its references replaced by what they name."""
    if isinstance(schema, list):
        return [_resolved(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if '$ref' in schema:
        return _resolved(definitions[schema['$ref'].rpartition('/')[2]], definitions)
    return {key: _resolved(value, definitions) for key, value in schema.items()}
