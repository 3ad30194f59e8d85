"""Files are looped, paced by their own stamps, and refused where they are no video."""

from fractions import Fraction
from itertools import pairwise

import av
import pytest

from mmoment_camera.errors import SourceUnusable
from mmoment_camera.file_source import FileSource
from mmoment_camera.pattern import PatternPainter, read_number
from mmoment_camera.source import SourceSettings

MS = 1_000_000
MILLISECOND = Fraction(1, 1000)


def write_clip(path, stamps_ms, codec='libx264'):
    """Numbered pictures, shown at these moments."""
    painter = PatternPainter(320, 176)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=1000)
        stream.width, stream.height, stream.pix_fmt = 320, 176, 'yuv420p'
        for number, stamp in enumerate(stamps_ms, 1):
            frame = av.VideoFrame.from_ndarray(painter.paint(number, 0), format='bgr24')
            frame.pts, frame.time_base = stamp, MILLISECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read(path, count):
    source = FileSource(str(path), SourceSettings())
    source.open()
    try:
        return [source.read() for _ in range(count)]
    finally:
        source.close()


def test_a_file_is_played_in_order_and_again_from_the_beginning(tmp_path):
    clip = write_clip(tmp_path / 'clip.mkv', range(0, 200, 20))
    numbers = [read_number(picture.image) for picture in read(clip, 25)]
    assert numbers == [*range(1, 11), *range(1, 11), *range(1, 6)]


def test_the_files_own_stamps_pace_it(tmp_path):
    clip = write_clip(tmp_path / 'clip.mkv', [0, 20, 100, 120, 200])
    moments = [picture.monotonic_ns for picture in read(clip, 5)]
    steps = [round((later - earlier) / MS) for earlier, later in pairwise(moments)]
    assert steps == [20, 80, 20, 80]


def test_a_cut_file_is_played_as_far_as_it_goes(tmp_path):
    whole = write_clip(tmp_path / 'whole.mkv', range(0, 400, 20))
    cut = tmp_path / 'cut.mkv'
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    numbers = [read_number(picture.image) for picture in read(cut, 40)]
    assert numbers[0] == 1
    assert numbers.count(1) > 1


def test_colours_survive(tmp_path):
    clip = write_clip(tmp_path / 'clip.mkv', [0, 20])
    picture = read(clip, 1)[0].image
    painted = PatternPainter(320, 176).paint(1, 0)
    blue_bar = slice(20, 40), slice(250, 270)
    assert abs(picture[blue_bar].mean((0, 1)) - painted[blue_bar].mean((0, 1))).max() < 12


@pytest.mark.parametrize('content', [b'', b'no video at all', bytes(100_000)])
def test_what_is_no_video_is_refused_with_a_sentence(tmp_path, content):
    file = tmp_path / 'clip.mp4'
    file.write_bytes(content)
    with pytest.raises(SourceUnusable, match='give a video file'):
        FileSource(str(file), SourceSettings()).open()


def test_sound_alone_is_refused(tmp_path):
    file = tmp_path / 'sound.wav'
    with av.open(str(file), 'w') as container:
        stream = container.add_stream('pcm_s16le', rate=8000)
        frame = av.AudioFrame(format='s16', layout='mono', samples=800)
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    source = FileSource(str(file), SourceSettings())
    with pytest.raises(SourceUnusable, match='no pictures'):
        source.open()
    source.close()
