import asyncio
import socket
import threading
import time

import pytest

from mmoment_stream.async_thread import AsyncThread
from mmoment_stream.push_target import Cancelled

GO_ON = threading.Event()
# The work would take a minute.
SOON_S = 5.0


@pytest.fixture
def thread():
    made = AsyncThread('of the test')
    yield made
    made.close()


async def forever(begun=None, ended=None):
    try:
        if begun is not None:
            begun.set()
        await asyncio.sleep(60)
    finally:
        if ended is not None:
            ended.set()


def waiting(thread, cancelled, work):
    """A thread that waits for the work, and what became of it."""
    found = []

    def wait():
        try:
            found.append(thread.run(work, cancelled))
        except BaseException as error:
            found.append(error)

    waits = threading.Thread(target=wait)
    waits.start()
    return waits, found


def test_gives_what_the_work_gives(thread):
    async def work():
        return threading.current_thread().name

    assert thread.run(work, GO_ON) == 'of the test'


def test_raises_what_the_work_raises(thread):
    async def work():
        raise asyncio.TimeoutError('its own')

    with pytest.raises(asyncio.TimeoutError, match='its own'):
        thread.run(work, GO_ON)


def test_stops_waiting_at_once_and_gives_the_work_up(thread):
    begun, ended, cancelled = threading.Event(), threading.Event(), threading.Event()
    waits, found = waiting(thread, cancelled, lambda: forever(begun, ended))
    assert begun.wait(10)
    cancelled.set()
    since = time.monotonic()
    waits.join()
    assert time.monotonic() - since < SOON_S
    assert isinstance(found[0], Cancelled)
    assert ended.wait(10)


def test_does_nothing_for_who_was_told_to_end(thread):
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        thread.run(lambda: pytest.fail('it began'), cancelled)


def test_closing_ends_work_then_does_the_last_and_leaves_no_thread():
    thread, begun, ended = AsyncThread('closed'), threading.Event(), threading.Event()
    order = []

    async def last():
        order.append(ended.is_set())

    waits, found = waiting(thread, GO_ON, lambda: forever(begun, ended))
    assert begun.wait(10)
    thread.close(last)
    thread.close()
    waits.join(10)
    assert isinstance(found[0], Cancelled)
    assert order == [True]
    assert 'closed' not in [each.name for each in threading.enumerate()]
    with pytest.raises(Cancelled):
        thread.run(forever, GO_ON)


def test_a_name_that_is_looked_up_for_ever_holds_up_nobody(thread, monkeypatch):
    held, begun, cancelled = threading.Event(), threading.Event(), threading.Event()

    def never(*arguments):
        begun.set()
        held.wait(60)
        raise socket.gaierror

    monkeypatch.setattr(socket, 'getaddrinfo', never)
    waits, found = waiting(thread, cancelled, lambda: asyncio.open_connection('camera.test', 1))
    assert begun.wait(10)
    cancelled.set()
    waits.join(10)
    thread.close()
    assert isinstance(found[0], Cancelled)
    held.set()


def test_names_are_looked_up(thread):
    async def look_up(name):
        return await asyncio.get_running_loop().getaddrinfo(name, 80)

    assert thread.run(lambda: look_up('127.0.0.1'), GO_ON)
    with pytest.raises(socket.gaierror):
        thread.run(lambda: look_up('no such name'), GO_ON)
