"""The start of the node, what it finds again, and what it does not start with."""

import dataclasses

import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from session_world import status, wait_until

from mmoment_interfaces.srv import GetSession
from mmoment_node.errors import ConfigurationError

pytestmark = pytest.mark.graph


def test_sessions_tokens_and_camera_outlive_the_process(world, anna):
    node = world.start()
    opened = world.check_in(anna)
    camera_id = status(node, 'keys')['camera_id']
    world.end(node)
    sessions = world.sessions()
    node = world.start()
    found = world.call(GetSession, 'get_session', token=opened.token)
    assert found.session.session_id == opened.session.session_id
    assert status(node, 'keys')['camera_id'] == camera_id
    wait_until(lambda: sessions and sessions[-1].sessions, 'the session')


def test_deactivated_it_publishes_nothing_and_activated_it_goes_on(world, anna):
    node = world.start()
    opened = world.check_in(anna)
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    topic = f'/{world.namespace}/people'
    wait_until(lambda: world.tester.count_publishers(topic) == 0, 'the publisher to go')
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    assert world.call(GetSession, 'get_session', token=opened.token).success
    for step in (
        node.trigger_deactivate,
        node.trigger_cleanup,
        node.trigger_configure,
        node.trigger_activate,
    ):
        assert step() == TransitionCallbackReturn.SUCCESS
    assert world.call(GetSession, 'get_session', token=opened.token).success


@pytest.mark.parametrize(
    ('parameters', 'told'),
    [
        ({'owner_wallet': 'me'}, 'owner_wallet'),
        ({'default_rights': ['fly']}, "'fly'"),
        ({'domains': ['http://x/path']}, 'http://x/path'),
        ({'camera_id': 'a b'}, 'camera_id'),
        ({'session_hours': 1000.0}, 'session_hours'),
    ],
)
def test_a_parameter_that_cannot_work_is_told_by_name(world, parameters, told):
    with pytest.raises(ConfigurationError, match=told):
        world.start(**parameters)


def test_limits_are_changed_while_it_runs_and_nonsense_is_refused(world, anna):
    node = world.start()
    opened = world.check_in(anna)
    (bad,) = node.set_parameters([Parameter('default_rights', value=['fly'])])
    assert not bad.successful
    assert 'fly' in bad.reason
    (good,) = node.set_parameters([Parameter('default_rights', value=['view'])])
    assert good.successful
    found = world.call(GetSession, 'get_session', token=opened.token)
    assert found.session.rights == ['view']


def test_a_damaged_store_ends_the_start_with_what_to_do(world, anna):
    node = world.start()
    for _ in range(3):
        world.check_in(anna)
    path = node._home.store
    world.end(node)
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 64] = b'\xff' * 64
    path.write_bytes(data)
    with pytest.raises(ConfigurationError, match=r'damaged.*backup'):
        world.start()


def test_two_cameras_do_not_share_a_store(world):
    world.start()
    with pytest.raises(ConfigurationError, match='in use by process'):
        world.start()


def test_no_parameter_is_a_secret(world, anna):
    node = world.start()
    opened = world.check_in(anna)
    values = str([dataclasses.asdict(node.parameters), node.diagnose()])
    assert opened.token not in values
    assert anna.address not in values
