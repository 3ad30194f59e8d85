import asyncio
import socket
import threading
import time

import pytest

from mmoment_node.async_thread import AsyncThread, Cancelled, TooLate

PATIENCE_S = 10.0
# Work that is not given up would never end.
SOON_S = 5.0
GO_ON = threading.Event()


@pytest.fixture
def loop():
    thread = AsyncThread('test loop')
    yield thread
    thread.close()


async def for_ever(ended=None, begun=None):
    try:
        if begun is not None:
            begun.set()
        await asyncio.Event().wait()
    finally:
        if ended is not None:
            ended.set()


def in_thread(action):
    """Run it in a thread; returns what ends it, and a list with what it raised."""
    raised = []

    def run():
        try:
            action()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


def test_work_gives_its_result_in_one_thread_of_that_name(loop):
    async def name():
        return threading.current_thread().name

    assert {loop.call(name) for _ in range(3)} == {'test loop'}


def test_what_work_raises_is_raised(loop):
    async def fails():
        raise LookupError('none')

    with pytest.raises(LookupError, match='none'):
        loop.call(fails)


def test_calls_of_many_threads_run_side_by_side(loop):
    barrier = []

    async def meets():
        barrier.append(1)
        while len(barrier) < 4:
            await asyncio.sleep(0)
        return True

    threads = [in_thread(lambda: loop.call(meets, PATIENCE_S)) for _ in range(4)]
    for thread, raised in threads:
        thread.join(PATIENCE_S)
        assert raised == []


def test_what_takes_too_long_is_given_up(loop):
    ended = threading.Event()
    with pytest.raises(TooLate):
        loop.call(lambda: for_ever(ended), 0.01)
    assert ended.wait(PATIENCE_S)


def test_what_nobody_waits_for_is_given_up(loop):
    begun, ended, cancelled = threading.Event(), threading.Event(), threading.Event()

    async def works():
        begun.set()
        await for_ever(ended)

    thread, raised = in_thread(lambda: loop.call(works, None, cancelled))
    assert begun.wait(PATIENCE_S)
    cancelled.set()
    thread.join(PATIENCE_S)
    assert [type(error) for error in raised] == [Cancelled]
    assert ended.wait(PATIENCE_S)


def test_nothing_begins_that_nobody_waits_for(loop):
    cancelled = threading.Event()
    cancelled.set()
    begun = []
    with pytest.raises(Cancelled):
        loop.call(lambda: begun.append(1), None, cancelled)
    assert begun == []


def test_a_time_limit_counts_beside_a_cancellation(loop):
    ended = threading.Event()
    with pytest.raises(TooLate):
        loop.call(lambda: for_ever(ended), 0.06, threading.Event())
    assert ended.wait(PATIENCE_S)


def test_closing_ends_calls_at_once_and_does_the_last_work():
    loop = AsyncThread('test loop')
    ended, begun, last = threading.Event(), threading.Event(), []

    async def works():
        begun.set()
        await for_ever(ended)

    async def end():
        last.append(ended.is_set())

    thread, raised = in_thread(lambda: loop.call(works))
    assert begun.wait(PATIENCE_S)
    loop.close(end)
    thread.join(PATIENCE_S)
    assert [type(error) for error in raised] == [Cancelled]
    assert last == [True]
    loop.close(end)
    assert last == [True]
    with pytest.raises(Cancelled):
        loop.start(works)


def test_background_work_runs_until_it_is_closed():
    loop = AsyncThread('test loop')
    ended = threading.Event()
    future = loop.start(lambda: for_ever(ended))
    loop.close()
    assert ended.is_set()
    assert future.cancelled()


def test_one_that_never_did_anything_is_closed_without_a_thread():
    before = threading.active_count()
    AsyncThread('test loop').close()
    assert threading.active_count() == before


def test_a_look_up_of_names_holds_up_nobody(loop, monkeypatch):
    free = threading.Event()

    def slow(*args):
        free.wait(PATIENCE_S)
        raise socket.gaierror('no such name')

    monkeypatch.setattr(socket, 'getaddrinfo', slow)

    async def connect():
        await asyncio.open_connection('name.invalid', 80)

    begin_s = time.monotonic()
    with pytest.raises(TooLate):
        loop.call(connect, 0.05)
    loop.close()
    assert time.monotonic() - begin_s < PATIENCE_S / 2
    free.set()


# --- for threads that are told when to stop waiting -----------------------------------------------


def test_gives_what_the_work_gives(loop):
    async def work():
        return threading.current_thread().name

    assert loop.call(work, cancelled=GO_ON) == 'test loop'


def test_raises_what_the_work_raises(loop):
    async def work():
        raise asyncio.TimeoutError('its own')

    with pytest.raises(asyncio.TimeoutError, match='its own'):
        loop.call(work, cancelled=GO_ON)


def test_stops_waiting_at_once_and_gives_the_work_up(loop):
    begun, ended, cancelled = threading.Event(), threading.Event(), threading.Event()

    def work():
        return for_ever(ended, begun)

    waits, raised = in_thread(lambda: loop.call(work, cancelled=cancelled))
    assert begun.wait(PATIENCE_S)
    cancelled.set()
    since_s = time.monotonic()
    waits.join()
    assert time.monotonic() - since_s < SOON_S
    assert isinstance(raised[0], Cancelled)
    assert ended.wait(PATIENCE_S)


def test_does_nothing_for_who_was_told_to_end(loop):
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        loop.call(lambda: pytest.fail('it began'), cancelled=cancelled)


def test_closing_ends_work_then_does_the_last_and_leaves_no_thread():
    loop, begun, ended = AsyncThread('closed'), threading.Event(), threading.Event()
    order = []

    async def last():
        order.append(ended.is_set())

    def work():
        return for_ever(ended, begun)

    waits, raised = in_thread(lambda: loop.call(work, cancelled=GO_ON))
    assert begun.wait(PATIENCE_S)
    loop.close(last)
    loop.close()
    waits.join(PATIENCE_S)
    assert isinstance(raised[0], Cancelled)
    assert order == [True]
    assert 'closed' not in [each.name for each in threading.enumerate()]
    with pytest.raises(Cancelled):
        loop.call(for_ever, cancelled=GO_ON)


def test_a_name_that_is_looked_up_for_ever_holds_up_nobody(loop, monkeypatch):
    held, begun, cancelled = threading.Event(), threading.Event(), threading.Event()

    def never(*arguments):
        begun.set()
        held.wait(60)
        raise socket.gaierror

    monkeypatch.setattr(socket, 'getaddrinfo', never)

    async def work():
        await asyncio.open_connection('camera.test', 1)

    waits, raised = in_thread(lambda: loop.call(work, cancelled=cancelled))
    assert begun.wait(PATIENCE_S)
    cancelled.set()
    waits.join(PATIENCE_S)
    loop.close()
    assert isinstance(raised[0], Cancelled)
    held.set()


def test_names_are_looked_up(loop):
    async def look_up(name):
        return await asyncio.get_running_loop().getaddrinfo(name, 80)

    assert loop.call(lambda: look_up('127.0.0.1'), cancelled=GO_ON)
    with pytest.raises(socket.gaierror):
        loop.call(lambda: look_up('no such name'), cancelled=GO_ON)


# --- without a thread -----------------------------------------------------------------------------


def test_that_there_can_be_no_thread_is_told_and_the_next_work_tries_again(loop, monkeypatch):
    async def work():
        return 7

    def no_thread(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, 'start', no_thread)
        with pytest.raises(RuntimeError, match='new thread'):
            loop.call(work, cancelled=GO_ON)
    assert loop.call(work, cancelled=GO_ON) == 7
