import os
import socket

import pytest

from mmoment_node.readiness import VARIABLE, tell_ready


@pytest.mark.parametrize('kind', ['abstract', 'file'])
def test_whoever_asked_hears_it(kind, tmp_path):
    path = f'\0mmoment-test-{os.getpid()}' if kind == 'abstract' else str(tmp_path / 'socket')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        tell_ready({VARIABLE: path.replace('\0', '@')})
        listener.settimeout(5)
        assert listener.recv(100) == b'READY=1'


@pytest.mark.parametrize('environment', [{}, {VARIABLE: ''}, {VARIABLE: '@nobody-listens-here'}])
def test_nobody_to_hear_it_is_no_fault(environment):
    tell_ready(environment)
