import contextlib
import socket
import threading
import time

import pytest
from push_socket_world import MEGABYTE, back, open_echo, open_line, refusal, soon

from mmoment_stream.push_socket import PushSocket, trust
from mmoment_stream.push_target import Cancelled
from tests.standins.certificates import self_signed, server_context
from tests.standins.faulty_peers import FullBacklog, Relay, Tarpit


@pytest.fixture
def line():
    with open_line() as connection:
        yield connection


@pytest.fixture(scope='module')
def echo():
    with open_echo() as server:
        yield server


@pytest.fixture(scope='module')
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp('tls'), 'localhost', '127.0.0.1')


def cancelled_within_s(line, action, *words):
    """How long after `cancel` from another thread an action that blocks has ended."""
    moments = []

    def cancel():
        moments.append(time.monotonic())
        line.cancel()

    timer = threading.Timer(0.1, cancel)
    timer.start()
    with pytest.raises(Cancelled):
        action(*words)
    ended_s = time.monotonic()
    timer.join()
    return ended_s - moments[0]


def test_bytes_go_and_come(line, echo):
    line.connect('127.0.0.1', echo.port, None, soon())
    line.send(b'hello')
    assert back(line, 5) == b'hello'
    assert line.receive() == b''


def test_a_name_is_looked_up_and_each_address_tried(echo):
    def ask(host, port):
        # Nobody listens at the first.
        return [(socket.AF_INET, ('127.0.0.2', port)), (socket.AF_INET, ('127.0.0.1', port))]

    line = PushSocket(stall_s=1, whole_s=1, ask=ask)
    line.connect('a.example', echo.port, None, soon())
    line.send(b'x')
    assert back(line, 1) == b'x'
    line.close()


def test_a_dead_address_does_not_use_up_the_time_of_the_next(echo):
    with FullBacklog() as dead:

        def ask(host, port):
            return [(socket.AF_INET, ('127.0.0.1', each)) for each in (dead.port, echo.port)]

        line = PushSocket(stall_s=1, whole_s=1, ask=ask)
        deadline_s = soon(1.2)
        line.connect('a.example', 1, None, deadline_s)
        left_s = deadline_s - time.monotonic()
        line.close()
    assert left_s > 0.1


def test_nobody_listens(line, echo):
    assert refusal(line.connect, '127.0.0.2', echo.port, None, soon()).code == 'refused'


def test_there_is_no_way(line):
    # A broadcast address takes no connections.
    assert refusal(line.connect, '255.255.255.255', 1, None, soon()).code == 'unreachable'


def test_a_server_that_takes_no_connection_is_given_up(line):
    with FullBacklog() as peer:
        error = refusal(line.connect, '127.0.0.1', peer.port, None, soon(0.2))
    assert error.code == 'timed_out'


def test_an_answer_that_does_not_come_is_given_up(line):
    with Tarpit() as peer:
        line.connect('127.0.0.1', peer.port, None, soon())
        assert refusal(line.await_data, soon(0.1)).code == 'timed_out'


def test_a_peer_that_does_not_read_is_noticed(line):
    with Tarpit() as peer:
        line.connect('127.0.0.1', peer.port, None, soon())
        assert refusal(line.send, 4 * MEGABYTE).code == 'stalled'


def test_that_nothing_is_taken_is_noticed_before_the_buffers_are_full(line):
    with Tarpit() as peer:
        line.connect('127.0.0.1', peer.port, None, soon())

        def drip():
            for _ in range(1000):
                line.send(bytes(1000))
                time.sleep(0.01)

        assert refusal(drip).code == 'stalled'
        assert line.queued_bytes() < 128 * 1024


def test_that_nothing_is_taken_is_noticed_without_sending(line):
    with Tarpit() as peer:
        line.connect('127.0.0.1', peer.port, None, soon())
        line.send(bytes(100_000))

        def watch():
            for _ in range(1000):
                line.check_progress()
                time.sleep(0.01)

        assert refusal(watch).code == 'stalled'


def test_a_pause_of_ours_is_no_stall(line, echo):
    line.connect('127.0.0.1', echo.port, None, soon())
    for _ in range(2):
        line.send(b'x')
        assert back(line, 1) == b'x'
        line.check_progress()
        # Longer than anything may wait.
        time.sleep(0.4)
    line.send(b'x')
    line.check_progress()


def test_a_trickle_is_not_waited_for_without_end(echo):
    line = PushSocket(stall_s=10, whole_s=0.3)
    with Relay(echo.port) as relay:
        relay.limit_kbps(4000)
        line.connect('127.0.0.1', relay.port, None, soon())
        assert refusal(line.send, 4 * MEGABYTE).code == 'stalled'
        line.close()


def test_a_slow_network_is_waited_for(echo):
    line = PushSocket(stall_s=1, whole_s=20)
    with Relay(echo.port) as relay:
        relay.limit_kbps(8000)
        line.connect('127.0.0.1', relay.port, None, soon())
        line.send(bytes(600_000))
        assert relay.upstream_bytes > 200_000
        line.close()


def test_a_peer_that_reads_slower_than_we_send_is_no_stall(echo):
    line = PushSocket(stall_s=0.7, whole_s=10)
    with Relay(echo.port) as relay:
        relay.limit_kbps(300)
        line.connect('127.0.0.1', relay.port, None, soon())
        end_s = time.monotonic() + 2.5
        while time.monotonic() < end_s:
            # Its window is full most of the time, and something is taken all the time.
            if line.queued_bytes() < 60_000:
                line.send(bytes(5_000))
            line.check_progress()
            time.sleep(0.03)
        assert relay.upstream_bytes > 50_000
        line.close()


@pytest.mark.parametrize('is_encrypted', [False, True])
def test_a_reset_is_an_end(line, echo, certificate, is_encrypted):
    tls = server_context(certificate) if is_encrypted else None
    with Relay(echo.port, tls=tls) as relay:
        line.connect('localhost', relay.port, tls and trust(certificate), soon())
        line.send(b'x')
        assert back(line, 1) == b'x'
        relay.reset_all()
        assert refusal(line.await_data, soon()).code == 'closed'
        assert refusal(line.send, MEGABYTE).code == 'closed'


def test_an_orderly_end_is_an_end(line):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        line.connect('127.0.0.1', listener.getsockname()[1], None, soon())
        listener.accept()[0].close()
        assert refusal(line.await_data, soon()).code == 'closed'


def test_last_words_arrive_and_then_the_end(echo):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        line = PushSocket(stall_s=1, whole_s=1)
        line.connect('127.0.0.1', listener.getsockname()[1], None, soon())
        peer, _ = listener.accept()
        line.close(b'bye')
        with peer:
            assert peer.recv(10) == b'bye'
            assert peer.recv(10) == b''
        line.close(b'again')


def test_last_words_do_not_follow_what_was_cut_off():
    line = PushSocket(stall_s=0.2, whole_s=0.2)
    with socket.create_server(('127.0.0.1', 0)) as listener:
        line.connect('127.0.0.1', listener.getsockname()[1], None, soon())
        peer, _ = listener.accept()
        with peer:
            assert refusal(line.send, 16 * MEGABYTE).code == 'stalled'
            # Now there is room.
            peer.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                while peer.recv(1_000_000):
                    pass
            line.close(b'bye')
            with pytest.raises(ConnectionResetError):
                peer.recv(10)


def test_without_last_words_the_other_side_learns_of_it_at_once(line):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        line.connect('127.0.0.1', listener.getsockname()[1], None, soon())
        peer, _ = listener.accept()
        line.close()
        with peer, pytest.raises(ConnectionResetError):
            peer.recv(10)


def test_cancel_ends_a_connect(line):
    with FullBacklog() as peer:
        words = ('127.0.0.1', peer.port, None, soon(10))
        assert cancelled_within_s(line, line.connect, *words) < 0.2


def test_cancel_ends_a_look_up():
    released = threading.Event()

    def ask(host, port):
        released.wait(10)
        return []

    line = PushSocket(stall_s=1, whole_s=1, ask=ask)
    words = ('a.example', 1, None, soon(10))
    assert cancelled_within_s(line, line.connect, *words) < 0.2
    released.set()
    line.close()


def test_cancel_ends_a_tls_handshake(line, certificate):
    with Tarpit() as peer:
        words = ('127.0.0.1', peer.port, trust(certificate), soon(10))
        assert cancelled_within_s(line, line.connect, *words) < 0.2


def test_cancel_ends_a_write_and_a_read():
    for name in ('send', 'await_data'):
        line = PushSocket(stall_s=10, whole_s=10)
        with Tarpit() as peer:
            line.connect('127.0.0.1', peer.port, None, soon())
            word = 8 * MEGABYTE if name == 'send' else soon(10)
            assert cancelled_within_s(line, getattr(line, name), word) < 0.2
            line.close()


def test_cancelled_before_it_began(line, echo):
    line.cancel()
    with pytest.raises(Cancelled):
        line.connect('127.0.0.1', echo.port, None, soon())


def test_before_a_connection_and_after_it_there_is_none(line):
    assert line.queued_bytes() == 0
    assert refusal(line.send, b'x').code == 'closed'
    assert refusal(line.receive).code == 'closed'
    line.close()
    line.close(b'bye')
