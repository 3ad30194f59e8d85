import threading
import time
from dataclasses import dataclass

import pytest
import rclpy
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

from mmoment_interfaces.action import EnrollFace
from mmoment_node.managed_node import ManagedNode
from mmoment_node.request_desk import LAST_WORDS_S, RequestDesk
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
        self.desk.serve(Trigger, 'slow', self.answer)
        self.desk.serve(Trigger, 'fail', self.fail_at_it)
        self.desk.act(EnrollFace, 'act', self.act)
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

    def act(self, handle):
        self.begun.release()
        self.go.wait(WAIT_S)
        handle.succeed()
        return EnrollFace.Result()

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


def test_requests_under_way_are_answered_when_the_desk_closes(clerk, client):
    answer = ask(client, 'slow')
    actions = ActionClient(client, EnrollFace, 'act')
    assert actions.wait_for_server(WAIT_S)
    sent = actions.send_goal_async(EnrollFace.Goal())
    wait_until(sent.done)
    result = sent.result().get_result_async()
    for _ in range(2):
        assert clerk.begun.acquire(timeout=WAIT_S)
    # As lifecycle transitions do: in another thread than those that answer.
    closing = threading.Thread(target=clerk.desk.close)
    closing.start()
    time.sleep(0.2)
    assert closing.is_alive()
    clerk.go.set()
    closing.join(WAIT_S)
    assert not closing.is_alive()
    wait_until(lambda: answer.done() and result.done())
    assert answer.result().success
    assert result.result().status == GoalStatus.STATUS_SUCCEEDED
    # Nobody can ask any more.
    wait_until(lambda: not actions.server_is_ready())
    assert 'clerk_requests' not in client.get_node_names()
    clerk.desk = RequestDesk(clerk)


def test_what_is_said_last_goes_out_on_a_slow_machine_too(clerk, client):
    actions = ActionClient(client, EnrollFace, 'act')
    assert actions.wait_for_server(WAIT_S)
    sent = actions.send_goal_async(EnrollFace.Goal())
    wait_until(sent.done)
    result = sent.result().get_result_async()
    assert clerk.begun.acquire(timeout=WAIT_S)
    pool = clerk.desk._executor._executor
    submit = pool.submit

    def late(handler):
        def work():
            time.sleep(2 * LAST_WORDS_S)
            return handler()

        return submit(work)

    pool.submit = late
    clerk.go.set()
    clerk.desk.close()
    wait_until(result.done)
    assert result.result().status == GoalStatus.STATUS_SUCCEEDED
    clerk.desk = RequestDesk(clerk)


def test_a_fault_of_a_request_ends_the_owner(clerk, client):
    ask(client, 'fail')
    wait_until(lambda: clerk.fault is not None)
    assert 'broken' in str(clerk.fault)
