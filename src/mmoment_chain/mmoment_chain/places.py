"""Where a camera keeps what must last. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

FOLDER_VARIABLE = 'MMOMENT_DATA'
STORE_NAME = 'store.sqlite3'
KEYS_NAME = 'keys'


def camera_folder(namespace: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Folder of the camera in this namespace: `$MMOMENT_DATA`, else `mmoment` among the user's data.

    Data of the user lies in `$XDG_DATA_HOME`, ignored where it is no absolute path, as its
    specification wants; else in `~/.local/share`.
    """
    chosen = environ.get(FOLDER_VARIABLE, '')
    if chosen:
        base = Path(os.path.abspath(os.path.expanduser(chosen)))
    else:
        data = environ.get('XDG_DATA_HOME', '')
        if not os.path.isabs(data):
            data = os.path.expanduser('~/.local/share')
        base = Path(data) / 'mmoment'
    return base / 'cameras' / (namespace.strip('/').replace('/', '.') or 'camera')


def store_path(namespace: str, environ: Mapping[str, str] = os.environ) -> Path:
    """The store of the camera in this namespace."""
    return camera_folder(namespace, environ) / STORE_NAME
