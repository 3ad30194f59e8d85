import re

import pytest

from mmoment_bringup import supervisor

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
