"""The folder of a camera: its store, keys and media, for the user who runs it and nobody else.

FOLDER/keys/            what the device signs and unseals with
FOLDER/store.sqlite3    sessions, templates, events, what is known of photos and clips
FOLDER/media/           photos and clips
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from mmoment_chain import device_key_files, device_keys
from mmoment_chain.device_keys import SigningKey, UnsealingKeys
from mmoment_chain.places import FOLDER_VARIABLE, KEYS_NAME, STORE_NAME, camera_folder
from mmoment_node.errors import ConfigurationError

FOLDER_MODE = 0o700
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class CameraHome:
    """Where a camera keeps what must last."""

    folder: Path

    @property
    def store(self) -> Path:
        """The store."""
        return self.folder / STORE_NAME

    @property
    def keys(self) -> Path:
        """Folder of the keys of the device."""
        return self.folder / KEYS_NAME


@dataclass(frozen=True, slots=True)
class CameraIdentity:
    """What may be known of the keys of a device."""

    camera_id: str  # 16 hex digits, by the first signing key
    signing_public: bytes  # Ed25519
    unsealing_public: bytes  # X25519: what templates and their keys are sealed to
    unsealing_ids: frozenset[bytes]  # of every key that this device opens with


def open_home(namespace: str, data_folder: str = '') -> CameraHome:
    """The folder of the camera in this namespace, made if it is not there.

    `data_folder`: instead of `$MMOMENT_DATA` and the user's own data. Raises ConfigurationError.
    """
    environ = {**os.environ, FOLDER_VARIABLE: data_folder} if data_folder else os.environ
    folder = camera_folder(namespace, environ)
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        state = folder.stat()
    except OSError as error:
        raise ConfigurationError(
            f'{folder} cannot be made or opened ({error.strerror}): name another data_folder, or '
            'run this as a user who may write there'
        ) from error
    if state.st_mode & OTHERS:
        raise ConfigurationError(
            f'others than its owner may open {folder} (mode {stat.S_IMODE(state.st_mode):04o}): '
            f'chmod go= {folder}'
        )
    if state.st_uid not in (os.geteuid(), 0):
        raise ConfigurationError(
            f'{folder} belongs to user number {state.st_uid}, this process to {os.geteuid()}: start '
            'as the user who made it, or name another data_folder'
        )
    return CameraHome(folder)


def identity(home: CameraHome, now_ms: int) -> CameraIdentity:
    """Who this camera is; its keys are made if it has none. They are not held.

    Copies of keys that an interrupted change has left are deleted.
    Raises DeviceKeyError with how to recover: keys that cannot be read are never made anew.
    """
    if not home.store.exists():
        device_keys.create_missing(home.keys, now_ms)
    elif not home.keys.exists():
        # With new keys it would silently be another camera.
        raise ConfigurationError(
            f'{home.keys} is missing, though this camera has had its keys: put it back from a '
            f'backup; if there is none, move {home.folder} away: the next start begins as a new '
            'camera, which must be registered again and knows nobody'
        )
    with SigningKey.load(home.keys) as signing, UnsealingKeys.load(home.keys) as unsealing:
        # Only now: what is wrong with the folder is told best by whoever reads the keys.
        device_key_files.sweep_drafts(home.keys)
        return CameraIdentity(signing.camera_id, signing.public, unsealing.public, unsealing.ids)
