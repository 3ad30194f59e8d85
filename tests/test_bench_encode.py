"""What the encode benchmark is made of: its scene, and what it refuses to call a result."""

from __future__ import annotations

import numpy as np
import pytest

from bench import encode
from bench.encode_scene import forth_and_back, scene


def test_pictures_are_shown_forth_and_back_without_a_jump():
    shown = [forth_and_back(4, number) for number in range(10)]
    assert shown == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3]


def test_the_scene_moves_before_a_still_background_with_noise():
    first, later = (scene(320, 180, 20)[number].astype(int) for number in (0, 7))
    assert first.shape == (180, 320, 3)
    # The same noise comes back with every seventh picture, so all else is still.
    changed = (first != later).any(axis=2)
    assert not changed[:60].any()
    assert changed[80:].mean() > 0.05
    other = scene(320, 180, 2)[1].astype(int)
    assert 1.0 < np.abs(first - other)[:60].mean() < 4.0


def test_two_clips_beside_a_stream_are_written_whole(tmp_path):
    pictures = scene(320, 180, 12)
    sent = []
    clips = encode._TwoClips(tmp_path, 40, sent.append)
    measured = encode._encode(pictures, 80, take=clips.add, finish=clips.finish)
    assert len(sent) == len(measured.packets) == 81
    assert (tmp_path / 'first.mp4').stat().st_size > (tmp_path / 'second.mp4').stat().st_size > 0


def test_a_clip_that_never_began_is_no_result(tmp_path):
    clips = encode._TwoClips(tmp_path, 1000, lambda packet: None)
    with pytest.raises(RuntimeError, match='not whole'):
        encode._encode(scene(320, 180, 12), 40, take=clips.add, finish=clips.finish)


def test_without_ffmpeg_the_comparison_is_left_out_and_that_is_said(monkeypatch):
    monkeypatch.setattr(encode, '_ffmpeg', lambda: None)
    notes: list[str] = []
    assert np.isnan(encode._reference([], 0, 0, notes)['cpu_x_ffmpeg_pipe'])
    assert 'neither ffmpeg nor imageio-ffmpeg' in notes[0]


def test_likeness_is_that_of_the_very_pictures():
    pictures = scene(320, 180, 12)
    packets = encode._encode(pictures, 30).packets
    assert encode._psnr_db(pictures, packets) > 30
    assert encode._psnr_db(pictures[::-1], packets) < encode._psnr_db(pictures, packets) - 2
