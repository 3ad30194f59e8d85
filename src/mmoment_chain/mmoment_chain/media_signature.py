"""What the device signs of a photo or clip, so that anybody checks it with the public key alone.

The record is a JSON object in canonical form (RFC 8785): format, version, the camera's id, the facts
of the file with its SHA-256, and commitments to what is personal: whose it is, in which session it
was taken, and each person who was seen. A commitment is that of the event log: SHA-256 over a salt
of 32 random bytes and the value. While salt and value are kept beside, they prove who it was; with
them erased the record says nothing about anybody, and its signature is as good as before.

The signature is Ed25519 over LABEL and the text of the record in UTF-8.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mmoment_chain.canonical_json import canonical, parsed
from mmoment_chain.device_keys import SigningKey
from mmoment_chain.event_log import SALT_BYTES, Opening, commitment

LABEL = b'mmoment/device/1/media\0'
"""Before every text: a signature of the device over something else is none of a record."""
FORMAT = 'mmoment-media'
VERSION = 1

PHOTO, CLIP = 'photo', 'clip'
OWNER, SESSION, PERSON = 'owner', 'session', 'person_'
"""Names of commitments; people are counted from 1."""


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What a file is. Nothing personal."""

    media_id: str  # 32 hex digits, random
    kind: str  # photo or clip
    started_ms: int  # capture time of the first picture, since 1970
    duration_ms: int  # 0 for a photo
    bytes: int
    width: int  # pixels
    height: int  # pixels
    mime_type: str
    trigger: str  # api, gesture or service
    gesture: str  # that asked for it; empty: none
    annotated: bool  # with what the overlay draws
    sha256: str  # of the file, hex


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """A record, its signature, and what opens its commitments, by their names."""

    text: str
    signature: bytes
    openings: Mapping[str, Opening]


def signed(
    key: SigningKey,
    facts: MediaFacts,
    wallet: str | None = None,
    session_id: str | None = None,
    people: Sequence[str] = (),
) -> SignedRecord:
    """Sign a record. Without a wallet it is of the owner of the camera."""
    personal = {OWNER: wallet, SESSION: session_id}
    personal |= {f'{PERSON}{number}': person for number, person in enumerate(people, 1)}
    openings = {
        name: Opening(secrets.token_bytes(SALT_BYTES), value)
        for name, value in personal.items()
        if value is not None
    }
    text = canonical(
        {
            'format': FORMAT,
            'version': VERSION,
            'camera_id': key.camera_id,
            **asdict(facts),
            'personal': {name: commitment(each).hex() for name, each in openings.items()},
        }
    )
    return SignedRecord(text, key.sign(signed_bytes(text)), openings)


def signed_bytes(text: str) -> bytes:
    """What is signed for a record of this text."""
    return LABEL + text.encode('utf-8')


def verify(text: str, signature: bytes, public_key: bytes) -> bool:
    """Whether the key with this Ed25519 public key (32 bytes) signed the record."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed_bytes(text))
    except (InvalidSignature, ValueError):
        return False
    return True


def facts_of(text: str) -> MediaFacts:
    """The facts that a record states. Raises ValueError for what is no record of this version."""
    record = _record(text)
    values: dict[str, Any] = {each.name: record.get(each.name) for each in fields(MediaFacts)}
    return MediaFacts(**values)


def is_opened(text: str, openings: Mapping[str, Opening]) -> bool:
    """Whether each opening is that of the commitment of its name. Raises ValueError: no record."""
    committed = _record(text)['personal']
    return all(
        commitment(opening).hex() == committed.get(name) for name, opening in openings.items()
    )


def committed_names(text: str) -> set[str]:
    """Names of its commitments, opened or not. Raises ValueError: no record."""
    return set(_record(text)['personal'])


def _record(text: str) -> dict[str, Any]:
    record = parsed(text)
    if (record.get('format'), record.get('version')) != (FORMAT, VERSION):
        raise ValueError('it is no record of a version that is known here')
    if not isinstance(record.get('personal'), dict):
        raise ValueError('it lacks its commitments')
    return record
