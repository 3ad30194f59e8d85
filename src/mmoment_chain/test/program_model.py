"""What the camera registry must do, told in Python: who may do what, and what comes of it.

Written from the rules, not from the C source, and from nothing but an instruction and what is
there: the machine is held against it. Lamports are not told here; they only move.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mmoment_chain import program_addresses as addresses
from mmoment_chain.program_layout import (
    Camera,
    ChainFace,
    ChainSession,
    Grant,
    LogRecord,
    Mode,
    RecordKind,
    next_head,
    rights_of,
)

Kept = Camera | ChainSession | Grant | ChainFace
State = dict[bytes, Kept]
Changes = dict[bytes, 'Kept | None']
NOBODY = bytes(32)
AHEAD_S = 600


class Refused(Exception):
    """The instruction must fail."""


@dataclass(frozen=True, slots=True)
class Given:
    """An account of an instruction."""

    key: bytes
    signed: bool
    writable: bool


def need(condition: object) -> None:
    if not condition:
        raise Refused


class Step:
    """One instruction, at one time, on one state."""

    def __init__(
        self, program: bytes, state: State, given: Sequence[Given], data: bytes, now_s: int
    ) -> None:
        self.program, self.state, self.given, self.now_s = program, state, given, now_s
        self.data = data[8:]
        need(data[:8] in RULES)
        count, rule = RULES[data[:8]]
        need(len(given) == count)
        self.changes: Changes = {}
        rule(self)

    # --- what rules ask ---

    def take(self, form: str) -> tuple:
        size = struct.calcsize('<' + form)
        need(len(self.data) >= size)
        values = struct.unpack_from('<' + form, self.data)
        self.data = self.data[size:]
        return values

    def take_text(self, at_most: int) -> bytes:
        (length,) = self.take('I')
        need(length <= at_most)
        return self.take(f'{length}s')[0]

    def end(self) -> None:
        need(not self.data)

    def signer(self, place: int) -> bytes:
        need(self.given[place].signed)
        return self.given[place].key

    def payer(self, place: int) -> bytes:
        need(self.given[place].writable and self.given[place + 1].key == bytes(32))
        return self.signer(place)

    def kept(self, place: int, kind: type) -> Kept:
        need(self.given[place].writable)
        found = self.state.get(self.given[place].key)
        need(isinstance(found, kind))
        return found

    def camera(self) -> tuple[bytes, Camera]:
        return self.given[0].key, self.kept(0, Camera)

    def nobody(self, place: int) -> bool:
        return self.given[place].key == self.program

    def room(self, place: int, address: bytes) -> None:
        """An account is to be made here."""
        need(self.given[place].key == address and address not in self.state)
        need(self.given[place].writable)

    def close(self, place: int, paid_by: int, kept: Kept) -> None:
        need(self.given[paid_by].key == kept.payer and self.given[paid_by].writable)
        self.set(place, None)

    def set(self, place: int, kept: Kept | None) -> None:
        self.changes[self.given[place].key] = kept


# --- cameras ---


def described(step: Step, camera: Camera) -> Camera:
    name, model, address = (step.take_text(at_most) for at_most in (64, 32, 128))
    features, closed_list = step.take('QB')
    step.end()
    need(name and closed_list <= 1)
    texts = (text.decode('utf-8', errors='replace') for text in (name, model, address))
    return replace(
        camera,
        **dict(zip(('name', 'model', 'address'), texts, strict=True)),
        features=features,
        has_closed_list=bool(closed_list),
        changed_s=step.now_s,
    )


def register_camera(step: Step) -> None:
    (mode,) = step.take('B')
    need(mode in (0, 1))
    device, owner, payer = step.signer(1), step.signer(2), step.payer(3)
    step.room(0, addresses.camera_address(step.program, device))
    blank = Camera(
        device, owner, device, payer, Mode(mode), True, False, step.now_s, step.now_s,
        0, 0, 0, 0, 0, 0, bytes(32), (0,) * 8, 0, '', '', '',
    )  # fmt: skip
    step.set(0, described(step, blank))


def owned(step: Step, place: int = 1) -> tuple[bytes, Camera]:
    key, camera = step.camera()
    need(step.signer(place) == camera.owner)
    return key, camera


def update_camera(step: Step) -> None:
    step.set(0, described(step, owned(step)[1]))


def set_active(step: Step) -> None:
    (active,) = step.take('B')
    step.end()
    need(active <= 1)
    step.set(0, replace(owned(step)[1], is_active=bool(active), changed_s=step.now_s))


def rotate_device(step: Step) -> None:
    step.end()
    step.set(0, replace(owned(step)[1], device=step.signer(2), changed_s=step.now_s))


def close_camera(step: Step) -> None:
    step.end()
    _, camera = owned(step)
    need(not camera.sessions and not camera.grants)
    step.close(0, 2, camera)


# --- grants ---


def grant(step: Step) -> None:
    subject, bits, expires_s = step.take('32sIq')
    step.end()
    key, camera = owned(step, 2)
    payer = step.payer(3)
    need(0 < bits < 1 << 7)
    need(expires_s == 0 or expires_s > step.now_s)
    address = addresses.grant_address(step.program, key, subject)
    there = step.state.get(address)
    if there is None:
        step.room(1, address)
        there = Grant(key, subject, payer, frozenset(), 0, 0)
        step.set(0, replace(camera, grants=camera.grants + 1))
    need(step.given[1].key == address and step.given[1].writable)
    times = {'granted_s': step.now_s, 'expires_s': expires_s}
    step.set(1, replace(there, rights=rights_of(bits), **times))


def revoke(step: Step) -> None:
    step.end()
    key, camera = owned(step, 2)
    there = step.kept(1, Grant)
    need(there.camera == key)
    step.set(0, replace(camera, grants=camera.grants - 1))
    step.close(1, 3, there)


# --- sessions ---


def check_in(step: Step) -> None:
    subject, visit, when_s, expires_s = step.take('32sQqq')
    step.end()
    key, camera = step.camera()
    need(step.signer(2) == camera.device and camera.is_active)
    payer = step.payer(3)
    need(subject != NOBODY and 0 < when_s <= step.now_s + AHEAD_S and expires_s > when_s)
    if camera.mode is Mode.PUBLIC:
        need(step.signer(5) == subject)
    else:
        need(step.nobody(5))
    if camera.has_closed_list:
        granted = step.state.get(step.given[6].key)
        need(isinstance(granted, Grant) and granted.camera == key and granted.holds(step.now_s))
        need(camera.mode is Mode.PRIVATE or granted.subject == subject)
    else:
        need(step.nobody(6))
    address = addresses.session_address(step.program, key, subject)
    there = step.state.get(address)
    made = there is None
    if made:
        step.room(1, address)
        there = ChainSession(False, 0, key, subject, payer, 0, 0, 0, 0, 0)
    need(step.given[1].key == address and step.given[1].writable)
    need(not there.is_present and visit == there.visit + 1)
    counts = {'sessions': camera.sessions + made, 'present': camera.present + 1}
    step.set(0, replace(camera, **counts, visits=camera.visits + 1))
    times = {'checked_in_s': when_s, 'checked_out_s': 0, 'expires_s': expires_s}
    step.set(
        1, replace(there, is_present=True, reason=0, visit=visit, **times, recorded_s=step.now_s)
    )


def visited(step: Step) -> tuple[Camera, ChainSession, bytes]:
    key, camera = step.camera()
    there = step.kept(1, ChainSession)
    need(there.camera == key)
    return camera, there, step.signer(2)


def check_out(step: Step) -> None:
    visit, when_s, reason = step.take('QqB')
    step.end()
    camera, there, signer = visited(step)
    is_person = camera.mode is Mode.PUBLIC and signer == there.subject
    need(is_person or signer == camera.device)
    need(there.is_present and visit == there.visit)
    need(there.checked_in_s <= when_s <= step.now_s + AHEAD_S)
    step.set(0, replace(camera, present=camera.present - 1))
    times = {'checked_out_s': when_s, 'recorded_s': step.now_s}
    step.set(1, replace(there, is_present=False, reason=reason, **times))


def close_session(step: Step) -> None:
    step.end()
    camera, there, signer = visited(step)
    is_person = camera.mode is Mode.PUBLIC and signer == there.subject
    need(is_person or signer in (camera.device, camera.owner))
    need(not there.is_present)
    step.set(0, replace(camera, sessions=camera.sessions - 1))
    step.close(1, 3, there)


# --- the log ---


def append_log(step: Step) -> None:
    first, count = step.take('QI')
    need(0 < count <= 20)
    records = [step.take('BQ32s') for _ in range(count)]
    step.end()
    _, camera = step.camera()
    need(step.signer(1) == camera.device and first == camera.log_count + 1)
    head, counts = camera.log_head, list(camera.log_counts)
    for number, (kind, at, digest) in enumerate(records, first):
        need(kind < 8)
        head = next_head(head, number, LogRecord(RecordKind(kind), at, digest))
        counts[kind] += 1
    done = {'log_count': camera.log_count + count, 'log_head': head, 'log_s': step.now_s}
    step.set(0, replace(camera, **done, log_counts=tuple(counts)))


# --- faces ---


def open_face(step: Step) -> None:
    number, size, digest = step.take('BI32s')
    step.end()
    owner, payer = step.signer(1), step.payer(2)
    need(0 < size <= 8192)
    step.room(0, addresses.face_address(step.program, owner, number))
    step.set(0, ChainFace(False, number, owner, payer, digest, 0, bytes(size)))


def own_face(step: Step) -> ChainFace:
    face = step.kept(0, ChainFace)
    need(step.signer(1) == face.owner)
    return face


def write_face(step: Step) -> None:
    (begin,) = step.take('I')
    part = step.take_text(8192)
    step.end()
    face = own_face(step)
    need(part and not face.is_sealed and begin + len(part) <= len(face.content))
    content = face.content[:begin] + part + face.content[begin + len(part) :]
    step.set(0, replace(face, content=content))


def seal_face(step: Step) -> None:
    step.end()
    face = own_face(step)
    need(not face.is_sealed and hashlib.sha256(face.content).digest() == face.digest)
    step.set(0, replace(face, is_sealed=True, sealed_s=step.now_s))


def close_face(step: Step) -> None:
    step.end()
    step.close(0, 2, own_face(step))


RULES: dict[bytes, tuple[int, Callable[[Step], None]]] = {
    hashlib.sha256(f'global:{rule.__name__}'.encode()).digest()[:8]: (accounts, rule)
    for accounts, rule in (
        (5, register_camera), (2, update_camera), (2, set_active), (3, rotate_device),
        (3, close_camera), (5, grant), (4, revoke), (7, check_in), (3, check_out),
        (4, close_session), (2, append_log), (4, open_face), (2, write_face), (2, seal_face),
        (3, close_face),
    )
}  # fmt: skip


def outcome(
    program: bytes, state: State, given: Sequence[Given], data: bytes, now_s: int
) -> Changes | None:
    """What the instruction changes; None: it must fail."""
    try:
        return Step(program, state, given, data, now_s).changes
    except Refused:
        return None
