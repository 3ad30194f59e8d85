"""Packets that no encoder made, and where the video hub gets them from."""

from mmoment_api.live_wire import VideoPacket

PARAMETERS = b'\0\0\0\1\x67\x42\xc0\x1f\0\0\0\1\x68\xce'
KEYFRAME = b'\0\0\1\x65'
SLICE = b'\0\0\1\x41'
FRAME_NS = 33_333_333


def packet(sequence, *, keyframe=False, epoch=7, size=0, live=True):
    """One packet of an encoder that begins with number 1."""
    data = PARAMETERS + KEYFRAME if keyframe else SLICE
    return VideoPacket(
        data + bytes(size),
        keyframe,
        live,
        sequence,
        sequence + 100,
        sequence * FRAME_NS,
        epoch,
        1280,
        720,
    )


class FakeVideo:
    """Notes what is asked of it."""

    def __init__(self):
        self.open_channels = set()
        self.asked = []

    def open(self, annotated):
        self.open_channels.add(annotated)

    def close(self, annotated):
        self.open_channels.discard(annotated)

    def request_keyframe(self, annotated):
        self.asked.append(annotated)
