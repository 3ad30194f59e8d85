"""What a reader makes of the stream: the tracks before any picture, and the times of all pictures."""

import io

import av
import pytest
from coded_video import HEIGHT, START_NS, WIDTH, coded
from encoder_world import decoded

from mmoment_camera.pattern import read_number
from mmoment_stream import flv_tags, matroska_pipe
from mmoment_stream.h264 import parameter_sets
from mmoment_stream.push_target import VideoFormat

PACKETS = coded(40)


def format_of(packet):
    return VideoFormat(packet.width, packet.height, parameter_sets(packet.data), fps=30.0)


def due_ms(packet):
    return (packet.monotonic_ns - START_NS) // 1_000_000


def stream(packets, *, silent_audio=False):
    parts = [matroska_pipe.header(format_of(packets[0]), silent_audio=silent_audio)]
    silence = flv_tags.Silence()
    for packet in packets:
        if silent_audio:
            parts += [matroska_pipe.silence(ms) for ms in silence.due(due_ms(packet), 50)]
        parts.append(matroska_pipe.picture(packet.data, due_ms(packet), keyframe=packet.keyframe))
    return b''.join(parts)


def test_pictures_come_out_with_their_times_and_can_be_decoded():
    with av.open(io.BytesIO(stream(PACKETS)), format='matroska') as container:
        (video,) = container.streams
        packets = [packet for packet in container.demux(video) if packet.size]
        assert [round(packet.pts * packet.time_base * 1000) for packet in packets] == [
            due_ms(packet) for packet in PACKETS
        ]
        assert [packet.is_keyframe for packet in packets] == [one.keyframe for one in PACKETS]
    with av.open(io.BytesIO(stream(PACKETS)), format='matroska') as container:
        numbers = [read_number(f.to_ndarray(format='gray')) for f in container.decode(video=0)]
    assert numbers == list(range(40))


def test_the_header_alone_says_all_of_the_tracks():
    header = matroska_pipe.header(format_of(PACKETS[0]), silent_audio=True)
    with av.open(
        io.BytesIO(header), format='matroska', options={'fflags': 'nofillin', 'probesize': '32'}
    ) as container:
        video, audio = container.streams
        assert (video.codec_context.name, audio.codec_context.name) == ('h264', 'aac')
        assert (video.width, video.height) == (WIDTH, HEIGHT)
        assert video.codec_context.extradata[:1] == b'\x01'
        assert (audio.rate, audio.channels) == (flv_tags.SILENCE_RATE_HZ, 2)


def test_silence_is_silent_and_in_step_with_the_pictures():
    data = stream(PACKETS, silent_audio=True)
    with av.open(io.BytesIO(data), format='matroska') as container:
        frames = list(container.decode(audio=0))
    assert not any(frame.to_ndarray().any() for frame in frames)
    assert frames[-1].time == pytest.approx(due_ms(PACKETS[-1]) / 1000, abs=0.05)


def test_a_decoder_takes_the_parameter_sets_of_another_epoch_from_its_keyframe():
    others = coded(10, epoch=8, size=(160, 96))
    later_ms = due_ms(PACKETS[-1]) + 33
    data = stream(PACKETS) + b''.join(
        matroska_pipe.picture(one.data, later_ms + due_ms(one), keyframe=one.keyframe)
        for one in others
    )
    with av.open(io.BytesIO(data), format='matroska') as container:
        sizes = [frame.width for frame in container.decode(video=0)]
    assert sizes == [WIDTH] * 40 + [160] * 10
    assert len(decoded(one.data for one in others)) == 10
