"""Small real files: a JPEG, and an H.264 MP4 that begins to play before it has arrived."""

from fractions import Fraction

import av
import cv2
import numpy as np

WIDTH, HEIGHT, FPS = 320, 180, 10


def picture(number, hue=90):
    """A picture with a bar that moves."""
    hsv = np.full((HEIGHT, WIDTH, 3), (hue, 160, 150), np.uint8)
    bgr = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    left = number * 12 % (WIDTH - 60)
    cv2.rectangle(bgr, (left, 40), (left + 60, 140), (255, 255, 255), -1)
    return bgr


def jpeg(number=0, hue=90, width=WIDTH):
    """A photo."""
    scaled = cv2.resize(picture(number, hue), (width, width * HEIGHT // WIDTH))
    return cv2.imencode('.jpg', scaled)[1].tobytes()


def mp4(path, seconds=4.0, hue=20):
    """A clip of so many seconds, as `capture_node` leaves it: fast start, no sound."""
    with av.open(str(path), 'w', options={'movflags': 'faststart'}) as container:
        stream = container.add_stream('libx264', rate=FPS, options={'preset': 'superfast'})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, 'yuv420p'
        stream.codec_context.gop_size = FPS
        stream.codec_context.max_b_frames = 0
        for number in range(round(seconds * FPS)):
            frame = av.VideoFrame.from_ndarray(picture(number, hue), 'bgr24')
            frame = frame.reformat(format='yuv420p')
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
