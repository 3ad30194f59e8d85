"""Requests and answers of the REST surface. Fields that clients send beyond these are ignored."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class CamelModel(BaseModel):
    """A model whose fields are camelCase on the wire, where existing clients expect that."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class ErrorAnswer(BaseModel):
    """Every answer that is not a success."""

    success: bool = False
    error: str = Field(description='Stable code, for programs')
    message: str = Field(description='Sentence, for people')


class Success(BaseModel):
    """Nothing but success."""

    success: bool = True


class Endpoint(BaseModel):
    """One address of the capability index."""

    method: str
    path: str
    access: str


class RootAnswer(BaseModel):
    """What this is and what it can do now."""

    success: bool = True
    name: str
    version: str
    standardized_endpoints: dict[str, list[Endpoint]]
    links: dict[str, str]


class HealthCamera(BaseModel):
    """The picture source; `preferred_device` is told to the owner only."""

    index: int | None = Field(description='Number of the V4L2 device; null for other sources')
    preferred_device: str | None
    resolution: str | None
    target_fps: float | None


class ConcernDetail(BaseModel):
    """One diagnostic of a part."""

    concern: str
    level: str
    message: str
    values: dict[str, str]


class PartDetail(BaseModel):
    """One part; the figures are null where the part has none."""

    state: str
    message: str
    fps: float | None = None
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    processed: int | None = None
    dropped: int | None = None
    overwritten: int | None = None
    backend: str | None = None
    concerns: list[ConcernDetail] = []


class SourceDetail(BaseModel):
    """The camera's own account of its source, addresses without credentials."""

    connection: str
    kind: str
    source: str
    chosen_by_auto: bool
    last_error: str
    retries: int
    since_s: float = Field(description='Seconds since this state was entered')
    fps: float
    frames: int
    dropped: int
    pixel_format: str
    frame_age_s: float = Field(description='Seconds since the last live picture; -1: none yet')


class LiveDetail(BaseModel):
    """The live view since the start."""

    viewers: int
    pictures: int
    encodes: int
    sent: int
    dropped: int
    overwritten: int
    timed_out: int
    video_viewers: int
    video_sent: int
    video_dropped: int
    video_skips: int
    listeners: int = Field(description='Clients of /api/events')


class HealthDetail(BaseModel):
    """What only the owner is told."""

    message: str
    parts: dict[str, PartDetail]
    source: SourceDetail | None
    live_view: LiveDetail


class VisionFaces(BaseModel):
    """Faces; of an embedder's figures null means: not known, or no embedder is loaded."""

    fps: float | None = None
    detector: str | None = None
    model_id: str | None = Field(default=None, description='Model that faces are compared with')
    embeds_per_s: float | None = Field(default=None, description='Faces looked at for who they are')
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    dropped: int | None = None
    embedder: str | None = None
    embed_ms_p50: float | None = None
    embed_ms_p99: float | None = None
    waiting: int | None = Field(default=None, description='Faces that wait to be looked at')
    people: int | None = Field(default=None, description='People whose face is known')
    templates: int | None = None


class VisionStage(BaseModel):
    """Gestures, or the overlay."""

    fps: float | None = None
    model: str | None = None
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    dropped: int | None = None


class VisionAnswer(BaseModel):
    """What sees, by which model and how fast; but for models and rates, for the owner only."""

    faces: VisionFaces
    gestures: VisionStage
    overlay: VisionStage


class SessionHealth(BaseModel):
    """Whether people can check in, and how many have."""

    running: bool = Field(description='Without it, only the owner of a sign-in link gets in')
    active: int = Field(description='Live sessions, as last heard')
    faces_known: int | None = Field(default=None, description='For the owner only')


class HealthAnswer(BaseModel):
    """How the camera is. `status` is ok, degraded or error (no live picture)."""

    success: bool = True
    status: str
    camera: HealthCamera
    buffer_fps: float
    active_sessions: int
    timestamp: int = Field(description='Milliseconds since 1970')
    parts: dict[str, str] = Field(
        description='State of each part: ok, starting, degraded, error or silent'
    )
    session: SessionHealth
    vision: VisionAnswer
    detail: HealthDetail | None = Field(default=None, description='For the owner only')


class StreamSummary(CamelModel):
    """The stream to the outside, as far as the public is told."""

    playback_id: str | None = None
    is_active: bool = False
    format: str | None = None


class RunningClipAnswer(CamelModel):
    """A clip that is being recorded."""

    id: str
    wallet_address: str | None = Field(description='Null: the owner of the camera')
    started_at: int = Field(description='Milliseconds since 1970')
    elapsed: float = Field(description='Seconds of video until now')
    limit: float = Field(description='It ends by itself after so many')
    trigger: str


class RecordingSummary(CamelModel):
    """Whether anything is being recorded; more of it only for those to whom it belongs."""

    is_active: bool = False
    current_filename: str | None = Field(
        default=None, description='Null: a clip has a name once it is kept'
    )
    recordings: list[RunningClipAnswer] = Field(
        default=[], description="The caller's own; for the owner of the camera, all"
    )


class StatusData(CamelModel):
    """The state in one object."""

    is_online: bool
    is_streaming: bool
    is_recording: bool
    last_seen: int | None = Field(description='Milliseconds since 1970; null: never')
    active_session_count: int
    stream_info: StreamSummary
    recording_info: RecordingSummary
    supported_formats: dict[str, list[str]]


class StatusAnswer(StatusData):
    """The same fields at the top and under `data`, as clients of both kinds exist."""

    success: bool = True
    timestamp: int = Field(description='Milliseconds since 1970')
    data: StatusData


class CameraInfoAnswer(BaseModel):
    """What the camera is; the device's keys are null until it has some."""

    success: bool = True
    type: str
    name: str
    model: str
    capabilities: dict[str, bool]
    camera_pda: str | None = None
    device_pubkey: str | None = None


class SourceRequest(BaseModel):
    """A new picture source."""

    source: str = Field(min_length=1, max_length=2048)


class SourceAnswer(BaseModel):
    """The source is being opened; the events tell when its pictures arrive."""

    success: bool = True
    message: str


class SeatsAnswer(Success):
    """There is room for one more viewer."""

    viewers: int
    viewers_at_most: int


class StreamInfoAnswer(CamelModel):
    """The live picture and how to get it."""

    success: bool = True
    playback_id: str | None = None
    is_active: bool = Field(description='Whether a stream is pushed to the outside')
    stream_type: str
    resolution: str | None
    fps: float
    stream_url: str


class GestureAnswer(BaseModel):
    """The gesture that is held now; `none` with confidence 0 while there is none."""

    success: bool = True
    gesture: str
    confidence: float
    timestamp: int = Field(description='Milliseconds since 1970')
    hand_track_id: int | None = Field(default=None, description='The hand, as in the hands event')
    face_track_id: int | None = Field(
        default=None, description='Whose hand it is, as in the faces event'
    )


class Box(BaseModel):
    """Pixels of the picture: x to the right, y down."""

    x: float
    y: float
    width: float
    height: float


class LayerRequest(BaseModel):
    """A switch; without a value it is turned over."""

    enabled: bool | None = None


class LayerAnswer(BaseModel):
    """The switch as it is now."""

    success: bool = True
    enabled: bool


class LayersAnswer(BaseModel):
    """All switches."""

    success: bool = True
    layers: dict[str, bool]


class SignInRequest(BaseModel):
    """The token of a sign-in link."""

    token: str = Field(max_length=256)
    bearer: bool = Field(
        default=False,
        description='Answer with a session token for `Authorization: Bearer` instead of a cookie',
    )


class SignInAnswer(Success):
    """Signed in; the token only if it was asked for."""

    session_token: str | None = None
