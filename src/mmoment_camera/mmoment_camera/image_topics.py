"""The camera's classic image topics: made only while somebody subscribes, in a thread of their own.

The frame ring is served first; a reader of whole images costs the others nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import Header

from mmoment_camera.image_messages import (
    IMAGE_QOS,
    CvBridgeUnusable,
    to_compressed_image,
    to_image,
)
from mmoment_camera.source import Image

END_S = 2.0


class ImageTopics:
    """Publishes image_raw, image_raw/compressed and camera_info; newest picture only."""

    def __init__(
        self,
        node: Node,
        *,
        camera_info: Callable[[int, int], CameraInfo],
        jpeg_quality: Callable[[], int],
        on_fault: Callable[[Exception], None],
    ) -> None:
        """Make the publishers.

        camera_info: the calibration for a picture of this width and height, without header.
        jpeg_quality: the quality wanted at the moment.
        on_fault: takes what went wrong in the thread, which has ended then.
        """
        self.dropped = 0
        """Pictures that were replaced by a newer one before they were published."""
        self._node = node
        self._camera_info = camera_info
        self._jpeg_quality = jpeg_quality
        self._on_fault = on_fault
        self._raw = node.create_publisher(ImageMessage, 'image_raw', IMAGE_QOS)
        self._compressed = node.create_publisher(CompressedImage, 'image_raw/compressed', IMAGE_QOS)
        self._info = node.create_publisher(CameraInfo, 'camera_info', IMAGE_QOS)
        self._has_raw = True
        self._arrived = threading.Condition()
        self._newest: tuple[Image, Header] | None = None
        self._is_ending = False
        self._thread: threading.Thread | None = None

    def offer(self, image: Image, header: Header) -> None:
        """Publish this picture soon, if anybody looks; returns at once.

        The picture must not be changed afterwards.
        """
        publishers = (self._raw, self._compressed, self._info)[not self._has_raw :]
        if not any(publisher.get_subscription_count() for publisher in publishers):
            return
        with self._arrived:
            if self._thread is None:
                self._is_ending = False
                self._thread = threading.Thread(target=self._run, name='image topics', daemon=True)
                self._thread.start()
            self.dropped += self._newest is not None
            self._newest = (image, header)
            self._arrived.notify()

    def stop(self) -> None:
        """End the thread; `offer` starts it again."""
        with self._arrived:
            self._is_ending = True
            self._newest = None
            self._arrived.notify()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(END_S)

    def close(self) -> None:
        """Remove the topics."""
        self.stop()
        for publisher in (self._raw, self._compressed, self._info):
            self._node.destroy_publisher(publisher)

    def _run(self) -> None:
        """The thread."""
        try:
            while True:
                with self._arrived:
                    self._arrived.wait_for(lambda: self._newest is not None or self._is_ending)
                    if self._is_ending:
                        return
                    assert self._newest is not None
                    (image, header), self._newest = self._newest, None
                self._publish(image, header)
        except Exception as error:
            self._on_fault(error)

    def _publish(self, image: Image, header: Header) -> None:
        """Convert for those topics that have a subscriber."""
        if self._has_raw and self._raw.get_subscription_count():
            self._publish_raw(image, header)
        if self._compressed.get_subscription_count():
            self._compressed.publish(to_compressed_image(image, header, self._jpeg_quality()))
        if self._info.get_subscription_count():
            info = self._camera_info(image.shape[1], image.shape[0])
            info.header = header
            self._info.publish(info)

    def _publish_raw(self, image: Image, header: Header) -> None:
        """Convert by cv_bridge; without it, say so once and go on without this topic."""
        try:
            message = to_image(image, header)
        except CvBridgeUnusable as error:
            self._has_raw = False
            self._node.get_logger().error(f'image_raw stays empty: {error}')
            return
        self._raw.publish(message)
