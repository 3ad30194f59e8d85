import os
import re

import pytest

from mmoment_bringup import leftovers, supervisor

TEXT = """launch:
- arg: {name: source, default: demo, description: What to look at}
- node: {pkg: fake, exec: run, name: n}
"""


@pytest.fixture
def run(workspace, monkeypatch, capfd):
    """Runs the command line in this process; returns exit code, output and error."""
    workspace.add_package('fake', run='true')
    workspace.write_launch_file(TEXT)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(workspace.prefix))

    def call(*words):
        code = supervisor.run(words, workspace.environment)
        return (code, *capfd.readouterr())

    return call


def test_shows_the_arguments_of_a_package_file(run):
    code, out, error = run('--show-args', 'fake', 'it.launch.yaml')
    assert (code, error) == (0, '')
    assert "  source  (default 'demo')\n      What to look at" in out


@pytest.mark.parametrize(
    ('words', 'reason'),
    [
        (('fake', 'gone.launch.yaml'), "'gone.launch.yaml'; it has: it.launch.yaml"),
        (('gone', 'it.launch.yaml'), "package 'gone' is not installed"),
        (('gone.launch.yaml',), "'gone.launch.yaml' is not a file"),
        (('fake', 'it.launch.yaml', 'sauce:=x'), "unknown argument 'sauce'; known: source"),
        (('fake', 'it.launch.yaml', 'source=x'), "'source=x' is not an argument"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(run, words, reason):
    code, out, error = run(*words)
    assert (code, out) == (2, '')
    assert re.fullmatch(rf'error: .*{reason}.*\n', error)


def test_help_names_the_words(capsys):
    with pytest.raises(SystemExit) as caught:
        supervisor.run(['--help'], {})
    assert caught.value.code == 0
    assert 'ros2 launch' in capsys.readouterr().out


@pytest.fixture
def dead_ring():
    """A segment of a writer that was killed: nobody holds its lock."""
    frame_segment = pytest.importorskip('mmoment_camera.frame_segment')
    path = leftovers.SHARED_MEMORY / frame_segment.ring_name(f'test_{os.getpid()}', 'clean')
    path.write_bytes(b'x')
    yield path
    path.unlink(missing_ok=True)


def test_what_an_earlier_graph_left_is_gone_before_a_node_starts(workspace, dead_ring):
    workspace.add_package('fake', run=f'ls {dead_ring} || echo it is gone')
    done = workspace.run(str(workspace.write_launch_file(TEXT)))
    assert done.returncode == 0
    assert '[run-1] it is gone' in done.stdout
