"""Random instructions for the camera registry, right ones and spoilt ones, held against the model.

`python test/program_fuzz.py 100000` runs as many and tells how many of them succeeded.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable

from program_model import Changes, Given, Kept, State, outcome
from program_world import NOW_S, PROGRAM_ID, ProgramWorld, refusal_number
from solders.account import Account
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from mmoment_chain import program_instructions as make
from mmoment_chain.program_instructions import Description, Visit
from mmoment_chain.program_layout import (
    Camera,
    ChainFace,
    ChainSession,
    Grant,
    LogRecord,
    Mode,
    RecordKind,
    tag,
)
from mmoment_chain.program_refusals import Refusal

KINDS = {tag(name): kind for name, kind in
         (('Camera', Camera), ('Session', ChainSession), ('Grant', Grant), ('Face', ChainFace))}  # fmt: skip
PEOPLE = ('ann', 'bob', 'cid', 'device_1', 'device_2', 'device_3')
SUBJECTS = [bytes([number]) * 32 for number in range(3)]
FACES = [b'f', bytes(range(200)), b'abc' * 300]
SPOILT = 0.5
"""Of the inputs; the others are right in form, and mostly in what they ask."""


class Difference(AssertionError):
    """The machine did something else than the model."""


class Fuzz:
    """A chain, what must be on it, and a source of inputs. The same seed gives the same inputs."""

    def __init__(self, seed: int, features: str = 'default') -> None:
        self.drawn = random.Random(seed)
        self.world = ProgramWorld(features, checks_signatures=False)
        self.state: State = {}
        self.now_s = NOW_S
        self.people = [self.world.key(name) for name in PEOPLE]
        for name in PEOPLE:
            self.world.chain.airdrop(self.world.pair(name).pubkey(), 10**12)
        cameras = [make.camera_address(PROGRAM_ID, device) for device in self.people[3:]]
        self.cameras = cameras
        self.done: Counter[str] = Counter()

    def run(self, inputs: int) -> None:
        """Raises Difference."""
        for number in range(inputs):
            if number % 50 == 49:
                self.now_s += self.drawn.choice((1, 60, 4000))
                self.world.at(self.now_s)
            name, instruction = self.draw()
            if self.drawn.random() < SPOILT:
                instruction = self.spoilt(instruction)
            self.try_out(name, instruction)

    # --- the check ---

    def try_out(self, name: str, instruction: Instruction) -> None:
        transaction = self.world.unsigned(instruction)
        given = marked(instruction)
        told = outcome(PROGRAM_ID, self.state, given, instruction.data, self.now_s)
        before = self.lamports(given)
        number = refusal_number(self.world.chain.send_transaction(transaction))
        if (
            number is None
            or (number == 0) != (told is not None)
            or not (number == 0 or number in set(Refusal))
        ):
            raise Difference(f'{name}: {number}, the model says {told}; {instruction}')
        self.done[f'{name} ok' if number == 0 else 'refused'] += 1
        if told is not None:
            self.compare(name, given, told, before)

    def lamports(self, given: list[Given]) -> dict[bytes, int]:
        return {each.key: self.world.balance(each.key) for each in given}

    def compare(
        self, name: str, given: list[Given], told: Changes, before: dict[bytes, int]
    ) -> None:
        """Every account of the instruction is as the model says, and no lamport is lost."""
        for key, kept in told.items():
            if kept is None:
                self.state.pop(key)
            else:
                self.state[key] = kept
        after = self.lamports(given)
        if sum(after.values()) != sum(before.values()):
            raise Difference(f'{name}: lamports came or went')
        for key in before:
            if (found := self.found(key)) != self.state.get(key):
                raise Difference(f'{name}: {found} is not {self.state.get(key)}')
            if told.get(key, self) is None and after[key] != 0:
                raise Difference(f'{name}: something is left of a closed account')

    def found(self, key: bytes) -> Kept | None:
        """What the chain has there of ours."""
        account: Account | None = self.world.account(key)
        if account is None or bytes(account.owner) != PROGRAM_ID:
            return None
        data = bytes(account.data)
        return KINDS[data[:8]].from_bytes(data)

    # --- inputs ---

    def draw(self) -> tuple[str, Instruction]:
        name = self.drawn.choice(NAMES)
        return name, DRAWN[name](self)

    def person(self) -> bytes:
        return self.drawn.choice(self.people)

    def mostly(self, right: bytes, others: list[bytes]) -> bytes:
        return right if self.drawn.random() < 0.9 else self.drawn.choice(others)

    def camera(self) -> tuple[bytes, Camera]:
        """An address, and what is there: where nothing is, some camera that never was."""
        key = self.drawn.choice(self.cameras)
        kept = self.state.get(key)
        if kept is None:
            someone = self.person()
            kept = Camera(
                someone, someone, someone, someone, Mode.PRIVATE, True, False, 0, 0,
                0, 0, 0, 0, 0, 0, bytes(32), (0,) * 8, 0, '', '', '',
            )  # fmt: skip
        return key, kept

    def of_camera(self, camera: bytes, kind: type) -> Kept | None:
        """A session or grant that the camera has."""
        found = [
            each for each in self.state.values() if type(each) is kind and each.camera == camera
        ]
        return self.drawn.choice(found) if found else None

    def time_s(self) -> int:
        return self.now_s + self.drawn.choice((-5000, -10, 0, 0, 0, 599, 600, 601, -self.now_s))

    def about(self) -> Description:
        texts = ('', 'x', 'Grüße', 'n' * 32, 'n' * 64, 'n' * 128)
        name, model, address = (
            self.drawn.choice([text for text in texts if len(text.encode()) <= at_most])
            for at_most in (64, 32, 128)
        )
        features = self.drawn.getrandbits(64)
        return Description(name or 'n', model, address, features, self.drawn.random() < 0.5)

    def spoilt(self, instruction: Instruction) -> Instruction:
        """One or two things are another way than they were."""
        data, metas = bytearray(instruction.data), list(instruction.accounts)
        for _ in range(self.drawn.choice((1, 1, 2))):
            self.drawn.choice((self.spoil_data, self.spoil_account, self.spoil_list))(data, metas)
        # Nobody has a key with which other addresses could sign.
        possible = [
            AccountMeta(meta.pubkey, meta.is_signer and bytes(meta.pubkey) in self.people, meta.is_writable)
            for meta in metas
        ]  # fmt: skip
        return Instruction(instruction.program_id, bytes(data), possible)

    def spoil_data(self, data: bytearray, metas: list[AccountMeta]) -> None:
        how = self.drawn.randrange(5)
        if how == 0:
            del data[self.drawn.randrange(len(data) + 1) :]
        elif how == 1:
            data += self.drawn.randbytes(self.drawn.choice((1, 4, 8, 41, 300)))
        elif how == 2:
            data[8:] = self.drawn.randbytes(len(data[8:]))
        elif how == 3 and data:
            data[self.drawn.randrange(len(data))] = self.drawn.choice((0, 1, 127, 128, 255))
        else:
            data[8:] = self.draw()[1].data[8:]

    def spoil_account(self, data: bytearray, metas: list[AccountMeta]) -> None:
        if not metas:
            return
        place = self.drawn.randrange(len(metas))
        was = metas[place]
        how = self.drawn.randrange(4)
        key = self.any_key(metas) if how < 2 else was.pubkey
        signer = not was.is_signer if how == 2 else was.is_signer
        metas[place] = AccountMeta(
            key, signer, not was.is_writable if how == 3 else was.is_writable
        )

    def any_key(self, metas: list[AccountMeta]) -> Pubkey:
        keys = [*self.people, *self.cameras, *self.state, bytes(32), PROGRAM_ID]
        return self.drawn.choice([*map(Pubkey.from_bytes, keys), *(meta.pubkey for meta in metas)])

    def spoil_list(self, data: bytearray, metas: list[AccountMeta]) -> None:
        how = self.drawn.randrange(3)
        if how == 0 and metas:
            metas.pop(self.drawn.randrange(len(metas)))
        elif how == 1:
            metas.append(AccountMeta(self.any_key(metas), False, self.drawn.random() < 0.5))
        else:
            self.drawn.shuffle(metas)


def marked(instruction: Instruction) -> list[Given]:
    """Accounts as the program sees them: a mark counts for the account wherever it is given."""
    metas = instruction.accounts
    signed = {meta.pubkey for meta in metas if meta.is_signer}
    writable = {meta.pubkey for meta in metas if meta.is_writable}
    return [
        Given(bytes(meta.pubkey), meta.pubkey in signed, meta.pubkey in writable) for meta in metas
    ]


# --- right instructions, of those people, at those cameras ---


def register_camera(fuzz: Fuzz) -> Instruction:
    device = fuzz.drawn.choice(fuzz.people[3:])
    keys = {'device': device, 'owner': fuzz.person(), 'payer': fuzz.person()}
    mode = fuzz.drawn.choice(list(Mode))
    return make.register_camera(PROGRAM_ID, **keys, mode=mode, about=fuzz.about())


def update_camera(fuzz: Fuzz) -> Instruction:
    key, camera = fuzz.camera()
    owner = fuzz.mostly(camera.owner, fuzz.people)
    return make.update_camera(PROGRAM_ID, key, owner, fuzz.about())


def set_active(fuzz: Fuzz) -> Instruction:
    key, camera = fuzz.camera()
    owner = fuzz.mostly(camera.owner, fuzz.people)
    return make.set_active(PROGRAM_ID, key, owner, fuzz.drawn.random() < 0.8)


def rotate_device(fuzz: Fuzz) -> Instruction:
    key, camera = fuzz.camera()
    owner = fuzz.mostly(camera.owner, fuzz.people)
    return make.rotate_device(PROGRAM_ID, key, owner, fuzz.person())


def close_camera(fuzz: Fuzz) -> Instruction:
    key, camera = fuzz.camera()
    owner = fuzz.mostly(camera.owner, fuzz.people)
    return make.close_camera(PROGRAM_ID, key, owner, fuzz.mostly(camera.payer, fuzz.people))


def grant(fuzz: Fuzz) -> Instruction:
    key, camera = fuzz.camera()
    owner = fuzz.mostly(camera.owner, fuzz.people)
    expires_s = fuzz.drawn.choice((0, fuzz.now_s, fuzz.now_s + 30, fuzz.now_s + 99_999))
    what = {'rights': fuzz.drawn.choice((0, 1, 64, 127, 128)), 'expires_s': expires_s}
    subject = fuzz.drawn.choice(SUBJECTS + fuzz.people)
    return make.grant(PROGRAM_ID, key, owner, fuzz.person(), subject=subject, **what)


def revoke(fuzz: Fuzz) -> Instruction:
    key, camera = fuzz.camera()
    there = fuzz.of_camera(key, Grant)
    subject = there.subject if there else fuzz.person()
    payer = fuzz.mostly(there.payer if there else fuzz.person(), fuzz.people)
    owner = fuzz.mostly(camera.owner, fuzz.people)
    return make.revoke(PROGRAM_ID, key, owner, subject=subject, paid_by=payer)


def check_in(fuzz: Fuzz) -> Instruction:
    key, camera = fuzz.camera()
    subject = fuzz.drawn.choice(SUBJECTS[fuzz.drawn.random() < 0.95 :] + fuzz.people[:2])
    person = fuzz.person() if fuzz.drawn.random() < 0.05 else None
    if camera.mode is Mode.PUBLIC:
        subject = fuzz.person()
        person = fuzz.mostly(subject, fuzz.people)
    granted = fuzz.of_camera(key, Grant)
    granted_to = None
    if camera.has_closed_list or fuzz.drawn.random() < 0.1:
        granted_to = granted.subject if granted else subject
        subject = granted_to if camera.mode is Mode.PUBLIC else subject
        person = subject if person else None
    there = fuzz.state.get(make.session_address(PROGRAM_ID, key, subject))
    number = (there.visit if there else 0) + fuzz.drawn.choice((1, 1, 1, 1, 0, 2))
    when_s = fuzz.time_s()
    visit = Visit(subject, number, when_s, when_s + fuzz.drawn.choice((0, 1, 9000)))
    device = fuzz.mostly(camera.device, fuzz.people)
    keys = {'person': person, 'granted_to': granted_to}
    return make.check_in(PROGRAM_ID, key, device, fuzz.person(), visit, **keys)


def check_out(fuzz: Fuzz) -> Instruction:
    key, camera = fuzz.camera()
    there = fuzz.of_camera(key, ChainSession)
    subject = there.subject if there else fuzz.person()
    number = (there.visit if there else 0) + fuzz.drawn.choice((0, 0, 0, 0, 1, 2))
    signer = fuzz.mostly(fuzz.drawn.choice((camera.device, subject)), fuzz.people)
    times = {'checked_out_s': fuzz.time_s(), 'reason': fuzz.drawn.randrange(256)}
    return make.check_out(PROGRAM_ID, key, signer, subject=subject, number=number, **times)


def close_session(fuzz: Fuzz) -> Instruction:
    key, camera = fuzz.camera()
    there = fuzz.of_camera(key, ChainSession)
    subject = there.subject if there else fuzz.person()
    payer = fuzz.mostly(there.payer if there else fuzz.person(), fuzz.people)
    right = fuzz.drawn.choice((camera.device, camera.owner, subject))
    signer = fuzz.mostly(right, fuzz.people)
    return make.close_session(PROGRAM_ID, key, signer, subject=subject, paid_by=payer)


def append_log(fuzz: Fuzz) -> Instruction:
    key, camera = fuzz.camera()
    records = [
        LogRecord(
            fuzz.drawn.choice(list(RecordKind)),
            fuzz.drawn.getrandbits(64),
            fuzz.drawn.randbytes(32),
        )
        for _ in range(fuzz.drawn.choice((1, 2, 20)))
    ]
    first = camera.log_count + fuzz.drawn.choice((1, 1, 1, 0, 2))
    device = fuzz.mostly(camera.device, fuzz.people)
    return make.append_log(PROGRAM_ID, key, device, first, records)


def open_face(fuzz: Fuzz) -> Instruction:
    number, content = fuzz.drawn.randrange(2), fuzz.drawn.choice(FACES)
    return make.open_face(
        PROGRAM_ID, fuzz.drawn.choice(fuzz.people[:2]), fuzz.person(), number, content
    )


def write_face(fuzz: Fuzz) -> Instruction:
    owner, number = fuzz.drawn.choice(fuzz.people[:2]), fuzz.drawn.randrange(2)
    content = fuzz.drawn.choice(FACES)
    begin = fuzz.drawn.choice((0, 0, 0, 1, len(content) - 1, len(content)))
    return make.write_face(PROGRAM_ID, owner, number, begin, content[begin : begin + 900])


def seal_face(fuzz: Fuzz) -> Instruction:
    owner, number = fuzz.drawn.choice(fuzz.people[:2]), fuzz.drawn.randrange(2)
    return make.seal_face(PROGRAM_ID, owner, number)


def close_face(fuzz: Fuzz) -> Instruction:
    owner, number = fuzz.drawn.choice(fuzz.people[:2]), fuzz.drawn.randrange(2)
    there = fuzz.state.get(make.face_address(PROGRAM_ID, owner, number))
    payer = fuzz.mostly(there.payer if there else fuzz.person(), fuzz.people)
    return make.close_face(PROGRAM_ID, owner, number, payer)


DRAWN: dict[str, Callable[[Fuzz], Instruction]] = {
    function.__name__: function
    for function in (
        register_camera, update_camera, set_active, rotate_device, close_camera, grant, revoke,
        check_in, check_out, close_session, append_log, open_face, write_face, seal_face, close_face,
    )
}  # fmt: skip
# So that cameras live long enough for visits.
OFTEN, SELDOM = ('check_in', 'check_out', 'register_camera', 'write_face', 'seal_face'), ('close_camera', 'close_face')  # fmt: skip
NAMES = [
    name
    for name in DRAWN
    for _ in range(6 if name in OFTEN else 1 if name in SELDOM else 2)
]  # fmt: skip


if __name__ == '__main__':
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    fuzz = Fuzz(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    begin = time.perf_counter()
    fuzz.run(count)
    print(f'{count / (time.perf_counter() - begin):.0f} inputs a second')
    for name, number in sorted(fuzz.done.items()):
        print(f'{number:7} {name}')
