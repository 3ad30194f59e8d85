"""Visits on the chain that an older store does not know: the owner's word ends them, and only those."""

import asyncio
import itertools
import shutil

import pytest
from outbox_world import CLOCK, CameraWorld, Key, dev_chain

from mmoment_chain import program_instructions
from mmoment_chain.devchain_faults import FOR_EVER, Fault, FaultKind
from mmoment_chain.held_back import BALANCE, WRONG_LOG, HeldBack
from mmoment_chain.outbox_sending import account_at
from mmoment_chain.program_build import PROGRAM_ID
from mmoment_chain.program_instructions import close_camera, set_active
from mmoment_chain.program_layout import Camera, Mode
from mmoment_chain.stray_visits import ENDED_AT_A_LOOK, StrayVisits
from mmoment_chain.transaction_building import WouldFail
from mmoment_chain.transaction_verdict import Verdict
from mmoment_chain.wallet import wallet_text
from mmoment_node.recovery import RecoveryState

pytestmark = pytest.mark.graph
_numbers = itertools.count(1)


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    with dev_chain(tmp_path_factory.mktemp('chain')) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_faults(server):
    yield
    server.faults.clear()


@pytest.fixture
def seed():
    return f'strays {next(_numbers)}'


@pytest.fixture
def newer(server, tmp_path, seed):
    """The camera as it was last."""
    with CameraWorld(tmp_path / 'newer', [server.url], seed) as made:
        yield made


@pytest.fixture
def older(server, newer, tmp_path, seed):
    """The same, with a store of before the first visit."""
    shutil.copytree(newer.folder / 'keys', tmp_path / 'older' / 'keys')
    with CameraWorld(tmp_path / 'older', [server.url], seed) as made:
        yield made


def make_inactive(world):
    world.send([set_active(PROGRAM_ID, world.place.camera, world.owner.public, False)], world.owner)


def rounds(world, count=6, **settings):
    """What the outbox says at the end."""

    async def work(client):
        outbox = world.outbox(client, look_s=0.0, **settings)
        for _ in range(count):
            await outbox.round()
            await outbox._visits.wait(10.0)
        await outbox._visits.close()
        return outbox.status

    return world.run(work)


def accounts(world):
    camera = world.chain_camera()
    return camera.present, camera.sessions


def test_only_the_word_of_the_owner_ends_them_and_the_camera_can_be_closed(newer, older):
    newer.register()
    for _ in range(3):
        newer.come()
    newer.drain()
    here = older.come()
    status = rounds(older)
    assert accounts(older) == (4, 4)
    assert status.held_back == WRONG_LOG
    assert 'set_active' in status.text

    make_inactive(older)
    status = rounds(older)
    assert accounts(older) == (1, 1)
    assert older.chain_session(older.blinding.visit_subject(here.id)).is_present
    assert status.held_back == WRONG_LOG

    older.go(here)
    rounds(older)
    assert accounts(older) == (0, 0)
    place = older.place
    closing = close_camera(place.program, place.camera, older.owner.public, place.device)
    older.send([closing], older.owner)
    assert older.chain_camera() is None


def test_who_was_checked_out_only_leaves_an_account_that_is_closed(newer, older):
    newer.register()
    session = newer.come()
    newer.drain()
    place, subject = newer.place, newer.blinding.visit_subject(session.id)
    out = program_instructions.check_out(
        place.program,
        place.camera,
        place.device,
        subject=subject,
        number=1,
        checked_out_s=session.created_ms // 1000,
    )
    newer.send([out])
    make_inactive(newer)
    assert accounts(older) == (0, 1)
    rounds(older)
    assert accounts(older) == (0, 0)


def enter_unknown(world, *names):
    """Visits that no store knows; private mode. Returns their subjects."""
    place, begin_s = world.place, CLOCK.utc_ms() // 1000
    subjects = [Key(name).public for name in names]
    for subject in subjects:
        visit = program_instructions.Visit(subject, 1, begin_s, begin_s + 600)
        world.send(
            [
                program_instructions.check_in(
                    place.program, place.camera, place.device, place.device, visit
                )
            ]
        )
    return subjects


def test_whoever_this_store_knows_stays_when_the_camera_is_made_inactive(newer):
    newer.register()
    for _ in range(2):
        newer.come()
    newer.drain()
    (stray,) = enter_unknown(newer, 'nobody knows')
    make_inactive(newer)
    rounds(newer)
    assert newer.chain_session(stray) is None
    newer.assert_told(present=2, visits_told=3)


def test_in_public_mode_people_are_known_by_their_wallets(newer, older):
    newer.register(Mode.PUBLIC)
    place, known, stray = newer.place, Key('known'), Key('stray')
    session = older.come(wallet_text(known.public))
    for person in (known, stray):
        begin_s = session.created_ms // 1000
        visit = program_instructions.Visit(person.public, 1, begin_s, begin_s + 600)
        enter = program_instructions.check_in(
            place.program, place.camera, place.device, place.device, visit, person=person.public
        )
        newer.send([enter], person)
    make_inactive(older)
    rounds(older)
    assert older.chain_session(known.public).is_present
    assert older.chain_session(stray.public) is None


def test_another_camera_is_left_alone(server, newer, older, tmp_path, seed):
    with CameraWorld(tmp_path / 'another', [server.url], f'another than {seed}') as another:
        another.register()
        another.come()
        another.drain()
        newer.register()
        newer.come()
        newer.drain()
        make_inactive(older)
        rounds(older)
        assert accounts(older) == (0, 0)
        another.assert_told(present=1)


def test_more_of_them_than_are_ended_at_a_look(newer, older):
    newer.register()
    for _ in range(11):
        newer.come()
    newer.drain()
    make_inactive(older)
    rounds(older, count=1)
    assert accounts(older) == (3, 3)
    rounds(older, count=1)
    assert accounts(older) == (0, 0)


def test_a_server_that_lists_no_accounts_keeps_nothing_else_back(server, newer):
    newer.register()
    newer.come()
    newer.drain()
    make_inactive(newer)
    fault = Fault(FaultKind.ERROR, ('getProgramAccounts',), times=FOR_EVER, code=-32601, message='')
    server.faults.add(fault)
    newer.log(3)
    # Whoever is there is known: none of them waits.
    assert newer.drain().text == ''
    assert server.faults.struck
    newer.assert_told(present=1)


def test_a_server_that_lists_no_accounts_is_told_while_others_wait_for_it(server, newer):
    newer.register()
    newer.come()
    newer.drain()
    enter_unknown(newer, 'nobody knows')
    make_inactive(newer)
    fault = Fault(FaultKind.ERROR, ('getProgramAccounts',), times=FOR_EVER, code=-32601, message='')
    server.faults.add(fault)
    status = rounds(newer)
    assert (status.recovery.state, status.held_back) == (RecoveryState.LIVE, '')
    assert 'does not know what it is asked for' in status.text
    assert 'name a server that lists' in status.text
    server.faults.clear()
    assert rounds(newer).text == ''
    assert accounts(newer) == (1, 1)


def test_what_is_wrong_with_the_log_hides_not_that_no_server_lists_them(server, newer, older):
    newer.register()
    newer.come()
    newer.drain()
    make_inactive(older)
    fault = Fault(FaultKind.ERROR, ('getProgramAccounts',), times=FOR_EVER, code=-32601, message='')
    server.faults.add(fault)
    status = rounds(older)
    assert status.held_back == WRONG_LOG
    assert 'set_active' in status.text
    assert 'name a server that lists' in status.text


class Refusing:
    """Sends what it is told to, but never for the first few visits."""

    def __init__(self, sender, count):
        self._sender = sender
        self._count = count
        self._refused = set()

    async def send(self, plan, commitment, **more):
        visit = frozenset(bytes(each.pubkey) for each in plan.instructions[-1].accounts)
        if visit in self._refused or len(self._refused) < self._count:
            self._refused.add(visit)
            raise WouldFail(Verdict('inactive', 'The camera says no'))
        return await self._sender.send(plan, commitment, **more)


def ended_by(world, sender_of, looks):
    """What each look at strays has failed with."""

    async def work(client):
        outbox = world.outbox(client)
        strays = StrayVisits(
            world.store, world.place, world.blinding, client.pool, sender_of(outbox._sender), CLOCK,
            0.0,
        )  # fmt: skip
        failures = []
        for _ in range(looks):
            found = await account_at(client.pool, PROGRAM_ID, world.place.camera)
            try:
                await strays.end(Camera.from_bytes(found.data), 'finalized')
            except HeldBack as held:
                failures.append(held.text)
            else:
                failures.append('')
        return failures

    return world.run(work)


def test_one_that_is_refused_keeps_no_other_and_is_told(newer):
    newer.register()
    enter_unknown(newer, 'first', 'second', 'third')
    make_inactive(newer)
    (failure,) = ended_by(newer, lambda sender: Refusing(sender, 1), 1)
    assert 'The camera says no' in failure
    assert accounts(newer) == (1, 1)


def test_those_that_are_refused_come_after_all_others(newer):
    newer.register()
    enter_unknown(newer, *range(ENDED_AT_A_LOOK + 1))
    make_inactive(newer)
    # Those take all the turns of the first look.
    failures = ended_by(newer, lambda sender: Refusing(sender, ENDED_AT_A_LOOK), 2)
    assert all('The camera says no' in failure for failure in failures)
    assert accounts(newer) == (ENDED_AT_A_LOOK, ENDED_AT_A_LOOK)


def test_without_sol_it_is_told_and_done_later(newer, older):
    newer.register()
    newer.come()
    newer.drain()
    make_inactive(older)
    older.spend_all()
    assert rounds(older, count=1).held_back == BALANCE
    assert accounts(older) == (1, 1)
    older.fund()
    rounds(older, count=1)
    assert accounts(older) == (0, 0)


def test_a_look_is_not_taken_in_each_round(server, newer):
    newer.register()
    newer.come()
    newer.drain()
    make_inactive(newer)
    fault = Fault(FaultKind.DELAY, ('getProgramAccounts',), times=FOR_EVER, seconds=0.0)
    server.faults.add(fault)
    before = sum(server.faults.struck.values())

    async def work(client):
        outbox = newer.outbox(client, look_s=3600.0)
        for _ in range(5):
            outbox.look_soon()
            await outbox.round()
        await asyncio.sleep(0)

    newer.run(work)
    assert sum(server.faults.struck.values()) == before + 1
