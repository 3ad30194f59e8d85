"""Parameters of capture_node."""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_node.parameters import parameter
from mmoment_stream.video_channel import ANNOTATED, PUBLIC

PHOTO_FORMATS = ('jpeg', 'webp')
WHILE_CHECKED_IN, ALWAYS, NEVER = 'while_checked_in', 'always', 'never'
# Each waits in a thread for its end.
MOST_RECORDINGS = 64


@dataclass(frozen=True, slots=True)
class CaptureParameters:
    """How photos and clips are taken, and how long they are kept."""

    data_folder: str = parameter(
        '',
        "Folder under which each camera has its own, as session_node has it; empty: the user's data",
        read_only=True,
    )
    photo_format: str = parameter('jpeg', 'File format of photos', choices=PHOTO_FORMATS)
    photo_quality: int = parameter(92, 'Quality of photos', minimum=1, maximum=100)
    photo_memory_s: float = parameter(
        0.6,
        'Pictures of so long are kept in memory while somebody with the right capture is checked '
        'in, so that a photo is of the moment of the gesture',
        unit='s',
        minimum=0.0,
        maximum=5.0,
        read_only=True,
    )
    photo_memory_mib: int = parameter(
        96,
        'At most so much memory for them',
        unit='MiB',
        minimum=8,
        maximum=4096,
        read_only=True,
    )
    clip_channel: str = parameter(
        PUBLIC,
        'Pictures of which clips are made, from the next one on: public has no drawings, annotated '
        'has, and so shows whoever has a clip the names of others; in both, strangers are blurred if '
        'overlay_node is told to',
        choices=(PUBLIC, ANNOTATED),
    )
    preroll_s: float = parameter(
        5.0,
        'A clip begins so long before it was asked for',
        unit='s',
        minimum=0.0,
        maximum=30.0,
    )
    preroll: str = parameter(
        WHILE_CHECKED_IN,
        'When the camera keeps the seconds before: while somebody with the right record is '
        'checked in, always, or never',
        choices=(WHILE_CHECKED_IN, ALWAYS, NEVER),
    )
    gesture_clip_s: float = parameter(
        30.0,
        'A clip that a gesture began ends by itself after this time, if no gesture ends it before',
        unit='s',
        minimum=1.0,
        maximum=3600.0,
    )
    clip_at_most_s: float = parameter(
        300.0,
        'No clip is longer, the seconds before it included',
        unit='s',
        minimum=1.0,
        maximum=14400.0,
    )
    recordings_at_most: int = parameter(
        4, 'So many clips may be recorded at once', minimum=1, maximum=MOST_RECORDINGS
    )
    keep_days: float = parameter(
        0.0,
        'Photos and clips that are older are deleted, favourites aside; 0: never',
        unit='d',
        minimum=0.0,
        maximum=36500.0,
    )
    keep_count: int = parameter(
        0,
        'If there are more photos and clips, the oldest are deleted, favourites aside; 0: no limit',
        minimum=0,
        maximum=100_000_000,
    )
    keep_mib: int = parameter(
        20_000,
        'If they take more room, the oldest are deleted, favourites aside; 0: no limit',
        unit='MiB',
        minimum=0,
        maximum=2_000_000_000,
    )
    free_mib: int = parameter(
        500,
        'So much room is left free on the disk: the oldest are deleted for it if that is enough, '
        'favourites and those of the last hour aside; 0: no limit',
        unit='MiB',
        minimum=0,
        maximum=2_000_000_000,
    )
    remote_url: str = parameter(
        '',
        'Where copies of photos and clips go, such as s3://BUCKET/FOLDER; empty: nowhere',
        read_only=True,
    )
    remote_options_file: str = parameter(
        '',
        'JSON file, readable by its owner alone, with what the remote store needs, credentials too; '
        'empty: what the environment has',
        read_only=True,
    )

    @property
    def clips_are_annotated(self) -> bool:
        """Whether clips have what the overlay draws."""
        return self.clip_channel == ANNOTATED
