"""For each instruction of the registry, a world in which it succeeds, and the instruction."""

from __future__ import annotations

from collections.abc import Callable

from program_world import NOW_S, ProgramWorld
from solders.instruction import Instruction

from mmoment_chain import program_instructions as make
from mmoment_chain.program_build import PROGRAM_ID
from mmoment_chain.program_instructions import Description, Visit
from mmoment_chain.program_layout import LogRecord, Mode, RecordKind

FACE = bytes(range(256)) * 4
RECORDS = [LogRecord(RecordKind(number % 8), NOW_S + number, bytes([number]) * 32) for number in range(5)]  # fmt: skip
RIGHTS = 0x7F

Scene = Callable[[ProgramWorld], Instruction]


def register_camera(world: ProgramWorld) -> Instruction:
    return world.registration()


def update_camera(world: ProgramWorld) -> Instruction:
    world.register()
    return make.update_camera(
        PROGRAM_ID, world.camera, world.owner, Description('Hall', 'x', 'y', 1)
    )


def set_active(world: ProgramWorld) -> Instruction:
    world.register()
    return make.set_active(PROGRAM_ID, world.camera, world.owner, False)


def rotate_device(world: ProgramWorld) -> Instruction:
    world.register()
    return make.rotate_device(PROGRAM_ID, world.camera, world.owner, world.next_device)


def close_camera(world: ProgramWorld) -> Instruction:
    world.register()
    return make.close_camera(PROGRAM_ID, world.camera, world.owner, world.payer)


def grant(world: ProgramWorld, who: str = 'subject') -> Instruction:
    world.register()
    return granting(world, world.key(who))


def grant_again(world: ProgramWorld) -> Instruction:
    world.must(grant(world))
    return granting(world, world.subject, expires_s=NOW_S + 99)


def revoke(world: ProgramWorld) -> Instruction:
    world.must(grant(world))
    keys = {'subject': world.subject, 'paid_by': world.payer}
    return make.revoke(PROGRAM_ID, world.camera, world.owner, **keys)


def check_in(world: ProgramWorld) -> Instruction:
    world.register()
    return checking_in(world, world.subject)


def check_in_with_grant(world: ProgramWorld) -> Instruction:
    world.register(closed_list=True)
    world.must(granting(world, world.person))
    return checking_in(world, world.subject, granted_to=world.person)


def check_in_public(world: ProgramWorld) -> Instruction:
    world.register(Mode.PUBLIC, closed_list=True)
    world.must(granting(world, world.person))
    keys = {'person': world.person, 'granted_to': world.person}
    return checking_in(world, world.person, **keys)


def check_in_again(world: ProgramWorld) -> Instruction:
    """The second visit of somebody whose account stayed."""
    world.register(Mode.PUBLIC)
    world.must(checking_in(world, world.person, person=world.person))
    world.must(checking_out(world, world.person))
    return checking_in(world, world.person, 2, person=world.person)


def check_out(world: ProgramWorld) -> Instruction:
    world.must(check_in(world))
    return checking_out(world, world.subject)


def check_out_public(world: ProgramWorld) -> Instruction:
    world.must(check_in_public(world))
    return checking_out(world, world.person, signer='person')


def close_session(world: ProgramWorld) -> Instruction:
    world.must(check_out(world))
    return closing_session(world, world.subject)


def close_session_by_owner(world: ProgramWorld) -> Instruction:
    world.must(check_out(world))
    return closing_session(world, world.subject, signer='owner')


def close_session_public(world: ProgramWorld) -> Instruction:
    world.must(check_out_public(world))
    return closing_session(world, world.person, signer='person')


def append_log(world: ProgramWorld) -> Instruction:
    world.register()
    return make.append_log(PROGRAM_ID, world.camera, world.device, 1, RECORDS)


def open_face(world: ProgramWorld) -> Instruction:
    return make.open_face(PROGRAM_ID, world.person, world.payer, 0, FACE)


def write_face(world: ProgramWorld) -> Instruction:
    world.must(open_face(world))
    return make.write_face(PROGRAM_ID, world.person, 0, 0, FACE[:700])


def seal_face(world: ProgramWorld) -> Instruction:
    world.must(open_face(world))
    for part in make.face_parts(PROGRAM_ID, world.person, 0, FACE):
        world.must(part)
    return make.seal_face(PROGRAM_ID, world.person, 0)


def close_face(world: ProgramWorld) -> Instruction:
    world.must(seal_face(world))
    return make.close_face(PROGRAM_ID, world.person, 0, world.payer)


SCENES: dict[str, tuple[str, Scene]] = {
    scene.__name__: (name, scene)
    for name, scene in (
        ('register_camera', register_camera),
        ('update_camera', update_camera),
        ('set_active', set_active),
        ('rotate_device', rotate_device),
        ('close_camera', close_camera),
        ('grant', grant),
        ('grant', grant_again),
        ('revoke', revoke),
        ('check_in', check_in),
        ('check_in', check_in_with_grant),
        ('check_in', check_in_public),
        ('check_in', check_in_again),
        ('check_out', check_out),
        ('check_out', check_out_public),
        ('close_session', close_session),
        ('close_session', close_session_by_owner),
        ('close_session', close_session_public),
        ('append_log', append_log),
        ('open_face', open_face),
        ('write_face', write_face),
        ('seal_face', seal_face),
        ('close_face', close_face),
    )
}
"""By the name of the scene: which instruction, and what sets it up."""


# --- instructions that several scenes and tests make ---


def granting(
    world: ProgramWorld, subject: bytes, rights: int = RIGHTS, expires_s: int = 0
) -> Instruction:
    what = {'subject': subject, 'rights': rights, 'expires_s': expires_s}
    return make.grant(PROGRAM_ID, world.camera, world.owner, world.payer, **what)


def checking_in(
    world: ProgramWorld, subject: bytes, number: int = 1,
    *, person: bytes | None = None, granted_to: bytes | None = None,
    at_s: int = NOW_S, expires_s: int = NOW_S + 9000,
) -> Instruction:  # fmt: skip
    visit = Visit(subject, number, at_s, expires_s)
    keys = {'person': person, 'granted_to': granted_to}
    return make.check_in(PROGRAM_ID, world.camera, world.device, world.payer, visit, **keys)


def checking_out(
    world: ProgramWorld, subject: bytes, number: int = 1,
    *, signer: str = 'device', at_s: int = NOW_S + 5,
) -> Instruction:  # fmt: skip
    what = {'subject': subject, 'number': number, 'checked_out_s': at_s, 'reason': 2}
    return make.check_out(PROGRAM_ID, world.camera, world.key(signer), **what)


def closing_session(world: ProgramWorld, subject: bytes, signer: str = 'device') -> Instruction:
    keys = {'subject': subject, 'paid_by': world.payer}
    return make.close_session(PROGRAM_ID, world.camera, world.key(signer), **keys)
