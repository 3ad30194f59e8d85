"""A sealed face as the metadata of its NFT hold it: texts, in fields.

`face` has the envelope in base64. If that does not fit into one transaction, `face.0`, `face.1`, ...
have it piece by piece. `face_hdr` is written last and says what it is:

    v=1;model=...;record=...;custody=...;digest=...

with the SHA-256 of the envelope in base64url without padding, so that a face of which only a part
was replaced is none. The model id is percent-encoded. `paid_by` has the address of who paid for the
NFT, if that is not the person it belongs to. Only the owner of a face opens it: nothing here can.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from mmoment_chain.envelope import MODEL_ID, RECORD_ID, Custody, Envelope
from mmoment_chain.errors import Refused
from mmoment_chain.token_accounts import Metadata
from mmoment_chain.wallet import parse_wallet

FACE = 'face'
HEADER = 'face_hdr'
PAID_BY = 'paid_by'
VERSION = 1
OWN_CUSTODIES = ('user', 'passphrase')
"""Whose key opens it: a person's in any case. What a camera can open stays in the camera."""


@dataclass(frozen=True, slots=True)
class SealedFace:
    """A face template that only its owner can open. ValueError says what is not as it must be."""

    envelope: bytes = field(repr=False)  # as envelope.Envelope writes it
    model_id: str
    record_id: str
    custody: str  # of OWN_CUSTODIES

    def __post_init__(self) -> None:
        if not (MODEL_ID.fullmatch(self.model_id) and RECORD_ID.fullmatch(self.record_id)):
            raise ValueError('a face has a model id and a record id')
        if self.custody not in OWN_CUSTODIES:
            raise ValueError('a face on the chain is sealed to its owner and nobody else')
        try:
            envelope = Envelope.from_bytes(self.envelope)
        except Refused as refused:
            raise ValueError(refused.text) from None
        if envelope.custody is not Custody.USER:
            raise ValueError('this face is sealed to a camera, not to its owner')


def content_of(face: SealedFace) -> str:
    """What field `face`, or its pieces one after the other, has to hold."""
    return base64.b64encode(face.envelope).decode('ascii')


def header_of(face: SealedFace) -> str:
    """What field `face_hdr` has to hold."""
    return ';'.join(
        (
            f'v={VERSION}',
            f'model={quote(face.model_id, safe="")}',
            f'record={face.record_id}',
            f'custody={face.custody}',
            f'digest={_digest(face.envelope)}',
        )
    )


def piece_name(number: int) -> str:
    """Name of a piece of a face; the first has number 0."""
    return f'{FACE}.{number}'


def names_of_face(fields: Mapping[str, str]) -> list[str]:
    """Names of the fields that hold an envelope or a piece of one."""
    return [name for name in fields if name == FACE or name.startswith(f'{FACE}.')]


def face_in(fields: Mapping[str, str]) -> SealedFace:
    """The face that these fields hold, complete and as it was written.

    Refused: 'none' if there is none (yet), 'damaged' if it is not what its header says.
    """
    if HEADER not in fields:
        raise Refused('none', 'There is no face in this NFT, or it was never finished')
    header = _header(fields[HEADER])
    for content in (fields.get(FACE, ''), _joined(fields)):
        envelope = _decoded(content)
        if _digest(envelope) == header['digest']:
            break
    else:
        raise Refused('damaged', 'The face in this NFT is not the one that its header names')
    try:
        face = SealedFace(envelope, unquote(header['model']), header['record'], header['custody'])
    except ValueError as error:
        raise Refused('damaged', f'The face in this NFT cannot be used: {error}') from None
    # One face has one header.
    if header_of(face) != fields[HEADER]:
        raise Refused('damaged', 'The header of this face is not written as it must be')
    return face


def paid_by(metadata: Metadata | None, owner: bytes) -> bytes:
    """Who gets the rent back: who paid for the NFT, or its owner if nobody else is named."""
    if metadata is None or PAID_BY not in metadata.fields:
        return owner
    try:
        return parse_wallet(metadata.fields[PAID_BY])
    except Refused:
        # The owner may write there what they like: they lose nothing by it but this.
        return owner


def _joined(fields: Mapping[str, str]) -> str:
    pieces: list[str] = []
    while (name := piece_name(len(pieces))) in fields:
        pieces.append(fields[name])
    return ''.join(pieces)


def _header(text: str) -> dict[str, str]:
    values = dict(part.partition('=')[::2] for part in text.split(';'))
    if values.get('v') != str(VERSION):
        raise Refused('damaged', f'A face of version {VERSION} is read here, and no other')
    if set(values) != {'v', 'model', 'record', 'custody', 'digest'}:
        raise Refused('damaged', 'The header of this face is not written as it must be')
    return values


def _decoded(content: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except (ValueError, binascii.Error):
        return b''


def _digest(envelope: bytes) -> str:
    digest = hashlib.sha256(envelope).digest()
    return base64.urlsafe_b64encode(digest).decode('ascii').rstrip('=')
