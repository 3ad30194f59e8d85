"""`./mmoment models`: lists, fetches and removes the models that are not installed with the rest."""

from __future__ import annotations

import argparse
import fcntl
import functools
import importlib.util
import os
import shutil
import sys
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import download
from cli.download import PATIENCE, PAUSES_S
from cli.errors import CliError
from cli.progress import Progress
from cli.project import Project

if TYPE_CHECKING:
    from mmoment_vision.model_store import Model

SUMMARY = 'list, fetch or remove the models that recognise people'
STORE = 'src/mmoment_vision/mmoment_vision/model_store.py'
"""The nodes' own module says which models there are and where they lie; it needs no package."""
DEFAULT_MODEL = 'facenet'
SHOW_EVERY_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions of `models`."""
    actions = parser.add_subparsers(dest='action', metavar='ACTION', required=True)
    shown = actions.add_parser('list', help='what there is, and whether it is whole')
    fetched = actions.add_parser('fetch', help='download a model, or take it from a folder')
    fetched.add_argument('name', nargs='?', default=DEFAULT_MODEL, help='(default: facenet)')
    fetched.add_argument(
        '--from',
        dest='origin',
        type=Path,
        metavar='FOLDER_OR_FILE',
        help='copy it from here instead, for a machine without network',
    )
    removed = actions.add_parser('remove', help='delete a model from this machine')
    removed.add_argument('name')
    for action in (shown, fetched, removed):
        action.add_argument(
            '--folder',
            type=Path,
            help='where models lie (default: $MMOMENT_MODELS, else ~/.local/share/mmoment/models)',
        )


@functools.cache
def store() -> Any:
    """Module `model_store` of this clone, without its package, which needs an environment."""
    path = Project.here().root / STORE
    spec = importlib.util.spec_from_file_location('mmoment_model_store', path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Data classes look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def run(options: argparse.Namespace) -> int:
    """Run `models`: does one action."""
    project = Project.here()
    known = store()
    folder = (options.folder or known.models_folder()).expanduser().absolute()
    if options.action == 'list':
        print('\n'.join(line for model in known.MODELS.values() for line in told(model, folder)))
        return 0
    if options.name not in known.MODELS:
        raise CliError(f'no model {options.name}; there are: {", ".join(known.MODELS)}')
    model = known.MODELS[options.name]
    if options.action == 'remove':
        remove(model, folder)
        return 0
    progress = Progress(project.state / 'models.log')
    try:
        fetch(model, folder, progress, options.origin)
    except (CliError, OSError) as error:
        if sys.stderr.isatty():
            # The live line is left standing.
            print(file=sys.stderr)
        if isinstance(error, PermissionError):
            raise CliError(
                f'{error.filename}: this user may not; name a folder of your own with --folder or '
                f'{known.FOLDER_VARIABLE}'
            ) from error
        raise
    if folder != known.models_folder():
        progress.note(f'nodes look there only with {known.FOLDER_VARIABLE}={folder}')
    return 0


def told(model: Model, folder: Path) -> list[str]:
    """Lines about one model: state, use, place, origin."""
    path = store().path_of(model, folder)
    return [
        f'{model.name}: {state(model, path)}',
        f'  for      {model.purpose}',
        f'  file     {path}',
        f'  origin   {model.address}',
        f'  size     {model.size_bytes} bytes',
        f'  SHA-256  {model.sha256}',
        f'  licence  {model.licence}',
    ]


def state(model: Model, path: Path) -> str:
    """Whether it is there and whole, and what to do if not."""
    fetching = f'./mmoment models fetch {model.name}'
    if path.is_file():
        wrong = _fault(model, path)
        return f'damaged ({wrong}): {fetching}' if wrong else 'there, and its content is right'
    begun = download.length(part_of(path))
    if begun:
        return f'{amount(begun, model.size_bytes)} are there: {fetching} goes on'
    return f'not there: {fetching}'


def fetch(model: Model, folder: Path, progress: Progress, origin: Path | None) -> None:
    """Have the model in `folder`, whole; raises CliError with what a person must do."""
    path = store().path_of(model, folder)
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder):
        if path.exists():
            wrong = _fault(model, path)
            if wrong is None:
                progress.note(f'{model.name} is there already: {path}')
                return
            progress.note(f'{path} is damaged ({wrong}): a whole one takes its place')
        progress.plan(2)
        if origin is None:
            _download(model, path, progress)
        else:
            _copy(model, path, progress, origin)
        download.forget(part_of(path))
        progress.note(f'{model.name} is ready: {path}')


def remove(model: Model, folder: Path) -> None:
    """Delete the model and what is left of a download."""
    path = store().path_of(model, folder)
    freed = download.length(path) + download.length(part_of(path))
    if folder.is_dir():
        with _only_one(folder):
            path.unlink(missing_ok=True)
            download.forget(part_of(path))
    print(f'{model.name}: {megabytes(freed)} MB freed' if freed else f'{model.name} is not there')


def _download(model: Model, path: Path, progress: Progress) -> None:
    part = part_of(path)
    begun = download.length(part)
    _require_room(path.parent, model.size_bytes - begun)
    if begun:
        progress.note(f'{amount(begun, model.size_bytes)} are there from before')
    host = urllib.parse.urlsplit(model.address).hostname
    with progress.step(f'{model.name} from {host}'):
        try:
            meter = Meter(model, part, progress)
            download.download(model.address, model.size_bytes, part, meter, PATIENCE, PAUSES_S)
        except download.DownloadError as error:
            raise CliError(_failure(model, part, error)) from error
        except KeyboardInterrupt:
            progress.note(f'{amount(download.length(part), model.size_bytes)} are kept')
            raise
    wrong = _checked(model, part, progress)
    if wrong is None:
        _take(part, path)
        return
    download.forget(part)
    if not begun:
        raise CliError(
            f'{model.address}: {wrong}; it was removed. If this comes again, something between '
            f'here and there changes it: fetch it elsewhere, then {_by_hand(model)}'
        )
    progress.note('what was there from before does not go with the rest: from the beginning')
    progress.more(2)
    _download(model, path, progress)


def _copy(model: Model, path: Path, progress: Progress, origin: Path) -> None:
    source = origin.expanduser()
    if source.is_dir():
        source = source / model.file_name
    if not source.is_file():
        raise CliError(f'--from {origin}: no file {source}')
    _require_room(path.parent, model.size_bytes)
    draft = path.with_name(f'{path.name}.copy')
    try:
        with progress.step(f'{model.name} from {source}'):
            shutil.copyfile(source, draft)
        wrong = _checked(model, draft, progress)
        if wrong is not None:
            raise CliError(f'{source} is not {model.name}, or damaged: {wrong}; copy it again')
        _take(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _checked(model: Model, path: Path, progress: Progress) -> str | None:
    with progress.step('check of its content'):
        return _fault(model, path)


def _fault(model: Model, path: Path) -> str | None:
    wrong: str | None = store().fault(model, path)
    return wrong


def _take(draft: Path, path: Path) -> None:
    """Put a complete file in its place, on the disk before its name is."""
    with draft.open('rb') as file:
        os.fsync(file.fileno())
    os.replace(draft, path)


def _failure(model: Model, part: Path, error: download.DownloadError) -> str:
    if error.has_begun:
        kept = amount(download.length(part), model.size_bytes)
        return (
            f'{model.address}: {error}; {kept} are kept, run this again to go on there, '
            f'or {_by_hand(model)}'
        )
    return (
        f'{model.address}: {error}. Without a network: get this file elsewhere '
        f'({megabytes(model.size_bytes)} MB, SHA-256 {model.sha256}), then {_by_hand(model)}'
    )


def _by_hand(model: Model) -> str:
    return f'./mmoment models fetch {model.name} --from FILE'


def _require_room(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise CliError(
            f'{megabytes(free)} MB are free in {folder}, {megabytes(needed_bytes)} MB are needed: '
            'free some, or name another folder with --folder'
        )


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    with (folder / '.lock').open('a', encoding='utf-8') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CliError(
                f'another ./mmoment models is at work in {folder}: wait for it, or stop it'
            ) from error
        yield


class Meter:
    """Shows how far a download is, how fast it goes and how long it will take."""

    def __init__(self, model: Model, part: Path, progress: Progress) -> None:
        self._total = model.size_bytes
        self._progress = progress
        self._first = download.length(part)
        self._begun = time.monotonic()
        self._shown = 0.0

    def __call__(self, have: int) -> None:
        """Take the number of bytes that are there."""
        now = time.monotonic()
        if now - self._shown < SHOW_EVERY_S and have < self._total:
            return
        self._shown = now
        # A server that begins anew makes the count fall.
        self._first = min(self._first, have)
        rate = (have - self._first) / max(now - self._begun, 1e-3)
        left = f', {(self._total - have) / rate:.0f} s left' if rate else ''
        text = f'{amount(have, self._total)}, {rate / 1e6:.1f} MB/s{left}'
        self._progress.detail(text)


def part_of(path: Path) -> Path:
    """Where what came of a download lies until it is complete."""
    return path.with_name(f'{path.name}.part')


def amount(have_bytes: int, total_bytes: int) -> str:
    """A part of a whole, for people."""
    return f'{megabytes(have_bytes)} of {megabytes(total_bytes)} MB'


def megabytes(count: int) -> str:
    """Bytes in millions; small numbers keep a digit."""
    return f'{count / 1e6:.0f}' if count >= 10e6 else f'{count / 1e6:.1f}'
