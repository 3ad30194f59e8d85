"""Visits on the chain that an older store does not know: the owner's word ends them, and only those."""

import asyncio
import itertools
import shutil

import pytest
from outbox_world import CameraWorld, Key, dev_chain

from mmoment_chain import program_instructions
from mmoment_chain.devchain_faults import FOR_EVER, Fault, FaultKind
from mmoment_chain.held_back import BALANCE, WRONG_LOG
from mmoment_chain.program_build import PROGRAM_ID
from mmoment_chain.program_instructions import close_camera, set_active
from mmoment_chain.program_layout import Mode
from mmoment_chain.wallet import wallet_text

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


def test_whoever_this_store_knows_stays_when_the_camera_is_made_inactive(newer):
    newer.register()
    for _ in range(2):
        newer.come()
    newer.drain()
    make_inactive(newer)
    rounds(newer)
    newer.assert_told(present=2)


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
    newer.drain()
    assert server.faults.struck
    newer.assert_told(present=1)


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
