"""Every instruction with every account and its data made wrong in every way: nothing of it succeeds.

The accounts come from the interface description. Each scene succeeds as it is; one thing at a time
is changed. What may succeed with another key is named in ANYBODY.
"""

import random

import pytest
from program_scenes import SCENES, checking_in, checking_out, granting
from program_world import PROGRAM_ID, ProgramWorld, other_program
from solders.account import Account
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from mmoment_chain import program_instructions as make
from mmoment_chain.program_build import interface
from mmoment_chain.program_instructions import Description
from mmoment_chain.program_layout import FACE, Mode
from mmoment_chain.program_refusals import Refusal

INSTRUCTIONS = {each['name']: each['accounts'] for each in interface()['instructions']}
# Whoever these are, they need only sign: there is nobody to compare them with.
ANYBODY = {
    ('register_camera', 'owner'),
    ('register_camera', 'payer'),
    ('rotate_device', 'device'),
    ('grant', 'payer'),
    ('check_in', 'payer'),
    ('open_face', 'payer'),
}
MADE = (
    'register_camera',
    'grant',
    'check_in',
    'check_in_with_grant',
    'check_in_public',
    'open_face',
)
"""Scenes in which an account is made: the first that the program does not own yet."""
OF_A_CAMERA = [
    name
    for name, accounts in INSTRUCTIONS.items()
    if accounts[0]['name'] == 'camera' and name != 'register_camera'
]
REFUSALS = set(map(int, Refusal))
RANDOM_INPUTS = 300


class Staged:
    """A scene, set up once; whatever is tried changes nothing."""

    def __init__(self, name):
        self.name, scene = SCENES[name]
        self.world = ProgramWorld(checks_signatures=False)
        self.made = scene(self.world)
        self.accounts = INSTRUCTIONS[self.name]
        assert self.would() == 0

    def would(self, *, data=None, metas=None):
        metas = self.made.accounts if metas is None else metas
        data = self.made.data if data is None else data
        return self.world.would(Instruction(self.made.program_id, bytes(data), metas))

    def with_account(self, place, key=None, *, signer=None, writable=None):
        """What happens with another account, or the same otherwise marked, at one place."""
        metas = list(self.made.accounts)
        was = metas[place]
        metas[place] = AccountMeta(
            was.pubkey if key is None else Pubkey.from_bytes(key),
            is_signer=was.is_signer if signer is None else signer,
            is_writable=was.is_writable if writable is None else writable,
        )
        return self.would(metas=metas)

    def places(self):
        for place, (meta, told) in enumerate(zip(self.made.accounts, self.accounts, strict=True)):
            yield place, told['name'], meta

    def kept(self):
        """Places of accounts of the program, and what they are."""
        for place, _, meta in self.places():
            key = bytes(meta.pubkey)
            account = self.world.account(key)
            if key != PROGRAM_ID and account is not None and bytes(account.owner) == PROGRAM_ID:
                yield place, key, account


@pytest.fixture(scope='module', params=SCENES)
def staged(request):
    return Staged(request.param)


@pytest.fixture(scope='module', params=MADE)
def making(request):
    return Staged(request.param)


def test_a_missing_signature(staged):
    for place, name, meta in staged.places():
        if meta.is_signer:
            assert staged.with_account(place, signer=False) == Refusal.MISSING_SIGNATURE, name


def test_a_signature_of_somebody_else(staged):
    staged.world.chain.airdrop(staged.world.pair('stranger').pubkey(), 10**9)
    for place, name, meta in staged.places():
        if meta.is_signer:
            number = staged.with_account(place, staged.world.stranger)
            is_fine = (staged.name, name) in ANYBODY
            assert (number == 0) if is_fine else number in REFUSALS, name


def test_an_account_that_may_not_be_written_to(staged):
    for place, name, meta in staged.places():
        if meta.is_writable:
            assert staged.with_account(place, writable=False) == Refusal.NOT_WRITABLE, name


def test_an_account_of_nobody_or_of_a_program(staged):
    """The program's own address stands for an account that is not needed: never for one that is."""
    executable = other_program(staged.world)
    for place, name, meta in staged.places():
        if (staged.name, name) in ANYBODY:
            continue
        for key in (bytes(Pubkey.new_unique()), executable, PROGRAM_ID, bytes(32)):
            if key != bytes(meta.pubkey):
                assert staged.with_account(place, key) in REFUSALS, name


def test_an_account_given_twice(staged):
    for place, name, meta in staged.places():
        for other in {bytes(each.pubkey) for each in staged.made.accounts}:
            is_same = other == bytes(meta.pubkey)
            if is_same or (staged.name, name) in ANYBODY:
                continue
            assert staged.with_account(place, other) != 0, (name, other)


def test_a_missing_account_and_one_too_many(staged):
    metas = list(staged.made.accounts)
    for place, name, _ in staged.places():
        number = staged.would(metas=metas[:place] + metas[place + 1 :])
        assert number == Refusal.WRONG_ACCOUNTS, name
    for more in (1, 2, 5, 20):
        extra = [AccountMeta(Pubkey.new_unique(), False, True) for _ in range(more)]
        assert staged.would(metas=metas + extra) == Refusal.WRONG_ACCOUNTS
        assert staged.would(metas=extra + metas) in REFUSALS
        assert staged.would(metas=metas + metas[:1] * more) == Refusal.WRONG_ACCOUNTS
    assert staged.would(metas=[]) == Refusal.WRONG_ACCOUNTS


def test_accounts_in_another_order(staged):
    metas = list(staged.made.accounts)
    for place in range(1, len(metas)):
        turned = metas[place:] + metas[:place]
        assert staged.would(metas=turned) != 0


def test_an_account_of_another_program(staged):
    """The same bytes, in an account that somebody else's program can write to."""
    world = staged.world
    owners = (other_program(world), bytes(32))
    for place, key, account in list(staged.kept()):
        for owner in owners:
            forged = Account(account.lamports, account.data, Pubkey.from_bytes(owner))
            elsewhere = world.key('forged')
            world.put(elsewhere, forged)
            assert staged.with_account(place, elsewhere) in REFUSALS
            world.put(key, forged)
            assert staged.would() not in (0, None)
            world.put(key, account)
    assert staged.would() == 0


def test_an_account_of_another_kind(staged):
    world = staged.world
    for _, key, account in list(staged.kept()):
        for first in (bytes(8), b'\xff' * 8, bytes(account.data[1:9])):
            data = first + bytes(account.data[8:])
            world.put(key, Account(account.lamports, data, account.owner))
            assert staged.would() in (Refusal.WRONG_OWNER, Refusal.NO_GRANT)
        world.put(key, account)
    assert staged.would() == 0


def test_an_account_of_every_length_that_is_too_short(staged):
    world = staged.world
    for _, key, account in list(staged.kept()):
        needed = FACE.size if staged.name == 'close_face' else len(account.data)
        for length in range(needed):
            world.put(key, Account(account.lamports, bytes(account.data[:length]), account.owner))
            assert staged.would() in (Refusal.WRONG_OWNER, Refusal.NO_GRANT), length
        world.put(key, account)
    assert staged.would() == 0


def test_data_that_is_too_short_or_too_long(staged):
    data = staged.made.data
    for length in range(len(data)):
        expected = Refusal.UNKNOWN_INSTRUCTION if length < 8 else Refusal.WRONG_DATA
        assert staged.would(data=data[:length]) == expected, length
    for more in (b'\0', b'\xff', bytes(8), bytes(300)):
        assert staged.would(data=data + more) == Refusal.WRONG_DATA


def test_data_of_no_instruction(staged):
    data = staged.made.data
    drawn = random.Random(staged.name)
    for place in range(8):
        wrong = bytearray(data)
        wrong[place] ^= 1 << drawn.randrange(8)
        assert staged.would(data=wrong) == Refusal.UNKNOWN_INSTRUCTION
    for _ in range(RANDOM_INPUTS):
        wrong = drawn.randbytes(drawn.randrange(8, 900))
        assert staged.would(data=wrong) == Refusal.UNKNOWN_INSTRUCTION


def test_random_arguments_never_break_the_machine(staged):
    """They are refused by the program, or are right; nothing is read outside of what is there."""
    drawn = random.Random(staged.name)
    size = len(staged.made.data) - 8
    for _ in range(RANDOM_INPUTS):
        length = drawn.choice((size, drawn.randrange(0, 1000)))
        data = staged.made.data[:8] + drawn.randbytes(length)
        assert staged.would(data=data) in {0, *REFUSALS}


def test_lamports_at_an_address_do_not_keep_an_account_from_being_made(making):
    world = making.world
    place = next(place for place, _, meta in making.places() if not world.data(bytes(meta.pubkey)))
    if making.name in ('grant', 'check_in'):
        place = 1
    key = bytes(making.made.accounts[place].pubkey)
    for lamports in (1, 890_880, 10**9):
        world.put(key, Account(lamports, b'', Pubkey.default()))
        assert making.would() == 0
    world.put(key, Account(0, b'', Pubkey.default()))


def test_nothing_is_made_where_something_is(making):
    world = making.world
    place = 1 if making.name in ('grant', 'check_in') else 0
    key = bytes(making.made.accounts[place].pubkey)
    for owner, data in ((bytes(32), b'x'), (other_program(world), b''), (PROGRAM_ID, bytes(600))):
        world.put(key, Account(10**9, data, Pubkey.from_bytes(owner)))
        assert making.would() in REFUSALS
    world.put(key, Account(0, b'', Pubkey.default()))
    assert making.would() == 0


# --- accounts that are genuine, but belong elsewhere ---


def beside(world, names):
    """A second camera at its own address, with people of these names."""
    here = world.camera
    there = make.camera_address(PROGRAM_ID, world.key('beside'))
    about = Description('Beside')
    keys = {'owner': world.key(names['owner']), 'payer': world.payer}
    mode = Mode.PUBLIC if names.get('is_public') else Mode.PRIVATE
    made = make.register_camera(
        PROGRAM_ID, device=world.key('beside'), **keys, mode=mode, about=about
    )
    world.must(made)
    world.must(make.rotate_device(PROGRAM_ID, there, keys['owner'], world.key(names['device'])))
    assert here != there
    return there


@pytest.mark.parametrize('name', OF_A_CAMERA)
def test_a_camera_of_others(name):
    staged = Staged(name)
    there = beside(staged.world, {'owner': 'other_owner', 'device': 'other_device'})
    names_another = name in ('check_out', 'close_session')
    expected = Refusal.WRONG_ADDRESS if names_another else Refusal.WRONG_AUTHORITY
    assert staged.with_account(0, there) == expected


@pytest.mark.parametrize('name', ['grant', 'grant_again', 'revoke', 'check_in', 'check_in_public', 'check_in_again', 'check_out', 'close_session'])  # fmt: skip
def test_a_session_or_grant_of_another_camera_of_the_same_people(name):
    """Everybody who signs may: only the addresses say that it is another camera."""
    staged = Staged(name)
    world = staged.world
    is_public = name in ('check_in_public', 'check_in_again')
    there = beside(world, {'owner': 'owner', 'device': 'device', 'is_public': is_public})
    assert staged.with_account(0, there) in (Refusal.WRONG_ADDRESS, Refusal.NO_GRANT, Refusal.WRONG_ACCOUNTS)  # fmt: skip
    # And accounts of that camera, with the same subject, at this one.
    subject = world.person if is_public else world.subject
    keys = {'subject': subject, 'rights': 1}
    world.must(make.grant(PROGRAM_ID, there, world.owner, world.payer, **keys))
    visit = make.Visit(subject, 1, 1_790_000_000, 1_790_000_009)
    person = {'person': subject} if is_public else {}
    world.must(make.check_in(PROGRAM_ID, there, world.device, world.payer, visit, **person))
    for place, account, _ in staged.places():
        if account == 'session':
            foreign = make.session_address(PROGRAM_ID, there, subject)
            assert staged.with_account(place, foreign) == Refusal.WRONG_ADDRESS
        if account == 'grant' and name != 'check_in':
            foreign = make.grant_address(PROGRAM_ID, there, subject)
            assert staged.with_account(place, foreign) in (Refusal.WRONG_ADDRESS, Refusal.NO_GRANT, Refusal.WRONG_ACCOUNTS)  # fmt: skip


def test_a_session_and_a_grant_of_somebody_else():
    staged = Staged('check_in_public')
    world = staged.world
    world.must(granting(world, world.stranger))
    world.must(checking_in(world, world.stranger, person=world.stranger, granted_to=world.stranger))
    world.must(checking_out(world, world.stranger))
    assert staged.with_account(1, world.session_of(world.stranger)) == Refusal.WRONG_ADDRESS
    assert staged.with_account(6, world.grant_of(world.stranger)) == Refusal.NO_GRANT


def test_a_grant_of_somebody_else_is_not_changed():
    staged = Staged('grant_again')
    world = staged.world
    world.must(granting(world, world.stranger))
    assert staged.with_account(1, world.grant_of(world.stranger)) == Refusal.WRONG_ADDRESS


@pytest.mark.parametrize('name', ['write_face', 'seal_face', 'close_face'])
def test_a_face_of_somebody_else(name):
    staged = Staged(name)
    world = staged.world
    world.must(make.open_face(PROGRAM_ID, world.stranger, world.payer, 0, b'face'))
    assert staged.with_account(0, world.face_of(world.stranger)) == Refusal.WRONG_AUTHORITY
