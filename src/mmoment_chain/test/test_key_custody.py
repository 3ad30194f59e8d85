import json

import pytest
from vault_vectors import BAD_PASSPHRASES, OTHER_WALLET, PASSPHRASE, RECORD, fixed, secret

from mmoment_chain.errors import Refused
from mmoment_chain.key_custody import (
    KEY_TEXT,
    ROUNDS,
    key_from_signatures,
    make_backup,
    open_backup,
)
from mmoment_chain.sealing import public_of

SIGNATURE = fixed('a signature', 64)
WALLET = RECORD.wallet


@pytest.fixture(scope='module')
def private():
    with secret(fixed('private key of a person')) as key:
        yield key


@pytest.fixture(scope='module')
def backup(private):
    return make_backup(private, PASSPHRASE, WALLET)


def code_of(call, *arguments):
    with pytest.raises(Refused) as refused:
        call(*arguments)
    assert refused.value.__context__ is None or refused.value.__suppress_context__
    return refused.value.code


def changed(backup, **values):
    content = json.loads(backup)
    for name, value in values.items():
        part = content['kdf'] if name in ('name', 'rounds', 'salt') else content
        part[name] = value
    return json.dumps(content)


def test_the_text_says_what_signing_does():
    first, *rest = KEY_TEXT.split('\n')
    assert first == 'Mmoment camera: key of my face template (version 1)'
    assert 'opens your face template' in KEY_TEXT
    assert 'not a sign-in' in rest[-1]


def test_the_text_is_one_that_every_wallet_shows_and_signs():
    """Hardware wallets sign printable ASCII alone."""
    assert all(' ' <= sign <= '~' or sign == '\n' for sign in KEY_TEXT)
    # Told from a sign-in, whose first line ends otherwise, and from a transaction.
    assert 'wants you to sign in' not in KEY_TEXT


def test_the_same_signature_makes_the_same_key():
    with key_from_signatures(SIGNATURE, SIGNATURE, WALLET) as one:
        with key_from_signatures(bytearray(SIGNATURE), SIGNATURE, WALLET) as again:
            assert one.matches(again)
        assert one.locked
        assert bytes(one.view) not in SIGNATURE


def test_each_wallet_and_signature_has_a_key_of_its_own():
    others = fixed('another signature', 64)
    with (
        key_from_signatures(SIGNATURE, SIGNATURE, WALLET) as one,
        key_from_signatures(others, others, WALLET) as two,
        key_from_signatures(SIGNATURE, SIGNATURE, OTHER_WALLET) as three,
    ):
        assert len({public_of(one), public_of(two), public_of(three)}) == 3


@pytest.mark.parametrize(
    ('first', 'second'),
    [
        (SIGNATURE, SIGNATURE[:-1] + b'x'),
        (SIGNATURE, SIGNATURE[:-1]),
        (SIGNATURE[:-1], SIGNATURE[:-1]),
        (SIGNATURE + b'x', SIGNATURE + b'x'),
        (b'', b''),
        (bytes(64), bytes(64)),
    ],
)
def test_a_wallet_that_signs_differently_each_time_makes_no_key(first, second):
    assert code_of(key_from_signatures, first, second, WALLET) == 'signature_differs'


def test_a_backup_opens_with_its_passphrase(backup, private):
    wallet, opened = open_backup(backup, PASSPHRASE)
    with opened:
        assert wallet == WALLET
        assert opened.matches(private)


def test_a_passphrase_is_the_same_however_it_was_typed(backup, private):
    composed, decomposed = 'vier Füße, ein Tisch', 'vier Fu\u0308ße, ein Tisch'
    assert composed == PASSPHRASE != decomposed
    with open_backup(backup, decomposed)[1] as opened:
        assert opened.matches(private)


@pytest.mark.parametrize('passphrase', ['', PASSPHRASE + ' ', PASSPHRASE.upper()])
def test_another_passphrase_opens_nothing(backup, passphrase):
    assert code_of(open_backup, backup, passphrase) == 'wrong_passphrase'


def test_a_backup_shows_neither_key_nor_passphrase(backup, private):
    content = json.loads(backup)
    assert set(content) == {
        'format', 'version', 'wallet', 'public_key', 'kdf', 'nonce', 'sealed_key'
    }  # fmt: skip
    assert PASSPHRASE not in backup
    assert bytes(private.view).hex() not in backup


def test_two_backups_of_one_key_differ(backup, private):
    one, other = json.loads(backup), json.loads(make_backup(private, PASSPHRASE, WALLET))
    assert one['kdf']['salt'] != other['kdf']['salt']
    assert one['sealed_key'] != other['sealed_key']


@pytest.mark.parametrize('data', BAD_PASSPHRASES)
def test_half_a_character_is_in_no_passphrase(backup, private, data):
    passphrase = data.decode('utf-16-le', 'surrogatepass')
    assert code_of(make_backup, private, passphrase, WALLET) == 'bad_passphrase'
    assert code_of(open_backup, backup, passphrase) == 'bad_passphrase'


@pytest.mark.parametrize('passphrase', ['', 'elf Zeichen', 'a\u0308' * 11])
def test_short_passphrases_are_not_taken(private, passphrase):
    assert code_of(make_backup, private, passphrase, WALLET) == 'weak_passphrase'


@pytest.mark.parametrize(
    'values',
    [
        {'wallet': OTHER_WALLET},
        {'public_key': 'A' * 43 + '='},
        {'salt': 'A' * 22 + '=='},
        {'rounds': ROUNDS + 1},
        {'nonce': 'A' * 16},
        {'sealed_key': 'A' * 64},
    ],
    ids=lambda values: ''.join(values),
)
def test_a_changed_backup_opens_nothing(backup, values):
    assert code_of(open_backup, changed(backup, **values), PASSPHRASE) == 'wrong_passphrase'


@pytest.mark.parametrize(
    'values',
    [
        {'format': 'other'},
        {'version': 2},
        {'wallet': 'nobody'},
        {'wallet': 7},
        {'wallet': None},
        {'name': 'PBKDF2-HMAC-SHA1'},
        {'rounds': ROUNDS - 1},
        {'rounds': 10**9},
        {'rounds': '600000'},
        {'rounds': True},
        {'salt': 'AAAA'},
        {'nonce': 'not base64 !!!!!'},
        {'nonce': 'A' * 15 + 'é'},
        {'sealed_key': 7},
        {'public_key': 'A' * 42 + 'B='},
        {'kdf': None},
    ],
    ids=str,
)
def test_what_is_no_backup_is_told_from_a_wrong_passphrase(backup, values):
    assert code_of(open_backup, changed(backup, **values), PASSPHRASE) == 'bad_backup'


@pytest.mark.parametrize('text', ['', '{}', '[]', 'null', '"x"', '{', '[' * 100_000])
def test_other_text_is_no_backup(text):
    assert code_of(open_backup, text, PASSPHRASE) == 'bad_backup'


@pytest.mark.parametrize('wallet', ['', 'nobody', WALLET + '\n'])
def test_keys_belong_to_a_wallet(private, wallet):
    with pytest.raises(ValueError, match='base58'):
        make_backup(private, PASSPHRASE, wallet)
    with pytest.raises(ValueError, match='base58'):
        key_from_signatures(SIGNATURE, SIGNATURE, wallet)
