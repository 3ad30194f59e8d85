"""What is known of the running graph: the latest of everything that was heard.

Written by the thread that listens to ROS, read by the one that answers requests. Each entry is
replaced as a whole and never changed, so a reader needs no lock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from mmoment_api.chain_known import ChainKnown
from mmoment_api.pushed_stream import PushedStream
from mmoment_api.recordings import Recordings

SILENT_AFTER_S = 3.0
# Results older than this no longer describe the scene.
RESULT_FRESH_S = 2.0
# A movement is over when it is noticed; who asks now and then is to hear of it all the same.
MOVEMENT_SHOWN_S = 1.0

LIVE = 'live'
FACES = 'face_node'
# Of a diagnostic: a word that is another one with every start of its node.
RUN = 'run'
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CameraState:
    """The camera node's own account; `connection` is idle, connecting, live, ..."""

    heard_s: float
    connection: str
    since_s: float
    last_error: str
    retries: int
    kind: str
    source: str
    chosen_by_auto: bool
    width: int
    height: int
    pixel_format: str
    target_fps: float
    fps: float
    frames: int
    dropped: int
    frame_age_s: float

    @property
    def is_live(self) -> bool:
        """Whether real pictures arrive."""
        return self.connection == LIVE

    @property
    def resolution(self) -> str | None:
        """As '1280x720'; None before the first picture."""
        return f'{self.width}x{self.height}' if self.width and self.height else None


@dataclass(frozen=True, slots=True)
class StageState:
    """How one processing stage keeps up."""

    heard_s: float
    stage: str
    backend: str
    fps: float
    latency_p50_ms: float
    latency_p99_ms: float
    processed: int
    dropped: int
    overwritten: int


@dataclass(frozen=True, slots=True)
class DiagnosticState:
    """One concern of one node; `level` is ok, warn, error or stale."""

    heard_s: float
    node: str
    concern: str
    level: str
    message: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GestureState:
    """A gesture that a hand holds at the moment, or a movement that it made.

    face_track_id is None if nobody's face is known.
    """

    gesture: str
    confidence: float
    hand_track_id: int
    since_s: float
    timestamp_ms: int
    face_track_id: int | None = None


@dataclass(frozen=True, slots=True)
class Hands:
    """The latest hands, as far as the current gesture needs them: track id to (name, confidence)."""

    heard_s: float
    gestures: dict[int, tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An enrolment under way, and the start of the part that was at it; None: not known."""

    heard_s: float
    run: str | None


class GraphState:
    """The latest state of each part, by the clock given (seconds, monotonic)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.started_s = clock()
        self.camera: CameraState | None = None
        self.chain = ChainKnown(clock)
        self.stages: dict[str, StageState] = {}
        self.diagnostics: dict[tuple[str, str], DiagnosticState] = {}
        self.recordings = Recordings(clock)
        self.pushed = PushedStream(clock)
        self._hands: Hands | None = None
        self._held: dict[int, GestureState] = {}
        self._movement: tuple[float, GestureState] | None = None
        self._enrolment: Enrolment | None = None
        self._earlier_diagnostics: dict[tuple[str, str], DiagnosticState] = {}

    def hear_camera(self, camera: CameraState) -> None:
        """Take the camera node's status."""
        self.camera = camera

    def hear_stage(self, stage: StageState) -> None:
        """Take one stage's status."""
        self.stages = {**self.stages, stage.stage: stage}

    def hear_diagnostic(self, diagnostic: DiagnosticState) -> None:
        """Take one diagnostic status."""
        key = (diagnostic.node, diagnostic.concern)
        earlier = self.diagnostics.get(key)
        if earlier is not None:
            self._earlier_diagnostics = {**self._earlier_diagnostics, key: earlier}
        self.diagnostics = {**self.diagnostics, key: diagnostic}

    def hear_hands(self, hands: Hands) -> None:
        """Take the latest hands; a gesture ends with its hand, even if its END was lost."""
        self._hands = hands
        if self._held and not self._held.keys() <= hands.gestures.keys():
            self._held = {k: v for k, v in self._held.items() if k in hands.gestures}

    def hear_gesture(self, gesture: GestureState, begins: bool) -> None:
        """Take the begin or the end of a held gesture."""
        held = {k: v for k, v in self._held.items() if k != gesture.hand_track_id}
        if begins:
            held[gesture.hand_track_id] = gesture
        self._held = held

    def hear_movement(self, movement: GestureState) -> None:
        """Take a movement; it holds nothing and ends nothing that is held."""
        self._movement = (self.clock(), movement)

    def hear_enrolment(self, is_active: bool) -> None:
        """Take whether an enrolment is under way."""
        self._enrolment = Enrolment(self.clock(), self.run_of(FACES)) if is_active else None

    def has_lost_enrolment(self) -> bool:
        """Whether the part that was at an enrolment is gone, and will not say that it is over."""
        enrolment, run = self._enrolment, self.run_of(FACES)
        if enrolment is None:
            return False
        if enrolment.run is not None and run != enrolment.run:
            return True
        return not self._is_fresh(max(enrolment.heard_s, self.last_heard_s(FACES) or 0.0))

    def live_camera(self) -> CameraState | None:
        """The camera's state if it was heard lately."""
        camera = self.camera
        if camera is None or self.clock() - camera.heard_s > SILENT_AFTER_S:
            return None
        return camera

    def last_heard_s(self, node: str) -> float | None:
        """When this node last said anything; None: never."""
        times = [item.heard_s for item in self.diagnostics.values() if item.node == node]
        stage = self.stages.get(node)
        if stage is not None:
            times.append(stage.heard_s)
        return max(times) if times else None

    def is_heard(self, node: str) -> bool:
        """Whether this node has said anything lately."""
        heard_s = self.last_heard_s(node)
        return heard_s is not None and self._is_fresh(heard_s)

    def run_of(self, node: str) -> str | None:
        """The word for the latest start of a node; None: it gave none."""
        told = [item for item in self.diagnostics.values() if item.node == node]
        told = [item for item in told if item.values.get(RUN)]
        return max(told, key=lambda item: item.heard_s).values[RUN] if told else None

    def fresh_diagnostic(self, node: str, concern: str) -> DiagnosticState | None:
        """The last word of a node about a concern, if it was heard lately."""
        item = self.diagnostics.get((node, concern))
        return item if item is not None and self._is_fresh(item.heard_s) else None

    def busiest_stage(self, node: str) -> StageState | None:
        """How the stage of a node keeps up; of several, 'node' and 'node/part', the fastest."""
        own = [item for name, item in self.stages.items() if name.partition('/')[0] == node]
        return max(own, key=lambda item: item.fps, default=None)

    def fresh_stage(self, node: str) -> StageState | None:
        """How a stage keeps up, if it was heard lately."""
        stage = self.stages.get(node)
        return stage if stage is not None and self._is_fresh(stage.heard_s) else None

    def rate_of(self, node: str, concern: str, key: str) -> float | None:
        """By how much a counter of a diagnostic grows in a second; None if that is not known."""
        newest = self.fresh_diagnostic(node, concern)
        earlier = self._earlier_diagnostics.get((node, concern))
        if newest is None or earlier is None or newest.heard_s <= earlier.heard_s:
            return None
        try:
            grown = float(newest.values[key]) - float(earlier.values[key])
        except (KeyError, ValueError):
            return None
        # A counter that fell is that of a new process.
        return grown / (newest.heard_s - earlier.heard_s) if grown >= 0 else None

    def _is_fresh(self, heard_s: float) -> bool:
        return self.clock() - heard_s <= SILENT_AFTER_S

    def current_gesture(self) -> GestureState | None:
        """The held gesture with the highest confidence now; None while there is none.

        A movement takes its place for a moment.
        """
        if self._movement is not None and self.clock() - self._movement[0] < MOVEMENT_SHOWN_S:
            return self._movement[1]
        hands = self._hands
        if hands is None or self.clock() - hands.heard_s > RESULT_FRESH_S:
            return None
        held = [_refreshed(item, hands) for item in self._held.values()]
        return max(held, key=lambda item: item.confidence, default=None)


def _refreshed(item: GestureState, hands: Hands) -> GestureState:
    """The held gesture with the confidence of the newest picture, where that shows it as well."""
    name, confidence = hands.gestures.get(item.hand_track_id, ('', 0.0))
    if name != item.gesture:
        return item
    return replace(item, confidence=confidence)
