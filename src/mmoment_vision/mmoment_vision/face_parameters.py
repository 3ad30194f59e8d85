"""Parameters of the face node."""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_node.parameters import parameter
from mmoment_vision.face_detection import BACKENDS
from mmoment_vision.face_embedding import EMBEDDERS
from mmoment_vision.mtcnn_runtime import DEVICES

# Any two faces are as similar as this now and then.
LEAST_THRESHOLD = 0.3


@dataclass(frozen=True, slots=True)
class FaceParameters:
    """Parameters of the face node."""

    backend: str = parameter(
        'auto',
        'Face detector; auto takes MTCNN, or the Haar cascade where MTCNN is not installed',
        choices=BACKENDS,
        read_only=True,
    )
    device: str = parameter(
        'auto',
        'Where MTCNN and FaceNet run; auto takes CUDA where it is',
        choices=DEVICES,
        read_only=True,
    )
    embedder: str = parameter(
        'auto',
        'Model that tells people apart; auto takes FaceNet where ./mmoment models fetch has brought '
        'its weights, else dlib; none: nobody is recognised',
        choices=EMBEDDERS,
        read_only=True,
    )
    models_folder: str = parameter(
        '',
        'Folder of fetched models; empty: $MMOMENT_MODELS or ~/.local/share/mmoment/models',
        read_only=True,
    )
    data_folder: str = parameter(
        '',
        'Folder with the keys of the camera, as for session_node; empty: $MMOMENT_DATA or '
        '~/.local/share/mmoment',
        read_only=True,
    )
    similarity_threshold: float = parameter(
        0.0,
        'Cosine similarity from which a face counts as known, 0.3 or more; 0: the default of the '
        'model, measured for dlib and not for FaceNet',
        minimum=0.0,
        maximum=1.0,
        read_only=True,
    )
    enroll_views: int = parameter(
        5, 'Good views of a face from which its template is made', minimum=1, maximum=20
    )
    enroll_timeout_s: float = parameter(
        30.0, 'Longest search for them in live pictures', unit='s', minimum=3.0, maximum=300.0
    )
    threads: int = parameter(
        1,
        'Threads of one detection; tracking has one of its own',
        minimum=1,
        maximum=64,
        read_only=True,
    )
    maximum_rate_hz: float = parameter(
        60.0, 'Pictures looked at per second at most', unit='Hz', minimum=0.5, maximum=240.0
    )
    detection_interval_s: float = parameter(
        0.25,
        'From one search of the whole picture for new faces to the next',
        unit='s',
        minimum=0.0,
        maximum=10.0,
    )
    nearby_interval_s: float = parameter(
        0.08,
        'The same around faces that are or were there: in a crowd one comes from behind another',
        unit='s',
        minimum=0.0,
        maximum=10.0,
    )
    minimum_face_px: float = parameter(
        40.0,
        'Longer side of the smallest face to find; half of it costs four times as much',
        unit='px',
        minimum=20.0,
        maximum=1000.0,
        read_only=True,
    )
    proposal_threshold: float = parameter(
        0.85,
        'First stage of MTCNN: lower finds a few more faces and costs much more',
        minimum=0.3,
        maximum=0.99,
        read_only=True,
    )
    score_threshold: float = parameter(
        0.7, 'Score from which a new face counts', minimum=0.1, maximum=0.99, read_only=True
    )
    show_unconfirmed_s: float = parameter(
        0.3,
        'A face that is followed but not recognisable as one stays in the result this long',
        unit='s',
        minimum=0.0,
        maximum=5.0,
    )
    keep_track_s: float = parameter(
        1.0,
        'A face out of sight keeps its track id this long',
        unit='s',
        minimum=0.0,
        maximum=5.0,
    )


def check_parameters(parameters: FaceParameters) -> None:
    """Raise ValueError for values that contradict each other."""
    if parameters.show_unconfirmed_s > parameters.keep_track_s:
        raise ValueError(
            f'show_unconfirmed_s {parameters.show_unconfirmed_s:g} must not be above '
            f'keep_track_s {parameters.keep_track_s:g}'
        )
    if 0 < parameters.similarity_threshold < LEAST_THRESHOLD:
        raise ValueError(
            f'similarity_threshold {parameters.similarity_threshold:g} would name everybody: '
            f'at least {LEAST_THRESHOLD:g}, or 0 for that of the model'
        )
