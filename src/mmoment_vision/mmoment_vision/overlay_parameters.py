"""Parameters of the overlay node."""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_node.parameters import parameter
from mmoment_vision.overlay_drawing import Layers


@dataclass(frozen=True, slots=True)
class OverlayParameters:
    """Parameters of the overlay node."""

    show_faces: bool = parameter(True, 'Draw face boxes with track id or name')
    show_landmarks: bool = parameter(False, 'Draw the five points of each face')
    show_hands: bool = parameter(True, 'Draw the skeletons of hands')
    show_gestures: bool = parameter(True, 'Draw what each hand shows')
    show_status: bool = parameter(True, 'Draw time and pictures per second')
    show_similarity: bool = parameter(True, 'Write beside a name how similar the face is to it')
    show_enrolment: bool = parameter(
        True, 'Draw how an enrolment goes and what the person is to do'
    )
    blur_strangers: bool = parameter(
        False,
        'Make the head of everybody who is not named unrecognisable, in overlay/frames and '
        'public/frames and so in all that is shown, streamed or stored; the whole picture while '
        'nobody knows its faces. A face that is not found cannot be blurred: one turned away, below '
        'minimum_face_px of face_node, or new for an instant. frames and image_raw stay as they are. '
        'What it is changed to is remembered over restarts, until it is configured differently',
    )
    blur_wait_ms: float = parameter(
        60.0,
        'With blur_strangers, wait for the faces of the very picture this long; then the last '
        'ones are blurred, enlarged by what they may have moved',
        unit='ms',
        minimum=0.0,
        maximum=500.0,
    )
    maximum_rate_hz: float = parameter(
        60.0, 'Draw at most this many pictures a second', unit='Hz', minimum=0.5, maximum=240.0
    )
    wait_ms: float = parameter(
        8.0,
        'Wait for the faces of the very picture this long, then draw the last ones',
        unit='ms',
        minimum=0.0,
        maximum=100.0,
    )
    faces_limit_s: float = parameter(
        0.3, 'Faces older than this are not drawn', unit='s', minimum=0.0, maximum=5.0
    )
    hands_limit_s: float = parameter(
        0.3, 'Hands older than this are not drawn', unit='s', minimum=0.0, maximum=5.0
    )
    jpeg_quality: int = parameter(
        80, 'Quality of overlay/image/compressed', minimum=10, maximum=100
    )
    data_folder: str = parameter(
        '',
        'Folder under which each camera has its own, as session_node has it, for what is remembered; '
        "empty: the user's data",
        read_only=True,
    )

    @property
    def layers(self) -> Layers:
        """What is drawn."""
        return Layers(
            faces=self.show_faces,
            face_landmarks=self.show_landmarks,
            hands=self.show_hands,
            gestures=self.show_gestures,
            status=self.show_status,
            similarity=self.show_similarity,
            enrolment=self.show_enrolment,
        )
