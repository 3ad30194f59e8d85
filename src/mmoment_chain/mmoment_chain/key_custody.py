"""The key of a person: where the X25519 key comes from that only they have.

Two ways, both on the person's own device (web/vault.js does the same in the browser; this module
is its counterpart for tests and for clients in Python):

- from the wallet: HKDF-SHA256 over its signature of a fixed text. Nothing to keep, but a wallet must
  sign the same text the same way each time; it is asked twice, and refused if the two differ.
- a random key, kept in a backup file that a passphrase protects: PBKDF2-HMAC-SHA256, since browsers
  have nothing stronger of their own, with many rounds; then AES-256-GCM.

The signature opens the template for good: it never leaves the device, and the text is no sign-in.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import unicodedata

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from mmoment_chain.envelope import WALLET, prefixed
from mmoment_chain.errors import Refused
from mmoment_chain.sealing import KEY_BYTES, NONCE_BYTES, TAG_BYTES, decrypt, public_of
from mmoment_chain.secret_bytes import SecretBytes, wipe

# Changing one letter changes every key: another text needs another version, beside this one.
KEY_TEXT = (
    'Mmoment camera: key of my face template (version 1)\n'
    '\n'
    'Signing this makes the key that opens your face template.\n'
    'Whoever gets this signature can open it, now and later.\n'
    'Sign only on a page that you opened yourself and trust.\n'
    '\n'
    'This is not a sign-in. It sends nothing and costs nothing.'
)
SIGNATURE_BYTES = 64
USER_KEY_LABEL = b'mmoment/vault/1/user-key\0'

BACKUP_FORMAT = 'mmoment-key-backup'
BACKUP_VERSION = 1
BACKUP_LABEL = b'mmoment/vault/1/backup\0'
KDF_NAME = 'PBKDF2-HMAC-SHA256'
# 75 ms on a core of a desktop computer: once for the owner, for each try of whoever guesses.
ROUNDS = 600_000
# A backup that asks for more would keep a browser busy for minutes.
MOST_ROUNDS = 10_000_000
SALT_BYTES = 16
# A stolen backup can be tried offline: short passphrases do not last, however many the rounds.
SHORTEST_PASSPHRASE = 12


def key_from_signatures(
    first: bytes | bytearray, second: bytes | bytearray, wallet: str
) -> SecretBytes:
    """X25519 private key from two signatures of KEY_TEXT by one wallet.

    Refused: 'signature_differs' if they are not the same, or are none.
    """
    _check_wallet(wallet)
    usable = len(first) == SIGNATURE_BYTES and any(first)
    if not usable or not secrets.compare_digest(first, second):
        raise Refused('signature_differs')
    private = SecretBytes(KEY_BYTES)
    HKDF(SHA256(), KEY_BYTES, USER_KEY_LABEL, wallet.encode('ascii')).derive_into(
        first, private.view
    )
    return private


def make_backup(private: SecretBytes, passphrase: str, wallet: str) -> str:
    """Backup of a private key, JSON text. Refused: 'weak_passphrase', 'bad_passphrase'."""
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    return make_backup_with(salt, nonce, private, passphrase, wallet)


def make_backup_with(
    salt: bytes, nonce: bytes, private: SecretBytes, passphrase: str, wallet: str
) -> str:
    """`make_backup` with given values: for test vectors only."""
    _check_wallet(wallet)
    public = public_of(private)
    if len(_normal(passphrase)) < SHORTEST_PASSPHRASE:
        raise Refused(
            'weak_passphrase', f'A passphrase has at least {SHORTEST_PASSPHRASE} characters'
        )
    with _stretched(passphrase, salt, ROUNDS) as key:
        purpose = _backup_purpose(wallet, public)
        sealed = AESGCM(key.view).encrypt(nonce, private.view, purpose)
    backup = {
        'format': BACKUP_FORMAT,
        'version': BACKUP_VERSION,
        'wallet': wallet,
        'public_key': _text(public),
        'kdf': {'name': KDF_NAME, 'rounds': ROUNDS, 'salt': _text(salt)},
        'nonce': _text(nonce),
        'sealed_key': _text(sealed),
    }
    return json.dumps(backup, indent=2) + '\n'


def open_backup(text: str, passphrase: str) -> tuple[str, SecretBytes]:
    """Wallet and private key of a backup.

    Refused: 'bad_backup', 'bad_passphrase', 'wrong_passphrase'.
    """
    wallet, public, rounds, salt, nonce, sealed = _read_backup(text)
    with _stretched(passphrase, salt, rounds) as key:
        try:
            private = decrypt(key.view, nonce, sealed, _backup_purpose(wallet, public))
        except Refused:
            raise Refused('wrong_passphrase') from None
    if public_of(private) != public:
        private.close()
        raise Refused('bad_backup')
    return wallet, private


def _read_backup(text: str) -> tuple[str, bytes, int, bytes, bytes, bytes]:
    try:
        backup = json.loads(text)
        head = backup['format'], backup['version'], backup['kdf']['name']
        if head != (BACKUP_FORMAT, BACKUP_VERSION, KDF_NAME):
            raise Refused('bad_backup')
        wallet, rounds = backup['wallet'], backup['kdf']['rounds']
        public = _data(backup['public_key'], KEY_BYTES)
        salt = _data(backup['kdf']['salt'], SALT_BYTES)
        nonce = _data(backup['nonce'], NONCE_BYTES)
        sealed = _data(backup['sealed_key'], KEY_BYTES + TAG_BYTES)
        _check_wallet(wallet)
    except (ValueError, KeyError, TypeError, RecursionError):
        # `from None`: the fault may carry the text.
        raise Refused('bad_backup') from None
    if type(rounds) is not int or not ROUNDS <= rounds <= MOST_ROUNDS:
        raise Refused('bad_backup')
    return wallet, public, rounds, salt, nonce, sealed


def _stretched(passphrase: str, salt: bytes, rounds: int) -> SecretBytes:
    typed = bytearray(_normal(passphrase).encode('utf-8'))
    key = SecretBytes(KEY_BYTES)
    PBKDF2HMAC(SHA256(), KEY_BYTES, salt, rounds).derive_into(typed, key.view)
    wipe(typed)
    return key


def _normal(passphrase: str) -> str:
    """The same characters however a keyboard composes them."""
    # Half a character has no bytes: encoders put different things in its place.
    if any('\ud800' <= character <= '\udfff' for character in passphrase):
        raise Refused('bad_passphrase')
    return unicodedata.normalize('NFKC', passphrase)


def _backup_purpose(wallet: str, public: bytes) -> bytes:
    return BACKUP_LABEL + prefixed(wallet) + public


def _check_wallet(wallet: str) -> None:
    if not WALLET.fullmatch(wallet):
        raise ValueError('a wallet is a base58 address')


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode('ascii')


def _data(text: str, length: int) -> bytes:
    try:
        data = base64.b64decode(text.encode('ascii'), validate=True)
    except (binascii.Error, UnicodeEncodeError, AttributeError):
        raise ValueError('not base64') from None
    if len(data) != length or _text(data) != text:
        raise ValueError('not what was written')
    return data
