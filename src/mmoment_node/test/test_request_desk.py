import threading
import time
from dataclasses import dataclass

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

from mmoment_node.managed_node import ManagedNode
from mmoment_node.request_desk import RequestDesk
from mmoment_node.spare_domain import spare_domain

pytestmark = pytest.mark.graph

WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class NoParameters:
    pass


class Clerk(ManagedNode[NoParameters]):
    """Ticks all the time and answers slowly."""

    NAME = 'clerk'
    PARAMETERS = NoParameters

    def open(self):
        self.ticks = 0
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.desk = RequestDesk(self)
        self.desk.node.create_service(Trigger, 'slow', self.answer, callback_group=self.desk.group)
        self.desk.node.create_service(Trigger, 'fail', self.fail_at_it)
        self.desk.open()
        self.create_timer(0.01, self.tick)

    def close(self):
        self.go.set()
        self.desk.close()

    def tick(self):
        self.ticks += 1

    def answer(self, request, response):
        self.begun.release()
        response.success = self.go.wait(WAIT_S)
        return response

    def fail_at_it(self, request, response):
        raise RuntimeError('broken')


@pytest.fixture
def clerk():
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=spare_domain())
    node = Clerk(context=context, namespace='office')
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    node.bring_up(lambda: None)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    yield node
    node.shut_down()
    executor.shutdown()
    thread.join(WAIT_S)
    node.destroy_node()
    rclpy.shutdown(context=context)


@pytest.fixture
def client(clerk):
    node = rclpy.create_node('client', namespace='office', context=clerk.context)
    executor = SingleThreadedExecutor(context=clerk.context)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    yield node
    executor.shutdown()
    thread.join(WAIT_S)
    node.destroy_node()


def ask(node, service):
    client = node.create_client(Trigger, service)
    assert client.wait_for_service(WAIT_S)
    return client.call_async(Trigger.Request())


def wait_until(is_true):
    end = time.monotonic() + WAIT_S
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_owner_goes_on_while_requests_wait(clerk, client):
    answers = [ask(client, 'slow'), ask(client, 'slow')]
    for _ in answers:
        assert clerk.begun.acquire(timeout=WAIT_S)
    seen = clerk.ticks
    wait_until(lambda: clerk.ticks > seen + 10)
    assert not any(answer.done() for answer in answers)
    clerk.go.set()
    wait_until(lambda: all(answer.done() for answer in answers))
    assert all(answer.result().success for answer in answers)


def test_a_fault_of_a_request_ends_the_owner(clerk, client):
    ask(client, 'fail')
    wait_until(lambda: clerk.fault is not None)
    assert 'broken' in str(clerk.fault)
