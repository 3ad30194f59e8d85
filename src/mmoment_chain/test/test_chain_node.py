"""chain_node with a real session_node on a real dev chain."""

import os
import signal

import pytest
from chain_node_world import SOL, ChainNodeWorld, DevChain, signed_by
from rclpy.parameter import Parameter
from session_world import Wallet, status, wait_until

from mmoment_chain import chain_use
from mmoment_chain.wallet import parse_wallet
from mmoment_interfaces.msg import ComponentState
from mmoment_interfaces.srv import CheckOut, FetchFace, SubmitTransaction
from mmoment_node.errors import ConfigurationError

pytestmark = pytest.mark.graph

# How often it is killed; more takes a while, as every start of a process.
ROUNDS = int(os.environ.get('MMOMENT_CRASH_ROUNDS', '1'))


@pytest.fixture(scope='module')
def chain(tmp_path_factory):
    chain = DevChain(tmp_path_factory.mktemp('chain'))
    yield chain
    chain.close()


@pytest.fixture
def world(tmp_path, chain):
    world = ChainNodeWorld(tmp_path, chain)
    yield world
    world.close()


def test_what_happens_gets_onto_the_chain_once_the_owner_has_registered_it(world, anna):
    world.start_both()
    world.wait_for(lambda now: now.connection.state == ComponentState.LIVE, 'the chain')
    world.check_in(anna)
    world.wait_for(lambda now: now.held_back == 'not_registered', 'the reason')
    assert not world.status.registered
    assert world.status.last_error
    world.register()
    world.wait_until_told()
    now = world.status
    assert (now.owner, now.active, now.mode) == (world.owner.address, True, 'private')
    assert now.held_back == now.last_error == ''
    assert chain_use.is_noted(world.chain_node._home.folder, parse_wallet(now.device))
    assert 0 < now.balance_lamports < SOL
    assert 0 < now.spent_lamports <= now.budget_lamports
    assert now.last_signature
    camera = world.camera()
    assert (camera.present, camera.visits) == (1, 1)
    assert camera.log_count == now.log_here > 0

    opened = world.check_in(anna)
    assert world.call(CheckOut, 'check_out', token=opened.token).success
    world.wait_until_told()
    assert world.camera().visits == 2
    told = status(world.chain_node, 'outbox')
    assert (told['message'], told['held_back']) == ('all is told', '')
    assert status(world.chain_node, 'registration')['message'] == 'registered'
    assert world.chain_node.fault is None


def test_before_session_node_has_made_keys_it_says_what_it_waits_for(world):
    node = world.start_chain()
    world.wait_for(lambda now: 'session_node' in now.last_error, 'the reason')
    assert world.build('close_camera', world.owner).error_code == 'not_ready'
    world.start()
    world.wait_for(lambda now: now.device, 'the device')
    assert node.fault is None


def test_a_balance_that_gets_low_is_told_until_there_is_more(world):
    world.start_both(low_balance_sol=1.5)
    # The faucet of a dev chain helps once, which is not enough here.
    world.wait_for(lambda now: now.balance_is_low and now.balance_lamports == SOL, 'the alarm')
    world.chain.fund(world.status.device)
    world.wait_for(
        lambda now: now.balance_lamports == 2 * SOL and not now.balance_is_low, 'the end'
    )


def test_on_a_dev_chain_a_camera_and_its_owner_begin_without_any_sol(world, anna):
    world.start_both(low_balance_sol=0.05)
    world.wait_for(lambda now: now.balance_lamports == SOL and not now.balance_is_low, 'a gift')
    world.perform('register_camera', world.owner, name='Door')
    world.wait_for(lambda now: now.registered, 'the registration')
    world.check_in(anna)
    world.wait_until_told()
    assert world.camera().visits == 1


def test_hours_without_a_chain_lose_nothing(world, chain, anna):
    world.start_both()
    world.register()
    world.wait_until_told()
    before = world.camera()
    chain.stop()
    try:
        world.wait_for(lambda now: now.connection.state == ComponentState.WAITING_TO_RETRY)
        assert world.status.last_error
        opened = [world.check_in(Wallet()) for _ in range(3)]
        assert world.call(CheckOut, 'check_out', token=opened[0].token).success
        for answer in (
            world.build('set_active', world.owner, active='no'),
            world.verify(anna, 'face'),
            world.call(FetchFace, 'fetch_face', wallet=anna.address),
        ):
            assert answer.error_code == 'chain_away'
            assert answer.message
        world.wait_for(lambda now: now.log_here > now.log_there, 'the queue')
    finally:
        chain.start()
    world.wait_until_told()
    camera = world.camera()
    assert camera.visits == before.visits + 3
    assert camera.present == 2
    assert camera.log_count == world.status.log_here


def test_killed_at_any_moment_it_tells_each_thing_once(world):
    world.sessions_node = world.start()
    process = world.start_process()
    try:
        world.register()
        for _ in range(ROUNDS):
            opened = [world.check_in(Wallet()) for _ in range(2)]
            for each in opened[1:]:
                assert world.call(CheckOut, 'check_out', token=each.token).success
            process.send_signal(signal.SIGKILL)
            process.wait()
            process = world.start_process()
        world.wait_until_told()
        camera = world.camera()
        assert (camera.visits, camera.present) == (2 * ROUNDS, ROUNDS)
        assert camera.log_count == world.status.log_here
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_only_what_was_built_here_and_signed_by_its_wallet_is_sent(world, anna):
    world.start_both()
    world.register()
    built = world.build('set_active', world.owner, active='no')
    assert built.summary[0]
    assert (built.number, built.count, built.fee_lamports > 0) == (1, 1, True)
    other = world.build('set_active', world.owner, active='yes')

    def submitted(pending_id, transaction):
        return world.call(
            SubmitTransaction, 'submit_transaction', id=pending_id, transaction=transaction
        ).error_code

    assert submitted(built.id, built.transaction) == 'unsigned'
    assert submitted(built.id, signed_by(world.owner, other.transaction)) == 'not_ours'
    assert submitted('0' * 32, signed_by(world.owner, built.transaction)) == 'not_ours'
    assert submitted(built.id, '?') == 'not_ours'
    first = world.submit(built, world.owner)
    again = world.submit(built, world.owner)
    assert first.success
    assert (again.signature, again.slot) == (first.signature, first.slot)
    world.wait_for(lambda now: not now.active, 'the change')

    assert world.build('close_camera', anna).error_code == 'not_owner'
    assert world.build('fly', anna).error_code == 'bad_value'
    assert world.build('burn_face', anna, session_id='none').error_code == 'no_session'
    opened = world.check_in(anna)
    name = opened.session.session_id
    assert world.build('close_camera', anna, name).error_code == 'missing_right'
    assert world.build('mint_face', Wallet(), name).error_code == 'wrong_wallet'
    poor = world.build('register_camera', anna, name='Door')
    assert poor.error_code == 'already_there'
    assert world.chain_node.fault is None


def test_in_public_mode_people_sign_for_their_own_visits(world, anna):
    world.start_both(mode='public')
    world.register()
    assert world.status.mode == 'public'
    opened = world.check_in(anna)
    name = opened.session.session_id
    late = world.build('check_in', anna, name)
    assert world.call(CheckOut, 'check_out', token=opened.token).success
    assert world.submit(late, anna).error_code == 'no_session'
    assert world.camera().visits == 0

    opened = world.check_in(anna)
    # The device pays: Anna has no SOL at all.
    world.perform('check_in', anna, opened.session.session_id)
    assert (world.camera().present, world.camera().visits) == (1, 1)
    again = world.build('check_in', anna, opened.session.session_id)
    assert again.error_code == 'already_there'
    assert world.call(CheckOut, 'check_out', token=opened.token).success
    world.wait_until_told()
    wait_until(lambda: world.camera().present == 0, 'the check-out')


def test_a_mistake_in_the_configuration_is_told_by_its_name(world):
    with pytest.raises(ConfigurationError, match='program_id'):
        world.start_chain(program_id='mine')


def test_a_budget_holds_back_what_is_above_it_until_it_is_raised(world, anna):
    world.start_both(budget_sol_per_day=0.000001)
    world.register()
    world.check_in(anna)
    world.wait_for(lambda now: now.held_back == 'budget', 'the limit')
    world.chain_node.set_parameters([Parameter('budget_sol_per_day', value=1.0)])
    world.wait_until_told()
    wait_until(lambda: status(world.chain_node, 'outbox')['held_back'] == '', 'the end')
