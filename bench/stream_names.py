"""Names that only the camera of a benchmark knows, and that can be forgotten: for root only.

The camera runs in a mount namespace where its own files stand in place of /etc/hosts and of
/etc/resolv.conf, which names a server that nobody runs. Nothing of the machine is changed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

HOSTS, RESOLVER = '/etc/hosts', '/etc/resolv.conf'
KNOWN = '127.0.0.1 localhost\n::1 localhost\n'
NO_SERVER = 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n'
SCRIPT = f'mount --bind "$1" {HOSTS} && mount --bind "$2" {RESOLVER} && shift 2 && exec "$@"'


class Names:
    """Who is known by which address. `prefix` stands before the command of the camera."""

    def __init__(self, folder: Path) -> None:
        self._hosts, self._resolver = folder / 'hosts', folder / 'resolv.conf'
        self._hosts.write_text(KNOWN, encoding='utf-8')
        self._resolver.write_text(NO_SERVER, encoding='utf-8')
        # Readable for whoever runs as somebody else.
        folder.chmod(0o711)
        self.are_own = os.geteuid() == 0 and shutil.which('unshare') is not None

    @property
    def prefix(self) -> tuple[str, ...]:
        """Words before a command that is to know these names; none where that cannot be."""
        if not self.are_own:
            return ()
        paths = str(self._hosts), str(self._resolver)
        return ('unshare', '--mount', '--', 'sh', '-c', SCRIPT, 'sh', *paths)

    def learn(self, name: str) -> None:
        """This name is 127.0.0.1 from now on."""
        self._write(f'{KNOWN}127.0.0.1 {name}\n')

    def forget(self) -> None:
        """No name but that of this machine is known any more."""
        self._write(KNOWN)

    def _write(self, text: str) -> None:
        # Into the same file: another one would not be that which was mounted.
        with self._hosts.open('r+', encoding='utf-8') as file:
            file.write(text)
            file.truncate()
