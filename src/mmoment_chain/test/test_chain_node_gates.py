"""Rights that need something on the chain: session_node asks chain_node, and that the chain."""

import base64

import pytest
from chain_node_world import ChainNodeWorld, DevChain
from sealed_people import Person
from session_world import Wallet, status, wait_until

from mmoment_interfaces.srv import FetchFace, GetSession

pytestmark = pytest.mark.graph

GATES = ('recognize face', 'record grant:record')
RECHECK_MINUTES = 0.01


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


def registered(world, gates=GATES):
    world.start_both(gates)
    world.register()
    world.perform('create_group', world.owner, name='Gym')
    return world


def test_a_face_is_recognised_while_its_nft_is_there_and_not_after_it_was_burned(world, anna):
    faces = world.start_faces()
    registered(world)
    person = Person(anna)
    opened = world.check_in(anna)
    assert opened.withheld == ['record', 'recognize']
    assert len(opened.withheld_because) == 2
    assert all(opened.withheld_because)
    assert 'right to recognize' in opened.message
    assert 'recognize' not in opened.session.rights
    assert person.keep(world, opened.token).success
    node = world.sessions_node
    refused = world.check_in(anna, wrapped_key=person.wrapped(world, node))
    assert refused.success
    assert not refused.session.face_known
    assert anna.address not in faces.known

    world.chain.fund(anna.address)
    assert not world.verify(anna, 'face').holds
    made = world.perform('mint_face', anna, refused.session.session_id)
    found = world.verify(anna, 'face')
    assert (found.holds, found.reason, found.mint) == (True, 'holds', made.accounts[0])
    fetched = world.call(FetchFace, 'fetch_face', wallet=anna.address)
    assert bytes(fetched.envelope) == person.envelope.to_bytes()
    assert (fetched.record_id, fetched.mint) == (person.record.record_id, found.mint)

    known = world.check_in(anna, wrapped_key=person.wrapped(world, node))
    assert known.withheld == ['record']
    assert known.session.face_known
    assert anna.address in faces.known

    world.perform('burn_face', anna, known.session.session_id)
    assert world.verify(anna, 'face', fresh=False).reason == 'none'
    after = world.check_in(anna, wrapped_key=person.wrapped(world, node))
    assert after.withheld == ['record', 'recognize']
    assert not after.session.face_known
    wait_until(lambda: anna.address not in faces.known, 'the face to be forgotten')
    gone = world.call(FetchFace, 'fetch_face', wallet=anna.address)
    assert (gone.error_code, bytes(gone.envelope)) == ('none', b'')


def test_who_stays_is_asked_about_again(world, anna):
    faces = world.start_faces()
    world.sessions_node = world.start(gates=['recognize face'], gate_minutes=RECHECK_MINUTES)
    world.chain_node = world.start_chain(cache_s=0.0)
    world.register()
    world.perform('create_group', world.owner)
    world.chain.fund(anna.address)
    person = Person(anna)
    opened = world.check_in(anna)
    assert person.keep(world, opened.token).success
    world.perform('mint_face', anna)

    def has_right():
        session = world.call(GetSession, 'get_session', token=opened.token, passive=True).session
        return 'recognize' in session.rights

    wait_until(has_right, 'the right')
    opened = world.check_in(anna, wrapped_key=person.wrapped(world, world.sessions_node))
    assert anna.address in faces.known
    world.perform('burn_face', anna)
    wait_until(lambda: not has_right(), 'the loss of the right')
    wait_until(lambda: anna.address not in faces.known, 'the face to be forgotten')


def test_a_grant_of_the_owner_gives_the_right_until_it_is_revoked(world, anna):
    registered(world, ['record grant:record'])
    assert world.check_in(anna).withheld == ['record']
    # The owner of the camera needs nothing.
    world.perform('grant', world.owner, **{'for': anna.address, 'rights': 'record view'})
    opened = world.check_in(anna)
    assert opened.withheld == []
    assert 'record' in opened.session.rights
    assert world.check_in(Wallet()).withheld == ['record']
    world.perform('revoke', world.owner, **{'for': anna.address})
    assert world.check_in(anna).withheld == ['record']


def test_while_nobody_can_be_asked_a_right_is_withheld_and_the_reason_told(world, anna):
    registered(world, ['record face'])
    world.end(world.chain_node)
    opened = world.check_in(anna)
    assert opened.success
    assert opened.withheld == ['record']
    assert 'does not run' in opened.withheld_because[0]
    assert world.sessions_node.fault is None


def test_an_nft_of_another_group_counts_nowhere(world, anna, tmp_path_factory):
    registered(world, ['record face'])
    other = ChainNodeWorld(tmp_path_factory.mktemp('other'), world.chain)
    try:
        registered(other, [])
        world.chain.fund(anna.address)
        person = Person(anna)
        given = {
            'envelope': base64.b64encode(person.envelope.to_bytes()).decode(),
            'model_id': person.record.model_id,
            'record_id': person.record.record_id,
        }
        other.perform('mint_face', anna, **given)
        assert other.verify(anna, 'face').holds
        assert world.verify(anna, 'face').reason == 'foreign_group'
        opened = world.check_in(anna)
        assert opened.withheld == ['record']
        assert 'group' in opened.withheld_because[0]
        refused = world.call(FetchFace, 'fetch_face', wallet=anna.address)
        assert refused.error_code == 'foreign_group'
        # Unless the operator has this camera go by the same group.
        group = status(other.chain_node, 'registration')['nft_group']
        world.end(world.chain_node)
        world.start_chain(nft_group=group, nft_group_authority=other.status.device)
        wait_until(lambda: world.verify(anna, 'face').success, 'the other node')
        assert world.verify(anna, 'face').holds
        assert world.check_in(anna).withheld == []
        assert world.build('create_group', world.owner).error_code == 'already_there'
        ben = Wallet()
        mint = world.build('mint_face', ben, **given)
        assert mint.error_code == 'no_group'
    finally:
        other.close()
