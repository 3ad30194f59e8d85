"""Test vectors of the vault, for Python and JavaScript: fixed values in, fixed bytes out.

Not one of these values is a secret of anybody. `python test/vault_vectors.py` writes the file anew,
which is right only together with a new layout version.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmoment_chain import key_custody, vault
from mmoment_chain.device_key_layout import KeyFile, KeyKind
from mmoment_chain.device_keys import UnsealingKeys
from mmoment_chain.envelope import Custody, Envelope, Record, WrappedKey
from mmoment_chain.sealing import key_id, public_of
from mmoment_chain.secret_bytes import SecretBytes

FILE = Path(__file__).parent / 'vectors' / 'vault.json'

NOW_MS = 1_800_000_000_000
EXPIRES_MS = NOW_MS + 3_600_000
CAMERA_ID = 'camera-1'
RECORD = Record(
    '7Np41oeYqPefeNQEHSv1UDhYrehxin3NStELsSKCT4K2', 'facenet-vggface2', 'a0b1c2d3e4f5a0b1c2d3e4f5'
)
OTHER_WALLET = '4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi'
PASSPHRASE = 'vier Füße, ein Tisch'
# With half a character: a lone high surrogate, a lone low one, both the wrong way round. In UTF-16,
# little-endian, since UTF-8 has no such text.
BAD_PASSPHRASES = [
    passphrase.encode('utf-16-le', 'surrogatepass')
    for passphrase in (f'{PASSPHRASE}\ud800', f'\udfff{PASSPHRASE}', f'{PASSPHRASE}\ude42\ud83d!')
]

# Points of small order of Curve25519, and one spelled in two ways: all make a secret of zeros.
# Known from RFC 7748 section 6.1 and from the group order 8 of the curve's cofactor.
P = 2**255 - 19
SMALL_ORDER = (
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    P - 1,
    P,
    P + 1,
)


def fixed(name: str, length: int = 32) -> bytes:
    return hashlib.shake_256(f'mmoment test vector: {name}'.encode()).digest(length)


def secret(data: bytes) -> SecretBytes:
    return SecretBytes.taken_from(bytearray(data))


def text(data: bytes) -> str:
    return base64.b64encode(data).decode('ascii')


def small_order_keys() -> list[bytes]:
    """Also with the bit set that X25519 ignores."""
    numbers = [number + high for number in SMALL_ORDER for high in (0, 1 << 255)]
    return [number.to_bytes(32, 'little') for number in numbers]


@dataclass(frozen=True)
class Sealed:
    """A template and all that made its envelope."""

    name: str
    custody: Custody
    template: bytes
    recipient: bytes
    data_key: bytes
    ephemeral: bytes
    nonce: bytes

    def envelope(self) -> Envelope:
        with secret(self.data_key) as data_key, secret(self.ephemeral) as ephemeral:
            fresh = vault.Fresh(data_key, ephemeral, self.nonce)
            return vault.seal_with(fresh, self.template, self.recipient, RECORD, self.custody)


def user_private() -> SecretBytes:
    signature = fixed('signature of the key text', 64)
    return key_custody.key_from_signatures(signature, signature, RECORD.wallet)


def user_public() -> bytes:
    with user_private() as private:
        return public_of(private)


def camera_keys(*names: str) -> UnsealingKeys:
    """Keys of the camera, the newest first."""
    named = names or ('camera key',)
    return UnsealingKeys(
        KeyFile(KeyKind.UNSEALING, [(secret(fixed(name)), 0) for name in named], [])
    )


def sealed(name: str, template: bytes, custody: Custody = Custody.USER) -> Sealed:
    recipient = user_public() if custody is Custody.USER else camera_keys().public
    parts = (fixed(f'{name}: data key'), fixed(f'{name}: ephemeral'), fixed(f'{name}: nonce', 12))
    return Sealed(name, custody, template, recipient, *parts)


def all_sealed() -> list[Sealed]:
    return [
        sealed('template of 512 dimensions', fixed('template', 540)),
        sealed('one byte', b'\x7f'),
        sealed('in the keeping of a camera', fixed('template', 540), Custody.CAMERA),
    ]


def wrapped(envelope: Envelope, expires_ms: int = EXPIRES_MS) -> WrappedKey:
    camera = vault.CameraKey(CAMERA_ID, camera_keys().public)
    with user_private() as private, secret(fixed(f'wrap until {expires_ms}')) as ephemeral:
        return vault.rewrap_with(ephemeral, envelope, RECORD, private, camera, expires_ms)


def make() -> dict[str, Any]:
    cases = all_sealed()
    envelope = cases[0].envelope()
    with user_private() as private:
        private_text = text(bytes(private.view))
        salt, nonce = fixed('backup: salt', 16), fixed('backup: nonce', 12)
        backup = key_custody.make_backup_with(salt, nonce, private, PASSPHRASE, RECORD.wallet)
    return {
        'about': 'Bytes in base64. Made by test/vault_vectors.py; nothing here is a secret.',
        'record': {
            'wallet': RECORD.wallet,
            'model_id': RECORD.model_id,
            'record_id': RECORD.record_id,
        },
        'other_wallet': OTHER_WALLET,
        'user': {
            'key_text': key_custody.KEY_TEXT,
            'signature': text(fixed('signature of the key text', 64)),
            'private_key': private_text,
            'public_key': text(user_public()),
        },
        'camera': {
            'camera_id': CAMERA_ID,
            'private_key': text(fixed('camera key')),
            'public_key': text(camera_keys().public),
            'key_id': key_id(camera_keys().public).hex(),
        },
        'envelopes': [
            {
                'name': case.name,
                'custody': case.custody.name.lower(),
                'template': text(case.template),
                'recipient': text(case.recipient),
                'data_key': text(case.data_key),
                'ephemeral': text(case.ephemeral),
                'nonce': text(case.nonce),
                'envelope': text(case.envelope().to_bytes()),
            }
            for case in cases
        ],
        'wrapped_keys': [
            {
                'ephemeral': text(fixed(f'wrap until {expires_ms}')),
                'expires_ms': expires_ms,
                'wrapped_key': text(wrapped(envelope, expires_ms).to_bytes()),
            }
            for expires_ms in (EXPIRES_MS, 2**53 - 1)
        ],
        'backup': {
            'passphrase': PASSPHRASE,
            'salt': text(salt),
            'nonce': text(nonce),
            'backup': backup,
        },
        'bad_passphrases': [text(data) for data in BAD_PASSPHRASES],
        'small_order_keys': [text(key) for key in small_order_keys()],
    }


def written() -> str:
    return json.dumps(make(), indent=2, ensure_ascii=False) + '\n'


if __name__ == '__main__':
    FILE.write_text(written(), encoding='utf-8')
