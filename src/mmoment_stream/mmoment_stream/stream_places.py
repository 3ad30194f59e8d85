"""What lies where in the folder of keys and settings of the push."""

from __future__ import annotations

from pathlib import Path

FOLDER_NAME = 'stream'
"""In the folder of the camera."""


def livepeer_memory(folder: Path, target: str) -> Path:
    """Where the id of the stream at Livepeer is kept; no key file is called like it."""
    return folder / f'.livepeer-{target}'
