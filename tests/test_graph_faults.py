"""Mistakes and accidents: one line that says what to do, an honest exit code, nothing left."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing

import pytest

from mmoment_bringup.leftovers import SHARED_MEMORY
from mmoment_camera.ring_layout import DEFAULT_SLOTS
from mmoment_interfaces.msg import FaceArray, Frame
from tests.graph import (
    EVENTS,
    START_PATIENCE_S,
    Graph,
    Listener,
    is_running,
    owned_segments,
    wait_until,
)
from tests.painted_clip import write_painted_clip

pytestmark = pytest.mark.graph

EXIT_CONFIGURATION = 2
WIDTH, HEIGHT = 1280, 720
RING_MIB = DEFAULT_SLOTS * WIDTH * HEIGHT * 3 / 2**20
SMALL_SHARED_MEMORY_MIB = 8
# Measured: 1.6 to 2.8 s on two busy cores
STOP_WITHIN_S = 15.0


def refused(graph):
    """Run a graph that cannot work; return its one line after checking that all of it ended."""
    with graph:
        code = graph.wait(START_PATIENCE_S)
    assert code == EXIT_CONFIGURATION, graph.text
    assert len(graph.error_lines) == 1, graph.error_lines
    assert graph.error_lines[0].startswith('error: ')
    assert graph.leftovers() == []
    return graph.error_lines[0]


@pytest.mark.parametrize(
    ('source', 'arguments', 'told'),
    [
        ('nonsense://x', {}, r'nonsense.*(rtsp|pattern)'),
        ('/no/such/clip.mp4', {}, r'/no/such/clip\.mp4'),
        ('pattern', {'fps': '5000'}, r'fps is 5000, must be 1 to 240'),
        ('pattern', {'width': 'wide'}, r"width is 'wide', must be of type int"),
    ],
)
def test_a_value_that_cannot_work_is_told_in_one_line(source, arguments, told):
    assert re.search(told, refused(Graph(source, **arguments)))


def test_an_unknown_parameter_in_the_file_is_told_in_one_line(tmp_path):
    file = tmp_path / 'mine.yaml'
    file.write_text('/**/face_node:\n  ros__parameters:\n    sharpnes: 3\n', encoding='utf-8')
    line = refused(Graph('pattern', params_file=str(file)))
    assert re.search(r'face_node: parameter sharpnes is unknown, choose one of: .*backend', line)


def test_a_parameter_file_that_is_no_yaml_is_told_in_one_line(tmp_path):
    file = tmp_path / 'mine.yaml'
    file.write_text('/**/face_node:\n  ros__parameters:\n   - a: [\n', encoding='utf-8')
    line = refused(Graph('pattern', params_file=str(file)))
    assert re.search(r"Couldn't parse params file: .*mine\.yaml.* line \d", line)


def test_an_unknown_argument_lists_the_known_ones():
    line = refused(Graph('pattern', sauce='x'))
    assert re.search(r"unknown argument 'sauce'; known: namespace, .*source", line)


def test_a_missing_parameter_file_is_named():
    assert "'/no/such.yaml' does not exist" in refused(
        Graph('pattern', params_file='/no/such.yaml')
    )


def test_a_port_in_use_is_told_with_its_number():
    with closing(socket.create_server(('127.0.0.1', 0))) as taken:
        port = taken.getsockname()[1]
        line = refused(Graph('pattern', port=port))
    assert str(port) in line


def test_full_shared_memory_is_told_with_the_numbers():
    command = (
        f'mount -t tmpfs -o size={SMALL_SHARED_MEMORY_MIB}m tmpfs /dev/shm && exec "$@"',
        'sh',
    )
    prefix = ('unshare', '--mount', 'sh', '-c', *command)
    if shutil.which('unshare') is None or os.geteuid() != 0:
        pytest.skip('needs unshare(1) and root to give a graph a small /dev/shm')
    if subprocess.run([*prefix, 'true'], capture_output=True, check=False).returncode:
        pytest.skip('this system allows no mount namespaces')
    line = refused(Graph('pattern', prefix=prefix, width=str(WIDTH), height=str(HEIGHT)))
    told = re.search(r'needs ([\d.]+) MiB of shared memory, ([\d.]+) MiB are free', line)
    assert told, line
    # Beside the pictures there is one page of header, and slots end at whole pages
    assert float(told[1]) == pytest.approx(RING_MIB, abs=0.1)
    assert float(told[2]) < SMALL_SHARED_MEMORY_MIB


def test_a_second_graph_in_the_namespace_is_refused_and_the_first_goes_on():
    with Graph('pattern') as first, Listener(first) as listener:
        first.wait_until_ready()
        second = Graph('pattern', namespace=first.namespace, domain=first.domain)
        with second:
            assert second.wait() == EXIT_CONFIGURATION
        assert re.fullmatch(
            rf"error: a graph runs already in namespace '/{first.namespace}' "
            rf'\(process {first.process.pid}\): .*',
            '\n'.join(second.error_lines),
        )
        frames = listener.subscribe(Frame, 'frames', EVENTS)
        frames.wait_for(lambda frame: frame.live)
        assert first.stop() == 0
        assert first.leftovers() == []


def test_killed_nodes_come_back_and_results_with_them(tmp_path):
    clip = tmp_path / 'face.mkv'
    write_painted_clip(clip)
    with Graph(str(clip)) as graph, Listener(graph) as listener:
        graph.wait_until_ready()
        faces = listener.subscribe(FaceArray, 'faces')
        faces.wait_for(lambda message: message.faces)
        before = graph.pids
        killed = ('camera_node', 'face_node')
        orphaned = set().union(*(owned_segments(before[name]) for name in killed))
        assert len(orphaned) >= len(killed)
        for name in killed:
            os.kill(before[name], signal.SIGKILL)
        wait_until(
            lambda: all(graph.pids[name] != before[name] for name in killed),
            'both nodes started again',
        )
        # Their segments went before the new nodes came
        assert not orphaned.intersection(os.listdir(SHARED_MEMORY))
        faces.clear()
        faces.wait_for(lambda message: message.faces, START_PATIENCE_S)
        unharmed = ('gesture_node', 'overlay_node', 'api_node')
        assert {name: graph.pids[name] for name in unharmed} == {
            name: before[name] for name in unharmed
        }
        assert graph.stop() == 0
        assert graph.leftovers() == []


def test_a_killed_supervisor_leaves_no_node_and_a_new_graph_starts_clean():
    with Graph('pattern') as first:
        first.wait_until_ready()
        pids = first.pids
        first.process.kill()
        wait_until(lambda: not any(map(is_running, pids.values())), 'the nodes to end')
    again = Graph('pattern', namespace=first.namespace, domain=first.domain)
    with again:
        again.wait_until_ready()
        assert again.stop() == 0
    assert first.leftovers() == []
    assert again.leftovers() == []


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_ends_the_graph_soon_and_cleanly(number):
    with Graph('pattern') as graph:
        graph.wait_until_ready()
        began = time.monotonic()
        assert graph.stop(number) == 0
        assert time.monotonic() - began < STOP_WITHIN_S
        assert graph.error_lines == []
        assert graph.leftovers() == []
