"""A capture_node as the routes see it: media of several people, and every question remembered."""

import hashlib
from dataclasses import replace

from mmoment_api.errors import part_not_running
from mmoment_api.media_control import (
    CAMERA_OWNER,
    CLIP,
    PHOTO,
    Change,
    MediaPage,
    MediaRecord,
    no_media,
    refused_by_capture,
)

ENDING = {PHOTO: ('.jpg', 'image/jpeg'), CLIP: ('.mp4', 'video/mp4')}


class FakeMedia:
    """Each asker sees their own, the owner of the camera all; what somebody else has is not there."""

    def __init__(self):
        self.is_away = False
        self.refusal = None
        self.asked = []
        self.records = []
        self.running = {}

    def keep(self, kind=PHOTO, identity='', content=None, folder=None, **changes):
        """A photo or clip; with `content`, its file lies in `folder`."""
        number = len(self.records) + 1
        ending, mime_type = ENDING[kind]
        record = MediaRecord(
            media_id=f'{number:032x}',
            kind=kind,
            filename=f'20261125T101500-{number:06x}{ending}',
            identity=identity,
            session_id='s1' if identity else '',
            taken_s=1_700_000_000.25 + number,
            duration_s=0.0 if kind == PHOTO else 3.2,
            width=1280,
            height=720,
            mime_type=mime_type,
            trigger='api',
        )
        if content is not None:
            path = folder / record.filename
            path.write_bytes(content)
            record = replace(
                record,
                path=str(path),
                size_bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
            )
        self.records.append(replace(record, **changes))
        return self.records[-1]

    def asked_for(self, name):
        return [question for question in self.asked if question[0] == name]

    async def capture_photo(self, asker, wish):
        self._ask('capture_photo', asker, wish)
        return self.keep(PHOTO, asker.identity, annotated=wish.annotated)

    async def start_clip(self, asker, wish):
        self._ask('start_clip', asker, wish)
        media_id = f'{len(self.running) + 0xC000:032x}'
        self.running[media_id] = asker
        return media_id

    async def stop_clips(self, asker, media_id):
        self._ask('stop_clips', asker, media_id)
        ended = [
            name
            for name, owner in self.running.items()
            if (not media_id or name == media_id) and asker in (owner, CAMERA_OWNER)
        ]
        if media_id in self.running and not ended:
            raise refused_by_capture('no_recording', 'Nothing is being recorded')
        if not ended:
            raise refused_by_capture('no_recording', 'Nothing is being recorded')
        return tuple(
            self.keep(CLIP, self.running.pop(name).identity, media_id=name) for name in ended
        )

    async def list_media(self, asker, question):
        self._ask('list_media', asker, question)
        own = [
            record
            for record in reversed(self.records)
            if asker == CAMERA_OWNER or record.identity == asker.identity
            if question.kind in ('', record.kind)
            if question.identity in ('', record.identity)
        ]
        start = int(question.cursor or '0')
        end = start + question.limit
        return MediaPage(tuple(own[start:end]), str(end) if end < len(own) else '', len(own))

    async def get_media(self, asker, name):
        self._ask('get_media', asker, name)
        return self._own(asker, name)

    async def change_media(self, asker, name, change):
        self._ask('change_media', asker, name, change)
        record = self._own(asker, name)
        self.records.remove(record)
        if change is not Change.DELETE:
            self.records.append(replace(record, favourite=change is Change.KEEP))

    def _ask(self, *question):
        self.asked.append(question)
        if self.is_away:
            raise part_not_running('capture_node')
        if self.refusal:
            raise self.refusal

    def _own(self, asker, name):
        for record in self.records:
            is_own = asker == CAMERA_OWNER or record.identity == asker.identity
            if is_own and name in (record.media_id, record.filename):
                return record
        raise no_media()
