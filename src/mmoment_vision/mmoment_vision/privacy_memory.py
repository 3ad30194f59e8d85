"""Remembers whether strangers are to be hidden, over the end of the process that hides them.

Whatever shows or stores pictures takes them as the overlay leaves them. An overlay that is started
again must not show anybody before somebody has told it anew what was asked for.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

FILE_NAME = 'privacy.json'
FOLDER_MODE, FILE_MODE = 0o700, 0o600


class PrivacyMemory:
    """What was asked for last, in a small file in the folder of the camera.

    configured: what holds until somebody asks for something. Where that is changed, what was asked
    for before counts no more.
    """

    def __init__(self, folder: Path, *, configured: bool) -> None:
        self._path = folder / FILE_NAME
        self._configured = configured

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def recall(self) -> bool:
        """Whether strangers are to be hidden.

        Raises OSError or ValueError if the file is there and does not say so: then nobody knows.
        """
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return self._configured
        try:
            kept = json.loads(text)
            configured, asked_for = kept['configured'], kept['blur_strangers']
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ValueError('it is damaged') from None
        if not isinstance(configured, bool) or not isinstance(asked_for, bool):
            raise ValueError('it is damaged')
        return asked_for if configured == self._configured else self._configured

    def keep(self, asked_for: bool) -> None:
        """Have it on the disk once this returns. Raises OSError; then the file is as it was."""
        folder = self._path.parent
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        facts = {'configured': self._configured, 'blur_strangers': asked_for}
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
