"""Keys sealed to a public key: whoever seals needs no secret, and only the owner's key opens.

A new X25519 key pair for each sealing and the recipient's public key agree on a secret; HKDF-SHA256
makes an AES-256-GCM key and nonce of it, salted with both public keys, so that not one bit of
either can be changed. What is sealed is bound to a purpose: opened for another one, it is refused.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mmoment_chain.errors import Refused
from mmoment_chain.secret_bytes import SecretBytes

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
KEY_ID_BYTES = 8
# The sealer's public key, the sealed key, the tag. The nonce is derived: the key is used once.
SEALED_KEY_BYTES = KEY_BYTES + KEY_BYTES + TAG_BYTES

SEAL_LABEL = b'mmoment/vault/1/seal'


def key_id(public: bytes) -> bytes:
    """Short name (8 bytes) of a public key: the beginning of its SHA-256."""
    return hashlib.sha256(public).digest()[:KEY_ID_BYTES]


def public_of(private: SecretBytes) -> bytes:
    """Public key (32 bytes) of an X25519 private key."""
    return X25519PrivateKey.from_private_bytes(private.view).public_key().public_bytes_raw()


def seal_key(key: SecretBytes, recipient: bytes, purpose: bytes) -> bytes:
    """Seal a key of 32 bytes to an X25519 public key; SEALED_KEY_BYTES.

    Raises Refused 'bad_key' if `recipient` is no public key that keeps a secret.
    """
    with SecretBytes.random(KEY_BYTES) as ephemeral:
        return seal_key_with(ephemeral, key, recipient, purpose)


def seal_key_with(
    ephemeral: SecretBytes, key: SecretBytes, recipient: bytes, purpose: bytes
) -> bytes:
    """`seal_key` with a given private key of the sealer, which must be new for each sealing."""
    public = public_of(ephemeral)
    with _agreed(ephemeral, recipient, salt=public + recipient) as agreed:
        cipher = AESGCM(agreed.view[:KEY_BYTES])
        return public + cipher.encrypt(agreed.view[KEY_BYTES:], key.view, purpose)


def unseal_key(sealed: bytes, private: SecretBytes, purpose: bytes) -> SecretBytes:
    """The key that `seal_key` sealed to the public key of `private`.

    Raises Refused 'bad_envelope' if it is damaged, or sealed to another key or for another purpose.
    """
    if len(sealed) != SEALED_KEY_BYTES:
        raise Refused('bad_envelope')
    sender = sealed[:KEY_BYTES]
    try:
        agreed = _agreed(private, sender, salt=sender + public_of(private))
    except Refused:
        # `from None`: what went wrong inside says nothing more, and might hold key material.
        raise Refused('bad_envelope') from None
    with agreed:
        return decrypt(
            agreed.view[:KEY_BYTES], agreed.view[KEY_BYTES:], sealed[KEY_BYTES:], purpose
        )


def decrypt(
    key: memoryview, nonce: bytes | memoryview, sealed: bytes, purpose: bytes
) -> SecretBytes:
    """Open AES-256-GCM into locked memory. Raises Refused 'bad_envelope' if anything differs."""
    if len(sealed) <= TAG_BYTES:
        raise Refused('bad_envelope')
    secret = SecretBytes(len(sealed) - TAG_BYTES)
    try:
        AESGCM(key).decrypt_into(nonce, sealed, purpose, secret.view)
    except InvalidTag:
        secret.close()
        raise Refused('bad_envelope') from None
    except BaseException:
        secret.close()
        raise
    return secret


def _agreed(private: SecretBytes, public: bytes, salt: bytes) -> SecretBytes:
    """AES key and nonce that both sides come to."""
    # `shared` is an object of Python that cannot be wiped: the library gives it in no other way. It
    # is freed at once, and opens this one sealed key alone.
    try:
        shared = X25519PrivateKey.from_private_bytes(private.view).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
    except ValueError:
        # Not 32 bytes, or a point of small order: with it everybody comes to the same secret.
        raise Refused('bad_key') from None
    agreed = SecretBytes(KEY_BYTES + NONCE_BYTES)
    HKDF(SHA256(), len(agreed), salt, SEAL_LABEL).derive_into(shared, agreed.view)
    return agreed
