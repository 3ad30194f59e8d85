"""A video encoder with a clock of its own, for tests, and pictures that take many bits."""

from __future__ import annotations

import dataclasses

import numpy as np
from encoder_world import FakeClock, Shown, scene

from mmoment_stream.encoder_backends import SOFTWARE, PyavEncoder
from mmoment_stream.encoder_choice import EncoderChooser
from mmoment_stream.encoder_parameters import EncoderParameters
from mmoment_stream.encoder_probe import ProbeResult
from mmoment_stream.video_encoder import VideoEncoder


class Trusting:
    """A fake prober: every encoder passes."""

    def results(self, names, size, fps):
        return (ProbeResult(name, True) for name in names)

    def forget(self, name):
        pass


class World:
    """An encoder with a clock, what it told, and the packets it gave."""

    def __init__(self, hardware=None, software=None, **parameters):
        self.clock = FakeClock()
        self.told = []
        self.packets = []
        self.pictures = 0
        self.limit_kbps = None
        known = {} if hardware is None else {'fake_hardware': hardware}
        known[SOFTWARE] = software or (lambda wanted: PyavEncoder(SOFTWARE, wanted))
        self.encoder = VideoEncoder(
            EncoderParameters(**{'bitrate_kbps': 2000, **parameters}),
            EncoderChooser(known, Trusting()),
            tell=lambda text, is_warning: self.told.append((text, is_warning)),
            limit_kbps=lambda: self.limit_kbps,
            clock=self.clock,
        )

    def show(self, *numbers, size=(320, 180), **more):
        """Encode these pictures; returns the packets."""
        packets = []
        for number in numbers:
            self.clock.now_s += 1 / 30
            self.pictures += 1
            picture = Shown(scene(number, *size), number + 1, **more)
            packets += self.encoder.encode(picture, picture.monotonic_ns + 10**18)
        self.packets += packets
        return packets

    def set(self, **parameters):
        self.encoder.parameters = dataclasses.replace(self.encoder.parameters, **parameters)

    @property
    def report(self):
        return self.encoder.report()


def epochs(packets):
    """Of each packet."""
    return [packet.epoch for packet in packets]


def noise(number):
    """A picture that takes many bits."""
    rng = np.random.default_rng(number)
    return rng.integers(0, 120, (180, 320, 3), np.uint8)


def kbps_of(world, numbers):
    """The bitrate of these pictures at 30 a second."""
    size_bytes = 0
    for number in numbers:
        world.clock.now_s += 1 / 30
        for packet in world.encoder.encode(Shown(noise(number % 5), number + 1), 0):
            size_bytes += len(packet.data)
            world.packets.append(packet)
    return size_bytes * 8e-3 / (len(numbers) / 30)
