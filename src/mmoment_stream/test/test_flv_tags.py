import av
import numpy as np
from coded_video import coded

from mmoment_stream import amf0, flv_tags
from mmoment_stream.h264 import ParameterSets, nal_units, parameter_sets
from mmoment_stream.push_target import VideoFormat

SETS = ParameterSets(bytes.fromhex('6742c01fda01'), bytes.fromhex('68ce3c80'))


def split(body):
    """NAL units of a video body."""
    units, at = [], 5
    while at < len(body):
        length = int.from_bytes(body[at : at + 4], 'big')
        units.append(body[at + 4 : at + 4 + length])
        at += 4 + length
    return units


def test_the_header_has_the_bytes_of_the_specification():
    assert flv_tags.video_header(SETS) == bytes.fromhex(
        '17 00 000000'  # keyframe of AVC, header, no delay
        '01 42c01f ff'  # version, profile, lengths of 4 bytes
        'e1 0006 6742c01fda01'
        '01 0004 68ce3c80'
    )


def test_a_picture_has_lengths_in_place_of_start_codes():
    data = bytes.fromhex('00000001 6588 000001 0601')
    assert flv_tags.video_body(data, keyframe=True) == bytes.fromhex(
        '17 01 000000 00000002 6588 00000002 0601'
    )
    assert flv_tags.video_body(data, keyframe=False)[:2] == bytes.fromhex('27 01')


def test_the_units_of_an_encoder_are_not_touched():
    for packet in coded(3):
        body = flv_tags.video_body(packet.data, keyframe=packet.keyframe)
        assert split(body) == list(nal_units(packet.data))


def test_a_decoder_understands_header_and_pictures():
    packets = coded(3)
    decoder = av.CodecContext.create('h264', 'r')
    decoder.extradata = flv_tags.video_header(parameter_sets(packets[0].data))[5:]
    bodies = [flv_tags.video_body(p.data, keyframe=p.keyframe)[5:] for p in packets]
    frames = [frame for body in bodies for frame in decoder.decode(av.Packet(body))]
    assert [(frame.width, frame.height) for frame in frames + decoder.decode(None)] == 3 * [
        (320, 180)
    ]


def test_metadata_tells_what_comes():
    video = VideoFormat(1280, 720, SETS, fps=25.0, kbps=2500.0)
    command, name, facts = amf0.decode(flv_tags.metadata(video, silent_audio=False))
    assert (command, name) == ('@setDataFrame', 'onMetaData')
    assert (facts['width'], facts['height'], facts['framerate']) == (1280, 720, 25)
    assert facts['videocodecid'] == 7
    assert facts['videodatarate'] == 2500
    assert 'audiocodecid' not in facts


def test_metadata_tells_of_the_silent_track():
    facts = amf0.decode(flv_tags.metadata(VideoFormat(2, 2, SETS), silent_audio=True))[2]
    assert (facts['audiocodecid'], facts['audiosamplerate'], facts['stereo']) == (10, 44100, True)
    assert 'videodatarate' not in facts


def test_silence_is_silent():
    decoder = av.CodecContext.create('aac', 'r')
    decoder.extradata = flv_tags.SILENCE_HEADER[2:]
    frames = []
    for _ in range(4):
        frames += decoder.decode(av.Packet(flv_tags.SILENCE[2:]))
    assert len(frames) == 4
    for frame in frames:
        assert (frame.sample_rate, frame.layout.nb_channels, frame.samples) == (44100, 2, 1024)
        assert not np.any(frame.to_ndarray())


def test_frames_of_silence_are_due_once_each():
    silence = flv_tags.Silence()
    assert silence.due(0, 50) == [0]
    assert silence.due(22, 50) == []
    assert silence.due(70, 50) == [23, 46, 69]
    assert silence.due(70, 50) == []


def test_silence_stays_with_the_video_for_days():
    silence = flv_tags.Silence()
    day_ms = 24 * 3600 * 1000
    silence.due(3 * day_ms, 1)
    due = silence.due(3 * day_ms + 1000, 50)
    assert len(due) == 43
    assert 3 * day_ms < due[0] < due[-1] <= 3 * day_ms + 1000


def test_after_a_pause_silence_leaves_a_gap():
    silence = flv_tags.Silence()
    silence.due(0, 50)
    due = silence.due(60_000, 5)
    assert len(due) == 5
    assert 59_800 < due[0] < due[-1] <= 60_000
