"""Where things lie in a clone."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Project:
    """Folders and files of one clone."""

    root: Path

    @classmethod
    def here(cls) -> Project:
        """Return the clone that this file belongs to."""
        return cls(Path(__file__).resolve().parent.parent)

    @property
    def venv(self) -> Path:
        """Virtual environment with everything Python."""
        return self.root / '.venv'

    @property
    def state(self) -> Path:
        """Logs, lock and caches of the entry script."""
        return self.root / '.mmoment'

    @property
    def setup_log(self) -> Path:
        """Full output of the last setup."""
        return self.state / 'setup.log'

    @property
    def install(self) -> Path:
        """What colcon installs."""
        return self.root / 'install'

    @property
    def build(self) -> Path:
        """Where colcon builds."""
        return self.root / 'build'

    @property
    def constraints(self) -> Path:
        """Pinned versions of the packages that others pull in."""
        return self.root / 'requirements' / 'constraints.txt'

    def requirements(self, group: str) -> Path:
        """Return the list of one group of packages."""
        return self.root / 'requirements' / f'{group}.txt'

    def packages(self) -> dict[str, Path]:
        """Folders of the workspace's packages by name, in a fixed order."""
        manifests = [*self.root.glob('src/*/package.xml'), *self.root.glob('launch/package.xml')]
        found = {}
        for manifest in sorted(manifests):
            name = _package_name(manifest)
            if name and not (manifest.parent / 'COLCON_IGNORE').exists():
                found[name] = manifest.parent
        return found


def _package_name(manifest: Path) -> str:
    text = manifest.read_text(encoding='utf-8', errors='replace')
    _, _, rest = text.partition('<name>')
    return rest.partition('</name>')[0].strip()


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one if it is missing or damaged."""
    try:
        value = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON file that is either the old or the new one, whatever interrupts us."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f'{path.name}.{os.getpid()}')
    draft.write_text(json.dumps(value, indent=1), encoding='utf-8')
    os.replace(draft, path)


def digest(*parts: object) -> str:
    """Short fingerprint of a sequence of values."""
    running = hashlib.sha256()
    for part in parts:
        running.update(part if isinstance(part, bytes) else repr(part).encode())
        running.update(b'\0')
    return running.hexdigest()[:24]
