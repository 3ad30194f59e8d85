"""A process beside another ends with it, however that ends; ports in use are told."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from cli import beside
from cli.errors import CliError

PATIENCE_S = 20.0
# Starts a process beside itself, then becomes another program, as `up` does.
STARTER = """
import os, sys
from cli.beside import start_beside
note = sys.argv[1]
code = '''
import os, signal, sys, time
def end(*_):
    open(sys.argv[1] + '.ended', 'w').close()
    sys.exit()
signal.signal(signal.SIGTERM, end)
open(sys.argv[1], 'w').close()
time.sleep(60)
'''
print(start_beside([sys.executable, '-c', code, note], os.environ), flush=True)
os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(60)'])
"""


def wait_for(is_true):
    end_s = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < end_s
        time.sleep(0.02)


@pytest.mark.graph
@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_the_program_that_its_starter_became(tmp_path, number):
    note = tmp_path / 'note'
    process = subprocess.Popen(
        [sys.executable, '-c', STARTER, str(note)], stdout=subprocess.PIPE, text=True
    )
    try:
        pid = int(process.stdout.readline())
        wait_for(note.exists)
        # Ctrl-C in a terminal goes to a whole process group.
        assert os.getpgid(pid) != os.getpgid(process.pid)
        process.send_signal(number)
        process.wait(PATIENCE_S)
        wait_for((tmp_path / 'note.ended').exists)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def port():
    """A port that is free, as the next one is."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind((beside.HOST, 0))
            number = first.getsockname()[1]
            try:
                second.bind((beside.HOST, number + 1))
            except (OSError, OverflowError):
                continue
        return number


class Answers(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.dumps(self.server.answer).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def answering(port, answer):
    server = HTTPServer((beside.HOST, port), Answers)
    server.answer = answer
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


def test_free_ports_get_a_chain(port):
    assert beside.is_needed(port)


def test_a_chain_that_runs_is_used(port):
    server = answering(port, {'result': {'solana-core': '4.1.2', 'feature-set': 0}})
    try:
        assert not beside.is_needed(port)
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    'answer', [{'result': {'feature-set': 123}}, {'error': {}}, [], None, {'result': None}]
)
def test_what_else_listens_there_is_told(port, answer):
    server = answering(port, answer)
    try:
        with pytest.raises(CliError, match=f'{port} is in use.*--rpc URL'):
            beside.is_needed(port)
    finally:
        server.shutdown()
        server.server_close()


def test_a_port_for_websockets_that_is_in_use_is_told(port):
    with socket.socket() as listener:
        listener.bind((beside.HOST, port + 1))
        listener.listen()
        with pytest.raises(CliError, match=f'{port + 1} is in use'):
            beside.is_needed(port)
