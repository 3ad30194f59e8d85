"""The vault: a face template is encrypted with a data key of its own, and that key is sealed.

Three parties use it. `face_node` seals at enrolment, to the owner's public key: only the envelope
leaves its process. The owner's client opens the data key at check-in and wraps it for one camera
until a moment. `face_node` opens with the camera's key, into locked memory, and wipes at check-out.
Whoever stores envelopes and hands them on in between has no key to them.

The same is written in JavaScript for the client (web/vault.js); test/vectors holds both to it.
Byte layouts: envelope.py. Raises Refused with the codes named at each function.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mmoment_chain.device_keys import UnsealingKeys
from mmoment_chain.envelope import (
    CAMERA_ID,
    LAST_MS,
    MOST_TEMPLATE_BYTES,
    Custody,
    Envelope,
    Record,
    WrappedKey,
    prefixed,
)
from mmoment_chain.errors import Refused
from mmoment_chain.sealing import (
    KEY_BYTES,
    NONCE_BYTES,
    decrypt,
    key_id,
    public_of,
    seal_key,
    seal_key_with,
    unseal_key,
)
from mmoment_chain.secret_bytes import SecretBytes

# A wrapped key is for one visit. Longer than the longest session that cameras are set to, short
# enough that what was forgotten somewhere is worthless the day after.
LONGEST_WRAP_MS = 24 * 60 * 60 * 1000
OTHER_CAMERA = (
    'This key was wrapped for another camera, or for a key that this camera no longer has: check '
    'in again'
)

_BODY_LABEL = b'mmoment/vault/1/body\0'
_ENVELOPE_LABEL = b'mmoment/vault/1/envelope-key\0'
_WRAP_LABEL = b'mmoment/vault/1/wrapped-key\0'


@dataclass(frozen=True, slots=True)
class CameraKey:
    """To whom a data key is wrapped: a camera by its name, and its X25519 public key."""

    camera_id: str
    public: bytes

    def __post_init__(self) -> None:
        if not CAMERA_ID.fullmatch(self.camera_id):
            raise ValueError('a camera id is 1 to 64 letters, digits, dots, dashes and underscores')


@dataclass(frozen=True, slots=True)
class Fresh:
    """What has to be new for each envelope. Given values are for test vectors only."""

    data_key: SecretBytes
    ephemeral: SecretBytes
    nonce: bytes


def seal(
    template: bytes | bytearray | memoryview,
    recipient: bytes,
    record: Record,
    custody: Custody = Custody.USER,
) -> Envelope:
    """Seal a template to its owner's X25519 public key, or to the camera's, if they consented.

    The caller wipes `template`. Refused: 'bad_key'.
    """
    with SecretBytes.random(KEY_BYTES) as data_key, SecretBytes.random(KEY_BYTES) as ephemeral:
        fresh = Fresh(data_key, ephemeral, secrets.token_bytes(NONCE_BYTES))
        return seal_with(fresh, template, recipient, record, custody)


def seal_with(
    fresh: Fresh,
    template: bytes | bytearray | memoryview,
    recipient: bytes,
    record: Record,
    custody: Custody,
) -> Envelope:
    """`seal` with given values."""
    if not 0 < len(template) <= MOST_TEMPLATE_BYTES:
        raise ValueError(f'a template has 1 to {MOST_TEMPLATE_BYTES} bytes')
    purpose = _envelope_purpose(record, custody)
    sealed_key = seal_key_with(fresh.ephemeral, fresh.data_key, recipient, purpose)
    body = AESGCM(fresh.data_key.view).encrypt(fresh.nonce, template, _body_purpose(record))
    return Envelope(custody, key_id(recipient), sealed_key, fresh.nonce, body)


def open_own(envelope: Envelope, record: Record, private: SecretBytes) -> SecretBytes:
    """The template, by the owner. Refused: 'wrong_key', 'bad_envelope'."""
    with _own_data_key(envelope, record, private) as data_key:
        return _open_body(envelope, record, data_key)


def rewrap(
    envelope: Envelope, record: Record, private: SecretBytes, camera: CameraKey, expires_ms: int
) -> WrappedKey:
    """The data key for one camera until `expires_ms` (since 1970), by the owner.

    Refused: 'wrong_key', 'bad_envelope', 'bad_key'.
    """
    with SecretBytes.random(KEY_BYTES) as ephemeral:
        return rewrap_with(ephemeral, envelope, record, private, camera, expires_ms)


def rewrap_with(
    ephemeral: SecretBytes,
    envelope: Envelope,
    record: Record,
    private: SecretBytes,
    camera: CameraKey,
    expires_ms: int,
) -> WrappedKey:
    """`rewrap` with a given private key of the sealer."""
    if not 0 <= expires_ms <= LAST_MS:
        raise ValueError('a wrapped key ends at milliseconds since 1970')
    purpose = _wrap_purpose(record, camera.camera_id, expires_ms)
    with _own_data_key(envelope, record, private) as data_key:
        sealed_key = seal_key_with(ephemeral, data_key, camera.public, purpose)
    return WrappedKey(key_id(camera.public), expires_ms, sealed_key)


def check_wrapped(
    wrapped: WrappedKey,
    camera_key_ids: frozenset[bytes],
    now_ms: int,
    longest_ms: int = LONGEST_WRAP_MS,
) -> None:
    """What can be said of a wrapped key without opening it.

    Refused: 'wrong_camera', 'expired', 'expires_too_late'.
    """
    if wrapped.camera_key_id not in camera_key_ids:
        raise Refused('wrong_camera', OTHER_CAMERA)
    if now_ms >= wrapped.expires_ms:
        raise Refused('expired', 'This wrapped key has expired: check in again')
    if wrapped.expires_ms - now_ms > longest_ms:
        raise Refused('expires_too_late')


def open_wrapped(
    envelope: Envelope,
    wrapped: WrappedKey,
    record: Record,
    camera_id: str,
    keys: UnsealingKeys,
    now_ms: int,
    longest_ms: int = LONGEST_WRAP_MS,
) -> SecretBytes:
    """The template, by the camera that its owner wrapped the key for, until it expires.

    The caller closes what it gets at check-out, or at `wrapped.expires_ms`. Refused:
    'wrong_camera', 'expired', 'expires_too_late', 'bad_envelope'.
    """
    check_wrapped(wrapped, keys.ids, now_ms, longest_ms)
    if envelope.custody is not Custody.USER:
        raise Refused('bad_envelope', 'This template is in the keeping of a camera')
    purpose = _wrap_purpose(record, camera_id, wrapped.expires_ms)
    with unseal_key(wrapped.sealed_key, keys.private(wrapped.camera_key_id), purpose) as data_key:
        return _open_body(envelope, record, data_key)


def open_in_custody(envelope: Envelope, record: Record, keys: UnsealingKeys) -> SecretBytes:
    """The template, by the camera that keeps it with its owner's consent: the caller checks that.

    Refused: 'wrong_key', 'bad_envelope'.
    """
    with _camera_data_key(envelope, record, keys) as data_key:
        return _open_body(envelope, record, data_key)


def reseal(envelope: Envelope, record: Record, keys: UnsealingKeys) -> Envelope:
    """The same template, sealed to the camera's newest key. Refused: as `open_in_custody`.

    After the rotation of the camera's key, for every envelope in its keeping; not one byte of the
    template is decrypted.
    """
    with _camera_data_key(envelope, record, keys) as data_key:
        purpose = _envelope_purpose(record, Custody.CAMERA)
        sealed_key = seal_key(data_key, keys.public, purpose)
    return Envelope(Custody.CAMERA, key_id(keys.public), sealed_key, envelope.nonce, envelope.body)


def _own_data_key(envelope: Envelope, record: Record, private: SecretBytes) -> SecretBytes:
    if envelope.recipient_id != key_id(public_of(private)):
        raise Refused('wrong_key')
    return unseal_key(envelope.sealed_key, private, _envelope_purpose(record, envelope.custody))


def _camera_data_key(envelope: Envelope, record: Record, keys: UnsealingKeys) -> SecretBytes:
    if envelope.custody is not Custody.CAMERA:
        raise Refused('bad_envelope', 'Only its owner opens this template')
    if envelope.recipient_id not in keys.ids:
        raise Refused(
            'wrong_key', 'This template is sealed to a key that this camera does not have'
        )
    private = keys.private(envelope.recipient_id)
    return unseal_key(envelope.sealed_key, private, _envelope_purpose(record, Custody.CAMERA))


def _open_body(envelope: Envelope, record: Record, data_key: SecretBytes) -> SecretBytes:
    return decrypt(data_key.view, envelope.nonce, envelope.body, _body_purpose(record))


def _body_purpose(record: Record) -> bytes:
    return _BODY_LABEL + record.to_bytes()


def _envelope_purpose(record: Record, custody: Custody) -> bytes:
    return _ENVELOPE_LABEL + bytes([custody]) + record.to_bytes()


def _wrap_purpose(record: Record, camera_id: str, expires_ms: int) -> bytes:
    return _WRAP_LABEL + expires_ms.to_bytes(8, 'little') + prefixed(camera_id) + record.to_bytes()
