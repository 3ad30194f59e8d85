"""Photos and clips as rows, signed by a key of the test."""

import dataclasses
import hashlib

from fake_clock import START_MS
from store_world import WALLET

from mmoment_chain import media_records, media_signature
from mmoment_chain.media_records import MediaRecord
from mmoment_chain.media_signature import MediaFacts


class PlainKey:
    """Stands for the device: what it signs is not looked at."""

    camera_id = 'c0ffee0000000000'

    def sign(self, message):
        return hashlib.sha512(message).digest()


def facts(number=1, **changes):
    given = MediaFacts(
        media_id=f'{number:032x}',
        kind='photo',
        started_ms=START_MS + number,
        duration_ms=0,
        bytes=1000 + number,
        width=1280,
        height=720,
        mime_type='image/jpeg',
        trigger='api',
        gesture='',
        annotated=False,
        sha256=hashlib.sha256(b'%d' % number).hexdigest(),
    )
    return dataclasses.replace(given, **changes)


def put(tx, number=1, wallet=WALLET, session_id=None, people=(), favourite=False, **changes):
    """Keep one; returns it as it is to be found."""
    given = facts(number, **changes)
    signed = media_signature.signed(PlainKey(), given, wallet, session_id, people)
    record = MediaRecord(
        facts=given,
        filename=f'file-{number}.jpg',
        wallet=wallet,
        session_id=session_id,
        people=tuple(people),
        favourite=favourite,
        has_thumbnail=True,
        record=signed.text,
        signature=signed.signature,
    )
    media_records.add(tx, record, signed.openings)
    return record
