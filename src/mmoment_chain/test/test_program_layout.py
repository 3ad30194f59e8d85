import hashlib
import json

import pytest
from program_scenes import FACE, RECORDS
from program_vectors import FILE, KEPT, account_vector
from program_world import NOW_S, PEOPLE, ProgramWorld

from mmoment_chain.errors import Refused
from mmoment_chain.program_addresses import camera_address
from mmoment_chain.program_layout import (
    NO_HEAD,
    Camera,
    ChainFace,
    ChainSession,
    Grant,
    LayoutError,
    LogRecord,
    Mode,
    RecordKind,
    next_head,
    rights_bits,
    rights_of,
    tag,
)
from mmoment_chain.rights import RIGHTS

KINDS = {'Camera': Camera, 'Session': ChainSession, 'Grant': Grant, 'Face': ChainFace}
VECTORS = {each['kind']: each for each in json.loads(FILE.read_text())['accounts']}
DATA = {kind: bytes.fromhex(each['data']) for kind, each in VECTORS.items()}
KEYS = {name: ProgramWorld().key(name) for name in PEOPLE}


def test_accounts_are_kept_in_these_bytes():
    assert {kind: account_vector(kind, scene) for kind, scene in KEPT.items()} == VECTORS


def test_what_is_read_of_these_bytes():
    camera = Camera.from_bytes(DATA['Camera'])
    assert (camera.id, camera.owner, camera.device, camera.payer) == (
        KEYS['device'], KEYS['owner'], KEYS['device'], KEYS['payer'],
    )  # fmt: skip
    assert (camera.mode, camera.is_active, camera.has_closed_list) == (Mode.PRIVATE, True, False)
    assert (camera.name, camera.model, camera.address) == ('Gym', 'mk1', 'https://camera.example')
    assert (camera.registered_s, camera.changed_s, camera.log_s) == (NOW_S,) * 3
    assert (camera.features, camera.log_count) == (7, len(RECORDS))
    assert camera.log_counts == (1, 1, 1, 1, 1, 0, 0, 0)
    head = NO_HEAD
    for number, record in enumerate(RECORDS, 1):
        head = next_head(head, number, record)
    assert camera.log_head == head
    place = camera_address(ProgramWorld.program, KEYS['device'])
    assert ChainSession.from_bytes(DATA['Session']) == ChainSession(
        False, 2, place, KEYS['person'], KEYS['payer'], 1, NOW_S, NOW_S + 5, NOW_S + 9000, NOW_S
    )
    grant = Grant.from_bytes(DATA['Grant'])
    assert grant == Grant(
        place, KEYS['subject'], KEYS['payer'], frozenset(RIGHTS), NOW_S, NOW_S + 99
    )
    assert grant.holds(NOW_S + 98)
    assert not grant.holds(NOW_S + 99)
    digest = hashlib.sha256(FACE).digest()
    assert ChainFace.from_bytes(DATA['Face']) == ChainFace(
        True, 0, KEYS['person'], KEYS['payer'], digest, NOW_S, FACE
    )


@pytest.mark.parametrize('kind', KINDS)
def test_other_bytes_are_no_such_account(kind):
    read, data = KINDS[kind].from_bytes, DATA[kind]
    for length in range(len(data)):
        with pytest.raises(LayoutError):
            read(data[:length])
    for other in set(DATA) - {kind}:
        with pytest.raises(LayoutError, match=f'no account of kind {kind}'):
            read(DATA[other] + bytes(600))
    with pytest.raises(LayoutError, match='layout 2'):
        read(data[:8] + b'\x02' + data[9:])


def test_a_mode_that_is_not_known():
    data = bytearray(DATA['Camera'])
    data[11] = 2
    with pytest.raises(LayoutError, match='mode 2'):
        Camera.from_bytes(bytes(data))


def test_a_face_that_is_not_what_was_sealed():
    with pytest.raises(LayoutError, match='damaged'):
        ChainFace.from_bytes(DATA['Face'][:-1] + b'x')


def test_texts_may_be_anything():
    data = bytearray(DATA['Camera'])
    data[data.index(b'Gym')] = 0xFF
    assert Camera.from_bytes(bytes(data)).name == '\ufffdym'


def test_a_grant_without_an_end():
    data = bytearray(DATA['Grant'])
    data[-8:] = bytes(8)
    assert Grant.from_bytes(bytes(data)).holds(1e12)


def test_rights_in_bits():
    assert [rights_bits([right]) for right in RIGHTS] == [1, 2, 4, 8, 16, 32, 64]
    assert rights_of(rights_bits(RIGHTS[1:4])) == frozenset(RIGHTS[1:4])
    assert rights_of(1 << 20) == frozenset()
    with pytest.raises(Refused):
        rights_bits(['fly'])


def test_the_chain_of_the_log():
    record = LogRecord(RecordKind.OTHER, 0x0102030405060708, b'd' * 32)
    assert record.to_bytes() == b'\x07\x08\x07\x06\x05\x04\x03\x02\x01' + b'd' * 32
    expected = hashlib.sha256(b'h' * 32 + b'\x05' + bytes(7) + record.to_bytes()).digest()
    assert next_head(b'h' * 32, 5, record) == expected


def test_tags_are_those_of_anchor():
    assert tag('Camera').hex() == '1eb5970d8231ca7f'
