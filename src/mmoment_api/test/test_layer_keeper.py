import asyncio

import pytest

from mmoment_api.errors import part_not_running
from mmoment_api.layer_keeper import HIDES_STRANGERS, LayerKeeper


class Overlay:
    """The switches of an overlay that can be away, and can be replaced by one that knows nothing."""

    def __init__(self):
        self.writes = []
        self.replace()

    def replace(self, **switches):
        self.switches = {'show_faces': True, HIDES_STRANGERS: False, **switches}
        self.is_away = False

    async def read(self):
        if self.is_away:
            raise part_not_running('overlay_node')
        return dict(self.switches)

    async def write(self, switches):
        if self.is_away:
            raise part_not_running('overlay_node')
        self.writes.append(switches)
        self.switches.update(switches)


@pytest.fixture
def overlay():
    return Overlay()


@pytest.fixture
def keeper(overlay):
    return LayerKeeper(overlay.read, overlay.write)


def look(keeper, times=1):
    for _ in range(times):
        asyncio.run(keeper.look())


def hide(keeper, wish=True):
    asyncio.run(keeper.set({HIDES_STRANGERS: wish}))


def test_nothing_is_touched_before_something_is_asked_for(keeper, overlay):
    look(keeper, 2)
    assert not overlay.writes
    assert not keeper.hides_strangers


def test_what_was_asked_for_is_set_again_in_another_overlay(keeper, overlay):
    hide(keeper)
    asyncio.run(keeper.set({'show_faces': False}))
    look(keeper)
    assert len(overlay.writes) == 2
    overlay.replace()
    look(keeper)
    assert overlay.switches == {'show_faces': False, HIDES_STRANGERS: True}


def test_an_overlay_that_hides_strangers_already_is_held_to_it(keeper, overlay):
    # This process was started again, or the camera is configured so.
    overlay.replace(**{HIDES_STRANGERS: True})
    look(keeper)
    assert keeper.hides_strangers
    overlay.replace()
    look(keeper)
    assert overlay.switches[HIDES_STRANGERS] is True


def test_but_not_against_what_was_asked_for(keeper, overlay):
    hide(keeper, False)
    overlay.replace(**{HIDES_STRANGERS: True})
    look(keeper)
    assert overlay.switches[HIDES_STRANGERS] is False


def test_a_change_that_failed_was_not_asked_for(keeper, overlay):
    overlay.is_away = True
    with pytest.raises(Exception, match='overlay_node'):
        hide(keeper)
    assert not keeper.hides_strangers


def test_a_writer_is_trusted_after_a_look_that_came_after_its_picture(keeper, overlay):
    hide(keeper)
    look(keeper)
    assert not keeper.trusts(7)
    assert keeper.why_held_back
    look(keeper)
    assert keeper.trusts(7)
    assert not keeper.why_held_back
    # The next one is somebody else, and that of the other channel as well.
    assert not keeper.trusts(8)
    overlay.replace()
    look(keeper)
    # It hides strangers from now on, but a picture from before may be on its way.
    assert overlay.switches[HIDES_STRANGERS] is True
    assert not keeper.trusts(8)
    assert not keeper.trusts(7)
    look(keeper)
    assert keeper.trusts(8)


def test_a_picture_that_comes_during_a_look_waits_for_the_next(overlay):
    keeper = LayerKeeper(lambda: read(), overlay.write)

    async def read():
        keeper.trusts(9)
        return await overlay.read()

    hide(keeper)
    look(keeper)
    assert not keeper.trusts(9)
    look(keeper)
    assert keeper.trusts(9)


def test_it_goes_on_over_an_overlay_that_is_away(keeper, overlay, monkeypatch):
    monkeypatch.setattr('mmoment_api.layer_keeper.HURRY_S', 0.001)
    monkeypatch.setattr('mmoment_api.layer_keeper.LOOK_PERIOD_S', 0.001)

    async def scenario():
        await keeper.set({HIDES_STRANGERS: True})
        keeping = asyncio.ensure_future(keeper.keep())
        overlay.is_away = True
        await asyncio.sleep(0.02)
        overlay.replace()
        while not overlay.switches[HIDES_STRANGERS]:
            await asyncio.sleep(0.001)
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping

    asyncio.run(asyncio.wait_for(scenario(), 5))
