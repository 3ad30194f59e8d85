"""A short clip of a real face, painted on the spot: no folder with media is needed."""

import math
from pathlib import Path

import av
import pytest

from mmoment_camera.demo_source import DemoPainter, load_portrait

WIDTH, HEIGHT = 640, 480
FPS = 15
PICTURES = 60
PATH_S = 1.0


def write_painted_clip(path: Path) -> None:
    """Write the moving portrait of the `demo` source as MPEG-4; skips where it is not installed."""
    portrait = load_portrait()
    if portrait is None:
        pytest.skip('scikit-image, which carries the portrait, is not installed')
    painter = DemoPainter(portrait, WIDTH, HEIGHT)
    with av.open(str(path), 'w') as container:
        # An encoder that every build of FFmpeg has
        stream = container.add_stream('mpeg4', rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, 'yuv420p'
        stream.bit_rate = 4_000_000
        for number in range(PICTURES):
            # There and back: the face does not jump where the clip begins anew
            time_s = PATH_S / 2 * (1 - math.cos(math.tau * number / PICTURES))
            picture = av.VideoFrame.from_ndarray(painter.paint(time_s), format='bgr24')
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
