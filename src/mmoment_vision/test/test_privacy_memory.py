"""Whether strangers are to be hidden, over restarts."""

import stat

import pytest

from mmoment_vision.privacy_memory import FILE_NAME, PrivacyMemory


def memory(folder, *, configured=False):
    return PrivacyMemory('/gym', str(folder), configured=configured)


def test_the_configuration_holds_until_somebody_asks_for_something(tmp_path):
    for configured in (True, False):
        assert memory(tmp_path, configured=configured).recall() is configured
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('configured', [True, False])
@pytest.mark.parametrize('asked_for', [True, False])
def test_what_was_asked_for_is_there_for_the_next_process(tmp_path, configured, asked_for):
    memory(tmp_path, configured=configured).keep(not asked_for)
    memory(tmp_path, configured=configured).keep(asked_for)
    again = memory(tmp_path, configured=configured)
    assert (again.recall(), again.problem) == (asked_for, '')
    folder = tmp_path / 'cameras' / 'gym'
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize('configured', [True, False])
def test_another_configuration_counts_more_than_what_was_asked_for_before_it(tmp_path, configured):
    memory(tmp_path, configured=not configured).keep(not configured)
    assert memory(tmp_path, configured=configured).recall() is configured


@pytest.mark.parametrize(
    'text',
    [b'', b'{', b'[]', b'\xff', b'{"configured": false}', b'{"configured":0,"blur_strangers":0}'],
)
def test_a_damaged_file_hides_strangers_and_is_told(tmp_path, text):
    memory(tmp_path).keep(False)
    asked = memory(tmp_path)
    asked.path.write_bytes(text)
    assert asked.recall() is True
    assert 'damaged' in asked.problem


def test_what_cannot_be_kept_or_read_is_told_and_leaves_what_was_there(tmp_path):
    asked = memory(tmp_path)
    asked.keep(True)
    # A process that was killed leaves a file; a folder of its name is somebody's mistake.
    draft = asked.path.with_name(f'.{FILE_NAME}.draft')
    draft.mkdir()
    asked.keep(False)
    assert 'could not be kept' in asked.problem
    assert (asked.recall(), asked.problem) == (True, '')
    draft.rmdir()
    asked.keep(False)
    assert (asked.recall(), asked.problem) == (False, '')
    asked.path.unlink()
    asked.path.mkdir()
    assert asked.recall() is True
    assert 'cannot be read' in asked.problem
