"""Shows the public keys of a camera, running or not, and replaces its keys while it is stopped.

Run by `./mmoment keys`; with an installed workspace: `python3 -m mmoment_chain.keys_command`.

Replacing keeps the name of the camera and every template: what is in its keeping is sealed to the
new key before the old one goes. Interrupted anywhere, the camera works on, and doing it again
completes it.

A signing key that is in use on a chain is not replaced, unless with --force: what SOL it has and the
group of its face NFTs are lost with it, and the owner of the camera has to sign for the new one.
"""

from __future__ import annotations

import argparse
import base64
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from mmoment_chain import chain_use, device_keys, event_log, template_records, vault, visits
from mmoment_chain.camera_home import CameraHome
from mmoment_chain.clock import SystemClock
from mmoment_chain.device_keys import DeviceKeyError, SigningKey, UnsealingKeys
from mmoment_chain.envelope import Envelope, Record
from mmoment_chain.errors import ChainError, Refused
from mmoment_chain.places import FOLDER_VARIABLE, camera_folder
from mmoment_chain.sealing import key_id
from mmoment_chain.secret_bytes import harden_process
from mmoment_chain.store import Store, Transaction
from mmoment_chain.template_records import TemplateRecord
from mmoment_chain.wallet import wallet_text
from mmoment_node.errors import EXIT_CONFIGURATION

EXIT_OLD_KEY_STAYS = 1
CAMERA = 'camera'
LOG_KEYS = 'keys_in_use'
USED = (
    'the signing key is in use on a chain. With it go all SOL that it has, the group of its face NFTs '
    '(people must mint theirs anew), and until the owner has signed for the new key (rotate_device) '
    'nothing gets onto the chain. Check everybody out first and spend or move the SOL; then: '
    'keys rotate --force'
)


@dataclass(frozen=True, slots=True)
class Resealed:
    """What became of the templates in the camera's keeping."""

    sealed: int  # to the new key
    left: int  # that no key of this camera opens: damaged, or of another camera


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    command = argparse.ArgumentParser(prog='keys', description=__doc__, allow_abbrev=False)
    actions = command.add_subparsers(dest='action', required=True)
    for name in ('show', 'rotate'):
        action = actions.add_parser(name)
        action.add_argument('--namespace', default='mmoment')
        action.add_argument('--data-folder', type=Path)
        if name == 'rotate':
            action.add_argument('--force', action='store_true')
    return command


def main(arguments: list[str] | None = None) -> int:
    """Do one action; 0: done, 1: done, but for a template, 2: it could not be done."""
    options = parser().parse_args(arguments)
    try:
        home = _home(options.namespace, options.data_folder)
        if options.action == 'rotate':
            return _rotate(home, is_forced=options.force)
        print(told(home.keys))
    except ChainError as error:
        print(f'error: {error}', file=sys.stderr)
        return EXIT_CONFIGURATION
    except OSError as error:
        print(f'error: {error.filename or options.action}: {error.strerror}', file=sys.stderr)
        return EXIT_CONFIGURATION
    return 0


def told(keys: Path) -> str:
    """Name and public keys of the camera, a line for each. Raises DeviceKeyError."""
    with SigningKey.load(keys) as signing, UnsealingKeys.load(keys) as unsealing:
        return '\n'.join(
            (
                f'camera id: {signing.camera_id}',
                # Both as clients are told them.
                f'signing key: {wallet_text(signing.public)}',
                f'unsealing key: {base64.b64encode(unsealing.public).decode("ascii")}',
                f'signing key replaced: {len(signing.statements)} times',
                f'old unsealing keys still needed: {len(unsealing.retired_ids)}',
            )
        )


def rotate(keys: Path, store: Store) -> Resealed:
    """Replace both keys of the device, and seal anew what is in its keeping.

    Nobody else may use the store or the keys. Raises DeviceKeyError, StoreError.
    """
    with UnsealingKeys.load(keys) as unsealing:
        was_interrupted = bool(unsealing.retired_ids)
    if was_interrupted:
        # Else each try would add one more key.
        _reseal(keys, store)
    device_keys.rotate_signing(keys, store.clock.utc_ms())
    device_keys.rotate_unsealing(keys, store.clock.utc_ms()).close()
    return _reseal(keys, store)


def _reseal(keys: Path, store: Store) -> Resealed:
    """Seal everything to the newest key, then drop those that nothing needs any more."""
    with (
        UnsealingKeys.load(keys) as unsealing,
        SigningKey.load(keys) as signing,
        store.transaction() as tx,
    ):
        old = [
            record
            for record in template_records.in_custody(tx, CAMERA)
            if _recipient(record) != key_id(unsealing.public)
        ]
        left = [record for record in old if not _sealed_anew(tx, record, unsealing)]
        done = Resealed(len(old) - len(left), len(left))
        data = {
            'signing_key': key_id(signing.public).hex(),
            'unsealing_key': key_id(unsealing.public).hex(),
            'resealed': done.sealed,
        }
        event_log.append(tx, LOG_KEYS, None, data)
        # What was sealed to the old key is no more to be found by who has that key.
        tx.leave_no_trace()
    device_keys.drop_retired(keys, {_recipient(record) for record in left}).close()
    store.scrub()
    return done


def _recipient(record: TemplateRecord) -> bytes:
    """Id of the key that opens it; empty: it cannot be read."""
    try:
        return Envelope.from_bytes(record.envelope).recipient_id
    except Refused:
        return b''


def _sealed_anew(tx: Transaction, record: TemplateRecord, keys: UnsealingKeys) -> bool:
    """Seal a template to the newest key. False: none of the keys opens it, so it stays."""
    try:
        bound_to = Record(record.wallet, record.model_id, record.record_id)
        envelope = vault.reseal(Envelope.from_bytes(record.envelope), bound_to, keys)
    except (Refused, ValueError):
        return False
    return template_records.replace_envelope(tx, record.record_id, envelope.to_bytes())


def is_used_on_chain(home: CameraHome, store: Store) -> bool:
    """Whether the signing key is in use on a chain, as far as is known here."""
    with SigningKey.load(home.keys) as signing, store.reading() as query:
        return chain_use.is_noted(home.folder, signing.public) or visits.are_open_there(query)


def _rotate(home: CameraHome, *, is_forced: bool) -> int:
    # Whoever has the store open to write, a running camera, refuses it.
    with Store(home.store, SystemClock()) as store:
        if not is_forced and is_used_on_chain(home, store):
            raise DeviceKeyError(USED)
        done = rotate(home.keys, store)
    print(told(home.keys))
    print(f'templates sealed to the new key: {done.sealed}')
    if done.left:
        print(
            f'error: {done.left} of the templates in the keeping of this camera cannot be opened '
            'with any of its keys: they stay as they are; their owners must enrol again',
            file=sys.stderr,
        )
        return EXIT_OLD_KEY_STAYS
    return 0


def _home(namespace: str, data_folder: Path | None) -> CameraHome:
    """Where the camera's data are. Makes nothing: a name that was mistyped is no new camera."""
    environ = {**os.environ, FOLDER_VARIABLE: str(data_folder)} if data_folder else os.environ
    home = CameraHome(camera_folder(namespace, environ))
    if not home.keys.exists():
        raise DeviceKeyError(
            f'there are no keys in {home.keys}: name the camera (--namespace) or where its data are '
            '(--data-folder); it makes its keys when it first starts'
        )
    return home


if __name__ == '__main__':
    harden_process()
    sys.exit(main())
