"""What session_node tells chain_node of those who are forgotten."""

import threading

import pytest
from session_world import wait_until

from mmoment_chain.chain_client import SERVICE
from mmoment_interfaces.srv import ForgetFace, ForgetPerson, ForgetTemplate

pytestmark = pytest.mark.graph


class Chain:
    """What session_node needs of chain_node."""

    def __init__(self, world):
        self.asked = []
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.is_good = True
        world.tester.create_service(ForgetFace, SERVICE, self._forget)

    def _forget(self, request, answer):
        self.goes_on.wait(20)
        self.asked.append(request.identity)
        answer.success = self.is_good
        return answer


@pytest.mark.parametrize(
    ('kind', 'name'),
    [(ForgetTemplate, 'forget_template'), (ForgetPerson, 'forget_person')],
)
def test_whoever_is_forgotten_here_is_forgotten_there(world, anna, kind, name):
    world.start_faces()
    chain, node = Chain(world), world.start()
    wait_until(lambda: node._chain._client.is_ready, 'chain_node')
    world.check_in(anna)
    assert chain.asked == []
    answer = world.call(kind, name, wallet=anna.address)
    assert answer.success
    assert set(chain.asked) == {anna.address}
    assert 'for the chain' not in answer.message


def test_one_that_does_not_let_go_is_asked_again(world, anna):
    chain, node = Chain(world), world.start()
    wait_until(lambda: node._chain._client.is_ready, 'chain_node')
    chain.is_good = False
    answer = world.call(ForgetTemplate, 'forget_template', wallet=anna.address)
    assert answer.success
    assert 'for the chain is let go of as soon as' in answer.message
    chain.is_good = True
    before = len(chain.asked)
    wait_until(lambda: not node._chain_forgetting.waiting(), 'the answer')
    assert set(chain.asked[before:]) == {anna.address}


def test_while_it_is_not_there_nobody_waits(world, anna):
    world.start()
    answer = world.call(ForgetTemplate, 'forget_template', wallet=anna.address)
    assert answer.success
    assert 'for the chain' not in answer.message


def test_whoever_was_being_forgotten_when_it_ended_is_forgotten_there_after_the_start(world, anna):
    # face_node is not there, so who was forgotten is remembered over an end.
    first = world.start()
    assert world.call(ForgetPerson, 'forget_person', wallet=anna.address).success
    world.end(first)
    chain = Chain(world)
    world.start()
    wait_until(lambda: anna.address in chain.asked, 'chain_node to be told')
