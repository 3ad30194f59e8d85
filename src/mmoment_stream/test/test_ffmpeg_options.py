"""Options that nobody sees: whether ffmpeg heeds them, and what is taken for an ffmpeg that does."""

import os
import shutil
import threading
import time

import pytest

from mmoment_stream.cancel_switch import CancelSwitch
from mmoment_stream.ffmpeg_options import check_heeds_hidden_options, hidden_options, words_for
from mmoment_stream.push_target import Cancelled, PushError


@pytest.fixture
def switch():
    made = CancelSwitch()
    made.arm()
    yield made
    made.release()


def test_the_options_are_in_the_descriptor_and_not_in_the_words():
    with hidden_options({'one': 'a=b, #c', 'two': '2'}) as descriptor:
        assert os.read(descriptor, 100) == b'one=a=b, #c\ntwo=2\n'
        assert words_for(descriptor) == ('-fpre', f'/dev/fd/{descriptor}')
    with pytest.raises(OSError):
        os.read(descriptor, 1)


@pytest.mark.graph
@pytest.mark.skipif(shutil.which('ffmpeg') is None, reason='ffmpeg is not installed')
def test_the_ffmpeg_of_this_system_heeds_them(switch):
    check_heeds_hidden_options('ffmpeg', switch)


def test_one_that_reads_them_and_does_something_else_is_not_used_until_it_is_another_one(
    tmp_path, switch
):
    program = tmp_path / 'ffmpeg'
    program.write_text('#!/bin/sh\ncat >&2\necho SHA256=00\n')
    program.chmod(0o755)
    with pytest.raises(PushError, match='show the key'):
        check_heeds_hidden_options(str(program), switch)
    program.write_text('#!/bin/sh\ncat >&2\necho MD5=00\n')
    check_heeds_hidden_options(str(program), switch)
    with pytest.raises(PushError, match='does not answer'):
        check_heeds_hidden_options('/no/such/program', switch)


def test_the_trial_of_one_that_hangs_can_be_ended(tmp_path, switch):
    program = tmp_path / 'ffmpeg'
    program.write_text('#!/bin/sh\nexec sleep 30\n')
    program.chmod(0o755)
    threading.Timer(0.1, switch.cancel).start()
    began_s = time.monotonic()
    with pytest.raises(Cancelled):
        check_heeds_hidden_options(str(program), switch)
    assert time.monotonic() - began_s < 3
