import asyncio
import json
from types import SimpleNamespace

import pytest
from fake_video import FakeVideo

from mmoment_api.graph_state import GraphState
from mmoment_api.live_hubs import live_hubs
from mmoment_api.video_hub import SILENT_AFTER_S
from mmoment_api.viewer_seats import TooManyViewers


def hubs(keeper):
    return live_hubs(
        lambda annotated: None, FakeVideo(), keeper, GraphState(lambda: 0.0), (), 1, lambda: 80
    )


def test_both_share_the_seats():
    async def scenario():
        live, video = hubs(SimpleNamespace(why_held_back=''))
        viewer = video.enter(False)
        assert live.seats.taken == 1
        with pytest.raises(TooManyViewers):
            live.enter(None)
        video.leave(viewer)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ('held_back', 'told'),
    [
        ('', ('encoder_node', 'encoder_node delivers no video')),
        ('strangers show', ('overlay_node', 'strangers show')),
    ],
)
def test_why_nothing_comes_is_told(held_back, told):
    async def scenario():
        _, video = hubs(SimpleNamespace(why_held_back=held_back))
        now_s = [0.0]
        video.clock = lambda: now_s[0]
        viewer = video.enter(False)
        now_s[0] = video.clock() + SILENT_AFTER_S + 1.0
        video.look_after()
        said = json.loads(await asyncio.wait_for(viewer.next(), 5.0))
        assert (said['part'], said['reason']) == told

    asyncio.run(scenario())
