"""Verifies and lists the photos and clips of a camera, running or not.

Run by `./mmoment media`; with an installed workspace: `python3 -m mmoment_stream.media_command`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mmoment_chain import media_records, wallet
from mmoment_chain.camera_home import CameraHome
from mmoment_chain.clock import SystemClock
from mmoment_chain.device_keys import SigningKey
from mmoment_chain.errors import ChainError
from mmoment_chain.media_records import MediaRecord
from mmoment_chain.media_signature import CLIP, PHOTO
from mmoment_chain.places import FOLDER_VARIABLE, camera_folder
from mmoment_chain.secret_bytes import harden_process
from mmoment_chain.store import Store
from mmoment_node.errors import EXIT_CONFIGURATION
from mmoment_stream import media_verification
from mmoment_stream.media_folder import MEDIA_NAME, MediaFolder
from mmoment_stream.media_verification import Verdict

EXIT_FINDING = 1
USUAL_LIMIT = 50


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    command = argparse.ArgumentParser(prog='media', description=__doc__, allow_abbrev=False)
    actions = command.add_subparsers(dest='action', required=True)
    verified = actions.add_parser('verify')
    listed = actions.add_parser('list')
    verified.add_argument('--public-key', action='append', type=_public_key)
    listed.add_argument('--wallet')
    listed.add_argument('--kind', choices=(PHOTO, CLIP))
    listed.add_argument('--limit', type=int, default=USUAL_LIMIT)
    for action in (verified, listed):
        action.add_argument('--namespace', default='mmoment')
        action.add_argument('--data-folder', type=Path)
        action.add_argument('--json', action='store_true')
    return command


def main(arguments: list[str] | None = None) -> int:
    """Do one action; 0: all is well, 1: something is wrong with the media, 2: it could not be done."""
    options = parser().parse_args(arguments)
    home = _home(options.namespace, options.data_folder)
    try:
        with Store(home.store, SystemClock(), read_only=True) as store:
            if options.action == 'verify':
                return _verify(home, store, options)
            _list(store, options)
    except ChainError as error:
        print(f'error: {error}', file=sys.stderr)
        return EXIT_CONFIGURATION
    except BrokenPipeError:
        # Nothing more can be told to who has gone, not even at the end of the interpreter.
        sys.stdout = None  # type: ignore[assignment]
        return EXIT_CONFIGURATION
    except OSError as error:
        print(f'error: {error.filename or options.action}: {error.strerror}', file=sys.stderr)
        return EXIT_CONFIGURATION
    return 0


def public_keys(keys: Path) -> list[bytes]:
    """Every key that this camera ever signed with, the one in use first. Raises DeviceKeyError."""
    with SigningKey.load(keys) as key:
        return [key.public, *(statement.old for statement in reversed(key.statements))]


def _verify(home: CameraHome, store: Store, options: argparse.Namespace) -> int:
    known = options.public_key or public_keys(home.keys)
    folder = MediaFolder(home.folder / MEDIA_NAME)
    verdict = media_verification.verify(store, folder, known)
    if options.json:
        print(json.dumps(_verdict(verdict), indent=2))
    elif not verdict.findings:
        print(f'{_how_many(verdict.checked)}: each file, record and signature is as it was kept')
    for finding in () if options.json else verdict.findings:
        print(f'error: {finding.name}: {finding.text}', file=sys.stderr)
    return EXIT_FINDING if verdict.findings else 0


def _verdict(verdict: Verdict) -> dict[str, Any]:
    findings = [
        {'fault': each.fault.value, 'name': each.name, 'text': each.text}
        for each in verdict.findings
    ]
    return {'checked': verdict.checked, 'good': not findings, 'findings': findings}


def _list(store: Store, options: argparse.Namespace) -> None:
    with store.reading() as query:
        records = media_records.page(query, options.limit, wallet=options.wallet, kind=options.kind)
    if options.json:
        print(json.dumps([_plain(record) for record in records], indent=2))
        return
    for record in records:
        print(_line(record))


def _plain(record: MediaRecord) -> dict[str, Any]:
    return {
        **asdict(record.facts),
        'filename': record.filename,
        'wallet': record.wallet,
        'session_id': record.session_id,
        'people': list(record.people),
        'favourite': record.favourite,
        'uploaded_ms': record.uploaded_ms,
        'record': record.record,
        'signature': record.signature.hex(),
    }


def _line(record: MediaRecord) -> str:
    facts = record.facts
    moment = datetime.fromtimestamp(facts.started_ms / 1000, timezone.utc)
    words = [
        f'{moment:%Y-%m-%d %H:%M:%S}Z',
        f'{facts.kind:5}',
        f'{facts.duration_ms / 1000:7.1f} s',
        f'{facts.bytes / 1e6:8.2f} MB',
        record.filename,
        record.wallet or 'of the owner of the camera',
    ]
    return '  '.join([*words, *(['favourite'] if record.favourite else [])])


def _public_key(text: str) -> bytes:
    """A key as `./mmoment keys show` tells it."""
    try:
        return wallet.parse_wallet(text)
    except ChainError:
        raise argparse.ArgumentTypeError(f'{text} is no public key of a camera') from None


def _home(namespace: str, data_folder: Path | None) -> CameraHome:
    environ = {**os.environ, FOLDER_VARIABLE: str(data_folder)} if data_folder else os.environ
    return CameraHome(camera_folder(namespace, environ))


def _how_many(count: int) -> str:
    return '1 photo or clip' if count == 1 else f'{count} photos and clips'


if __name__ == '__main__':
    harden_process()
    sys.exit(main())
