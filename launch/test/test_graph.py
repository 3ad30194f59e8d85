"""The supervisor with small scripts as nodes: restart, stop, output, nothing left behind."""

import os
import re
import signal
import subprocess

import pytest
from fake_workspace import end, is_running, wait_until

pytestmark = pytest.mark.graph

SLEEP = 'exec sleep 300'
# Notes its process number, then waits; `sleep` runs as a child of the script
NOTED = 'echo $$ >> "$NOTES"; {}'


@pytest.fixture
def notes(workspace, tmp_path):
    """Where the scripts write their process numbers: a function that returns them."""
    path = tmp_path / 'notes'
    path.touch()
    workspace.environment['NOTES'] = str(path)
    return lambda: [int(word) for word in path.read_text().split()]


def python(*lines):
    """A script that is one Python process."""
    return "exec python3 - <<'END'\n" + '\n'.join(
        ('import os, signal, socket, time', *lines, 'END')
    )


# A node tells from its own process that it is ready
TELL_READY = (
    'socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto('
    'b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", chr(0), 1))'
)
STUBBORN = python(
    'signal.signal(signal.SIGINT, signal.SIG_IGN)',
    'signal.signal(signal.SIGTERM, signal.SIG_IGN)',
    'open(os.environ["NOTES"], "a").write(f"{os.getpid()}\\n")',
    TELL_READY,
    'time.sleep(300)',
)


def node(executable, keys=''):
    return f'- node: {{pkg: fake, exec: {executable}, name: {executable}, {keys}}}\n'


def wait_until_ready(process):
    """Return the output up to the end of the frame that says so."""
    lines = []
    while not lines or 'Ctrl-C ends everything' not in lines[-1]:
        lines.append(process.stdout.readline().rstrip('\n'))
        assert process.poll() is None
    return lines


def test_output_is_whole_lines_with_the_name_in_front(workspace):
    workspace.add_package(
        'fake',
        one='printf "half "; sleep 0.1; printf "line\\n"; echo "to error" >&2; printf "no end"',
        two='i=0; while [ $i -lt 200 ]; do echo "two $i"; i=$((i+1)); done',
    )
    path = workspace.write_launch_file('launch:\n' + node('one') + node('two'))
    done = workspace.run(str(path))
    lines = done.stdout.splitlines()
    # Two streams: the order between them is open, the order within each is not
    assert sorted(line for line in lines if line.startswith('[one-1] ')) == [
        '[one-1] half line',
        '[one-1] no end',
        '[one-1] to error',
    ]
    assert [line for line in lines if line.startswith('[two-2] ')] == [
        f'[two-2] two {i}' for i in range(200)
    ]
    assert done.returncode == 0


def test_a_line_without_end_is_shown_after_a_while(workspace):
    workspace.add_package('fake', asks='printf "password? "; exec sleep 300')
    path = workspace.write_launch_file('launch:\n' + node('asks'))
    with workspace.supervisor(str(path)) as process:
        while (line := process.stdout.readline()) != '[asks-1] password? \n':
            assert line
        end(process, signal.SIGINT)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_everything_with_exit_code_0(workspace, notes, number):
    workspace.add_package('fake', one=NOTED.format(SLEEP), two=NOTED.format(SLEEP))
    path = workspace.write_launch_file('launch:\n' + node('one') + node('two'))
    with workspace.supervisor(str(path)) as process:
        wait_until(lambda: len(notes()) == 2, 'both scripts')
        code, out, error = end(process, number)
    assert (code, error) == (0, ''), out
    assert f'{number.name}: ending the graph' in out
    assert not any(is_running(pid) for pid in notes())


def test_a_process_that_ignores_signals_is_killed_and_the_exit_code_tells(workspace, notes):
    workspace.add_package('fake', stubborn=STUBBORN)
    keys = 'sigterm_timeout: 0.2, sigkill_timeout: 0.2'
    path = workspace.write_launch_file('launch:\n' + node('stubborn', keys))
    with workspace.supervisor(str(path)) as process:
        wait_until_ready(process)
        code, out, _ = end(process, signal.SIGINT)
    assert code == 1
    assert re.search(r'does not end: SIGTERM(.|\n)*does not end: SIGKILL', out)
    assert not is_running(notes()[0])


def test_a_node_that_is_not_ready_yet_is_not_interrupted_but_terminated(workspace, notes):
    """SIGINT while a node is still importing its modules would end in a page of traceback."""
    workspace.add_package(
        'fake', imports=python('print("importing", flush=True)', 'time.sleep(300)')
    )
    path = workspace.write_launch_file('launch:\n' + node('imports'))
    with workspace.supervisor(str(path)) as process:
        while 'importing' not in process.stdout.readline():
            assert process.poll() is None
        code, out, error = end(process, signal.SIGINT)
    assert code == 0
    assert 'Traceback' not in out + error


def test_a_node_that_is_deaf_while_it_starts_is_killed_but_no_fault(workspace, notes):
    loads = STUBBORN.replace(TELL_READY, 'print("loading", flush=True)')
    workspace.add_package('fake', loads=loads)
    keys = 'sigterm_timeout: 0.1, sigkill_timeout: 0.1'
    path = workspace.write_launch_file('launch:\n' + node('loads', keys))
    with workspace.supervisor(str(path)) as process:
        while 'loading' not in process.stdout.readline():
            assert process.poll() is None
        code, out, error = end(process, signal.SIGINT)
    assert (code, error) == (0, '')
    assert 'loads-1 is still starting: SIGKILL' in out
    assert 'does not end' not in out
    assert not is_running(notes()[0])


def test_ctrl_c_while_the_supervisor_itself_is_loaded_leaves_no_traceback(workspace, tmp_path):
    slow = tmp_path / 'slow'
    slow.mkdir()
    (slow / 'yaml.py').write_text('print("loading", flush=True)\nimport time\ntime.sleep(300)\n')
    workspace.environment['PYTHONPATH'] = f'{slow}:{workspace.environment["PYTHONPATH"]}'
    with workspace.supervisor('any.launch.yaml') as process:
        assert process.stdout.readline() == 'loading\n'
        assert end(process, signal.SIGINT) == (0, '', '')


def test_a_second_ctrl_c_does_not_wait_for_the_time_outs(workspace, notes):
    workspace.add_package('fake', stubborn=STUBBORN)
    keys = 'sigterm_timeout: 1000.0, sigkill_timeout: 1000.0'
    path = workspace.write_launch_file('launch:\n' + node('stubborn', keys))
    with workspace.supervisor(str(path)) as process:
        wait_until_ready(process)
        for stage in ('ending the graph', 'SIGTERM', 'SIGKILL'):
            process.send_signal(signal.SIGINT)
            while stage not in (line := process.stdout.readline()):
                assert line
        assert process.wait(10) == 1
    assert not is_running(notes()[0])


def test_what_a_node_started_ends_with_it(workspace, notes):
    workspace.add_package('fake', parent='sleep 300 & echo $! >> "$NOTES"; exit 0')
    path = workspace.write_launch_file('launch:\n' + node('parent'))
    assert workspace.run(str(path)).returncode == 0
    assert not is_running(notes()[0])


def test_kill_9_of_the_supervisor_leaves_no_node(workspace, notes):
    workspace.add_package('fake', one=NOTED.format(SLEEP), two=NOTED.format(SLEEP))
    path = workspace.write_launch_file('launch:\n' + node('one') + node('two'))
    with workspace.supervisor(str(path)) as process:
        wait_until(lambda: len(notes()) == 2, 'both scripts')
        process.kill()
        wait_until(lambda: not any(is_running(pid) for pid in notes()), 'the nodes to end')


def test_a_dead_node_is_started_again(workspace, notes):
    workspace.add_package('fake', one=NOTED.format(SLEEP))
    keys = "respawn: 'true', respawn_delay: 0.05"
    path = workspace.write_launch_file('launch:\n' + node('one', keys))
    with workspace.supervisor(str(path)) as process:
        wait_until(lambda: len(notes()) == 1, 'the first start')
        os.kill(notes()[0], signal.SIGKILL)
        wait_until(lambda: len(notes()) == 2, 'the restart')
        code, out, _ = end(process, signal.SIGINT)
    assert code == 0
    assert 'one-1 ended with signal SIGKILL; it starts again' in out


def test_a_node_that_is_just_being_built_is_tried_again(workspace, notes):
    workspace.add_package('fake', one=NOTED.format(SLEEP))
    executable = workspace.prefix / 'lib/fake/one'
    keys = "respawn: 'true', respawn_delay: 0.1"
    path = workspace.write_launch_file('launch:\n' + node('one', keys))
    with workspace.supervisor(str(path)) as process:
        wait_until(lambda: len(notes()) == 1, 'the first start')
        executable.rename(executable.with_name('away'))
        os.kill(notes()[0], signal.SIGKILL)
        while 'cannot start' not in (line := process.stdout.readline()):
            assert line
        executable.with_name('away').rename(executable)
        wait_until(lambda: len(notes()) == 2, 'the restart')
        assert end(process, signal.SIGINT)[0] == 0


def test_a_node_that_keeps_dying_is_tried_ever_more_slowly_while_the_others_go_on(workspace, notes):
    workspace.add_package('fake', dies='exit 3', lives=NOTED.format(SLEEP))
    keys = "respawn: 'true', respawn_delay: 0.02"
    path = workspace.write_launch_file('launch:\n' + node('dies', keys) + node('lives'))
    with workspace.supervisor(str(path)) as process:
        pauses = []
        while len(pauses) < 6:
            line = process.stdout.readline()
            assert line
            if told := re.search(r'dies-1 ended with exit code 3; .* in (\S+) s \(restart', line):
                pauses.append(float(told[1]))
        assert pauses == [0.02, 0.04, 0.08, 0.16, 0.32, 0.64]
        wait_until(notes, 'the other node')
        assert is_running(notes()[0])
        assert end(process, signal.SIGINT)[0] == 0


def test_a_mistake_that_a_person_must_mend_ends_everything(workspace, notes):
    workspace.add_package(
        'fake',
        wrong='echo "error: wrong: parameter x: choose a or b" >&2; exit 2',
        good=NOTED.format(SLEEP),
    )
    keys = "respawn: 'true', respawn_delay: 0.01"
    path = workspace.write_launch_file(
        'launch:\n- stop_on_exit_code: {code: 2}\n' + node('good') + node('wrong', keys)
    )
    done = workspace.run(str(path))
    assert done.returncode == 2
    assert done.stderr == 'error: wrong: parameter x: choose a or b\n'
    assert done.stdout.count('wrong-2 started') == 1
    assert not any(is_running(pid) for pid in notes())


def test_a_node_that_cannot_be_executed_is_named_and_the_others_end(workspace, notes):
    workspace.add_package('fake', good=NOTED.format(SLEEP), broken='')
    (workspace.prefix / 'lib/fake/broken').chmod(0o644)
    path = workspace.write_launch_file('launch:\n' + node('good') + node('broken'))
    done = workspace.run(str(path))
    assert done.returncode == 2
    assert re.fullmatch(r'error: cannot start .*/broken: Permission denied\n', done.stderr)
    assert not any(is_running(pid) for pid in notes())


def test_a_second_graph_in_the_same_namespace_is_refused(workspace, notes):
    workspace.add_package('fake', one=NOTED.format(SLEEP))
    path = workspace.write_launch_file('launch:\n' + node('one'))
    with workspace.supervisor(str(path)) as process:
        wait_until(notes, 'the first graph')
        second = workspace.run(str(path))
        assert second.returncode == 2
        assert re.fullmatch(
            rf"error: a graph runs already in namespace '/' \(process {process.pid}\): .*\n",
            second.stderr,
        )
        assert len(notes()) == 1
        end(process, signal.SIGINT)


def test_tells_when_all_are_ready_and_repeats_the_sign_in_link(workspace):
    ready = python(TELL_READY, 'time.sleep(300)')
    link = 'http://127.0.0.1:5002/sign-in?token=abc'
    workspace.add_package('fake', web=f'echo "Sign in: {link}"; {ready}', quiet=ready)
    path = workspace.write_launch_file('launch:\n' + node('web') + node('quiet'))
    with workspace.supervisor(str(path)) as process:
        lines = wait_until_ready(process)
        assert re.fullmatch(r'All 2 nodes are ready after \d+\.\d s', lines[-3])
        assert lines[-2] == f'Sign in: {link}'
        end(process, signal.SIGINT)


def test_output_that_nobody_reads_any_more_does_not_end_the_graph(workspace, notes):
    workspace.add_package('fake', talks='while :; do echo x; sleep 0.02; done')
    workspace.add_package('fake', one=NOTED.format(SLEEP))
    path = workspace.write_launch_file('launch:\n' + node('talks') + node('one'))
    with workspace.supervisor(str(path)) as process:
        wait_until(notes, 'the script')
        process.stdout.close()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
