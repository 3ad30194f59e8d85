"""What chain_node remembers of people, and lets go of when they are forgotten."""

import pytest
from chain_node_world import ChainNodeWorld, DevChain
from sealed_people import Person
from session_world import Wallet, wait_until

from mmoment_chain.chain_reading import FACE
from mmoment_chain.nft_rules import Judgement, Reason
from mmoment_chain.wallet import parse_wallet
from mmoment_interfaces.srv import ForgetFace, ForgetPerson, ForgetTemplate

pytestmark = pytest.mark.graph


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


def remembered(world, wallet):
    """Of a wallet, in the memory of chain_node."""
    work, key = world.chain_node._work, parse_wallet(wallet.address)
    kept = [each.kind for each in work.desk._pending._kept.values() if each.wallet == key]
    known = (key, FACE) in work.checks._known
    held = (FACE, key) in work.checks._mints._held
    return kept, known, held


@pytest.mark.parametrize(
    ('kind', 'name'),
    [(ForgetTemplate, 'forget_template'), (ForgetPerson, 'forget_person')],
)
def test_a_mint_of_somebody_who_is_forgotten_does_not_go_on(world, kind, name):
    anna, ben = Wallet(), Wallet()
    world.start_both()
    world.register()
    world.perform('create_group', world.owner, name='Gym')
    wait_until(lambda: world.sessions_node._chain._client.is_ready, 'chain_node')
    begun = {}
    for each in (anna, ben):
        world.chain.fund(each.address)
        opened = world.check_in(each)
        assert Person(each).keep(world, opened.token).success
        begun[each] = world.build('mint_face', each, opened.session.session_id)
        assert begun[each].success, begun[each].message
        assert world.submit(begun[each], each).success
        world.verify(each, 'face')
        assert remembered(world, each) == (['mint_face'], True, False)
    answer = world.call(kind, name, wallet=anna.address)
    assert answer.success, answer.message
    assert remembered(world, anna) == ([], False, False)
    # Ben's goes on.
    assert remembered(world, ben) == (['mint_face'], True, False)
    name = world.check_in(anna).session.session_id
    again = world.build('mint_face', anna, name, after=begun[anna].id)
    assert again.error_code == 'not_ours'


def test_what_somebody_held_is_forgotten_and_who_is_nobody_is_too(world, anna):
    world.start_both()
    world.wait_for(lambda now: now.connection.state, 'a status')
    wait_until(lambda: world.chain_node._work is not None, 'the store')
    mints = world.chain_node._work.checks._mints
    mints.note(FACE, parse_wallet(anna.address), [], Judgement(Reason.HOLDS, b'm' * 32))
    assert remembered(world, anna) == ([], False, True)
    assert world.call(ForgetFace, 'forget_wallet', identity=anna.address).success
    assert remembered(world, anna) == ([], False, False)
    assert not world.call(ForgetFace, 'forget_wallet', identity='anna').success
    assert world.chain_node.fault is None
