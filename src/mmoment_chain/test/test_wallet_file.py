import json
import os
import stat

import pytest
from solders.keypair import Keypair

from mmoment_chain.wallet import verify
from mmoment_chain.wallet_file import WalletFileError, WalletKey


def written(path, numbers, mode=0o600):
    path.write_text(json.dumps(numbers))
    path.chmod(mode)
    return path


@pytest.fixture
def pair():
    return Keypair()


def test_the_key_that_solanas_tools_wrote_signs(tmp_path, pair):
    key = WalletKey.load(written(tmp_path / 'id.json', list(bytes(pair))))
    assert key.public == bytes(pair.pubkey())
    assert verify(key.public, b'text', key.sign(b'text'))


@pytest.mark.parametrize('mode', [0o640, 0o604, 0o660])
def test_a_file_that_others_may_open_is_refused_with_what_to_do(tmp_path, pair, mode):
    path = written(tmp_path / 'id.json', list(bytes(pair)), mode)
    with pytest.raises(WalletFileError, match='chmod go='):
        WalletKey.load(path)
    path.chmod(stat.S_IRUSR)
    WalletKey.load(path)


def test_what_is_no_key_is_refused_and_nothing_of_it_told(tmp_path, pair):
    raw = list(bytes(pair))
    for number, wrong in enumerate(
        [raw[:63], [*raw, 1], {'key': raw}, [*raw[:63], 256], 'x', None]
    ):
        path = written(tmp_path / f'{number}.json', wrong)
        with pytest.raises(WalletFileError, match='no key of a wallet') as caught:
            WalletKey.load(path)
        assert str(raw[0]) + ', ' not in str(caught.value)
        assert caught.value.__cause__ is None
    (tmp_path / 'text').write_text('no json')
    (tmp_path / 'text').chmod(0o600)
    with pytest.raises(WalletFileError, match='no key of a wallet'):
        WalletKey.load(tmp_path / 'text')


def test_halves_that_do_not_belong_together_are_refused(tmp_path, pair):
    numbers = [*bytes(pair)[:32], *bytes(Keypair().pubkey())]
    with pytest.raises(WalletFileError, match='damaged'):
        WalletKey.load(written(tmp_path / 'id.json', numbers))


def test_what_is_no_file_is_told_at_once(tmp_path):
    os.mkfifo(tmp_path / 'pipe', 0o600)
    for name in ('pipe', 'missing', '.'):
        with pytest.raises(WalletFileError):
            WalletKey.load(tmp_path / name)


def test_its_text_has_no_key(pair):
    assert repr(WalletKey(pair)) == f'WalletKey({pair.pubkey()})'
    assert WalletKey.demo().public == WalletKey.demo().public
