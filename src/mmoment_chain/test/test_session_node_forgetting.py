import pytest
from sealed_people import kept_person
from session_world import Wallet, wait_until

from mmoment_chain import event_log
from mmoment_chain.store import Store
from mmoment_interfaces.msg import SessionEvent
from mmoment_interfaces.srv import ForgetPerson, GetSession, GetTemplate

pytestmark = pytest.mark.graph


def test_forget_me_leaves_nothing_and_the_log_verifies(world, anna):
    events = world.events()
    faces = world.start_faces()
    node = world.start()
    person = kept_person(world, anna)
    opened = world.check_in(
        anna, wrapped_key=person.wrapped(world, node), display_name='Anna Unmistakable'
    )
    other = world.call(ForgetPerson, 'forget_person', token=opened.token, wallet=Wallet().address)
    assert other.error_code == 'wrong_wallet'
    answer = world.call(ForgetPerson, 'forget_person', token=opened.token, confirm_media=True)
    assert answer.success, answer.message
    assert answer.erased > 5
    assert 'photos and clips' in answer.message
    assert not faces.known
    assert world.call(GetSession, 'get_session', token=opened.token).error_code == 'bad_token'
    template = world.call(GetTemplate, 'get_template', wallet=anna.address)
    assert template.error_code == 'no_template'
    wait_until(lambda: events and events[-1].kind == SessionEvent.FORGOTTEN, 'the event')
    assert (events[-1].identity, events[-1].session_id) == ('', '')
    path = node._home.store
    world.end(node)
    kept = b''.join(one.read_bytes() for one in path.parent.glob('store*'))
    for text in (anna.address, 'Anna Unmistakable'):
        assert text.encode() not in kept
    with Store(path, node._parts.clock, read_only=True) as store, store.reading() as query:
        assert event_log.verify(query).is_good
        assert event_log.read(query)[-1].kind == event_log.ERASURE


def test_whom_a_face_node_that_hangs_still_knows_is_forgotten_after_a_restart(world, anna):
    faces = world.start_faces()
    node = world.start()
    person = kept_person(world, anna)
    opened = world.check_in(anna, wrapped_key=person.wrapped(world, node))
    assert opened.session.face_known
    faces.hang()
    answer = world.call(ForgetPerson, 'forget_person', token=opened.token)
    assert answer.success
    assert not answer.face_forgotten
    assert not answer.traces_cleaned
    world.end(node)
    assert anna.address in faces.known
    node = world.start()
    faces.go_on()
    wait_until(lambda: not faces.known, 'the wipe')
    path = node._home.store

    def is_clean():
        files = [one.read_bytes() for one in path.parent.glob('store*')]
        return not any(anna.address.encode() in data for data in files)

    wait_until(is_clean, 'the note to go')


def test_somebody_without_a_session_is_forgotten_for_the_owner(world, anna):
    world.start()
    kept_person(world, anna)
    answer = world.call(ForgetPerson, 'forget_person', wallet=anna.address)
    assert answer.success
    assert 'photos' not in answer.message
    assert world.call(GetTemplate, 'get_template', wallet=anna.address).error_code == 'no_template'
