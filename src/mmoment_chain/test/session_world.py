"""A session node in a context, domain, namespace and folder of its own, and wallets that sign."""

import base64
import secrets
import threading
import time

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from solders.keypair import Keypair
from solders.transaction import Transaction, VersionedTransaction

from mmoment_chain import event_log
from mmoment_chain.session_node import SessionNode
from mmoment_interfaces.msg import Face, FaceArray, SessionArray, SessionEvent
from mmoment_interfaces.srv import AdmitFace, CheckIn, CreateChallenge, ForgetFace
from mmoment_node.spare_domain import spare_domain

WAIT_S = 20.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def wait_until(is_true, what='it'):
    end = time.monotonic() + WAIT_S
    while not is_true():
        assert time.monotonic() < end, f'waited in vain for {what}'
        time.sleep(0.01)


class Wallet:
    """Somebody with a key, as their wallet's program is."""

    def __init__(self, number=None):
        seed = secrets.token_bytes(32) if number is None else bytes([number]) * 32
        self.keypair = Keypair.from_seed(seed)
        self.address = str(self.keypair.pubkey())

    def sign(self, text):
        return str(self.keypair.sign_message(text.encode()))

    def sign_transaction(self, unsigned):
        message = Transaction.from_bytes(base64.b64decode(unsigned)).message
        return base64.b64encode(bytes(VersionedTransaction(message, [self.keypair]))).decode()


class NodeOnFakeClock(SessionNode):
    """Its clock stands still until a test moves it."""

    fake = None

    def clock(self):
        return NodeOnFakeClock.fake


class FaceNodeDouble:
    """What session_node needs of face_node: knows whom it was told to, and can be started again."""

    def __init__(self, world):
        self.node = rclpy.create_node('face_node', namespace=world.namespace, context=world.context)
        self.known = {}
        self.asked = []
        self.refusal = ''
        self.node.create_service(AdmitFace, 'admit_face', self._admit)
        self.node.create_service(ForgetFace, 'forget_face', self._forget)
        self._faces = self.node.create_publisher(FaceArray, 'faces', 1)
        self._world = world
        world.executor.add_node(self.node)

    def sees(self, *wallets):
        message = FaceArray()
        for number, wallet in enumerate(wallets):
            message.faces.append(Face(track_id=number + 1, identity=wallet, similarity=0.9))
        self._faces.publish(message)

    def hang(self):
        """Be there, and answer nothing until `go_on`."""
        self._world.executor.remove_node(self.node)

    def go_on(self):
        self._world.executor.add_node(self.node)

    def end(self):
        self._world.executor.remove_node(self.node)
        self.node.destroy_node()

    def _admit(self, request, answer):
        self.asked.append(request)
        answer.success = not self.refusal
        answer.message = self.refusal
        if answer.success:
            self.known[request.identity] = request
        return answer

    def _forget(self, request, answer):
        answer.success = True
        answer.templates = int(self.known.pop(request.identity, None) is not None)
        return answer


class SessionWorld:
    """Nodes under test, and a tester that calls them."""

    def __init__(self, folder):
        self.folder = folder
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=spare_domain())
        self.namespace = f'test_{secrets.token_hex(4)}'
        self.executor = SingleThreadedExecutor(context=self.context)
        self.tester = rclpy.create_node('tester', namespace=self.namespace, context=self.context)
        self.executor.add_node(self.tester)
        self._clients = {}
        self._nodes = []
        self._doubles = []
        self._thread = threading.Thread(target=self.executor.spin, daemon=True)
        self._thread.start()

    def start(self, node_class=SessionNode, **parameters):
        values = {'data_folder': str(self.folder), **parameters}
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        node = node_class(
            context=self.context, namespace=self.namespace, parameter_overrides=overrides
        )
        self._nodes.append(node)
        node.bring_up(lambda: None)
        self.executor.add_node(node)
        return node

    def end(self, node):
        """End a node as Ctrl-C does."""
        self._nodes.remove(node)
        self.executor.remove_node(node)
        node.shut_down()
        node.destroy_node()

    def start_faces(self):
        double = FaceNodeDouble(self)
        self._doubles.append(double)
        return double

    def listen(self, kind, topic, qos=50):
        arrived = []
        self.tester.create_subscription(kind, topic, arrived.append, qos)
        return arrived

    def sessions(self):
        return self.listen(SessionArray, 'sessions', LATCHED)

    def events(self):
        return self.listen(SessionEvent, 'session_events')

    def call(self, kind, service, /, **fields):
        if service not in self._clients:
            self._clients[service] = self.tester.create_client(kind, service)
        client = self._clients[service]
        assert client.wait_for_service(WAIT_S), service
        future = client.call_async(kind.Request(**fields))
        wait_until(future.done, service)
        return future.result()

    def challenge(self, wallet, **fields):
        return self.call(CreateChallenge, 'create_challenge', wallet=wallet.address, **fields)

    def check_in(self, wallet, **fields):
        challenge = self.challenge(wallet)
        assert challenge.success, challenge.message
        given = {
            'wallet': wallet.address,
            'message': challenge.text,
            'signature': wallet.sign(challenge.text),
            **fields,
        }
        return self.call(CheckIn, 'check_in', **given)

    def close(self):
        for node in list(self._nodes):
            self.end(node)
        for double in self._doubles:
            if double.node in self.executor.get_nodes():
                double.end()
        self.executor.shutdown()
        self._thread.join(10)
        self.tester.destroy_node()
        rclpy.shutdown(context=self.context)


def status(node, concern):
    (found,) = [one for one in node.diagnose() if one.name.endswith(f': {concern}')]
    return {pair.key: pair.value for pair in found.values} | {'message': found.message}


def events_of(node, wallet):
    with node._store.reading() as query:
        return [one.kind for one in event_log.of_subject(query, wallet.address)]
