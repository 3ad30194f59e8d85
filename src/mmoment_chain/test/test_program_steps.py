"""What the registry does with cameras, logs and faces, with real signatures, under three sets of gates."""

import hashlib

import pytest
from program_scenes import FACE, RECORDS, checking_in
from program_world import FEATURES, NOW_S, PROGRAM_ID, ProgramWorld, sent

from mmoment_chain import program_instructions as make
from mmoment_chain.program_events import (
    CameraUpdated,
    DeviceRotated,
    FaceClosed,
    FaceSealed,
    LogAppended,
    events,
)
from mmoment_chain.program_instructions import Description
from mmoment_chain.program_layout import (
    NO_HEAD,
    ChainFace,
    LogRecord,
    RecordKind,
    next_head,
)
from mmoment_chain.program_refusals import Refusal

LARGEST_TRANSACTION = 1232


@pytest.fixture(params=FEATURES)
def world(request):
    return ProgramWorld(request.param)


def told(done):
    return events(done.logs(), PROGRAM_ID)


def appended(world, first, records):
    return make.append_log(PROGRAM_ID, world.camera, world.device, first, records)


def changed(instruction, data):
    return type(instruction)(instruction.program_id, bytes(data), instruction.accounts)


def test_switches_are_on_or_off(world):
    """The last byte of a description is the closed list; the first of a registration is the mode."""
    registration = world.registration()
    for place in (8, len(registration.data) - 1):
        data = bytearray(registration.data)
        data[place] = 2
        assert world.do(changed(registration, data)) == Refusal.WRONG_DATA
    world.must(registration)
    switch = make.set_active(PROGRAM_ID, world.camera, world.owner, True)
    assert world.do(changed(switch, switch.data[:8] + b'\2')) == Refusal.WRONG_DATA
    world.must(switch)


def test_another_device_key_signs_from_then_on(world):
    world.register()
    rotate = make.rotate_device(PROGRAM_ID, world.camera, world.owner, world.next_device)
    assert told(world.must(rotate)) == [DeviceRotated(world.camera, world.next_device)]
    assert world.do(checking_in(world, world.subject)) == Refusal.WRONG_AUTHORITY
    assert world.do(appended(world, 1, RECORDS)) == Refusal.WRONG_AUTHORITY
    log = make.append_log(PROGRAM_ID, world.camera, world.next_device, 1, RECORDS)
    assert world.do(log) == 0
    assert world.camera_now().id == world.device
    assert world.do(world.registration()) == Refusal.ALREADY_THERE


def test_descriptions(world):
    about = Description('n' * 64, 'm' * 32, 'a' * 128, (1 << 64) - 1, True)
    world.register()
    world.at(NOW_S + 7)
    done = world.must(make.update_camera(PROGRAM_ID, world.camera, world.owner, about))
    assert told(done) == [CameraUpdated(world.camera, True, True)]
    camera = world.camera_now()
    kept = (camera.name, camera.model, camera.address, camera.features, camera.has_closed_list)
    assert kept == (about.name, about.model, about.address, about.features, True)
    assert (camera.registered_s, camera.changed_s) == (NOW_S, NOW_S + 7)
    world.must(make.update_camera(PROGRAM_ID, world.camera, world.owner, Description('Ü')))
    camera = world.camera_now()
    assert (camera.name, camera.model, camera.address) == ('Ü', '', '')
    # Nothing is left of the longer texts.
    assert b'nn' not in world.data(world.camera)
    assert b'aa' not in world.data(world.camera)
    assert b'mm' not in world.data(world.camera)


def test_a_camera_has_a_name(world):
    world.register()
    instruction = make.update_camera(PROGRAM_ID, world.camera, world.owner, Description('n'))
    nameless = instruction.data[:8] + bytes(4) + instruction.data[13:]
    assert len(nameless) == len(instruction.data) - 1
    assert world.do(changed(instruction, nameless)) == Refusal.WRONG_DATA
    world.must(instruction)


def test_the_log_is_a_chain_without_gaps(world):
    world.register()
    assert world.do(appended(world, 2, RECORDS)) == Refusal.OUT_OF_ORDER
    done = world.must(appended(world, 1, RECORDS))
    head = NO_HEAD
    for number, record in enumerate(RECORDS, 1):
        head = next_head(head, number, record)
    assert told(done) == [LogAppended(world.camera, 1, len(RECORDS), head)]
    assert world.do(appended(world, 1, RECORDS)) == Refusal.ALREADY_DONE
    assert world.do(appended(world, 5, RECORDS)) == Refusal.ALREADY_DONE
    assert world.do(appended(world, 7, RECORDS)) == Refusal.OUT_OF_ORDER
    record = LogRecord(RecordKind.MEDIA, 2**64 - 1, b'd' * 32)
    world.must(appended(world, 6, [record]))
    camera = world.camera_now()
    assert camera.log_head == next_head(head, 6, record)
    assert camera.log_count == 6
    assert camera.log_counts == (1, 1, 1, 2, 1, 0, 0, 0)
    assert camera.log_s == NOW_S


def test_records_of_no_kind_and_none_at_all(world):
    world.register()
    good = appended(world, 1, RECORDS)
    data = bytearray(good.data)
    data[8 + 8 + 4 + 41 * 2] = 8
    assert world.do(changed(good, data)) == Refusal.WRONG_DATA
    assert world.camera_now().log_count == 0
    assert world.do(changed(good, good.data[:16] + bytes(4))) == Refusal.WRONG_DATA
    more = good.data[:16] + (21).to_bytes(4, 'little') + bytes(21 * 41)
    assert world.do(changed(good, more)) == Refusal.WRONG_DATA


def test_twenty_records_fit_into_a_transaction(world):
    world.register()
    records = [RECORDS[0]] * 20
    done, size = sent(
        world.chain, [appended(world, 1, records)], world.pair('fees'), [world.pair('device')]
    )
    assert not hasattr(done, 'err')
    assert size <= LARGEST_TRANSACTION


def test_a_face_is_written_in_parts_and_sealed(world):
    before = world.balance(world.payer)
    person = world.person
    world.must(make.open_face(PROGRAM_ID, person, world.payer, 7, FACE))
    seal = make.seal_face(PROGRAM_ID, person, 7)
    assert world.do(seal) == Refusal.WRONG_DIGEST
    for part in reversed(make.face_parts(PROGRAM_ID, person, 7, FACE)):
        world.must(part)
    wrong = make.write_face(PROGRAM_ID, person, 7, len(FACE) - 1, b'??')
    assert world.do(wrong) == Refusal.WRONG_DATA
    far = make.write_face(PROGRAM_ID, person, 7, 0xFFFFFFFF, b'?')
    assert world.do(far) == Refusal.WRONG_DATA
    address = world.face_of(person, 7)
    digest = hashlib.sha256(FACE).digest()
    assert told(world.must(seal)) == [FaceSealed(address, person, digest)]
    assert ChainFace.from_bytes(world.data(address)) == ChainFace(
        True, 7, person, world.payer, digest, NOW_S, FACE
    )
    assert world.do(seal) == Refusal.ALREADY_DONE
    assert world.do(make.write_face(PROGRAM_ID, person, 7, 0, b'x')) == Refusal.ALREADY_DONE
    close = make.close_face(PROGRAM_ID, person, 7, world.payer)
    assert told(world.must(close)) == [FaceClosed(address, person)]
    assert world.balance(world.payer) == before


def test_the_largest_face(world):
    content = bytes(8192)
    world.must(make.open_face(PROGRAM_ID, world.person, world.payer, 0, content))
    world.must(make.seal_face(PROGRAM_ID, world.person, 0))
    instruction = make.open_face(PROGRAM_ID, world.person, world.payer, 1, content)
    data = bytearray(instruction.data)
    for size in (0, 8193, 0xFFFFFFFF):
        data[9:13] = size.to_bytes(4, 'little')
        assert world.do(changed(instruction, data)) == Refusal.WRONG_DATA
