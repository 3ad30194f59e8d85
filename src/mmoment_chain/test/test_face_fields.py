import base64
import hashlib

import pytest
from face_world import MODEL_ID, sealed_face

from mmoment_chain.errors import Refused
from mmoment_chain.face_fields import (
    FACE,
    HEADER,
    PAID_BY,
    SealedFace,
    content_of,
    face_in,
    header_of,
    names_of_face,
    paid_by,
)
from mmoment_chain.token_accounts import Metadata
from mmoment_chain.wallet import wallet_text

ANNA = bytes([3]) * 32
FACE_OF_ANNA = sealed_face(ANNA)


def fields_of(face):
    return {FACE: content_of(face), HEADER: header_of(face)}


def in_pieces(face, *lengths):
    content, fields = content_of(face), {}
    for number, length in enumerate((*lengths, len(content))):
        fields[f'face.{number}'], content = content[:length], content[length:]
    return {**fields, HEADER: header_of(face)}


def test_header_is_written_like_this():
    face = SealedFace(FACE_OF_ANNA.envelope, 'a;b=c%', 'R-1_x', 'passphrase')
    digest = base64.urlsafe_b64encode(hashlib.sha256(face.envelope).digest()).decode()
    assert header_of(face) == (
        f'v=1;model=a%3Bb%3Dc%25;record=R-1_x;custody=passphrase;digest={digest.rstrip("=")}'
    )


def test_face_comes_back_from_one_field_or_from_pieces():
    assert face_in(fields_of(FACE_OF_ANNA)) == FACE_OF_ANNA
    assert face_in(in_pieces(FACE_OF_ANNA, 100, 1, 500)) == FACE_OF_ANNA


def test_model_ids_are_whatever_the_vault_takes():
    face = SealedFace(FACE_OF_ANNA.envelope, 'a;v=2;record=%3B~!', 'r', 'user')
    assert face_in(fields_of(face)) == face


def refused(fields):
    with pytest.raises(Refused) as caught:
        face_in(fields)
    return caught.value.code


def test_without_a_header_there_is_no_face():
    assert refused({}) == 'none'
    assert refused({FACE: content_of(FACE_OF_ANNA)}) == 'none'


def test_half_of_another_face_is_no_face():
    other = in_pieces(sealed_face(ANNA), 400)
    mixed = {**in_pieces(FACE_OF_ANNA, 400), 'face.0': other['face.0']}
    assert refused(mixed) == 'damaged'


def test_an_old_face_beside_a_new_one_does_no_harm():
    old = sealed_face(ANNA)
    assert face_in({**in_pieces(old, 400), **fields_of(FACE_OF_ANNA)}) == FACE_OF_ANNA
    assert face_in({**fields_of(old), **in_pieces(FACE_OF_ANNA, 400)}) == FACE_OF_ANNA


def test_a_face_of_a_later_version_is_told_as_one():
    fields = {**fields_of(FACE_OF_ANNA), HEADER: 'v=2;x=y'}
    with pytest.raises(Refused, match='version 1 is read here'):
        face_in(fields)


def test_a_piece_that_is_missing():
    fields = in_pieces(FACE_OF_ANNA, 100, 100)
    del fields['face.1']
    assert refused(fields) == 'damaged'


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        ('v=1', 'v=2'),
        ('v=1;', ''),
        ('v=1', 'v=1;v=1'),
        (';custody=user', ''),
        ('custody=user', 'custody=camera'),
        ('custody=user', 'custody=user;more=1'),
        (f'model={MODEL_ID}', 'model='),
        (f'model={MODEL_ID}', 'model=facenet%2dvggface2'),
        (f'model={MODEL_ID}', 'model=%FF%00'),
        ('record=', 'record=ä'),
        ('digest=', 'digest=A'),
    ],
)
def test_headers_that_are_not_as_they_must_be(old, new):
    fields = fields_of(FACE_OF_ANNA)
    assert old in fields[HEADER]
    assert refused({**fields, HEADER: fields[HEADER].replace(old, new)}) == 'damaged'


@pytest.mark.parametrize('content', ['', '====', 'ä', 'AAAA', 'A' * 5000])
def test_content_that_is_no_envelope(content):
    assert refused({**fields_of(FACE_OF_ANNA), FACE: content}) == 'damaged'


def test_content_of_the_right_digest_that_is_no_envelope():
    digest = base64.urlsafe_b64encode(hashlib.sha256(b'no face').digest()).decode().rstrip('=')
    header = header_of(FACE_OF_ANNA).partition('digest=')[0] + f'digest={digest}'
    assert refused({FACE: base64.b64encode(b'no face').decode(), HEADER: header}) == 'damaged'


@pytest.mark.parametrize(
    'change',
    [
        {'envelope': b'MMEV'},
        {'envelope': FACE_OF_ANNA.envelope[:5] + b'\x02' + FACE_OF_ANNA.envelope[6:]},
        {'model_id': ''},
        {'record_id': 'a b'},
        {'custody': 'camera'},
    ],
    ids=['no envelope', 'sealed to a camera', 'no model', 'no record id', 'in custody of a camera'],
)
def test_what_is_no_face_of_its_owner_is_not_made(change):
    values = {name: getattr(FACE_OF_ANNA, name) for name in SealedFace.__slots__}
    with pytest.raises(ValueError):
        SealedFace(**{**values, **change})


def test_fields_of_a_face():
    fields = dict.fromkeys(['face', 'face.0', 'face.12', 'face_hdr', 'facet', 'hat'], '')
    assert names_of_face(fields) == ['face', 'face.0', 'face.12']


@pytest.mark.parametrize(
    ('fields', 'expected'),
    [
        ({}, ANNA),
        ({PAID_BY: wallet_text(bytes([9]) * 32)}, bytes([9]) * 32),
        ({PAID_BY: '?'}, ANNA),
    ],
)
def test_who_gets_the_rent_back(fields, expected):
    assert paid_by(Metadata(None, b'', '', '', '', fields), ANNA) == expected
    assert paid_by(None, ANNA) == ANNA
