"""The models that are fetched, not installed: what they are, where they lie, whether they are whole.

Standard library only, and no other module of the project: `./mmoment models` reads this file before
anything is installed, so that command line and nodes cannot disagree. Nothing here speaks to a
network; a node only looks whether a file is there.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER_VARIABLE = 'MMOMENT_MODELS'
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Model:
    """One file of weights; `sha256` is in lower-case hexadecimal digits."""

    name: str
    file_name: str
    address: str
    size_bytes: int
    sha256: str
    purpose: str
    licence: str


FACENET = Model(
    name='facenet',
    file_name='20180402-114759-vggface2.pt',
    address='https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt',
    size_bytes=111_898_327,
    sha256='281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b',
    purpose='recognises faces: InceptionResnetV1, 512 numbers a face',
    licence='MIT, as facenet-pytorch; trained on the VGGFace2 pictures',
)
MODELS = {model.name: model for model in (FACENET,)}


def models_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """`$MMOMENT_MODELS`, else `mmoment/models` in the user's folder for data.

    That folder is `$XDG_DATA_HOME`, ignored where it is no absolute path, as its specification
    wants; else `~/.local/share`.
    """
    chosen = environ.get(FOLDER_VARIABLE, '')
    if chosen:
        return Path(os.path.abspath(os.path.expanduser(chosen)))
    data = environ.get('XDG_DATA_HOME', '')
    if not os.path.isabs(data):
        data = os.path.expanduser('~/.local/share')
    return Path(data) / 'mmoment' / 'models'


def path_of(model: Model, folder: Path | None = None) -> Path:
    """Where the file is or will be; `folder` instead of `models_folder()`."""
    return (folder or models_folder()) / model.file_name


def find(model: Model, folder: Path | None = None) -> Path | None:
    """The file, if it is there, whole or not."""
    path = path_of(model, folder)
    return path if path.is_file() else None


def fault(model: Model, path: Path, looked: Callable[[int], None] | None = None) -> str | None:
    """What is wrong with the content of `path`, in a few words; None if it is the model.

    `looked` is told now and then how many bytes were read. Raises OSError if it cannot be read.
    """
    size_bytes = path.stat().st_size
    if size_bytes != model.size_bytes:
        return f'{size_bytes} bytes instead of {model.size_bytes}'
    found = sha256_of(path, looked)
    if found != model.sha256:
        return f'SHA-256 {shortened(found)} instead of {shortened(model.sha256)}'
    return None


def sha256_of(path: Path, looked: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file, in hexadecimal digits; 0.1 to 0.4 s for 100 MB once it is in memory."""
    running = hashlib.sha256()
    count = 0
    with path.open('rb') as file:
        while block := file.read(BLOCK_BYTES):
            running.update(block)
            count += len(block)
            if looked:
                looked(count)
    return running.hexdigest()


def shortened(digest: str) -> str:
    """Enough of a digest for a person to compare."""
    return f'{digest[:12]}…'
