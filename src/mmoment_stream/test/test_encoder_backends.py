"""FFmpeg's encoders: what a decoder sees, and what they refuse. No hardware is simulated here."""

import av
import numpy as np
import pytest
from av.video.frame import PictureType
from encoder_world import decoded, likeness_db, planes_of, refusal_of, scene, settings

from mmoment_stream import encoder_backends
from mmoment_stream.encoder_backends import (
    HARDWARE,
    SOFTWARE,
    EncoderFault,
    EncoderUnusable,
    PyavEncoder,
    Recipe,
    pyav_openers,
)
from mmoment_stream.h264 import is_keyframe, parameter_sets
from mmoment_stream.picture_planes import PlaneMaker, split

PICTURE_TICKS = 3000


def encode(encoder, count, size=(320, 180), forced=(), at=lambda number: None):
    """Planes that went in, and units that came out."""
    maker = PlaneMaker(*size)
    planes, units = [], []
    for number in range(count):
        at(number)
        planes.append(maker.make(scene(number, *size)).copy())
        units += encoder.encode(
            maker.make(scene(number, *size)),
            number * PICTURE_TICKS,
            force_keyframe=number in forced,
        )
    return planes, units


@pytest.mark.parametrize('size', [(320, 180), (642, 362), (64, 50), (1280, 720)])
@pytest.mark.parametrize('preset', ['superfast', 'ultrafast'])
def test_every_picture_comes_back_at_once_and_in_order(size, preset):
    encoder = PyavEncoder(SOFTWARE, settings(*size, preset=preset, bitrate_kbps=4000, threads=2))
    planes, units = encode(encoder, 12, size)
    assert [unit.pts for unit in units] == [n * PICTURE_TICKS for n in range(12)]
    frames = decoded(unit.data for unit in units)
    assert len(frames) == 12
    for frame, wanted in zip(frames, planes, strict=True):
        # Colours by themselves: where they are misplaced, brightness alone does not show it.
        for plane, other in zip(split(planes_of(frame)), split(wanted), strict=True):
            assert likeness_db(plane, other) > 30
    encoder.close()


def test_there_are_no_b_frames():
    _, units = encode(PyavEncoder(SOFTWARE, settings()), 30)
    frames = decoded(unit.data for unit in units)
    kinds = [PictureType(frame.pict_type).name for frame in frames]
    assert kinds == ['I'] + ['P'] * 29


def test_the_stream_says_which_colours_it_has():
    _, units = encode(PyavEncoder(SOFTWARE, settings()), 1)
    (frame,) = decoded(unit.data for unit in units)
    smpte170m, limited = 6, 1
    assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (smpte170m,) * 3
    assert frame.color_range == limited


def test_a_keyframe_comes_when_it_is_asked_for_and_decoding_can_begin_there():
    planes, units = encode(PyavEncoder(SOFTWARE, settings()), 20, forced={7, 12})
    keyframes = [number for number, unit in enumerate(units) if is_keyframe(unit.data)]
    assert keyframes == [0, 7, 12]
    assert all(parameter_sets(units[number].data) for number in keyframes)
    frames = decoded(unit.data for unit in units[7:])
    assert len(frames) == 13
    assert likeness_db(planes_of(frames[-1]), planes[-1]) > 30


def test_an_encoder_that_says_its_parameters_once_has_them_repeated(monkeypatch):
    def once(wanted):
        return Recipe({'tune': 'zerolatency', 'flags': '+global_header'})

    monkeypatch.setattr(encoder_backends, '_software_recipe', once)
    _, units = encode(PyavEncoder(SOFTWARE, settings()), 8, forced={5})
    assert [n for n, unit in enumerate(units) if parameter_sets(unit.data)] == [0, 5]
    assert len(decoded(unit.data for unit in units[5:])) == 3


def test_a_change_of_scene_makes_no_keyframe():
    encoder = PyavEncoder(SOFTWARE, settings())
    noise = np.random.default_rng(1).integers(0, 256, (2, 270, 320), np.uint8)
    units = [
        encoder.encode(noise[n % 2], n * PICTURE_TICKS, force_keyframe=False) for n in range(8)
    ]
    assert [is_keyframe(unit.data) for (unit,) in units] == [True] + [False] * 7


def kbps_of(units):
    return sum(len(unit.data) for unit in units) * 8e-3 / (len(units) / 30)


@pytest.mark.parametrize(('first', 'then'), [(1000, 300), (400, 1400)])
def test_another_bitrate_takes_effect_in_the_same_stream(first, then):
    encoder = PyavEncoder(SOFTWARE, settings(640, 360, bitrate_kbps=first))
    noise = np.random.default_rng(1).integers(0, 90, (7, 540, 640), np.uint8)
    units = []
    for number in range(300):
        if number == 150:
            assert encoder.change_bitrate(then)
        (unit,) = encoder.encode(noise[number % 7], number * PICTURE_TICKS, force_keyframe=False)
        units.append(unit)
    assert [n for n, unit in enumerate(units) if is_keyframe(unit.data)] == [0]
    assert kbps_of(units[60:150]) == pytest.approx(first, rel=0.25)
    assert kbps_of(units[210:]) == pytest.approx(then, rel=0.25)


def test_bitrates_far_from_the_first_take_another_encoder():
    encoder = PyavEncoder(SOFTWARE, settings(bitrate_kbps=800))
    assert encoder.change_bitrate(3200)
    assert not encoder.change_bitrate(3300)
    assert encoder.change_bitrate(100)
    assert not encoder.change_bitrate(90)


@pytest.mark.parametrize('size', [(320, 180), (642, 362)])
def test_encoders_that_mix_the_colours_of_two_planes_get_them_so(size, monkeypatch):
    def mixed(wanted):
        return Recipe({'preset': 'superfast', 'tune': 'zerolatency'}, 'nv12')

    monkeypatch.setattr(encoder_backends, '_software_recipe', mixed)
    planes, units = encode(PyavEncoder(SOFTWARE, settings(*size, bitrate_kbps=4000)), 3, size)
    for frame, wanted in zip(decoded(unit.data for unit in units), planes, strict=True):
        for plane, other in zip(split(planes_of(frame)), split(wanted), strict=True):
            assert likeness_db(plane, other) > 30


def test_an_encoder_that_fails_says_why():
    encoder = PyavEncoder(SOFTWARE, settings())
    # Nothing may follow the end of a stream.
    encoder._context.encode(None)
    with pytest.raises(EncoderFault, match='libx264 failed while encoding: End of file'):
        encode(encoder, 1)


def test_what_cannot_be_opened_says_why():
    with pytest.raises(EncoderUnusable, match='libx264 cannot be opened: '):
        PyavEncoder(SOFTWARE, settings(preset='none of x264'))


@pytest.mark.parametrize('name', HARDWARE)
def test_hardware_that_is_not_here_is_refused(name):
    error = refusal_of(pyav_openers()[name], settings())
    if error is None:
        pytest.skip(f'this machine has {name}')
    assert error.name == name
    assert error.fault.startswith(('cannot be opened: ', 'is not in this build'))


@pytest.mark.parametrize('name', HARDWARE)
def test_every_option_is_one_that_the_encoder_has(name):
    if name not in av.codec.codecs_available:
        pytest.skip(f'this FFmpeg has no {name}')
    context = av.CodecContext.create(name, 'w')
    if not hasattr(context, 'supported_options'):
        pytest.skip('this PyAV does not tell options')
    known = {option.name for option in context.supported_options.private}
    assert set(HARDWARE[name].options) <= known
