import os
import stat

import pytest

from mmoment_chain.errors import StoreError
from mmoment_chain.store_files import new_file


def written(path, content='content'):
    with new_file(path) as draft:
        draft.write_text(content)
        return draft


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_its_place_whole_and_private(tmp_path):
    path = tmp_path / 'file'
    earlier = os.umask(0)
    try:
        draft = written(path)
    finally:
        os.umask(earlier)
    assert draft != path
    assert path.read_text() == 'content'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_nlink == 1
    assert names(tmp_path) == ['file']


def test_nobody_can_know_what_a_draft_will_be_called(tmp_path):
    drafts = set()
    for _ in range(20):
        drafts.add(written(tmp_path / 'file').name)
        (tmp_path / 'file').unlink()
    assert len(drafts) == 20


def test_a_link_or_file_laid_in_wait_is_neither_followed_nor_used(tmp_path):
    victim = tmp_path / 'victim'
    victim.write_text('mine')
    folder = tmp_path / 'shared'
    folder.mkdir()
    (folder / f'file.draft-{os.getpid()}').symlink_to(victim)
    other = folder / f'other.draft-{os.getpid()}'
    other.write_text('')
    other.chmod(0o666)
    written(folder / 'file')
    written(folder / 'other')
    assert victim.read_text() == 'mine'
    assert stat.S_IMODE((folder / 'other').stat().st_mode) == 0o600


@pytest.mark.parametrize('kind', ['file', 'link', 'dangling link'])
def test_what_appears_meanwhile_is_not_replaced(tmp_path, kind):
    path, elsewhere = tmp_path / 'file', tmp_path / 'elsewhere'

    def fill_and_be_overtaken():
        with new_file(path) as draft:
            draft.write_text('content')
            if kind == 'file':
                path.write_text('mine')
            else:
                if kind == 'link':
                    elsewhere.write_text('mine')
                path.symlink_to(elsewhere)

    with pytest.raises(StoreError, match='exists already'):
        fill_and_be_overtaken()
    assert kind == 'dangling link' or path.read_text() == 'mine'
    assert elsewhere.exists() == (kind == 'link')
    assert not any('draft' in name for name in names(tmp_path))


def test_a_draft_that_is_given_up_goes(tmp_path):
    def fail():
        with new_file(tmp_path / 'file'):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert names(tmp_path) == []


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StoreError, match='choose another place'):
        written(tmp_path / 'no' / 'file')
