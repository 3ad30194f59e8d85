"""What tests of the store share: a store on a fake clock, and plain records to put into it."""

import contextlib
import hashlib
import subprocess
import sys
from pathlib import Path

from fake_clock import START_MS, FakeClock

from mmoment_chain.session_records import Session
from mmoment_chain.store import Store

WALLET = '7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU'
OTHER_WALLET = '4Nd1mYvEHxJ3zqEo3bqJ5gB8RZzbd7RjHqzaRmWDJDZb'


def digest(text):
    return hashlib.sha256(text.encode()).digest()


def opened(folder, **options):
    return Store(Path(folder) / 'store.sqlite3', FakeClock(), **options)


def session(number=1, wallet=WALLET, **changes):
    fields = {
        'id': f'session-{number}',
        'wallet': wallet,
        'display_name': f'Person {number}',
        'rights': frozenset({'view', 'capture'}),
        'token_hash': digest(f'token {number}'),
        'previous_token_hash': None,
        'created_ms': START_MS + number,
        'expires_ms': START_MS + 600_000 + number,
        'renewed_ms': START_MS + number,
        'last_seen_ms': START_MS + number,
        'source': 'table 4',
    }
    return Session(**fields | changes)


def traces(folder, text):
    """Files of a folder in which a text can be read."""
    files = sorted(path for path in Path(folder).iterdir() if path.is_file())
    return [path.name for path in files if text.encode() in path.read_bytes()]


@contextlib.contextmanager
def other_process(program, *arguments):
    """Another Python that runs `program` until the block ends; its first line has come."""
    process = subprocess.Popen(
        [sys.executable, '-c', program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()
