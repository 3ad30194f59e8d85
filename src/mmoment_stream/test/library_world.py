"""A media library of a camera whose clock stands still until a test moves it."""

import contextlib
import hashlib

import pytest

from mmoment_chain import (
    device_keys,
    event_log,
    media_records,
    media_signature,
    session_records,
)
from mmoment_chain.device_keys import SigningKey
from mmoment_chain.session_records import Session
from mmoment_chain.store import Store
from mmoment_stream.errors import Refused
from mmoment_stream.media_cursor import CAMERA_OWNER, Viewer
from mmoment_stream.media_draft import Origin
from mmoment_stream.media_folder import RESERVE, MediaFolder
from mmoment_stream.media_intake import ClipLook, new_media_id
from mmoment_stream.media_library import MediaLibrary

ANNA = '7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU'
BEN = '4Nd1mYvEHxJ3zqEo3bqJ5gB8RZzbd7RjHqzaRmWDJDZb'
# 2026-11-25T22:10:30.5Z
START_MS = 1_795_644_630_500
DAY_MS = 86_400_000


class StillClock:
    def __init__(self):
        self.now_ms = START_MS

    def utc_ms(self):
        return self.now_ms

    def elapsed_s(self):
        return self.now_ms / 1000


class LibraryWorld:
    """Store, keys and media of one camera in a folder."""

    def __init__(self, folder, **store_options):
        self.home = folder
        self.clock = StillClock()
        device_keys.create_missing(folder / 'keys', 5)
        self.store = Store(folder / 'store.sqlite3', self.clock, **store_options)
        self.folder = MediaFolder(folder / 'media')
        self.folder.prepare()
        self.library = MediaLibrary(self.store, self.folder, self.key)

    def key(self):
        return SigningKey.load(self.home / 'keys')

    def check_in(self, *wallets):
        """Let a session name each of them."""
        times = ('created_ms', 'expires_ms', 'renewed_ms', 'last_seen_ms')
        given = dict.fromkeys(times, self.clock.now_ms)
        with self.store.transaction() as tx:
            for wallet in wallets:
                visit = Session(new_media_id(), wallet, None, frozenset(), None, None, **given)
                session_records.add(tx, visit)

    def forget(self, wallet):
        """As session_node does."""
        with self.store.transaction() as tx:
            session_records.erase(tx, wallet)
            media_records.erase(tx, wallet)

    def photo(self, wallet=ANNA, content=b'a photo', library=None, **changes):
        origin = {'wallet': wallet, 'session_id': None, 'trigger': 'api'}
        origin |= {name: changes.pop(name) for name in list(changes) if name in ORIGIN}
        given = {
            'media_id': new_media_id(),
            'mime_type': 'image/jpeg',
            'started_ms': self.clock.now_ms,
            'width': 1280,
            'height': 720,
            'thumbnail': b'a thumbnail',
        }
        kept = (library or self.library).keep_photo(Origin(**origin), content, **given | changes)
        # The next one is newer.
        self.clock.now_ms += 1000
        return kept

    def begin(self, wallet=ANNA, session_id=None):
        origin = Origin(wallet, session_id, 'gesture', 'thumb_up')
        return self.library.begin_clip(origin, self.clock.now_ms)

    def clip(self, wallet=ANNA, content=b'a clip'):
        draft = self.begin(wallet)
        draft.recording.write_bytes(content)
        kept = self.library.keep_clip(draft, self.finished(draft))
        self.clock.now_ms += 1000
        return kept

    def finished(self, draft, **changes):
        """Make the file of what was recorded."""
        draft.recording.replace(draft.path)
        given = {'started_ms': self.clock.now_ms, 'duration_ms': 7040, 'width': 640, 'height': 360}
        return ClipLook(**{**given, 'thumbnail': b'a thumbnail', **changes})

    def listed(self, viewer=CAMERA_OWNER, **options):
        return [record.media_id for record in self.library.page(viewer, **options).records]

    def files(self):
        """Names of all that lies in the folder, the reserve aside."""
        found = (path for path in self.folder.root.rglob('*') if path.is_file())
        return sorted(path.name for path in found if path.name != RESERVE)

    def events(self):
        with self.store.reading() as query:
            return event_log.read(query, limit=-1)

    def assert_sound(self):
        """No ghosts: each row has its file, each file its row; all is signed, the chain is whole."""
        with self.store.reading() as query:
            assert event_log.verify(query).is_good
            assert [file for file in media_records.leaving(query) if file.is_here] == []
            records = media_records.page(query, 10_000)
            for record in records:
                opened = media_records.openings(query, record.media_id)
                assert media_signature.is_opened(record.record, opened)
        names = set()
        with self.key() as key:
            for record in records:
                path = self.folder.look(record.filename)
                content = path.read_bytes()
                assert hashlib.sha256(content).hexdigest() == record.facts.sha256
                assert media_signature.facts_of(record.record) == record.facts
                assert media_signature.verify(record.record, record.signature, key.public)
                names.add(path.name)
                names |= {f'{path.name}.thumb.jpg'} if record.has_thumbnail else set()
        assert set(self.files()) == names
        return records

    def close(self):
        self.store.close()


ORIGIN = ('session_id', 'trigger', 'gesture', 'annotated')


@contextlib.contextmanager
def world_at(folder, **store_options):
    world = LibraryWorld(folder, **store_options)
    try:
        yield world
    finally:
        world.close()


def person(wallet):
    return Viewer(wallet)


def refusal(action, *arguments, **options):
    """The code of what is refused."""
    with pytest.raises(Refused) as caught:
        action(*arguments, **options)
    return caught.value.code
