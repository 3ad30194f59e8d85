"""Writes pictures like those of a camera into all frame rings, at the rate of a camera.

They are smoothed noise that moves: about as many JPEG bytes as a busy scene, and no media needed.
`python -m bench.mjpeg_source NAMESPACE` writes until it is interrupted.
"""

from __future__ import annotations

import sys
import time

import cv2
import numpy as np
import rclpy

from mmoment_camera.frame_topic import FramePublisher

FRAMES_PER_S = 30
WIDTH_PX, HEIGHT_PX = 1280, 720
PICTURES = 16
STEP_PX = 24
# Chosen so that a picture has about 155 KB at quality 80, as the peers' figures were taken with.
SMOOTHNESS_PX = 2.5


def pictures() -> list[np.ndarray]:
    """The pictures that are shown in turn."""
    noise = np.random.default_rng(1).integers(0, 255, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), SMOOTHNESS_PX)
    scene = cv2.normalize(smooth, np.empty_like(smooth), 0, 255, cv2.NORM_MINMAX)
    return [np.roll(scene, index * STEP_PX, axis=1).copy() for index in range(PICTURES)]


def main() -> None:
    """Write until interrupted."""
    rclpy.init()
    node = rclpy.create_node('picture_source', namespace=sys.argv[1])
    publishers = [
        FramePublisher(node, 'frames', channel='clean'),
        FramePublisher(node, 'public/frames', channel='public'),
        FramePublisher(node, 'overlay/frames', channel='annotated'),
    ]
    scenes = pictures()
    began_s, number = time.monotonic(), 0
    try:
        while True:
            time.sleep(max(0.0, began_s + number / FRAMES_PER_S - time.monotonic()))
            stamp, monotonic_ns = node.get_clock().now().to_msg(), time.monotonic_ns()
            for publisher in publishers:
                # As the nodes do: nothing is written that nobody looks at.
                if publisher.subscriber_count:
                    publisher.publish(
                        scenes[number % PICTURES],
                        stamp=stamp,
                        frame_id='camera_optical_frame',
                        monotonic_ns=monotonic_ns,
                    )
            number += 1
    except KeyboardInterrupt:
        pass
    finally:
        for publisher in publishers:
            publisher.close()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
