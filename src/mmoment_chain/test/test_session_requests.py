"""Services of the session node in surroundings that go wrong, and where people sign in."""

import dataclasses
import threading

import pytest
from sealed_people import Kept
from session_world import Wallet, events_of, wait_until

from mmoment_chain.errors import StoreFull
from mmoment_chain.session_node import SessionNode
from mmoment_interfaces.srv import CheckIn, GetSession, GetTemplate, GrantRights, ListSessions

pytestmark = pytest.mark.graph


# --- faults ---------------------------------------------------------------------------------------


class Broken:
    """A part of the node that fails whatever it is asked."""

    def __init__(self, error):
        self._error = error

    def __getattr__(self, name):
        raise self._error


def test_a_fault_nobody_foresaw_is_answered_and_the_node_goes_on(world, anna, capfd):
    node = world.start()
    opened = world.check_in(anna)
    whole = node._requests._parts
    node._requests._parts = dataclasses.replace(whole, keeping=Broken(KeyError('planted secret')))
    answer = world.call(GetTemplate, 'get_template', wallet=anna.address)
    assert (answer.success, answer.error_code) == (False, 'internal')
    assert 'its log says more' in answer.message
    node._requests._parts = whole
    assert world.call(GetSession, 'get_session', token=opened.token).success
    assert node.fault is None
    told = capfd.readouterr()
    assert 'KeyError' in told.err + told.out
    assert 'template_of' in told.err + told.out
    assert 'planted secret' not in told.err + told.out + answer.message


def test_a_store_that_fails_is_told_by_every_service_of_the_book(world, anna):
    node = world.start()
    whole = node._requests._parts
    node._requests._parts = dataclasses.replace(whole, book=Broken(StoreFull('no room')))
    for kind, service, fields in (
        (ListSessions, 'list_sessions', {}),
        (GetSession, 'get_session', {'token': 'A' * 43}),
        (GrantRights, 'grant_rights', {'wallet': anna.address, 'rights': ['view']}),
    ):
        answer = world.call(kind, service, **fields)
        assert (answer.success, answer.error_code) == (False, 'not_kept')
        assert answer.message
    node._requests._parts = whole
    listed = world.call(ListSessions, 'list_sessions')
    assert (listed.success, listed.error_code) == (True, '')


@pytest.mark.parametrize('hours', [-1.0, float('nan'), float('inf'), 1e30, 90_000.0])
def test_hours_that_make_no_sense_grant_nothing(world, anna, hours):
    node = world.start()
    answer = world.call(
        GrantRights, 'grant_rights', wallet=anna.address, rights=['admin'], hours=hours
    )
    assert (answer.success, answer.error_code) == (False, 'bad_duration')
    assert events_of(node, anna) == []
    assert 'admin' not in world.check_in(anna).session.rights


def test_while_face_node_hangs_others_are_answered(world, anna):
    faces = world.start_faces()
    node = world.start()
    people = [Wallet() for _ in range(4)]
    wrapped = []
    for one in people:
        opened = world.check_in(one)
        wrapped.append(Kept(world, opened.token, one).wrapped(world, node))
    guest = world.check_in(anna)
    faces.hang()
    client = world.tester.create_client(CheckIn, 'check_in')
    assert client.wait_for_service(10)
    coming = []
    for one, key in zip(people, wrapped, strict=True):
        text = world.challenge(one).text
        request = CheckIn.Request(
            wallet=one.address, message=text, signature=one.sign(text), wrapped_key=key
        )
        coming.append(client.call_async(request))
    wait_until(lambda: sum(one.done() for one in coming) >= 2, 'those who do not wait')
    assert world.call(GetSession, 'get_session', token=guest.token).success
    assert world.call(ListSessions, 'list_sessions').success
    # Two still wait for a face_node that does not answer.
    assert sum(not one.done() for one in coming) == 2
    wait_until(lambda: all(one.done() for one in coming), 'the rest')
    assert all(one.result().success for one in coming)


def test_what_could_not_be_published_is_published_later(world, anna):
    class Stuck(SessionNode):
        tries = 0
        fails = False

        def _header(self):
            if self.fails and threading.current_thread() is self._worker:
                self.tries += 1
                raise StoreFull('the disk is full')
            return super()._header()

    sessions = world.sessions()
    node = world.start(Stuck)
    wait_until(lambda: sessions, 'the first list')
    node.fails = True
    assert world.check_in(anna).success
    wait_until(lambda: node.tries > 1, 'another try')
    assert not sessions[-1].sessions
    node.fails = False
    wait_until(lambda: sessions[-1].sessions, 'the session')


# --- where people sign in -------------------------------------------------------------------------


def test_people_sign_in_where_the_page_is(world, anna):
    world.start(port=5003)
    assert world.challenge(anna).text.startswith('127.0.0.1:5003 wants')
    assert world.challenge(anna, domain='localhost:5003').success
    assert world.challenge(anna, domain='localhost:5002').error_code == 'wrong_domain'


def test_where_the_port_is_not_known_they_sign_in_at_any_of_this_machine(world, anna):
    world.start(port=0)
    text = world.challenge(anna, domain='localhost:40123').text
    opened = world.call(
        CheckIn, 'check_in', wallet=anna.address, message=text, signature=anna.sign(text)
    )
    assert opened.success
    assert world.check_in(Wallet()).success
    assert world.challenge(anna, domain='192.168.1.20:40123').error_code == 'wrong_domain'
