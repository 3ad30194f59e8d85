"""A video hub whose source is played, and what its viewers get."""

import asyncio
import json

from fake_video import FakeVideo

from mmoment_api.live_wire import HEAD
from mmoment_api.video_hub import VideoHub
from mmoment_api.viewer_seats import ViewerSeats


class World:
    """A hub, its source, and what happens to them."""

    def __init__(self, hub, source, clock):
        self.hub, self.source, self.clock = hub, source, clock

    async def put(self, *packets, annotated=False):
        for item in packets:
            self.hub.hear(annotated, item)
        await settle()


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def texts_and_numbers(viewer):
    """Everything that waits for a viewer: texts as they are, pictures by their number."""
    found = []
    while True:
        task = asyncio.ensure_future(viewer.next())
        await settle()
        if not task.done():
            task.cancel()
            await settle()
            return found
        message = task.result()
        if message is None:
            return [*found, None]
        found.append(
            json.loads(message) if isinstance(message, str) else HEAD.unpack_from(message)[2]
        )


async def numbers(viewer):
    return [item for item in await texts_and_numbers(viewer) if isinstance(item, int)]


def run_scenario(clock, scenario, seats=64):
    """Run it with a world of its own."""

    async def body():
        source = FakeVideo()
        explain = lambda: ('encoder_node', 'it rests')  # noqa: E731
        hub = VideoHub(source, ViewerSeats(seats), explain, 0.0, clock)
        await asyncio.wait_for(scenario(World(hub, source, clock)), 10)

    asyncio.run(body())
