import asyncio
import os

import pytest

from mmoment_api.layer_keeper import HIDES_STRANGERS, LayerKeeper
from mmoment_api.video_gate import VideoGate
from mmoment_camera.frame_ring import FrameRingWriter, Geometry, ring_name

GEOMETRY = Geometry(64, 48)


class Overlay:
    """Switches that are set at once, and the ring that is written."""

    def __init__(self):
        self.switches = {HIDES_STRANGERS: False}

    async def read(self):
        return dict(self.switches)

    async def write(self, switches):
        self.switches.update(switches)


@pytest.fixture
def name():
    return ring_name(f'/test_video_gate_{os.getpid()}', 'public')


@pytest.fixture
def keeper():
    overlay = Overlay()
    return LayerKeeper(overlay.read, overlay.write)


@pytest.fixture
def gate(keeper, name):
    made = VideoGate(keeper, name, lambda: made.now_ns)
    made.now_ns = 1000
    return made


def hide(keeper, wish=True):
    asyncio.run(keeper.set({HIDES_STRANGERS: wish}))


def test_everything_passes_while_nobody_is_to_be_hidden(gate):
    assert gate.lets_through(1)


def test_nothing_passes_while_nobody_is_known_to_draw(gate, keeper):
    hide(keeper)
    assert not gate.lets_through(2000)
    assert keeper.why_held_back == ''


def test_only_what_was_taken_when_its_writer_was_trusted_passes(gate, keeper, name):
    writer = FrameRingWriter(name, GEOMETRY)
    try:
        hide(keeper)
        assert not gate.lets_through(2000)
        assert 'blurred' in keeper.why_held_back
        gate.now_ns = 5000
        asyncio.run(keeper.look())
        # Taken before, and still on its way through the encoder.
        assert not gate.lets_through(4999)
        assert gate.lets_through(5001)
        gate.now_ns = 9000
        assert gate.lets_through(5002)
    finally:
        writer.close()
    other = FrameRingWriter(name, GEOMETRY)
    try:
        # Another process draws now, which nobody has told yet.
        assert not gate.lets_through(9001)
        asyncio.run(keeper.look())
        assert not gate.lets_through(8999)
        assert gate.lets_through(9001)
        hide(keeper, wish=False)
        assert gate.lets_through(1)
        hide(keeper)
        assert not gate.lets_through(20_000)
    finally:
        other.close()
