"""Stand-ins for the nodes that pictures and video come from, on both channels."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from builtin_interfaces.msg import Time
from coded_video import SECOND_NS, coded
from rclpy.qos import QoSProfile

from mmoment_camera.frame_topic import FramePublisher
from mmoment_camera.pattern import PatternPainter
from mmoment_interfaces.msg import VideoPacket
from mmoment_stream.encoder_messages import packet_message

VIDEO_QOS = QoSProfile(depth=30)
FPS = 25
GOP = 10


class PlayedEncoder:
    """Sends packets of one topic while somebody takes them."""

    def __init__(self, node, topic, packets):
        self.video = node.create_publisher(VideoPacket, topic, VIDEO_QOS)
        self._packets = packets
        self._next = self._sequence = 0
        self._epoch = 1
        self.has_restarted = False

    def send(self, number, has_video):
        if not has_video or not self.video.get_subscription_count():
            self._next = 0
            return
        if self.has_restarted:
            self.has_restarted = False
            self._epoch += 1
            self._next = 0
        packet = self._packets[self._next]
        self._next = (self._next + 1) % len(self._packets)
        self._sequence += 1
        sent = replace(
            packet,
            monotonic_ns=time.monotonic_ns(),
            utc_ns=time.time_ns(),
            sequence=self._sequence,
            frame_sequence=number,
            epoch=self._epoch,
        )
        self.video.publish(packet_message(sent, 'camera_optical_frame'))


class Stage:
    """Shows numbered pictures on both channels and as video while somebody looks, as nodes do."""

    def __init__(self, node):
        self._public = FramePublisher(node, 'public/frames', channel='public')
        self._annotated = FramePublisher(node, 'overlay/frames', channel='annotated')
        packets = coded(100, fps=FPS, gop=GOP)
        topics = ('video', 'overlay/video')
        self._encoders = {topic: PlayedEncoder(node, topic, packets) for topic in topics}
        self._painter = PatternPainter(320, 180)
        self.is_live = True
        self.has_video = True
        self.is_paused = False
        self.taken = {}
        """When each picture was taken, by its number: CLOCK_MONOTONIC and the time on the wall."""
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def watched(self):
        """Which of public, annotated, video and overlay/video somebody takes."""
        counts = {
            'public': self._public.subscriber_count,
            'annotated': self._annotated.subscriber_count,
        }
        for topic, encoder in self._encoders.items():
            counts[topic] = encoder.video.get_subscription_count()
        return {name for name, count in counts.items() if count}

    def restart_encoder(self):
        """The next packet is the first of another epoch."""
        self._encoders['video'].has_restarted = True

    def close(self):
        """Show nothing any more; may be called again."""
        if self._is_ending.is_set():
            return
        self._is_ending.set()
        self._thread.join()
        self._public.close()
        self._annotated.close()

    def _run(self):
        number = 0
        while not self._is_ending.wait(1 / FPS):
            if self.is_paused:
                continue
            number += 1
            self._show(number)
            self._send(number)

    def _show(self, number):
        now_ns, utc_ns = time.monotonic_ns(), time.time_ns()
        self.taken[number] = now_ns, utc_ns
        image = self._painter.paint(number, now_ns)
        # What the overlay draws.
        drawn = image.copy()
        drawn[:20] = (0, 0, 255)
        for channel, pixels in ((self._public, image), (self._annotated, drawn)):
            if channel.subscriber_count:
                channel.publish(
                    pixels,
                    stamp=Time(sec=utc_ns // SECOND_NS, nanosec=utc_ns % SECOND_NS),
                    frame_id='camera_optical_frame',
                    monotonic_ns=now_ns,
                    live=self.is_live,
                )

    def _send(self, number):
        for encoder in self._encoders.values():
            encoder.send(number, self.has_video)
