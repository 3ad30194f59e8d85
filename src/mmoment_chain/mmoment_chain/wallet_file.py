"""A wallet's key in a file as Solana's tools write it: JSON, a list of 64 numbers.

The first 32 are the seed of an Ed25519 key, the others its public key.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

from solders.keypair import Keypair

from mmoment_chain.errors import ChainError

KEY_BYTES = 64
SEED_BYTES = 32
FILE_AT_MOST_BYTES = 4096
OTHERS = stat.S_IRWXG | stat.S_IRWXO

# Everybody may know this key. Whatever it owns on a chain that others use belongs to anybody.
DEMO_SEED = hashlib.sha256(b'mmoment demo wallet, for development').digest()


class WalletFileError(ChainError):
    """A person has to do something about the file; the text says what, and has nothing of it."""


class WalletKey:
    """Signs for a wallet; see `transaction_building.Signer`. Its text never has the key."""

    __slots__ = ('_pair', 'public')

    def __init__(self, pair: Keypair) -> None:
        self._pair = pair
        self.public = bytes(pair.pubkey())

    @classmethod
    def load(cls, path: Path) -> WalletKey:
        """The key in that file, which nobody but its owner may open. Raises WalletFileError."""
        return cls(_pair_of(path, _content(path)))

    @classmethod
    def demo(cls) -> WalletKey:
        """The one that everybody knows, for chains of this machine."""
        return cls.of_seed(DEMO_SEED)

    @classmethod
    def of_seed(cls, seed: bytes) -> WalletKey:
        """The key of 32 bytes."""
        return cls(Keypair.from_seed(seed))

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature (64 bytes)."""
        return bytes(self._pair.sign_message(message))

    def __repr__(self) -> str:
        return f'WalletKey({self._pair.pubkey()})'


def _content(path: Path) -> bytes:
    try:
        # The state of the very file that is read, whatever is put in its place meanwhile.
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), 'rb') as file:
            state = os.fstat(file.fileno())
            _check(path, state)
            return file.read(FILE_AT_MOST_BYTES + 1)
    except OSError as error:
        raise WalletFileError(f'{path} cannot be read: {error.strerror}') from error


def _check(path: Path, state: os.stat_result) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise WalletFileError(f'{path} is no file')
    if state.st_mode & OTHERS:
        raise WalletFileError(
            f'others than its owner may open {path} (mode {stat.S_IMODE(state.st_mode):04o}): if '
            f'nobody did, chmod go= {path}; if somebody may have, move what this wallet has to '
            'another one'
        )
    if state.st_uid not in (os.geteuid(), 0):
        raise WalletFileError(
            f'{path} belongs to user number {state.st_uid}, this process to {os.geteuid()}'
        )


def _pair_of(path: Path, content: bytes) -> Keypair:
    wrong = WalletFileError(
        f'{path} is no key of a wallet: a list of {KEY_BYTES} numbers is expected, as '
        'solana-keygen writes it'
    )
    try:
        numbers = json.loads(content)
        raw = bytes(numbers) if isinstance(numbers, list) else b''
    except (ValueError, TypeError, RecursionError):
        # Nothing of what stands there may get into a traceback.
        raise wrong from None
    if len(raw) != KEY_BYTES:
        raise wrong
    pair = Keypair.from_seed(raw[:SEED_BYTES])
    if bytes(pair.pubkey()) != raw[SEED_BYTES:]:
        raise WalletFileError(f'{path} is damaged: its two halves do not belong together')
    return pair
