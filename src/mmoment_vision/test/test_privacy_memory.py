"""Whether strangers are to be hidden, over restarts."""

import stat

import pytest

from mmoment_vision.privacy_memory import FILE_NAME, PrivacyMemory


def test_the_configuration_holds_until_somebody_asks_for_something(tmp_path):
    for configured in (True, False):
        assert PrivacyMemory(tmp_path, configured=configured).recall() is configured
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('configured', [True, False])
@pytest.mark.parametrize('asked_for', [True, False])
def test_what_was_asked_for_is_there_for_the_next_process(tmp_path, configured, asked_for):
    folder = tmp_path / 'cameras' / 'gym'
    PrivacyMemory(folder, configured=configured).keep(not asked_for)
    PrivacyMemory(folder, configured=configured).keep(asked_for)
    assert PrivacyMemory(folder, configured=configured).recall() is asked_for
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize('configured', [True, False])
def test_another_configuration_counts_more_than_what_was_asked_for_before_it(tmp_path, configured):
    PrivacyMemory(tmp_path, configured=not configured).keep(not configured)
    assert PrivacyMemory(tmp_path, configured=configured).recall() is configured


@pytest.mark.parametrize(
    'text',
    [b'', b'{', b'[]', b'\xff', b'{"configured": false}', b'{"configured":0,"blur_strangers":0}'],
)
def test_a_damaged_file_is_not_taken_for_an_answer(tmp_path, text):
    (tmp_path / FILE_NAME).write_bytes(text)
    with pytest.raises(ValueError, match='damaged'):
        PrivacyMemory(tmp_path, configured=False).recall()


def test_what_cannot_be_kept_or_read_is_told_and_leaves_what_was_there(tmp_path):
    memory = PrivacyMemory(tmp_path, configured=False)
    memory.keep(True)
    # A process that was killed leaves a file; a folder of its name is somebody's mistake.
    (tmp_path / f'.{FILE_NAME}.draft').mkdir()
    with pytest.raises(OSError, match='draft'):
        memory.keep(False)
    assert memory.recall() is True
    memory.path.unlink()
    memory.path.mkdir()
    with pytest.raises(OSError, match=FILE_NAME):
        memory.recall()
