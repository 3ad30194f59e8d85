"""Looks after the stream of a camera at Livepeer: its state, recordings, end, and webhooks.

Run by `./mmoment livepeer`; with an installed workspace: `python3 -m mmoment_stream.livepeer_command`.
The camera may run or not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mmoment_chain.places import FOLDER_VARIABLE, camera_folder
from mmoment_node.errors import EXIT_CONFIGURATION
from mmoment_stream import durable
from mmoment_stream.errors import Refused
from mmoment_stream.key_file import read_key
from mmoment_stream.livepeer_client import LivepeerClient
from mmoment_stream.livepeer_http import StudioHttp
from mmoment_stream.livepeer_models import BASE_URL, LivepeerSession
from mmoment_stream.push_target import PushError
from mmoment_stream.stream_places import FOLDER_NAME, livepeer_memory

KEY_FILE = 'livepeer.key'
SECRET_NAME = 'livepeer-webhook.secret'
EVENTS = ('stream.started', 'stream.idle', 'recording.ready', 'multistream.error')
WEBHOOK_NAME = 'mmoment'
TOLD_S = 10.0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    command = argparse.ArgumentParser(prog='livepeer', description=__doc__, allow_abbrev=False)
    actions = command.add_subparsers(dest='action', required=True)
    for name in ('status', 'recordings', 'terminate', 'suspend', 'resume', 'webhooks'):
        actions.add_parser(name)
    actions.add_parser('webhook-add').add_argument('url')
    actions.add_parser('webhook-remove').add_argument('id')
    for action in actions.choices.values():
        action.add_argument('--target', default='')
        action.add_argument('--stream-id', default='')
        action.add_argument('--key-file', default=KEY_FILE)
        action.add_argument('--livepeer-url', default=BASE_URL)
        action.add_argument('--ca-file', default='')
        action.add_argument('--namespace', default='mmoment')
        action.add_argument('--data-folder', type=Path)
        action.add_argument('--json', action='store_true')
    return command


def main(arguments: list[str] | None = None) -> int:
    """Do one action; 0: it is done, 2: it could not be done."""
    options = parser().parse_args(arguments)
    environ: Mapping[str, str] = os.environ
    if options.data_folder is not None:
        environ = {**os.environ, FOLDER_VARIABLE: str(options.data_folder)}
    folder = camera_folder(options.namespace, environ) / FOLDER_NAME
    try:
        told = asyncio.run(_done(options, folder))
    except (PushError, Refused) as error:
        print(f'error: {error.text}', file=sys.stderr)
        return EXIT_CONFIGURATION
    print(json.dumps(told, indent=2) if options.json else _lines(told))
    return 0


Work = Callable[[LivepeerClient, argparse.Namespace, Path], Awaitable[Any]]


async def _done(options: argparse.Namespace, folder: Path) -> Any:
    """What there is to tell. Raises PushError, Refused."""
    http = StudioHttp(
        options.livepeer_url,
        lambda: read_key(folder, options.key_file),
        ca_file=options.ca_file,
        call_s=TOLD_S,
    )
    client = LivepeerClient(http)
    try:
        return await ACTIONS[options.action](client, options, folder)
    finally:
        await client.close()


async def _status(client: LivepeerClient, options: argparse.Namespace, folder: Path) -> Any:
    stream = await client.stream(_stream_id(options, folder))
    plain = asdict(stream)
    # Whoever has it can push in this camera's name.
    del plain['stream_key']
    return plain


async def _recordings(client: LivepeerClient, options: argparse.Namespace, folder: Path) -> Any:
    sessions = await client.sessions(_stream_id(options, folder))
    return [_session(each) for each in sessions]


async def _terminate(client: LivepeerClient, options: argparse.Namespace, folder: Path) -> Any:
    await client.terminate_stream(_stream_id(options, folder))
    return 'The push was ended; a camera whose stream is wanted connects again at once'


async def _suspend(client: LivepeerClient, options: argparse.Namespace, folder: Path) -> Any:
    await client.change_stream(_stream_id(options, folder), suspended=True)
    return 'The push was ended, and none is let in until `resume`'


async def _resume(client: LivepeerClient, options: argparse.Namespace, folder: Path) -> Any:
    await client.change_stream(_stream_id(options, folder), suspended=False)
    return 'The stream takes pushes again'


async def _webhooks(client: LivepeerClient, options: argparse.Namespace, folder: Path) -> Any:
    return [asdict(each) for each in await client.webhooks()]


async def _add_webhook(client: LivepeerClient, options: argparse.Namespace, folder: Path) -> Any:
    path = folder / SECRET_NAME
    made = await client.create_webhook(
        f'{WEBHOOK_NAME} {options.namespace.strip("/")}', options.url, EVENTS, secret=_secret(path)
    )
    return {
        'webhook': made.id,
        'url': made.url,
        'livepeer_webhook_secret_file (parameter of api_node)': str(path),
    }


async def _remove_webhook(client: LivepeerClient, options: argparse.Namespace, folder: Path) -> Any:
    await client.delete_webhook(options.id)
    return 'The webhook was removed'


ACTIONS: dict[str, Work] = {
    'status': _status,
    'recordings': _recordings,
    'terminate': _terminate,
    'suspend': _suspend,
    'resume': _resume,
    'webhooks': _webhooks,
    'webhook-add': _add_webhook,
    'webhook-remove': _remove_webhook,
}


def _stream_id(options: argparse.Namespace, folder: Path) -> str:
    """Of the stream that was named, or that this camera has made. Raises PushError."""
    if options.stream_id:
        return str(options.stream_id)
    pattern = livepeer_memory(folder, options.target or '*').name
    found: dict[str, str] = {}
    for path in sorted(folder.glob(pattern)):
        try:
            found[path.name] = json.loads(path.read_bytes())['stream_id']
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
    ids = [each for each in found.values() if isinstance(each, str) and each]
    if not ids:
        raise PushError('provider_no_stream', 'this camera has made none yet: give --stream-id')
    if len(ids) > 1:
        raise PushError('provider_no_stream', 'this camera has several: give --target')
    return ids[0]


def _secret(path: Path) -> str:
    """The one that is there, else a new one, which only this user can read. Raises PushError, Refused."""
    if path.exists():
        return read_key(path.parent, path.name)
    if not path.parent.is_dir():
        raise PushError('no_key', 'this camera has no folder for keys yet: start it once')
    secret = secrets.token_urlsafe(32)
    durable.keep(path, f'{secret}\n'.encode())
    return secret


def _session(session: LivepeerSession) -> dict[str, Any]:
    began = datetime.fromtimestamp(session.created_ms / 1000, timezone.utc)
    return {
        'began': f'{began:%Y-%m-%d %H:%M:%S}Z',
        'recording': session.recording_status or 'none',
        'hls': session.recording_url,
        'mp4': session.mp4_url,
        'id': session.id,
    }


def _lines(told: Any) -> str:
    if isinstance(told, dict):
        return '\n'.join(f'{name}: {value}' for name, value in told.items())
    if isinstance(told, list):
        rows = (
            '  '.join(f'{name}: {value}' for name, value in row.items() if value) for row in told
        )
        return '\n'.join(rows) or 'none'
    return str(told)


if __name__ == '__main__':
    sys.exit(main())
