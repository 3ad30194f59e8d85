"""What was asked of the push is kept, or refused, whatever happens meanwhile."""

import json
from dataclasses import replace

import pytest

from mmoment_node.errors import ConfigurationError
from mmoment_stream.errors import Refused
from mmoment_stream.push_target import PushTarget
from mmoment_stream.stream_memory import StreamMemory
from mmoment_stream.stream_settings import StreamSettings
from tests.killed_child import killed_at_line

MAIN = PushTarget('main', url='rtmp://host/live', key_file='/etc/main.key')
OFF = PushTarget('off', url='rtmp://host/live', key_file='off.key', enabled=False)
SECOND = PushTarget('second', url='rtmp://other/live', key_file='second.key', silent_audio=True)
PARAMETERS = StreamSettings(bitrate_kbps=2000, targets=(MAIN,))


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'settings.json'


def memory_at(path, parameters=PARAMETERS, at_start=False):
    return StreamMemory(path, parameters, is_wanted_at_start=at_start)


def test_parameters_count_until_somebody_says_otherwise(path):
    memory = memory_at(path, at_start=True)
    assert (memory.wish.is_wanted, memory.wish.settings) == (True, PARAMETERS)
    memory.take_parameters(StreamSettings(bitrate_kbps=500))
    assert memory.wish.settings == StreamSettings(bitrate_kbps=500)
    # Nothing was asked for, so there is nothing to keep.
    assert not path.exists()


def test_what_was_asked_is_there_after_a_restart_and_private(path):
    memory = memory_at(path)
    memory.want()
    memory.configure(('targets', 'schedule'), StreamSettings('annotated', 'while_checked_in', 7))
    memory.configure(('targets',), StreamSettings(targets=(MAIN, SECOND)))
    wish = memory_at(path).wish
    assert wish.is_wanted
    # Of the first change the fields that were named, and no others.
    assert wish.settings == StreamSettings('public', 'while_checked_in', 2000, (MAIN, SECOND))
    assert path.stat().st_mode & 0o777 == 0o600
    assert memory_at(path).given == ('schedule', 'targets')


def test_stopped_stays_stopped_though_the_parameter_says_otherwise(path):
    memory_at(path, at_start=True).unwant()
    assert not memory_at(path, at_start=True).wish.is_wanted


def wanted_of(*memories):
    """Names of the targets that are pushed to, which is the same by all of these."""
    (names,) = {tuple(each.name for each in memory.wish.pushed) for memory in memories}
    return names


@pytest.fixture
def two(path):
    """A memory, and what finds the same file after a restart."""
    parameters = StreamSettings(targets=(MAIN, SECOND, OFF))
    return memory_at(path, parameters), lambda: memory_at(path, parameters)


def test_one_target_is_wanted_and_unwanted_and_the_others_stay_as_they_are(two):
    memory, again = two
    memory.want('second')
    assert wanted_of(memory, again()) == ('second',)
    memory.want('main')
    assert wanted_of(memory, again()) == ('main', 'second')
    memory.unwant('second')
    assert wanted_of(memory, again()) == ('main',)
    memory.want()
    assert wanted_of(memory, again()) == ('main', 'second')
    memory.unwant('main')
    assert wanted_of(memory, again()) == ('second',)
    memory.unwant()
    assert wanted_of(memory, again()) == ()
    assert not again().wish.is_wanted


def test_one_that_is_unwanted_while_all_are_by_parameter_is_the_only_one(path):
    parameters = StreamSettings(targets=(MAIN, SECOND))
    memory = memory_at(path, parameters, at_start=True)
    memory.unwant('main')
    # Whatever the parameter says from now on.
    assert wanted_of(memory, memory_at(path, parameters)) == ('second',)


@pytest.mark.parametrize(
    ('stopped', 'started', 'names'),
    [
        ((), ('main',), ('main',)),
        ((), ('',), ('main', 'second', 'third')),
        (('main',), (), ('second', 'third')),
    ],
)
def test_targets_that_come_later_are_wanted_where_all_are(two, stopped, started, names):
    memory, again = two
    if stopped:
        memory.want()
    for name in stopped:
        memory.unwant(name)
    for name in started:
        memory.want(name)
    third = PushTarget('third', url='rtmp://host/live', key_file='third.key')
    memory.configure(('targets',), StreamSettings(targets=(MAIN, SECOND, third)))
    assert wanted_of(memory, again()) == names


def test_who_unwants_the_last_one_unwants_all(two):
    memory, again = two
    memory.want()
    memory.unwant('main')
    memory.unwant('second')
    memory.configure(('targets',), StreamSettings(targets=(replace(OFF, enabled=True),)))
    assert wanted_of(memory, again()) == ()
    assert not memory.wish.is_wanted


def test_one_that_is_changed_or_left_out_stays_wanted_and_one_that_is_removed_does_not(two):
    memory, again = two
    memory.want('main')
    for targets, names in (
        ((replace(MAIN, enabled=False), SECOND), ()),
        ((replace(MAIN, key_file='other.key'), SECOND), ('main',)),
        ((SECOND,), ()),
        ((MAIN, SECOND), ()),
    ):
        memory.configure(('targets',), StreamSettings(targets=targets))
        assert wanted_of(memory, again()) == names
    memory.want()
    memory.unwant('main')
    memory.configure(('targets',), StreamSettings(targets=(SECOND,)))
    memory.forget()
    # Of all that are wanted, it is a new one.
    assert wanted_of(memory, again()) == ('main', 'second')


def test_one_that_the_parameters_remove_is_forgotten_too(path):
    memory = memory_at(path, StreamSettings(targets=(MAIN, SECOND)))
    memory.want('main')
    memory.take_parameters(StreamSettings(targets=(SECOND,)))
    memory.take_parameters(StreamSettings(targets=(MAIN, SECOND)))
    assert wanted_of(memory) == ()


def test_one_that_is_left_out_waits(two):
    memory, again = two
    memory.want('main')
    memory.configure(('targets',), StreamSettings(targets=(replace(MAIN, enabled=False), SECOND)))
    assert (memory.wish.is_wanted, again().wish.is_wanted) == (True, True)


@pytest.mark.parametrize(
    ('name', 'code', 'words'),
    [
        ('Main', 'unknown_target', 'but: main, second, off'),
        ('p1anted-key', 'unknown_target', ''),
        ('off', 'target_left_out', 'target off out: enable it'),
    ],
)
def test_a_target_that_cannot_be_pushed_to_is_refused_and_changes_nothing(
    two, path, name, code, words
):
    memory, _ = two
    memory.want('main')
    before = path.read_bytes()
    for change in (memory.want, memory.unwant):
        with pytest.raises(Refused) as caught:
            change(name)
        assert caught.value.code == code
        assert words in caught.value.text
        assert 'p1anted' not in caught.value.text
    assert wanted_of(memory) == ('main',)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ('kept', 'at_start', 'names'),
    [
        ('true', False, ('main', 'second')),
        ('false', True, ()),
        ('null', True, ('main', 'second')),
        ('null', False, ()),
    ],
)
def test_what_an_older_version_has_kept_counts_and_is_written_anew(path, kept, at_start, names):
    path.write_text(f'{{"version": 1, "wanted": {kept}, "settings": {{"bitrate_kbps": 700}}}}')
    parameters = StreamSettings(targets=(MAIN, SECOND))
    memory = memory_at(path, parameters, at_start)
    assert wanted_of(memory) == names
    memory.want('second')
    again = memory_at(path, parameters)
    assert wanted_of(memory, again) == (names or ('second',))
    assert again.wish.settings.bitrate_kbps == 700
    assert json.loads(path.read_text())['version'] == 2


def test_forgetting_goes_back_to_the_parameters_and_leaves_the_stream_wanted(path):
    memory = memory_at(path)
    memory.want()
    memory.configure(('channel',), StreamSettings('annotated'))
    memory.forget()
    for each in (memory, memory_at(path)):
        assert (each.wish.is_wanted, each.wish.settings, each.given) == (True, PARAMETERS, ())


@pytest.mark.parametrize(
    ('fields', 'settings'),
    [
        (('channel',), StreamSettings('raw')),
        (('targets', 'everything'), PARAMETERS),
        (('targets',), StreamSettings(targets=(PushTarget('x', url='rtmp://h/a', key_file='/b'),))),
    ],
)
def test_what_is_refused_changes_nothing(path, fields, settings):
    memory = memory_at(path)
    memory.configure(('bitrate_kbps',), StreamSettings(bitrate_kbps=800))
    before = path.read_bytes()
    with pytest.raises(Refused) as caught:
        memory.configure(fields, settings)
    assert caught.value.code == 'malformed'
    assert memory.wish.settings == StreamSettings(bitrate_kbps=800, targets=(MAIN,))
    assert path.read_bytes() == before


def test_what_cannot_be_kept_is_not_done(path):
    memory = memory_at(path)
    # In the way, whatever the user of the test may do.
    path.mkdir()
    for change in (
        memory.want,
        lambda: memory.want('main'),
        lambda: memory.configure(('targets',), StreamSettings()),
    ):
        with pytest.raises(Refused) as caught:
            change()
        assert caught.value.code == 'not_kept'
    assert (memory.wish.is_wanted, memory.wish.settings) == (False, PARAMETERS)


def test_it_stops_even_if_that_cannot_be_kept(path):
    memory = memory_at(path, at_start=True)
    path.mkdir()
    with pytest.raises(Refused) as caught:
        memory.unwant()
    assert caught.value.code == 'not_kept'
    assert 'it goes on when the camera starts again' in caught.value.text
    assert not memory.wish.is_wanted


def test_one_stops_even_if_that_cannot_be_kept(two, path):
    memory, _ = two
    memory.want()
    path.unlink()
    path.mkdir()
    with pytest.raises(Refused) as caught:
        memory.unwant('main')
    assert caught.value.code == 'not_kept'
    assert wanted_of(memory) == ('second',)


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'{"version": 1, "wanted": true, "sett',
        b'[]',
        b'\xff',
        b'{"version": 3, "wanted": true, "except": [], "settings": {}}',
        b'{"version": 2, "wanted": true, "settings": {}}',
        b'{"version": 2, "wanted": true, "except": "main", "settings": {}}',
        b'{"version": 2, "wanted": true, "except": [3], "settings": {}}',
        b'{"version": 2, "wanted": true, "except": ["a b"], "settings": {}}',
        b'{"version": 2, "wanted": "yes", "except": [], "settings": {}}',
        b'{"version": 1, "wanted": "yes", "settings": {}}',
        b'{"version": 1, "wanted": true, "settings": {"volume": 3}}',
        b'{"version": 1, "wanted": true, "settings": {"bitrate_kbps": 500.5}}',
        b'{"version": 1, "wanted": true, "settings": {"channel": "raw"}}',
        b'{"version": 1, "wanted": true, "settings": {"targets": 3}}',
        b'{"version": 1, "wanted": true, "settings": {"targets": [{"name": "a"}]}}',
        b'{"version": 1, "wanted": true, "settings": {"targets": [{"name": 3}]}}',
    ],
)
def test_a_file_that_is_not_ours_is_told_of_and_left_as_it_is(path, content):
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        memory_at(path)
    assert str(path) in str(caught.value)
    assert 'move it away' in str(caught.value)
    assert path.read_bytes() == content


def test_a_kill_at_any_line_leaves_the_old_or_the_new(path):
    memory_at(path).configure(('bitrate_kbps',), StreamSettings(bitrate_kbps=800))

    def change():
        memory = memory_at(path)
        memory.configure(('bitrate_kbps',), StreamSettings(bitrate_kbps=900))
        path.with_name('told').touch()

    lines, seen = 0, set()
    while killed_at_line(lines, ('durable_files',), change):
        is_told = path.with_name('told').exists()
        found = memory_at(path).wish.settings.bitrate_kbps
        assert found in ((900,) if is_told else (800, 900))
        seen.add(found)
        # As the file was, for the next round.
        memory_at(path).configure(('bitrate_kbps',), StreamSettings(bitrate_kbps=800))
        lines += 1
    assert seen == {800, 900}
    assert lines > 10


def test_keys_are_no_part_of_it(path):
    memory = memory_at(path)
    memory.configure(('targets',), StreamSettings(targets=(SECOND,)))
    (kept,) = json.loads(path.read_text())['settings']['targets']
    assert set(kept) == {
        'name', 'provider', 'url', 'key_file', 'stream_id', 'silent_audio', 'enabled',
    }  # fmt: skip
