"""What the trial of an encoder finds out: of the real ones here, and of fakes with one fault each."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from encoder_world import FakeEncoder, refusal_of, settings, unusable

from mmoment_stream.encoder_backends import (
    HARDWARE,
    SOFTWARE,
    AccessUnit,
    EncoderFault,
)
from mmoment_stream.encoder_choice import ORDER
from mmoment_stream.encoder_probe import main, openers, try_encoder
from mmoment_stream.h264 import KEYFRAME_SLICE, SLICE, byte_stream, nal_type, nal_units


def tried(backend_class, **more):
    return try_encoder('fake', settings(), {'fake': lambda wanted: backend_class(wanted, **more)})


class Fake(FakeEncoder):
    def __init__(self, wanted, **more):
        super().__init__('fake', wanted, **more)


class GivesNothing(Fake):
    def encode(self, planes, pts, *, force_keyframe):
        return []


class HoldsBack(Fake):
    def __init__(self, wanted, delay):
        super().__init__(wanted)
        self._waiting, self._delay = [], delay

    def encode(self, planes, pts, *, force_keyframe):
        self._waiting += super().encode(planes, pts, force_keyframe=force_keyframe)
        out = self._waiting[: max(0, len(self._waiting) - self._delay)]
        del self._waiting[: len(out)]
        return out


class Reorders(Fake):
    def encode(self, planes, pts, *, force_keyframe):
        units = super().encode(planes, pts, force_keyframe=force_keyframe)
        return [AccessUnit(unit.data, unit.pts + (3000 if pts == 6000 else 0)) for unit in units]


class SaysNoParameters(Fake):
    def encode(self, planes, pts, *, force_keyframe):
        units = super().encode(planes, pts, force_keyframe=force_keyframe)
        slices = [SLICE, KEYFRAME_SLICE]
        return [
            AccessUnit(
                byte_stream(part for part in nal_units(unit.data) if nal_type(part) in slices),
                unit.pts,
            )
            for unit in units
        ]


class IgnoresRequests(Fake):
    def encode(self, planes, pts, *, force_keyframe):
        return super().encode(planes, pts, force_keyframe=False)


class ShowsSomethingElse(Fake):
    def encode(self, planes, pts, *, force_keyframe):
        grey = np.full_like(planes, 128)
        return super().encode(grey, pts, force_keyframe=force_keyframe)


class IsOnePictureLate(Fake):
    def __init__(self, wanted):
        super().__init__(wanted)
        self._last = None

    def encode(self, planes, pts, *, force_keyframe):
        last, self._last = self._last, planes.copy()
        shown = planes if last is None else last
        return super().encode(shown, pts, force_keyframe=force_keyframe)


class IsSmaller(Fake):
    def __init__(self, wanted):
        super().__init__(settings(160, 90))

    def encode(self, planes, pts, *, force_keyframe):
        small = np.full((135, 160), 128, np.uint8)
        return super().encode(small, pts, force_keyframe=force_keyframe)


class GivesRubbish(Fake):
    def encode(self, planes, pts, *, force_keyframe):
        units = super().encode(planes, pts, force_keyframe=force_keyframe)
        return [AccessUnit(unit.data[: 60 if pts == 9000 else None], unit.pts) for unit in units]


@pytest.mark.parametrize(
    ('fake', 'reason'),
    [
        (Reorders, 'another order'),
        (SaysNoParameters, 'does not begin with a keyframe and its parameter sets'),
        (IgnoresRequests, 'no keyframe when asked'),
        (ShowsSomethingElse, 'cannot recognise'),
        (IsOnePictureLate, 'cannot recognise'),
        (IsSmaller, 'makes 160x90 of 320x180'),
        (GivesRubbish, 'gives '),
    ],
)
def test_each_fault_is_seen(fake, reason):
    result = tried(fake)
    assert not result.usable
    assert reason in result.reason


def test_an_encoder_that_holds_pictures_back_is_of_no_use(monkeypatch):
    monkeypatch.setattr('mmoment_stream.encoder_probe.START_S', 0.5)
    assert tried(HoldsBack, delay=2).usable
    assert 'pictures for' in tried(HoldsBack, delay=5).reason
    assert 'gave 0 pictures for' in tried(GivesNothing).reason


def test_one_that_does_all_this_is_usable():
    result = tried(Fake)
    assert (result.usable, result.reason) == (True, '')
    assert result.ms_per_picture > 0


def test_one_that_makes_keyframes_at_its_interval_only_is_usable_too():
    assert tried(Fake, forces_keyframes=False).usable


def test_one_that_fails_half_way_is_closed():
    made = []

    def opener(wanted):
        made.append(FakeEncoder('fake', wanted, fails_after=5))
        return made[0]

    result = try_encoder('fake', settings(), {'fake': opener})
    assert (result.usable, result.reason) == (False, 'failed while encoding: it was told to')
    assert made[0].is_closed


def test_one_that_does_not_open_says_why():
    result = try_encoder('fake', settings(), {'fake': unusable('fake', 'needs a screwdriver')})
    assert result.reason == 'needs a screwdriver'


def test_an_unknown_name_is_told_the_known_ones():
    assert 'h264_nvenc' in try_encoder('h264_magic', settings(), openers()).reason
    assert set(openers()) == {*ORDER, SOFTWARE}


@pytest.mark.parametrize('size', [(1280, 720), (642, 362)])
def test_libx264_passes(size):
    assert try_encoder(SOFTWARE, settings(*size), openers()).usable


@pytest.mark.parametrize('arguments', [[], ['libx264'], ['libx264', 'wide', '720', '30']])
def test_wrong_arguments_are_told_how_it_is_used(arguments, capsys):
    assert main(arguments) == 2
    assert 'NAME' in capsys.readouterr().err


@pytest.mark.graph
def test_the_program_answers_for_each_name_and_is_honest_about_this_machine():
    names = [*HARDWARE, SOFTWARE]
    words = [sys.executable, '-m', 'mmoment_stream.encoder_probe', ','.join(names)]
    ran = subprocess.run([*words, '640', '360', '30'], capture_output=True, text=True, check=True)
    results = {result['name']: result for result in map(json.loads, ran.stdout.splitlines())}
    assert list(results) == names
    assert results[SOFTWARE]['usable']
    for name in HARDWARE:
        if refusal_of(openers()[name], settings(640, 360)) is not None:
            assert not results[name]['usable']
            assert results[name]['reason']


@pytest.mark.graph
@pytest.mark.parametrize(
    ('name', 'path', 'reason'),
    [
        ('h264_nvenc', '/dev/nvidiactl', 'libcuda'),
        ('h264_qsv', '/dev/dri', 'MFX session'),
        ('h264_v4l2m2m', '/dev/video10', 'valid device'),
    ],
)
def test_a_machine_without_the_device_says_what_the_driver_says(name, path, reason):
    if Path(path).exists() or name not in openers():
        pytest.skip(f'this machine may have {name}')
    words = [sys.executable, '-m', 'mmoment_stream.encoder_probe', name, '640', '360', '30']
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    result = json.loads(ran.stdout)
    if 'not in this build' in result['reason']:
        pytest.skip(f'this FFmpeg has no {name}')
    assert not result['usable']
    assert reason in result['reason']


def test_a_fault_has_the_name_of_its_encoder_once():
    assert str(EncoderFault('fake', 'is broken')) == 'fake is broken'
