import os
import socket
import threading
import time

import pytest

from mmoment_stream.cancel_switch import CancelSwitch
from mmoment_stream.name_lookup import MAX_AT_ONCE, endpoints
from mmoment_stream.push_target import Cancelled, PushError


@pytest.fixture
def switch():
    switch = CancelSwitch()
    switch.arm()
    yield switch
    switch.release()


class Library:
    """A C library that hangs until it is let go."""

    def __init__(self):
        self.released = threading.Event()
        self.asked = []

    def __call__(self, host, port):
        self.asked.append((host, port))
        self.released.wait(10)
        return [(socket.AF_INET, ('127.0.0.1', port))]

    def let_go(self):
        self.released.set()
        for thread in threading.enumerate():
            if thread.name == 'name look-up':
                thread.join(10)


@pytest.fixture
def library():
    library = Library()
    yield library
    library.let_go()


def soon(seconds=10.0):
    return time.monotonic() + seconds


def refusal(*words):
    with pytest.raises(PushError) as caught:
        endpoints(*words)
    return caught.value


def test_the_real_library_knows_this_machine(switch):
    found = endpoints('localhost', 1935, switch, soon())
    assert (socket.AF_INET, ('127.0.0.1', 1935)) in found


def test_an_address_is_not_looked_up(switch, library):
    assert endpoints('127.0.0.1', 7, switch, soon(), library) == [
        (socket.AF_INET, ('127.0.0.1', 7))
    ]
    assert endpoints('::1', 7, switch, soon(), library) == [(socket.AF_INET6, ('::1', 7, 0, 0))]
    assert library.asked == []


def test_a_name_that_is_not_known_is_said(switch):
    def fail(host, port):
        raise socket.gaierror(socket.EAI_NONAME, 'Name or service not known')

    error = refusal('nowhere.example', 1935, switch, soon(), fail)
    assert (error.code, 'Name or service' in error.text) == ('name_unknown', True)


def test_a_name_without_addresses_is_not_known(switch):
    assert refusal('a.example', 1, switch, soon(), lambda h, p: []).code == 'name_unknown'


def test_a_name_that_cannot_be_one_is_not_known(switch):
    assert refusal('a' * 64 + '.example', 1935, switch, soon()).code == 'name_unknown'


def test_a_library_that_hangs_is_given_up_in_time(switch, library):
    began_s = time.monotonic()
    error = refusal('a.example', 1935, switch, soon(0.05), library)
    assert (error.code, 'too long' in error.text) == ('name_unknown', True)
    assert time.monotonic() - began_s < 2


def test_a_library_that_hangs_is_given_up_when_cancelled(switch, library):
    timer = threading.Timer(0.05, switch.cancel)
    timer.start()
    began_s = time.monotonic()
    with pytest.raises(Cancelled):
        endpoints('a.example', 1935, switch, soon(), library)
    assert time.monotonic() - began_s < 2
    timer.join()


def test_what_is_left_behind_is_bounded_and_ends(switch, library):
    descriptors = len(os.listdir('/proc/self/fd'))
    for _ in range(MAX_AT_ONCE):
        assert 'too long' in refusal('a.example', 1, switch, soon(0), library).text
    assert 'still hang' in refusal('a.example', 1, switch, soon(0), library).text
    library.let_go()
    assert len(os.listdir('/proc/self/fd')) == descriptors
    assert endpoints('a.example', 1, switch, soon(), library)


def test_failed_look_ups_take_no_place_for_good(switch):
    def broken(host, port):
        raise OSError(5, 'cannot')

    for _ in range(3 * MAX_AT_ONCE):
        assert refusal('a.example', 1, switch, soon(), broken).text.endswith('cannot')
