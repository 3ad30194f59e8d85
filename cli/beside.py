"""The dev chain that runs beside a graph: begun with it, ended with it, whichever way that ends.

`up` becomes the graph by replacing itself, so a child that it starts before is a child of the graph:
the kernel ends it when the graph has ended. A process group of its own keeps Ctrl-C from it, so that
what nodes do last still reaches the chain.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException

from cli.errors import CliError

HOST = '127.0.0.1'
PORT = 8899
"""Where nodes look for a chain that nobody names; WebSockets are at the next one."""
MODULE = 'mmoment_chain.devchain_command'
ANSWER_AT_MOST_S = 2.0
# linux/prctl.h: the kernel sends this signal to the process when its parent ends
_PR_SET_PDEATHSIG = 1


def is_needed(port: int = PORT) -> bool:
    """Whether a dev chain is to be started; False: one runs there already.

    Raises CliError where something else listens at its ports.
    """
    taken = [number for number in (port, port + 1) if not _is_free(number)]
    if not taken:
        return True
    if port in taken and _is_dev_chain(port):
        return False
    raise CliError(
        f'the dev chain needs ports {port} and {port + 1} of {HOST}, and {taken[0]} is in use by '
        'something else: stop that, name another chain (--rpc URL), or do without (--no-devchain)'
    )


def start(python: str, env: Mapping[str, str]) -> int:
    """Start the dev chain so that it ends with this process; returns its process number."""
    return start_beside([python, '-m', MODULE, '--host', HOST, '--port', str(PORT)], env)


def start_beside(command: Sequence[str], env: Mapping[str, str]) -> int:
    """Start a process that is sent SIGTERM when this one has ended. For the main thread only.

    What it says of faults is shown. Raises CliError.
    """
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def before_exec() -> None:
        os.setpgid(0, 0)
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=dict(env),
            preexec_fn=before_exec,
        )
    except OSError as error:
        raise CliError(f'the dev chain cannot be started: {error.strerror}') from error
    # It is the graph's from now on, so nobody here waits for it.
    child.returncode = 0
    return child.pid


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(1)
        except OSError:
            return False
    return True


def _is_dev_chain(port: int) -> bool:
    question = json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'getVersion'}).encode()
    request = urllib.request.Request(
        f'http://{HOST}:{port}', question, {'Content-Type': 'application/json'}
    )
    # No proxy stands between this machine and itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=ANSWER_AT_MOST_S) as answer:
            # Every other kind of node tells which features it has.
            return json.loads(answer.read(10_000))['result']['feature-set'] == 0
    except (OSError, ValueError, LookupError, TypeError, HTTPException):
        return False
