"""Asking session_node from threads, while it answers, refuses, hangs, or is not there."""

import secrets
from concurrent import futures

import pytest

pytest.importorskip('rclpy')

import rclpy
from clip_world import wait_until
from played_session_node import PlayedSessionNode
from spinning import Spinning

from mmoment_node.spare_domain import spare_domain
from mmoment_stream import session_client
from mmoment_stream.errors import SessionRefused
from mmoment_stream.session_client import Holder, SessionClient

pytestmark = pytest.mark.graph


@pytest.fixture
def world():
    world = World()
    yield world
    world.close()


class World:
    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=spare_domain())
        namespace = f'test_{secrets.token_hex(4)}'
        self.nodes = [
            rclpy.create_node(name, namespace=namespace, context=self.context)
            for name in ('asker', 'tester')
        ]
        self.client = SessionClient(self.nodes[0])
        self.sessions = PlayedSessionNode(self.nodes[1])
        self._spinning = [Spinning(self.context, node) for node in self.nodes]
        wait_until(self.client._client.service_is_ready)

    def close(self):
        self.client.close()
        for spinning in self._spinning:
            spinning.end()
        if self.sessions._silent is not None:
            self.nodes.append(self.sessions._silent)
        for node in self.nodes:
            node.destroy_node()
        rclpy.shutdown(context=self.context)


def refusal_of(client, *arguments, **named):
    with pytest.raises(SessionRefused) as refused:
        client.holder(*arguments, **named)
    return refused.value


def test_it_says_whose_session_it_is(world):
    session = world.sessions.check_in('ann', 'capture')
    assert world.client.holder(session, 'capture') == Holder('ann', session)
    assert world.client.holder(session, is_action=False) == Holder('ann', session)
    asked = [(each.right, each.passive) for each in world.sessions.asked]
    assert asked == [('capture', False), ('', True)]


def test_refusals_are_those_of_session_node(world):
    session = world.sessions.check_in('ann', 'view')
    refusal = refusal_of(world.client, session, 'record')
    assert (refusal.code, refusal.text) == ('missing_right', 'It lacks record')
    assert refusal_of(world.client, 'nobody').code == 'no_session'


def test_the_owner_is_asked_nobody_about(world):
    assert world.client.holder('', 'capture').is_owner
    assert world.sessions.asked == []


def test_many_ask_at_once(world):
    sessions = {name: world.sessions.check_in(name) for name in map(str, range(20))}
    with futures.ThreadPoolExecutor(10) as pool:
        holders = list(pool.map(world.client.holder, sessions.values()))
    assert [holder.identity for holder in holders] == list(sessions)


def test_one_that_is_not_there_is_told_at_once(world):
    world.sessions.go_away()
    wait_until(lambda: not world.client._client.service_is_ready())
    assert refusal_of(world.client, 'ann').code == 'session_node_away'


def test_one_that_hangs_is_waited_for_only_so_long(world, monkeypatch):
    monkeypatch.setattr(session_client, 'ANSWER_PATIENCE_S', 0.05)
    world.sessions.fall_silent()
    wait_until(world.client._client.service_is_ready)
    assert refusal_of(world.client, 'ann').code == 'session_node_away'
    # Nobody waits for that answer any more.
    assert world.client._client._pending_requests == {}


def test_the_end_does_not_wait_for_an_answer(world, monkeypatch):
    monkeypatch.setattr(session_client, 'ANSWER_PATIENCE_S', 600.0)
    world.sessions.fall_silent()
    wait_until(world.client._client.service_is_ready)
    with futures.ThreadPoolExecutor(1) as pool:
        asking = pool.submit(world.client.holder, 'ann')
        wait_until(lambda: world.client._client._pending_requests)
        world.client.close()
        assert asking.exception(20).code == 'session_node_away'
    assert refusal_of(world.client, 'ann').code == 'session_node_away'
