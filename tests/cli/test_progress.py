import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.progress import CommandFailed, Progress

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def shown() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def progress(tmp_path: Path, shown: io.StringIO) -> Progress:
    lines = Progress(tmp_path / 'log' / 'setup.log', shown)
    lines.plan(2)
    return lines


def test_steps_are_numbered_and_timed(progress: Progress, shown: io.StringIO):
    with progress.step('first'):
        pass
    with progress.step('second'):
        pass

    assert shown.getvalue().splitlines()[::2] == ['[1/2] first', '[2/2] second']
    assert 'done in 0 s' in shown.getvalue()


def test_output_goes_to_the_log_only(progress: Progress, shown: io.StringIO):
    progress.run([sys.executable, '-c', 'print("many words")'], failure='never')

    assert 'many words' in progress.log_path.read_text()
    assert 'many words' not in shown.getvalue()


def test_failure_names_the_log_and_keeps_the_last_lines(progress: Progress):
    program = 'import sys; print("why"); sys.exit(3)'

    with pytest.raises(CommandFailed, match='it broke') as told:
        progress.run([sys.executable, '-c', program], failure='it broke')
    assert str(progress.log_path) in str(told.value)
    assert told.value.tail == ['why']


def test_absent_command_is_told(progress: Progress):
    with pytest.raises(CommandFailed, match='it broke: /nonexistent/pip: No such file'):
        progress.run(['/nonexistent/pip'], failure='it broke')


def test_output_that_is_no_text_does_not_stop_a_command(progress: Progress):
    program = 'import sys; sys.stdout.buffer.write(b"\\xff\\xfe tail without newline")'

    progress.run([sys.executable, '-c', program], failure='never')

    assert 'tail without newline' in progress.log_path.read_text()


TERMINATED = """
import sys
from pathlib import Path
from cli.main import end_children_on_sigterm
from cli.progress import Progress
end_children_on_sigterm()
program = 'echo "process $$"; exec sleep 60'
Progress(Path(sys.argv[1])).run(['sh', '-c', program], failure='x', condense=print)
"""


def test_command_ends_with_us_on_sigterm(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, '-u', '-c', TERMINATED, tmp_path / 'log'],
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        command = int(process.stdout.readline().split()[1])
        process.terminate()

    assert process.returncode == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(command, 0)
