"""The status and the diagnostics say the same, in the same words."""

import dataclasses

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from program_world import ProgramWorld
from std_msgs.msg import Header

from mmoment_chain.balance_watch import Balance
from mmoment_chain.chain_messages import chain_status, findings
from mmoment_chain.chain_work import ChainReport
from mmoment_chain.outbox import OutboxStatus
from mmoment_chain.outbox_sending import ChainPlace
from mmoment_chain.rpc_pool import PoolStatus
from mmoment_node.recovery import RecoverySnapshot, RecoveryState

LIVE = RecoverySnapshot(RecoveryState.LIVE, since_s=1.5)
AWAY = RecoverySnapshot(RecoveryState.WAITING_TO_RETRY, 2.0, 'no endpoint answers', 3, 8.0)
OK, WARN = DiagnosticStatus.OK, DiagnosticStatus.WARN


@pytest.fixture(scope='module')
def camera():
    world = ProgramWorld()
    world.register()
    return world.camera_now()


def report(camera, **changes):
    made = ChainReport(
        cluster='devnet',
        place=ChainPlace(b'p' * 32, b'c' * 32, b'd' * 32 if camera is None else camera.device),
        group=b'g' * 32,
        pool=PoolStatus('https://rpc.test', LIVE, 77, ()),
        balance=Balance(5_000_000_000),
        outbox=OutboxStatus(camera=camera, log_here=3, log_there=3),
        is_used=camera is not None,
    )
    return dataclasses.replace(made, **changes)


def told(made):
    return {concern: (level, text) for concern, level, text, _ in findings(made, 'waiting')}


def status(made):
    return chain_status(Header(), made, 'waiting')


def test_before_there_are_keys_it_says_what_it_waits_for():
    assert (status(None).last_error, status(None).balance_lamports) == ('waiting', -1)
    assert told(None) == {'connection': (WARN, 'waiting')}


def test_all_is_in_order(camera):
    made = report(camera)
    assert {level for level, _ in told(made).values()} == {OK}
    now = status(made)
    assert (now.registered, now.mode, now.last_error, now.slot) == (True, 'private', '', 77)
    assert (now.connection.state, now.connection.since.nanosec) == (2, 500_000_000)


def test_a_camera_that_was_never_on_a_chain_misses_none():
    made = report(None, pool=PoolStatus('https://rpc.test', AWAY, 0, ()))
    assert told(made)['connection'] == (OK, 'no endpoint answers')
    assert told(made)['registration'] == (OK, 'not registered')
    assert status(made).last_error == 'no endpoint answers'
    assert not status(made).registered


def test_one_that_was_does(camera):
    made = report(camera, pool=PoolStatus('https://rpc.test', AWAY, 0, ()))
    assert told(made)['connection'] == (WARN, 'no endpoint answers')
    assert status(made).connection.retries == 3


@pytest.mark.parametrize(('code', 'level'), [('budget', WARN), ('not_registered', OK)])
def test_why_something_waits_is_told(camera, code, level):
    waiting = OutboxStatus(camera=camera, log_here=3, log_there=1, held_back=code, text='Wait')
    made = report(camera, outbox=waiting)
    assert told(made)['outbox'] == (level, 'Wait')
    assert (status(made).held_back, status(made).last_error) == (code, 'Wait')
    assert (status(made).log_here, status(made).log_there) == (3, 1)


def test_a_low_balance_is_an_alarm_for_a_camera_that_is_registered(camera):
    low = Balance(1000, True, 0, 'send some')
    assert told(report(camera, balance=low))['balance'] == (WARN, 'send some')
    assert status(report(camera, balance=low)).last_error == 'send some'
    assert told(report(None, balance=low))['balance'] == (OK, 'send some')
    assert status(report(None, balance=low)).balance_is_low


def test_a_camera_with_another_key_on_the_chain_is_not_registered_here(camera):
    other = ChainPlace(b'p' * 32, b'c' * 32, b'x' * 32)
    now = status(report(camera, place=other))
    assert (now.registered, bool(now.owner)) == (False, True)


def test_visits_that_the_chain_never_takes_are_counted(camera):
    outbox = OutboxStatus(camera=camera, refused=(('inactive', 2), ('no_grant', 1)))
    (values,) = [
        each[3] for each in findings(report(camera, outbox=outbox), '') if each[0] == 'outbox'
    ]
    assert values['visits_refused'] == 'inactive 2, no_grant 1'
