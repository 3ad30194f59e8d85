import json

import pytest
from program_scenes import SCENES
from program_vectors import FILE, instruction_vector
from program_world import PROGRAM_ID

from mmoment_chain import program_instructions as make
from mmoment_chain.program_instructions import Description, Visit
from mmoment_chain.program_layout import LogRecord, RecordKind

VECTORS = {each['scene']: each for each in json.loads(FILE.read_text())['instructions']}
KEY, OTHER = b'k' * 32, b'o' * 32
RECORD = LogRecord(RecordKind.FACE, 1, b'd' * 32)


@pytest.mark.parametrize('name', SCENES)
def test_instructions_are_these_bytes(name):
    assert instruction_vector(name, SCENES[name][1]) == VECTORS[name]


def test_each_vector_is_of_a_scene():
    assert set(VECTORS) == set(SCENES)


@pytest.mark.parametrize(
    'about',
    [
        Description(''),
        Description('n' * 65),
        Description('ü' * 33),
        Description('n', model='m' * 33),
        Description('n', address='a' * 129),
        Description('n', features=1 << 64),
        Description('n', features=-1),
    ],
)
def test_descriptions_that_the_program_would_refuse(about):
    with pytest.raises(ValueError):
        make.update_camera(PROGRAM_ID, KEY, OTHER, about)


@pytest.mark.parametrize(
    'wrong',
    [
        lambda: make.grant(PROGRAM_ID, KEY, OTHER, OTHER, subject=b'short', rights=1),
        lambda: make.grant(PROGRAM_ID, KEY, OTHER, OTHER, subject=KEY, rights=1 << 32),
        lambda: make.check_in(PROGRAM_ID, KEY, OTHER, OTHER, Visit(b'short', 1, 1, 2)),
        lambda: make.check_in(PROGRAM_ID, KEY, OTHER, OTHER, Visit(KEY, -1, 1, 2)),
        lambda: make.check_out(
            PROGRAM_ID, KEY, OTHER, subject=KEY, number=1, checked_out_s=1, reason=256
        ),
        lambda: make.append_log(PROGRAM_ID, KEY, OTHER, 1, []),
        lambda: make.append_log(PROGRAM_ID, KEY, OTHER, 1, [RECORD] * 21),
        lambda: make.append_log(PROGRAM_ID, KEY, OTHER, -1, [RECORD]),
        lambda: make.append_log(
            PROGRAM_ID, KEY, OTHER, 1, [LogRecord(RecordKind.FACE, 1, b'short')]
        ),
        lambda: make.append_log(
            PROGRAM_ID, KEY, OTHER, 1, [LogRecord(RecordKind.FACE, 1 << 64, KEY)]
        ),
        lambda: make.open_face(PROGRAM_ID, KEY, OTHER, 0, b''),
        lambda: make.open_face(PROGRAM_ID, KEY, OTHER, 0, bytes(8193)),
        lambda: make.open_face(PROGRAM_ID, KEY, OTHER, 256, b'x'),
    ],
)
def test_values_that_the_program_would_refuse(wrong):
    with pytest.raises(ValueError):
        wrong()


def test_parts_of_a_face_make_up_all_of_it():
    content = bytes(range(256)) * 9
    parts = make.face_parts(PROGRAM_ID, KEY, 0, content)
    begins = [int.from_bytes(part.data[8:12], 'little') for part in parts]
    assert begins == list(range(0, len(content), make.FACE_PART_BYTES))
    assert b''.join(part.data[16:] for part in parts) == content
