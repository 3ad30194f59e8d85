"""Remembers whether strangers are to be hidden, over the end of the process that hides them.

Whatever shows or stores pictures takes them as the overlay leaves them. An overlay that is started
again must not show anybody before somebody has told it anew what was asked for.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from mmoment_chain.places import FOLDER_VARIABLE, camera_folder
from mmoment_node.durable_files import keep

FILE_NAME = 'privacy.json'
FOLDER_MODE = 0o700


class PrivacyMemory:
    """What was asked for last, in a small file in the folder of the camera.

    data_folder: instead of that of the user's data. configured: what holds until somebody asks for
    something; where that is changed, what was asked for before counts no more.
    """

    def __init__(self, namespace: str, data_folder: str, *, configured: bool) -> None:
        environ = {**os.environ, FOLDER_VARIABLE: data_folder} if data_folder else os.environ
        self._path = camera_folder(namespace, environ) / FILE_NAME
        self._configured = configured
        self.problem = ''  # why the file does not say what holds, as a sentence; empty: it does

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def recall(self) -> bool:
        """Whether strangers are to be hidden; they are, too, where the file cannot be understood."""
        self.problem = ''
        try:
            return self._read()
        except FileNotFoundError:
            return self._configured
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            # Whoever wants to be hidden must be until it is known.
            reason = error.strerror if isinstance(error, OSError) else 'it is damaged'
            self.problem = f'strangers are hidden, as {self._path} cannot be read: {reason}'
            return True

    def keep(self, asked_for: bool) -> None:
        """Have it on the disk once this returns; `problem` if that is not so."""
        self.problem = ''
        try:
            self._write({'configured': self._configured, 'blur_strangers': asked_for})
        except OSError as error:
            # It holds for now, which is more than to refuse it.
            self.problem = (
                f'blur_strangers is {str(asked_for).lower()} until this node ends: it could not be '
                f'kept in {self._path}: {error.strerror}'
            )

    def _read(self) -> bool:
        kept = json.loads(self._path.read_bytes())
        configured, asked_for = kept['configured'], kept['blur_strangers']
        if not isinstance(configured, bool) or not isinstance(asked_for, bool):
            raise TypeError
        return asked_for if configured == self._configured else self._configured

    def _write(self, facts: dict[str, bool]) -> None:
        self._path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        keep(self._path, f'{json.dumps(facts)}\n'.encode())
