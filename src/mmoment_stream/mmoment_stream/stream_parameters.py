"""Parameters of stream_node."""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_node.parameters import parameter
from mmoment_stream.livepeer_models import BASE_URL
from mmoment_stream.stream_settings import (
    ALWAYS,
    CHANNELS,
    MOST_KBPS,
    SCHEDULES,
    StreamSettings,
    checked,
)
from mmoment_stream.stream_targets import parse_targets
from mmoment_stream.video_channel import PUBLIC

RENDITIONS_SOURCE, RENDITIONS_STANDARD = 'source', 'standard'


@dataclass(frozen=True, slots=True)
class StreamParameters:
    """What is pushed, where to and when; the service configure_stream replaces the first four."""

    targets: tuple[str, ...] = parameter(
        (),
        'Places to push to, each as words in the quoting of a shell: name=NAME '
        'url=rtmps://HOST/APP key_file=FILE, or name=NAME provider=livepeer key_file=FILE; also '
        'stream_id (of livepeer), audio (silent or none) and enabled (true or false). FILE lies in '
        'the folder stream of the camera, or is an absolute path, and nobody else may read it; only '
        'srt://HOST:PORT does without',
    )
    channel: str = parameter(
        PUBLIC,
        'Pictures to push: public has no drawings, annotated shows names and boxes to everybody who '
        'watches',
        choices=CHANNELS,
    )
    schedule: str = parameter(
        ALWAYS,
        'When to push a stream that is wanted: always, or only while somebody is known to be '
        'checked in',
        choices=SCHEDULES,
    )
    bitrate_kbps: int = parameter(
        0,
        'Ask the encoder for no more while something is pushed, 100 or more; 0: as it is configured',
        unit='kbit/s',
        minimum=0,
        maximum=MOST_KBPS,
    )
    stream_at_start: bool = parameter(
        False,
        'Push from the start; counts until somebody starts or stops the stream, which is remembered',
        read_only=True,
    )
    data_folder: str = parameter(
        '',
        "Folder under which each camera has its own, as session_node has it; empty: the user's data",
        read_only=True,
    )
    ca_file: str = parameter(
        '',
        'Certificates (PEM) that vouch for rtmps servers and for livepeer_url, beside those of the '
        'system; empty: only those of the system do',
        read_only=True,
    )
    retry_first_s: float = parameter(
        0.5,
        'Pause after the first failure; it doubles with each further one',
        unit='s',
        minimum=0.1,
        maximum=60.0,
        read_only=True,
    )
    retry_at_most_s: float = parameter(
        15.0,
        'No pause between attempts is longer, unless the server asks for one',
        unit='s',
        minimum=0.5,
        maximum=3600.0,
        read_only=True,
    )
    livepeer_url: str = parameter(
        BASE_URL, 'Where the programming interface of Livepeer Studio is', read_only=True
    )
    livepeer_record: bool = parameter(
        False, 'Have Livepeer record the streams that are made there', read_only=True
    )
    livepeer_renditions: str = parameter(
        RENDITIONS_SOURCE,
        'Sizes that viewers get from Livepeer: the one that is pushed, or the standard ones too',
        choices=(RENDITIONS_SOURCE, RENDITIONS_STANDARD),
        read_only=True,
    )
    livepeer_multistream_file: str = parameter(
        '',
        'Key file with a line NAME URL for each place that Livepeer passes streams on to; empty: none',
        read_only=True,
    )


def settings_of(parameters: StreamParameters) -> StreamSettings:
    """What the parameters say of the push. Raises Refused: malformed."""
    settings = StreamSettings(
        parameters.channel,
        parameters.schedule,
        parameters.bitrate_kbps,
        parse_targets(parameters.targets),
    )
    return checked(settings, paths=None)
