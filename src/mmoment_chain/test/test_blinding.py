import hashlib
import hmac
import stat

import pytest

from mmoment_chain import blinding
from mmoment_chain.blinding import BlindingKey
from mmoment_chain.device_key_files import DeviceKeyError


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / 'keys'
    made.mkdir(mode=0o700)
    return made


def test_the_key_is_made_once_and_for_one_user(folder):
    with BlindingKey.load(folder) as key:
        first = key.visit_subject('a')
    path = folder / blinding.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    assert len(content) == 32
    with BlindingKey.load(folder) as key:
        assert key.visit_subject('a') == first
    assert path.read_bytes() == content


def test_subjects_are_hmacs(folder):
    (folder / blinding.FILE).write_bytes(bytes(range(32)))
    (folder / blinding.FILE).chmod(0o600)
    with BlindingKey.load(folder) as key:
        expected = hmac.new(bytes(range(32)), b'abc', hashlib.sha256).digest()
        assert key.visit_subject('abc') == expected
        wallet = bytes([7]) * 32
        expected = hmac.new(bytes(range(32)), wallet, hashlib.sha256).digest()
        assert key.grant_subject(wallet) == expected
        with pytest.raises(ValueError, match='32 bytes'):
            key.grant_subject(b'short')


def test_visits_of_one_person_and_cameras_have_different_subjects(folder, tmp_path):
    other = tmp_path / 'other'
    other.mkdir(mode=0o700)
    with BlindingKey.load(folder) as key, BlindingKey.load(other) as foreign:
        assert key.visit_subject('a') != key.visit_subject('b')
        assert key.visit_subject('a') != foreign.visit_subject('a')


@pytest.mark.parametrize('damage', ['short', 'open', 'no folder'])
def test_a_key_that_cannot_be_trusted_is_not_used_and_not_replaced(folder, damage):
    BlindingKey.load(folder).close()
    path = folder / blinding.FILE
    if damage == 'short':
        path.write_bytes(b'short')
    elif damage == 'open':
        path.chmod(0o644)
    else:
        folder = folder / 'nowhere'
    before = path.read_bytes()
    with pytest.raises(DeviceKeyError):
        BlindingKey.load(folder)
    assert path.read_bytes() == before


def test_nothing_tells_the_key(folder):
    with BlindingKey.load(folder) as key:
        assert repr(key) == 'BlindingKey(...)'
