import re
import stat
import threading

import pytest
from library_world import START_MS

from mmoment_stream import media_folder
from mmoment_stream.media_folder import (
    RESERVE,
    RESERVE_BYTES,
    MediaFolder,
    day_of,
    is_name,
    new_name,
)

NAME = f'20261125T221030Z-{"a" * 26}.jpg'


@pytest.fixture
def folder(tmp_path):
    made = MediaFolder(tmp_path / 'media')
    made.prepare()
    return made


def everything(folder):
    found = [path for path in folder.root.rglob('*') if path.is_file()]
    return [path for path in found if path.name != RESERVE]


def test_a_name_has_the_time_128_random_bits_and_the_ending_of_its_type():
    assert re.fullmatch(r'20261125T221030Z-[a-z2-7]{26}\.webp', new_name(START_MS, 'image/webp'))
    assert is_name(new_name(START_MS, 'video/mp4'))
    assert day_of(new_name(START_MS, 'video/mp4')) == '2026-11-25'
    assert new_name(START_MS, 'image/jpeg') != new_name(START_MS, 'image/jpeg')
    # A camera whose clock was never set.
    assert new_name(-5, 'image/jpeg').startswith('19700101T000000Z-')
    with pytest.raises(KeyError):
        new_name(START_MS, 'text/html')


@pytest.mark.parametrize(
    'name',
    ['', '..', f'../{NAME}', f'{NAME}/..', f'{NAME}\n', NAME[:-1], f'x{NAME}', NAME.upper()],
)
def test_what_is_no_name_becomes_no_path(folder, name):
    assert not is_name(name)
    for method in (folder.path, folder.draft, folder.recording, folder.note, folder.place):
        with pytest.raises(ValueError):
            method(name)
    for method in (folder.find, folder.look, folder.find_thumbnail, folder.delete):
        assert method(name) is None
    assert folder.root.exists()


def test_a_file_is_found_on_its_whole_way_and_nowhere_else(folder):
    assert folder.find(NAME) is None
    folder.draft(NAME).write_bytes(b'x')
    folder.drafts.joinpath(f'{NAME}.thumb.jpg').write_bytes(b'y')
    assert folder.look(NAME) == folder.draft(NAME)
    assert folder.find(NAME) == folder.path(NAME)
    assert folder.look(NAME).read_bytes() == b'x'
    assert folder.find_thumbnail(NAME).read_bytes() == b'y'
    assert set(everything(folder)) == {folder.path(NAME), folder.find_thumbnail(NAME)}
    assert stat.S_IMODE(folder.path(NAME).parent.stat().st_mode) == 0o700


def test_deleting_finds_it_wherever_it_lies(folder):
    for make in (folder.draft, folder.path):
        make(NAME).parent.mkdir(exist_ok=True)
        make(NAME).write_bytes(b'x')
        make(NAME).with_name(f'{NAME}.thumb.jpg').write_bytes(b'y')
        folder.delete(NAME)
        assert everything(folder) == []
    assert [path.name for path in folder.root.iterdir()] == ['drafts']
    folder.delete(NAME)


def test_a_day_with_other_files_stays(folder):
    other = NAME.replace('a.', 'b.')
    for name in (NAME, other):
        folder.draft(name).write_bytes(b'x')
        folder.place(name)
    folder.delete(NAME)
    folder.draft(NAME).write_bytes(b'x')
    assert list(folder.files()) == [folder.path(other)]


def test_a_file_that_is_deleted_while_it_moves_is_gone(folder):
    """Whichever of both comes first, in however many tries."""
    for number in range(60):
        name = NAME.replace('aaa', f'{number % 6 + 2}{number // 6 % 6 + 2}b')
        folder.draft(name).write_bytes(b'x')
        threads = [
            threading.Thread(target=action, args=(name,))
            for action in (folder.find, folder.delete, folder.find)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert everything(folder) == []


def test_a_link_is_deleted_and_not_what_it_leads_to(folder, tmp_path):
    mine = tmp_path / 'mine'
    mine.write_text('mine')
    folder.path(NAME).parent.mkdir()
    folder.path(NAME).symlink_to(mine)
    folder.delete(NAME)
    assert mine.read_text() == 'mine'
    assert not folder.path(NAME).is_symlink()


def test_what_lies_among_the_drafts_is_told_by_name(folder):
    other = NAME.replace('a.', 'b.')
    for path in (folder.note(other), folder.recording(other), folder.draft(NAME)):
        path.write_bytes(b'x')
    (folder.drafts / '.something.draft').write_bytes(b'x')
    assert folder.names_in_drafts() == [NAME, other]
    folder.forget_recording(other)
    assert folder.names_in_drafts() == [NAME]
    folder.discard(NAME)
    assert folder.names_in_drafts() == []


def test_a_folder_that_others_may_open_is_closed_to_them(folder):
    folder.root.chmod(0o755)
    folder.prepare()
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700


def test_the_reserve_takes_room_and_gives_it_up(folder):
    reserve = folder.drafts / RESERVE
    assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES
    assert folder.release_reserve()
    assert not folder.release_reserve()
    folder.hold_reserve()
    folder.hold_reserve()
    assert reserve.stat().st_size == RESERVE_BYTES


def test_where_there_is_no_room_for_the_reserve_nothing_is_left_of_it(small_disk):
    (small_disk / 'ballast').write_bytes(bytes(500_000))
    folder = MediaFolder(small_disk / 'media')
    folder.prepare()
    assert list(folder.drafts.iterdir()) == []


def test_the_room_that_is_left_is_that_of_its_disk(small_disk):
    folder = MediaFolder(small_disk / 'media')
    folder.prepare()
    folder.release_reserve()
    before = folder.free_bytes()
    assert 0 < before <= 1 << 20
    (small_disk / 'ballast').write_bytes(bytes(500_000))
    assert before - folder.free_bytes() >= 500_000


def test_the_endings_are_those_of_names():
    for mime_type in media_folder.FILE_ENDINGS:
        assert is_name(new_name(START_MS, mime_type))
