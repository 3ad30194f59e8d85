import copy
import os
import pickle
import re
import resource
import signal
import subprocess
import sys
import textwrap

import pytest

from mmoment_chain.secret_bytes import SecretBytes, harden_process, lock_problem, wipe

MARKER = b'planted marker of a secret'


def filled(content=MARKER):
    return SecretBytes.taken_from(bytearray(content))


def flags_at(address):
    """What the kernel was told about the pages at an address of this process."""
    inside = False
    with open('/proc/self/smaps', encoding='ascii') as maps:
        for line in maps:
            area = re.match(r'([0-9a-f]+)-([0-9a-f]+) ', line)
            if area:
                inside = int(area[1], 16) <= address < int(area[2], 16)
            elif inside and line.startswith('VmFlags:'):
                return line.split()[1:]
    raise AssertionError('no such memory')


def in_child(action):
    """Run `action` in a forked child; its exit code."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = action()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_python(text):
    return subprocess.run(
        [sys.executable, '-c', textwrap.dedent(text)], check=False, capture_output=True, text=True
    )


def test_what_was_put_in_is_there_and_the_source_is_empty():
    source = bytearray(MARKER)
    with SecretBytes.taken_from(source) as secret:
        assert bytes(secret.view) == MARKER
        assert len(secret) == len(MARKER)
    assert source == bytes(len(MARKER))


def test_leaving_the_block_wipes_even_what_somebody_still_looks_at():
    with filled() as secret:
        kept = secret.view[3:]
    assert secret.closed
    assert bytes(kept) == bytes(len(MARKER) - 3)
    with pytest.raises(ValueError, match='wiped'):
        _ = secret.view


def test_an_error_inside_the_block_wipes_too():
    secret = filled()
    kept = secret.view[:]
    with pytest.raises(RuntimeError), secret:
        raise RuntimeError
    assert bytes(kept) == bytes(len(MARKER))


def test_closing_twice_is_closing():
    secret = filled()
    secret.close()
    secret.close()
    assert secret.closed


def test_the_kernel_keeps_it_out_of_dumps_swap_and_children():
    with filled() as secret:
        assert secret.locked
        assert {'dd', 'wf', 'lo'} <= set(flags_at(secret._address))


def test_a_forked_child_finds_zeros():
    with filled() as secret:
        assert in_child(lambda: int(any(secret.view))) == 0
        assert bytes(secret.view) == MARKER


def test_a_refused_lock_is_told_and_nothing_else_changes():
    def action():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
        # Root may lock in spite of the limit.
        if os.geteuid() == 0:
            os.seteuid(65534)
        with filled() as secret:
            told = lock_problem()
            fine = not secret.locked and bytes(secret.view) == MARKER
            return 0 if fine and 'RLIMIT_MEMLOCK is 0 bytes' in told else 1

    assert in_child(action) == 0


def test_where_memory_can_be_locked_there_is_no_problem():
    assert lock_problem() == ''


@pytest.mark.parametrize('text', [repr, str, lambda secret: f'{secret}'])
def test_no_text_has_the_content(text):
    with filled() as secret:
        assert text(secret) == f'SecretBytes({len(MARKER)} bytes)'
    assert text(secret) == 'SecretBytes(wiped)'


@pytest.mark.parametrize('taken', [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_is_neither_copied_nor_written(taken):
    with filled() as secret, pytest.raises(TypeError, match='neither copied nor written'):
        taken(secret)


def test_comparison_is_by_content():
    with filled() as one, filled() as same, filled(MARKER[:-1] + b'x') as other:
        assert one.matches(same)
        assert not one.matches(other)


def test_random_bytes_differ():
    with SecretBytes.random(32) as one, SecretBytes.random(32) as other:
        assert any(one.view)
        assert not one.matches(other)


def test_a_secret_may_be_larger_than_a_page():
    with SecretBytes.random(100_000) as secret:
        assert len(secret.view) == 100_000
        assert any(secret.view[-16:])


@pytest.mark.parametrize('size', [0, -1])
def test_there_is_no_empty_secret(size):
    with pytest.raises(ValueError, match='at least one byte'):
        SecretBytes(size)


def test_wiping_overwrites_in_place():
    buffers = bytearray(b'one'), bytearray(b'two')
    wipe(buffers[0], memoryview(buffers[1])[1:])
    assert buffers == (b'\0\0\0', b't\0\0')


def test_a_hardened_process_leaves_no_core_dump():
    died = subprocess.run(
        [
            sys.executable,
            '-c',
            'import os, resource\n'
            'from mmoment_chain.secret_bytes import harden_process\n'
            'hard = resource.getrlimit(resource.RLIMIT_CORE)[1]\n'
            'resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))\n'
            'child = os.fork()\n'
            'if child == 0:\n'
            '    harden_process()\n'
            '    os.abort()\n'
            'status = os.waitpid(child, 0)[1]\n'
            'print(os.WTERMSIG(status), os.WCOREDUMP(status))\n',
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert died.stdout.split() == [str(int(signal.SIGABRT)), 'False']


def test_nobody_of_the_same_user_reads_the_memory_of_a_hardened_process():
    """As another user than root, since root may read everything."""
    answer = run_python(
        """
        import os
        from mmoment_chain.secret_bytes import harden_process
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)

        def child(harden):
            ready, tell = os.pipe()
            hold, end = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(end)
                if harden:
                    harden_process()
                else:
                    import ctypes
                    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
                os.write(tell, b'.')
                os.read(hold, 1)
                os._exit(0)
            os.read(ready, 1)
            try:
                os.close(os.open(f'/proc/{pid}/environ', os.O_RDONLY))
                seen = 'open'
            except PermissionError:
                seen = 'refused'
            os.close(end)
            os.waitpid(pid, 0)
            return seen

        print(child(False), child(True))
        """
    )
    assert answer.stdout.split() == ['open', 'refused'], answer.stderr


def test_hardening_twice_is_hardening():
    def action():
        harden_process()
        harden_process()
        return 0 if resource.getrlimit(resource.RLIMIT_CORE) == (0, 0) else 1

    assert in_child(action) == 0
