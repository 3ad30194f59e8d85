"""H.264 of the camera's pictures, for clips, live streams and live views: one encode for all.

It reads the channels of overlay_node, never the raw pictures, and only while somebody takes packets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import ClassVar

import cv2
from diagnostic_msgs.msg import DiagnosticStatus

from mmoment_node.managed_node import ManagedNode, run_node
from mmoment_stream.encoder_backends import Opener
from mmoment_stream.encoder_channel_topics import EncoderChannel
from mmoment_stream.encoder_choice import EncoderChooser
from mmoment_stream.encoder_parameters import EncoderParameters
from mmoment_stream.encoder_probe import openers
from mmoment_stream.encoder_prober import EncoderProber
from mmoment_stream.video_channel import VIDEO_CHANNELS

LOOK_PERIOD_S = 1.0
END_S = 5.0

# Conversion runs beside the encoder's own threads; more would only take cores from the models.
cv2.setNumThreads(1)


class EncoderNode(ManagedNode[EncoderParameters]):
    """Publishes `video` and `encoder_status`, serves `request_keyframe`, obeys `video_limit`.

    All of them again below `overlay`, for the pictures with drawings. Each channel has an encoder
    of its own while it is used.
    """

    NAME = 'encoder_node'
    PARAMETERS = EncoderParameters
    OPENERS: ClassVar[Mapping[str, Opener]] = openers()
    PROBER: ClassVar[Callable[[], EncoderProber]] = EncoderProber

    def open(self) -> None:
        """Make topics and services; encoders come with the first picture."""
        self._prober = self.PROBER()
        self._channels: list[EncoderChannel] = []
        for channel in VIDEO_CHANNELS.values():
            # What fails in one channel may well work in the other.
            chooser = EncoderChooser(self.OPENERS, self._prober)
            self._channels.append(EncoderChannel(self, channel, chooser))

    def start(self) -> None:
        """Begin to encode, as soon as somebody takes packets."""
        self._prober.resume()
        for number, channel in enumerate(self._channels):
            # What one finds out, the other knows.
            channel.start(prepare=not number)
        self._timer = self.create_timer(LOOK_PERIOD_S, self._look_after)

    def stop(self) -> None:
        """Stop encoding; also after start() has failed half-way."""
        if timer := self.__dict__.pop('_timer', None):
            self.destroy_timer(timer)
        self._prober.cancel()
        for channel in self._channels:
            channel.cease()
        deadline_s = time.monotonic() + END_S
        for channel in self._channels:
            channel.stop(deadline_s)

    def close(self) -> None:
        """Remove topics and services."""
        for channel in self.__dict__.pop('_channels', ()):
            channel.close()

    def parameters_changed(self, old: EncoderParameters, new: EncoderParameters) -> None:
        """Hand changes on; they take effect with the next picture."""
        for channel in self.__dict__.get('_channels', ()):
            channel.change(new)

    def diagnose(self) -> list[DiagnosticStatus]:
        """Of each channel: which encoder and why, how it keeps up, what comes out."""
        return [status for channel in self._channels for status in channel.diagnose()]

    def _look_after(self) -> None:
        for channel in self._channels:
            channel.look_after()


def main(args: list[str] | None = None) -> None:
    """Run the encoder node."""
    run_node(EncoderNode, args)
