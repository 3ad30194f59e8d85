import os
import select
import socket
import threading
import time

import pytest

from mmoment_stream.cancel_switch import CancelSwitch
from mmoment_stream.push_target import Cancelled


@pytest.fixture
def switch():
    switch = CancelSwitch()
    switch.arm()
    yield switch
    switch.release()


@pytest.fixture
def ends():
    mine, theirs = socket.socketpair()
    with mine, theirs:
        yield mine, theirs


def soon():
    return time.monotonic() + 10


def test_a_wait_ends_when_the_descriptor_is_ready(switch, ends):
    mine, theirs = ends
    theirs.send(b'x')
    assert switch.wait(mine.fileno(), select.POLLIN, soon())


def test_a_wait_ends_at_its_deadline(switch, ends):
    assert not switch.wait(ends[0].fileno(), select.POLLIN, time.monotonic() + 0.02)
    assert not switch.wait(ends[0].fileno(), select.POLLIN, time.monotonic() - 1)


def test_a_wait_ends_when_the_other_side_is_gone(switch, ends):
    ends[1].close()
    assert switch.wait(ends[0].fileno(), select.POLLIN, soon())


def test_another_thread_ends_a_wait_at_once(switch, ends):
    timer = threading.Timer(0.05, switch.cancel)
    timer.start()
    began_s = time.monotonic()
    with pytest.raises(Cancelled):
        switch.wait(ends[0].fileno(), select.POLLIN, soon())
    assert time.monotonic() - began_s < 2
    timer.join()


def test_cancelled_once_is_cancelled_for_good(ends):
    switch = CancelSwitch()
    switch.cancel()
    switch.arm()
    assert switch.is_on
    for _ in range(2):
        with pytest.raises(Cancelled):
            switch.wait(ends[0].fileno(), select.POLLIN, soon())
        with pytest.raises(Cancelled):
            switch.check()
    switch.release()


def test_it_holds_a_descriptor_only_while_armed():
    before = len(os.listdir('/proc/self/fd'))
    switch = CancelSwitch()
    switch.cancel()
    assert len(os.listdir('/proc/self/fd')) == before
    switch.arm()
    switch.arm()
    assert len(os.listdir('/proc/self/fd')) == before + 1
    switch.release()
    switch.release()
    switch.cancel()
    assert len(os.listdir('/proc/self/fd')) == before


def test_a_late_cancel_does_not_touch_the_descriptor_of_another():
    switch = CancelSwitch()
    switch.arm()
    switch.release()
    # The number that was given back is taken again by these.
    pair = socket.socketpair()
    switch.cancel()
    pair[0].setblocking(False)
    with pytest.raises(BlockingIOError):
        pair[0].recv(8)
    for each in pair:
        each.close()
