"""Names on the chain that name nobody, except for whoever has this camera's blinding key.

In private mode the subject of a visit is HMAC-SHA256(key, id of the session), another one for each
visit; the subject of a grant is HMAC-SHA256(key, wallet). The key, 32 random bytes in a file of its
own, is made once. Without it nobody tells which wallet a grant is for, though wallets are few.
"""

from __future__ import annotations

import hmac
from pathlib import Path

from mmoment_chain.device_key_files import (
    DeviceKeyError,
    locked,
    read_file,
    recovery,
    replace_file,
)
from mmoment_chain.secret_bytes import SecretBytes

FILE = 'chain-blinding'
KEY_BYTES = 32
WALLET_BYTES = 32


class BlindingKey:
    """Blinds for one camera. A context manager: the key is wiped at the end."""

    def __init__(self, secret: SecretBytes) -> None:
        self._secret = secret

    @classmethod
    def load(cls, folder: Path) -> BlindingKey:
        """The key in the folder of the device's keys, made if there is none yet.

        Raises DeviceKeyError, also for one that cannot be trusted: it is never made anew.
        """
        path = folder / FILE
        try:
            with locked(folder):
                if not path.exists():
                    with SecretBytes.random(KEY_BYTES) as made:
                        replace_file(path, made)
        except OSError as error:
            raise DeviceKeyError(
                f'{folder} cannot be opened ({error.strerror}): {recovery(folder)}'
            ) from error
        secret = read_file(path)
        if len(secret) != KEY_BYTES:
            secret.close()
            raise DeviceKeyError(f'{path} is no blinding key: {recovery(folder)}')
        return cls(secret)

    def visit_subject(self, session_id: str) -> bytes:
        """Subject of the visit that this session is (32 bytes)."""
        return self._blinded(session_id.encode('utf-8'))

    def grant_subject(self, wallet: bytes) -> bytes:
        """Subject of what is granted to this wallet, 32 bytes of each."""
        if len(wallet) != WALLET_BYTES:
            raise ValueError(f'a wallet has {WALLET_BYTES} bytes, not {len(wallet)}')
        return self._blinded(wallet)

    def close(self) -> None:
        """Wipe."""
        self._secret.close()

    def __enter__(self) -> BlindingKey:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return 'BlindingKey(...)'

    def _blinded(self, message: bytes) -> bytes:
        return hmac.digest(self._secret.view, message, 'sha256')  # type: ignore[arg-type]
