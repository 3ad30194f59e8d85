"""Remembers whether strangers are to be hidden, over the end of the process that hides them.

Whatever shows or stores pictures takes them as the overlay leaves them. An overlay that is started
again must not show anybody before somebody has told it anew what was asked for.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from mmoment_chain.places import FOLDER_VARIABLE, camera_folder

FILE_NAME = 'privacy.json'
FOLDER_MODE, FILE_MODE = 0o700, 0o600


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
        folder = self._path.parent
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        draft = self._path.with_name(f'.{FILE_NAME}.draft')
        # What a process that was killed has left.
        draft.unlink(missing_ok=True)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(draft, flags, FILE_MODE), 'wb') as file:
                file.write(f'{json.dumps(facts)}\n'.encode())
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
