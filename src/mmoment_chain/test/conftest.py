import sys
from pathlib import Path

import pytest

# Tests of this package share the helpers beside them.
sys.path.insert(0, str(Path(__file__).parent))

from challenge_world import new_book
from fake_clock import FakeClock

from mmoment_chain.store import Store


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store(tmp_path, clock):
    with Store(tmp_path / 'camera.db', clock) as opened:
        yield opened


@pytest.fixture
def book(store, clock):
    """The challenges of one camera, without limits on who asks."""
    return new_book(store, clock)


@pytest.fixture
def world(tmp_path):
    """A session node among others."""
    # Most tests here do without ROS.
    from session_world import SessionWorld

    world = SessionWorld(tmp_path)
    yield world
    world.close()


@pytest.fixture
def anna():
    from session_world import Wallet

    return Wallet()
