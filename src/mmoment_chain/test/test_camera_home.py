import shutil
import stat

import pytest
from fake_clock import START_MS, FakeClock

from mmoment_chain.camera_home import identity, open_home
from mmoment_chain.store import Store
from mmoment_node.durable_files import draft_of
from mmoment_node.errors import ConfigurationError


def begun(folder):
    """The home of a camera that ran once."""
    home = open_home('/gym/door', str(folder))
    first = identity(home, START_MS)
    Store(home.store, FakeClock()).close()
    return home, first


def test_the_first_start_makes_folder_and_keys_for_this_user_alone(tmp_path):
    home, first = begun(tmp_path / 'data')
    assert home.folder == tmp_path / 'data' / 'cameras' / 'gym.door'
    for path in (home.folder, home.keys, *home.folder.rglob('*')):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert len(first.camera_id) == 16
    assert len(first.unsealing_ids) == 1


def test_later_starts_find_the_same_camera(tmp_path):
    _, first = begun(tmp_path)
    assert identity(open_home('gym/door', str(tmp_path)), START_MS + 5) == first


def test_copies_of_keys_that_were_left_are_deleted_at_the_start(tmp_path):
    home, first = begun(tmp_path)
    left = draft_of(home.keys / 'unsealing.key')
    shutil.copy(home.keys / 'unsealing.key', left)
    assert identity(home, START_MS) == first
    assert not left.exists()


def test_a_camera_that_lost_its_keys_does_not_become_another_silently(tmp_path):
    home, _ = begun(tmp_path)
    shutil.rmtree(home.keys)
    with pytest.raises(ConfigurationError, match=r'keys is missing.*backup.*new camera'):
        identity(home, START_MS)
    assert not home.keys.exists()
    # As the text says.
    home.folder.rename(tmp_path / 'away')
    identity(open_home('gym/door', str(tmp_path)), START_MS)


def test_keys_that_cannot_be_read_are_not_made_anew(tmp_path):
    home, _ = begun(tmp_path)
    key = home.keys / 'signing.key'
    content = key.read_bytes()
    key.write_bytes(content[:-1])
    with pytest.raises(ConfigurationError, match='backup'):
        identity(home, START_MS)
    assert key.read_bytes() == content[:-1]


def test_a_folder_that_others_may_open_is_refused_with_the_remedy(tmp_path):
    home, _ = begun(tmp_path)
    home.folder.chmod(0o750)
    with pytest.raises(ConfigurationError, match=r'mode 0750\): chmod go= .*gym\.door'):
        open_home('gym/door', str(tmp_path))


def test_what_is_no_folder_is_told_by_name(tmp_path):
    (tmp_path / 'cameras').write_text('in the way')
    with pytest.raises(ConfigurationError, match='data_folder'):
        open_home('gym/door', str(tmp_path))


def test_without_a_parameter_the_environment_says_where(tmp_path, monkeypatch):
    monkeypatch.setenv('MMOMENT_DATA', str(tmp_path / 'elsewhere'))
    assert open_home('m').folder == tmp_path / 'elsewhere' / 'cameras' / 'm'
