"""The chain is told of each visit once: who is here has an account, who has gone has none."""

import asyncio
import itertools

import pytest
from outbox_world import CLOCK, CameraWorld, Key, dev_chain
from store_world import traces

from mmoment_chain import program_instructions, session_records
from mmoment_chain.devchain_faults import FOR_EVER, Fault, FaultKind
from mmoment_chain.held_back import BALANCE, WRONG_TIME
from mmoment_chain.program_build import PROGRAM_ID
from mmoment_chain.program_instructions import set_active
from mmoment_chain.program_layout import Mode, rights_bits
from mmoment_chain.wallet import wallet_text
from mmoment_node.recovery import RecoveryState

pytestmark = pytest.mark.graph
_numbers = itertools.count(1)


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    with dev_chain(tmp_path_factory.mktemp('chain')) as running:
        yield running


@pytest.fixture
def world(server, tmp_path):
    with CameraWorld(tmp_path / 'camera', [server.url], f'visits {next(_numbers)}') as made:
        yield made


def test_a_visit_has_an_account_while_it_lasts(world):
    world.register()
    session = world.come()
    world.drain()
    subject = world.blinding.visit_subject(session.id)
    there = world.chain_session(subject)
    assert (there.is_present, there.visit, there.subject) == (True, 1, subject)
    assert there.checked_in_s == session.created_ms // 1000
    assert there.expires_s == session.expires_ms // 1000
    assert there.payer == world.device.public
    world.assert_told(present=1)
    assert world.visit_state(session) == 'in'
    world.go(session, 'absent')
    assert world.visit_state(session) == 'to_check_out'
    status = world.drain()
    assert world.chain_session(subject) is None
    assert world.visit_state(session) == 'done'
    world.assert_told()
    # Fees of two steps and two batches of records: the rent has come back.
    assert status.spent_lamports == 4 * 5000


def test_who_came_and_went_is_told_of_in_one_transaction(world):
    world.register()
    world.drain()
    sessions = [world.come() for _ in range(5)]
    for session in sessions:
        world.go(session)
    status = world.drain()
    assert status.spent_lamports == (5 + 1) * 5000
    camera = world.assert_told()
    assert camera.visits == 5


def test_visits_of_before_the_registration_are_not_told(world):
    over = world.come()
    world.go(over)
    with world.store.transaction() as tx:
        sql = 'UPDATE sessions SET created_ms = created_ms - 9000, ended_ms = ended_ms - 5000'
        tx.change(sql)
    here = world.come()
    world.register()
    world.drain()
    world.assert_told(present=1, visits_told=1)
    assert (world.visit_state(over), world.visit_state(here)) == ('done', 'in')


def test_what_was_done_by_a_process_that_died_before_it_could_say_so_is_seen(world):
    world.register()
    session = world.come()
    subject = world.blinding.visit_subject(session.id)
    place = world.place
    begin_s = session.created_ms // 1000
    visit = program_instructions.Visit(subject, 1, begin_s, begin_s + 600)
    enter = program_instructions.check_in(
        place.program, place.camera, place.device, place.device, visit
    )
    world.send([enter])
    world.drain()
    world.assert_told(present=1)
    leave = program_instructions.check_out(
        place.program, place.camera, place.device, subject=subject, number=1, checked_out_s=begin_s
    )
    world.send([leave])
    world.go(session)
    world.drain()
    world.assert_told()


def test_times_that_do_not_fit_because_the_clock_was_set_are_made_to_fit(world):
    world.register()
    session = world.come()
    world.drain()
    with world.store.transaction() as tx:
        assert session_records.end(tx, session.id, session.created_ms - 60_000, 'asked')
    backwards = world.come()
    with world.store.transaction() as tx:
        session_records.set_expiry(tx, backwards.id, 1)
    world.drain()
    world.assert_told(present=1)


def test_a_clock_that_is_ahead_of_the_chain_waits_for_it(world):
    world.register()
    session = world.come()
    ahead_ms = CLOCK.utc_ms() + 3_600_000
    with world.store.transaction() as tx:
        tx.change('UPDATE sessions SET created_ms = ?, expires_ms = ?', ahead_ms, ahead_ms + 60_000)

    async def work(client):
        outbox = world.outbox(client)
        for _ in range(5):
            await outbox.round()
            await asyncio.sleep(0.03)
        assert outbox.status.visits_waiting == 1
        assert outbox.status.held_back == WRONG_TIME
        await outbox._visits.close()

    world.run(work)
    with world.store.transaction() as tx:
        tx.change('UPDATE sessions SET created_ms = ?', session.created_ms)
    world.drain()
    world.assert_told(present=1)


def test_a_server_that_is_behind_what_the_chain_has_said_before_is_not_believed(world):
    world.register()
    session = world.come()
    world.drain()
    world.go(session)

    def set_slot(change):
        with world.store.transaction() as tx:
            tx.change(f'UPDATE chain_visits SET slot = slot + {change}')

    async def work(client):
        outbox = world.outbox(client)
        for _ in range(5):
            await outbox.round()
            await asyncio.sleep(0.03)
        await outbox._visits.close()

    set_slot(1_000_000)
    world.run(work)
    assert world.visit_state(session) == 'to_check_out'
    set_slot(-1_000_000)
    world.drain()
    world.assert_told()


def test_an_inactive_camera_takes_no_visits_but_its_log_goes_on(world):
    world.register()
    world.send([set_active(PROGRAM_ID, world.place.camera, world.owner.public, False)], world.owner)
    session = world.come()
    world.drain()
    world.assert_told(visits_told=0)
    assert world.visit_state(session) == 'done'
    assert dict(world.drain().refused) == {'inactive': 1}


def test_behind_a_closed_list_the_grant_of_the_person_is_named(world):
    world.register(has_closed_list=True)
    guest, stranger = Key('guest'), Key('stranger')
    place = world.place
    granted = program_instructions.grant(
        place.program, place.camera, world.owner.public, place.device,
        subject=world.blinding.grant_subject(guest.public), rights=rights_bits(['view']),
    )  # fmt: skip
    world.send([granted], world.owner)
    visits = [world.come(wallet_text(each.public)) for each in (guest, stranger)]
    world.drain()
    world.assert_told(present=1, visits_told=1)
    assert [world.visit_state(each) for each in visits] == ['in', 'done']
    assert world.chain_session(world.blinding.visit_subject(visits[0].id)).is_present


def test_who_is_forgotten_leaves_a_blinded_subject_and_nothing_else(world):
    world.register()
    wallet = wallet_text(Key('to be forgotten').public)
    session = world.come(wallet)
    world.drain()
    world.go(session)
    with world.store.transaction() as tx:
        session_records.erase(tx, wallet)
        tx.change('DELETE FROM event_fields')
    world.drain()
    world.assert_told()
    assert world.store.scrub()
    assert traces(world.folder, wallet) == []
    assert all(Key('to be forgotten').public not in each.read_bytes() for each in files(world))


def test_in_public_mode_the_person_checks_in_and_the_camera_checks_out(world):
    world.register(Mode.PUBLIC)
    person, other = Key('public person'), Key('other person')
    session, unsigned = (world.come(wallet_text(each.public)) for each in (person, other))
    world.drain()
    assert world.chain_camera().visits == 0
    place, begin_s = world.place, session.created_ms // 1000
    visit = program_instructions.Visit(person.public, 1, begin_s, begin_s + 600)
    enter = program_instructions.check_in(
        place.program, place.camera, place.device, place.device, visit, person=person.public
    )
    world.send([enter], person)
    again = world.come(wallet_text(person.public))
    world.go(session)
    world.go(unsigned)
    world.drain()
    assert world.chain_session(person.public).is_present  # by their other session
    world.go(again)
    with world.store.transaction() as tx:
        # Who is forgotten before the chain was told is checked out all the same.
        session_records.erase(tx, again.wallet)
        tx.change('DELETE FROM event_fields')
    world.drain()
    assert world.chain_session(person.public) is None
    world.assert_told(visits_told=1)
    world.drain()
    assert world.store.scrub()
    assert all(person.public not in each.read_bytes() for each in files(world))


def test_in_public_mode_who_is_forgotten_while_the_chain_is_away_is_checked_out(world, server):
    world.register(Mode.PUBLIC)
    person, place = Key('forgotten person'), world.place

    async def work(client):
        outbox = world.outbox(client)
        await outbox.round()
        session = await asyncio.to_thread(world.come, wallet_text(person.public))
        begin_s = session.created_ms // 1000
        visit = program_instructions.Visit(person.public, 1, begin_s, begin_s + 600)
        enter = program_instructions.check_in(
            place.program, place.camera, place.device, place.device, visit, person=person.public
        )
        await world.sending(client, [enter], person)
        server.faults.add(Fault(FaultKind.CLOSE, times=FOR_EVER))
        await outbox.round()
        await asyncio.to_thread(world.go, session, 'forgotten')
        with world.store.transaction() as tx:
            session_records.erase(tx, session.wallet)
        await outbox.round()
        assert outbox.status.recovery.state is RecoveryState.WAITING_TO_RETRY
        server.faults.clear()
        await outbox.drain()

    world.run(work)
    world.assert_told(visits_told=1)


def files(world):
    return [each for each in world.folder.iterdir() if each.is_file()]


def test_visits_that_fail_again_and_again_are_told_until_one_goes_well(world):
    """No state that comes and goes, and pauses that grow."""
    world.register()
    world.spend_all()
    world.come()

    async def work(client):
        outbox = world.outbox(client, flush_records=1000, flush_after_s=1000.0)
        seen, retries = [], []
        for _ in range(12):
            await outbox.round()
            await outbox._visits.wait(10.0)
            seen.append(outbox.status.held_back)
            retries.append(outbox.status.recovery.retries)
        # The first finds out.
        assert set(seen[1:]) == {BALANCE}
        assert retries == sorted(retries)
        assert retries[-1] >= 4
        await asyncio.to_thread(lambda: None)
        await outbox._visits.close()

    world.run(work)
    world.fund()
    world.drain()
    world.assert_told(present=1)
