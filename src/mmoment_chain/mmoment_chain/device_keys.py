"""The keys of a device: an Ed25519 key that signs for it, X25519 keys that open what is sealed to it.

They are two files in one folder, so that a process that only signs never holds what opens
templates. Keys are made once, by `create_missing`, and replaced on request only. An unsealing key
that was replaced stays until nothing is sealed to it any more (`drop_retired`). A signing key that
is replaced signs its successor: from a key that is trusted, `follow` leads to the one in use.

Layout of the files: device_key_layout.py. Errors: DeviceKeyError, which a person must deal with.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mmoment_chain.device_key_files import (
    DeviceKeyError,
    create_folder,
    locked,
    read_file,
    recovery,
    replace_file,
)
from mmoment_chain.device_key_layout import (
    KeyFile,
    KeyKind,
    LayoutError,
    RotationStatement,
    follow,
)
from mmoment_chain.sealing import key_id, public_of
from mmoment_chain.secret_bytes import SecretBytes

FILES = {KeyKind.SIGNING: 'signing.key', KeyKind.UNSEALING: 'unsealing.key'}

__all__ = [
    'DeviceKeyError',
    'RotationStatement',
    'SigningKey',
    'UnsealingKeys',
    'create_missing',
    'drop_retired',
    'follow',
    'rotate_signing',
    'rotate_unsealing',
]


class SigningKey:
    """Signs for this device. A context manager: the key is wiped at the end."""

    def __init__(self, content: KeyFile) -> None:
        self._private = content.keys[0][0]
        self.public = _signing_public(self._private)
        self.statements = tuple(content.statements)

    @classmethod
    def load(cls, folder: Path) -> SigningKey:
        """The key in use. Raises DeviceKeyError if there is none that can be used."""
        key = cls(_load(folder, KeyKind.SIGNING))
        # Otherwise whoever follows the statements would end at another key.
        if key.statements and not _lead_to(key.statements, key.public):
            key.close()
            path = folder / FILES[KeyKind.SIGNING]
            raise DeviceKeyError(f'{path} does not fit its own history: {recovery(folder)}')
        return key

    @property
    def camera_id(self) -> str:
        """Name of this camera (16 hex digits): id of its first key, so it outlives rotations."""
        first = self.statements[0].old if self.statements else self.public
        return key_id(first).hex()

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature (64 bytes)."""
        return Ed25519PrivateKey.from_private_bytes(self._private.view).sign(message)

    def close(self) -> None:
        """Wipe."""
        self._private.close()

    def __enter__(self) -> SigningKey:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f'SigningKey({key_id(self.public).hex()})'


class UnsealingKeys:
    """Open what is sealed to this device. A context manager: the keys are wiped at the end."""

    def __init__(self, content: KeyFile) -> None:
        self._private = {key_id(public_of(private)): private for private, _ in content.keys}
        self.public = public_of(content.keys[0][0])
        self.ids = frozenset(self._private)
        self.retired_ids = self.ids - {key_id(self.public)}

    @classmethod
    def load(cls, folder: Path) -> UnsealingKeys:
        """The key in use and those before it. Raises DeviceKeyError if they cannot be used."""
        return cls(_load(folder, KeyKind.UNSEALING))

    def private(self, of_id: bytes) -> SecretBytes:
        """Private key by the id of its public key. It stays ours: not to be closed."""
        return self._private[of_id]

    def close(self) -> None:
        """Wipe."""
        for private in self._private.values():
            private.close()

    def __enter__(self) -> UnsealingKeys:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f'UnsealingKeys({key_id(self.public).hex()}, {len(self.retired_ids)} retired)'


def create_missing(folder: Path, now_ms: int) -> bool:
    """Make the keys of a device that has none. False if it has: then nothing is touched or read.

    now_ms: milliseconds since 1970. Raises DeviceKeyError.
    """
    files: dict[str, SecretBytes] = {}
    try:
        for kind, name in FILES.items():
            with KeyFile.new(kind, now_ms) as content:
                files[name] = content.to_secret()
        return create_folder(folder, files)
    finally:
        for written in files.values():
            written.close()


def rotate_signing(folder: Path, now_ms: int) -> RotationStatement:
    """Replace the signing key. The statement is kept with the new key; everybody may see it.

    Raises DeviceKeyError.
    """

    def change(content: KeyFile) -> None:
        content.replace(now_ms)
        (new, _), old_entry = content.keys
        publics = _signing_public(old_entry[0]), _signing_public(new)
        text = RotationStatement(*publics, now_ms, b'').signed_text()
        signature = Ed25519PrivateKey.from_private_bytes(old_entry[0].view).sign(text)
        content.statements.append(RotationStatement(*publics, now_ms, signature))
        content.remove(old_entry)

    _change(folder, KeyKind.SIGNING, change)
    with SigningKey.load(folder) as key:
        return key.statements[-1]


def rotate_unsealing(folder: Path, now_ms: int) -> UnsealingKeys:
    """Replace the unsealing key; the old one stays to open what was sealed to it.

    Then seal every envelope in the camera's keeping anew (`vault.reseal`), and `drop_retired`.
    Interrupted anywhere, every envelope can be opened, and doing it again completes it.
    Raises DeviceKeyError.
    """
    _change(folder, KeyKind.UNSEALING, lambda content: content.replace(now_ms))
    return UnsealingKeys.load(folder)


def drop_retired(folder: Path, still_used: Collection[bytes]) -> UnsealingKeys:
    """Delete the unsealing keys that were replaced, but for those with an id in `still_used`.

    Raises DeviceKeyError.
    """

    def change(content: KeyFile) -> None:
        for entry in content.keys[1:]:
            if key_id(public_of(entry[0])) not in still_used:
                content.remove(entry)

    _change(folder, KeyKind.UNSEALING, change)
    return UnsealingKeys.load(folder)


def _change(folder: Path, kind: KeyKind, change: Callable[[KeyFile], None]) -> None:
    """Write a file anew, with what `change` makes of its content."""
    path = folder / FILES[kind]
    # Read first: that tells what is wrong with a folder that cannot even be locked.
    _load(folder, kind).close()
    with locked(folder), _load(folder, kind) as content:
        change(content)
        try:
            written = content.to_secret()
        except LayoutError as error:
            raise DeviceKeyError(f'{path} stays as it is: {error}') from None
        with written:
            replace_file(path, written)


def _load(folder: Path, kind: KeyKind) -> KeyFile:
    path = folder / FILES[kind]
    with read_file(path) as content:
        try:
            return KeyFile.from_secret(kind, content)
        except LayoutError as error:
            raise DeviceKeyError(f'{path}: {error}; {recovery(folder)}') from None


def _signing_public(private: SecretBytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private.view).public_key().public_bytes_raw()


def _lead_to(statements: tuple[RotationStatement, ...], public: bytes) -> bool:
    try:
        return follow(statements, statements[0].old) == public
    except ValueError:
        return False
