import asyncio

import pytest

from mmoment_api.mjpeg_response import MjpegResponse
from mmoment_api.mjpeg_rungs import Rung


async def stay():
    await asyncio.Event().wait()


def test_a_fault_while_sending_is_told_and_the_viewer_forgotten(services):
    async def send(message):
        if message['type'] == 'http.response.body':
            raise RuntimeError('no such state')

    async def scenario():
        viewer = services.live.enter(Rung())
        response = MjpegResponse(services.live, viewer, services.clock)
        with pytest.raises(RuntimeError, match='no such state'):
            await response({'type': 'http'}, stay, send)
        assert services.live.figures.viewers == 0
        services.live.close()
        await asyncio.to_thread(services.live.join, 2.0)

    asyncio.run(scenario())


def test_a_viewer_that_leaves_is_no_fault(services):
    async def send(message):
        pass

    async def leave():
        return {'type': 'http.disconnect'}

    async def scenario():
        viewer = services.live.enter(Rung())
        await MjpegResponse(services.live, viewer, services.clock)({'type': 'http'}, leave, send)
        assert services.live.figures.viewers == 0
        services.live.close()
        await asyncio.to_thread(services.live.join, 2.0)

    asyncio.run(scenario())
