"""The real `ros2 launch` reads our launch files as the supervisor does. Runs where it is installed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from fake_workspace import PATIENCE_S

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(shutil.which('ros2') is None, reason='ros2 launch is not installed'),
]

LAUNCH_FILE = Path(__file__).resolve().parents[1] / 'launch' / 'mmoment.launch.yaml'
NODES = {
    'mmoment_camera': ('camera_node',),
    'mmoment_vision': ('face_node', 'gesture_node', 'overlay_node'),
    'mmoment_stream': ('encoder_node', 'capture_node', 'stream_node'),
    'mmoment_chain': ('session_node', 'chain_node'),
    'mmoment_api': ('api_node',),
}
# Writes its arguments and what the launch file puts into the environment
NOTE = (
    'name=$(basename "$0"); { for word in "$@"; do echo "$word"; done; '
    'env | grep -E "^(FASTRTPS|FASTDDS|ROS_AUTOMATIC)" | sort; } > "$NOTES/$name"'
)


@pytest.fixture
def both_ways(workspace, tmp_path):
    """Starts a launch file both ways; returns exit codes and what the nodes were given."""
    installed = workspace.environment['AMENT_PREFIX_PATH'], os.environ['AMENT_PREFIX_PATH']
    workspace.environment['AMENT_PREFIX_PATH'] = os.pathsep.join(installed)
    for name in ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'):
        workspace.environment.pop(name, None)

    def start(path, *words):
        found = []
        for way in ('supervisor', 'ros2'):
            notes = tmp_path / way
            notes.mkdir()
            workspace.environment['NOTES'] = str(notes)
            if way == 'supervisor':
                done = workspace.run(str(path), *words)
            else:
                done = subprocess.run(
                    ['ros2', 'launch', str(path), *words],
                    env=workspace.environment,
                    capture_output=True,
                    text=True,
                    timeout=PATIENCE_S,
                    check=False,
                )
            given = {one.name: one.read_text().split('\n') for one in notes.iterdir()}
            found.append((done, given))
        return found

    return start


@pytest.mark.parametrize(
    'words',
    [
        (),
        ('source:=/dev/video2', 'fps:=15', 'port:=0', 'namespace:=other/place'),
        ('source:=clip #1.mp4',),
        ('source:=12',),
        ('source:=it\'s a "good" $(one): [x] \\ grün.mkv',),
    ],
)
def test_nodes_are_given_the_same_both_ways(workspace, both_ways, tmp_path, words):
    for package, executables in NODES.items():
        workspace.add_package(package, **dict.fromkeys(executables, NOTE))
    parameters = tmp_path / 'mine.yaml'
    parameters.touch()
    words = (f'params_file:={parameters}', 'use_respawn:=false', *words)
    (_, ours), (_, real) = both_ways(LAUNCH_FILE, *words)
    assert ours.keys() == real.keys() == {one for names in NODES.values() for one in names}
    for name in ours:
        # launch_ros repeats --ros-args and writes true as Python does
        assert [word for word in ours[name] if word != '--ros-args'] == [
            word.replace(':=True', ':=true').replace(':=False', ':=false')
            for word in real[name]
            if word != '--ros-args'
        ]


def test_a_fatal_exit_code_ends_both_with_a_fault(workspace, both_ways):
    workspace.add_package(
        'fake',
        wrong='sleep 0.5; echo "error: choose something else" >&2; exit 2',
        good='echo $$ > "$NOTES/good"; exec sleep 300',
    )
    path = workspace.write_launch_file("""launch:
- stop_on_exit_code: {code: 2}
- node: {pkg: fake, exec: good, name: good}
- node: {pkg: fake, exec: wrong, name: wrong, respawn: 'true', respawn_delay: 1.0}
""")
    (ours, _), (real, _) = both_ways(path)
    assert (ours.returncode, real.returncode) == (2, 1)
    assert 'wrong-2 cannot work as configured (exit code 2)' in real.stdout + real.stderr
    assert (real.stdout + real.stderr).count('error: choose something else') == 1


def test_a_node_that_dies_often_is_started_again_both_ways(workspace, both_ways):
    workspace.add_package(
        'fake',
        dies='echo start >> "$NOTES/dies"; [ $(wc -l < "$NOTES/dies") -gt 6 ] && exit 2; exit 1',
    )
    path = workspace.write_launch_file("""launch:
- stop_on_exit_code: {code: 2}
- node: {pkg: fake, exec: dies, name: dies, respawn: 'true', respawn_delay: 0.02}
""")
    (_, ours), (_, real) = both_ways(path)
    assert ours['dies'] == real['dies'] == [*['start'] * 7, '']
