"""A capture node among its neighbours, in a context, domain, namespace and folder of their own."""

from __future__ import annotations

import contextlib
import secrets
import time

import cv2
import numpy as np
import rclpy
from capture_stage import Stage
from clip_world import wait_until
from coded_video import SECOND_NS
from played_session_node import EVENTS_QOS, LATCHED_QOS, PlayedSessionNode
from rcl_interfaces.msg import ParameterEvent
from rclpy.action import ActionClient
from rclpy.parameter import Parameter
from spinning import PATIENCE_S, Spinning

from mmoment_chain import camera_home, session_records
from mmoment_chain.clock import SystemClock
from mmoment_chain.session_records import Session as StoredSession
from mmoment_chain.store import Store
from mmoment_interfaces.action import RecordClip
from mmoment_interfaces.msg import Face, FaceArray, GestureAction, MediaEvent, RecordingArray
from mmoment_interfaces.srv import CapturePhoto, ListMedia, StopRecording
from mmoment_node.spare_domain import spare_domain
from mmoment_stream.capture_node import CaptureNode
from mmoment_stream.session_client import CLIENT_QOS

# What read_number may see a picture later than was meant, on a busy machine.
NEAR_NS = SECOND_NS // 4


class Goal:
    """A recording that somebody asked for."""

    def __init__(self, world, session='', **wish):
        self.feedback = []
        assert world.record_clip.wait_for_server(PATIENCE_S)
        goal = RecordClip.Goal(session_id=session, **{'preroll_s': -1.0, **wish})
        sent = world.record_clip.send_goal_async(
            goal, feedback_callback=lambda message: self.feedback.append(message.feedback)
        )
        wait_until(sent.done)
        self._handle = sent.result()
        self._ended = self._handle.get_result_async()

    def running(self):
        wait_until(lambda: self.feedback or self._ended.done())
        assert self.feedback, self._ended.result().result.message
        return self

    @property
    def media_id(self):
        return self.feedback[-1].media_id

    @property
    def is_over(self):
        return self._ended.done()

    def cancel(self):
        wait_until(self._handle.cancel_goal_async().done)

    def ended(self):
        """Status and result."""
        wait_until(self._ended.done)
        answer = self._ended.result()
        return answer.status, answer.result

    def result(self):
        return self.ended()[1]


class CaptureWorld:
    """The node, a tester beside it, and what session_node has made for both."""

    def __init__(self, folder, *, has_store=True, namespace='', **parameters):
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=spare_domain())
        self.namespace = namespace or f'test_{secrets.token_hex(4)}'
        self.home = camera_home.open_home(self.namespace, str(folder))
        self.store = None
        self.node = None
        self._clients = {}
        self._parameters = {'data_folder': str(folder), 'preroll_s': 1.0, 'free_mib': 16}
        self._parameters |= parameters
        self.tester = self._node('tester')
        self.sessions = PlayedSessionNode(self.tester)
        self.stage = Stage(self.tester)
        self.gestures = self.tester.create_publisher(GestureAction, 'gesture_actions', 10)
        self.faces = self.tester.create_publisher(FaceArray, 'faces', 1)
        self.parameter_events = self.tester.create_publisher(
            ParameterEvent, '/parameter_events', 10
        )
        self.events, self.recordings = [], []
        for kind, name, told, qos in (
            (MediaEvent, 'media_events', self.events, EVENTS_QOS),
            (RecordingArray, 'recordings', self.recordings, LATCHED_QOS),
        ):
            self.tester.create_subscription(kind, name, told.append, qos)
        # Each answer comes to all clients: many goals may end at once.
        self.record_clip = ActionClient(
            self.tester,
            RecordClip,
            'record_clip',
            goal_service_qos_profile=CLIENT_QOS,
            result_service_qos_profile=CLIENT_QOS,
        )
        self._around = Spinning(self.context, self.tester)
        if has_store:
            self.make_store()
        self.start()

    @property
    def media(self):
        return self.home.folder / 'media'

    def make_store(self):
        """As session_node does at its start."""
        clock = SystemClock()
        camera_home.identity(self.home, clock.utc_ms())
        self.store = Store(self.home.store, clock)

    def note_session(self, session_id, wallet):
        """Have the store name somebody, as it does from their check-in on."""
        times = dict.fromkeys(('created_ms', 'expires_ms', 'renewed_ms', 'last_seen_ms'), 1)
        visit = StoredSession(session_id, wallet, None, frozenset(), None, None, **times)
        with self.store.transaction() as tx:
            session_records.add(tx, visit)

    def forget_in_store(self, wallet):
        """Have the store name somebody no more, as it does once they are forgotten."""
        with self.store.transaction() as tx:
            session_records.erase(tx, wallet)

    def start(self):
        """A process with the node."""
        overrides = [Parameter(name, value=value) for name, value in self._parameters.items()]
        self.node = self._node(CaptureNode, parameter_overrides=overrides)
        self.node.bring_up(lambda: None)
        self.spinning = Spinning(self.context, self.node)
        if self.store is not None:
            wait_until(lambda: self.node._parts is not None)
            wait_until(lambda: self.gestures.get_subscription_count())
            wait_until(lambda: self.sessions._events.get_subscription_count())

    def stop(self):
        """Ends the process as Ctrl-C does."""
        node, self.node = self.node, None
        self.spinning.end()
        node.shut_down()
        node.destroy_node()
        return node

    def set(self, **values):
        """Changes parameters as others do: by the thread of the node."""
        wish = [Parameter(name, value=value) for name, value in values.items()]
        results = []
        self.spinning.do(lambda: results.extend(self.node.set_parameters(wish)))
        assert all(result.successful for result in results), results

    def call(self, kind, name, **fields):
        """The answer of a service of the node."""
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self.tester.create_client(kind, name)
        assert client.wait_for_service(PATIENCE_S)
        answer = client.call_async(kind.Request(**fields))
        wait_until(answer.done)
        return answer.result()

    def gesture(self, action, identity, *, ago_s=0.0, **fields):
        given = {'outcome': GestureAction.REQUESTED, 'gesture': 'thumbs_up', **fields}
        moment_ns = time.monotonic_ns() - round(ago_s * SECOND_NS)
        self.gestures.publish(
            GestureAction(action=action, identity=identity, monotonic_ns=moment_ns, **given)
        )

    def show_face(self, *identities):
        """As face_node names somebody."""
        faces = [Face(identity=identity) for identity in identities]
        self.faces.publish(FaceArray(monotonic_ns=time.monotonic_ns(), faces=faces))

    def event(self, kind, **media):
        """The newest event of this kind about such media; waits for it."""

        def found():
            return [
                event
                for event in self.events
                if event.kind == kind
                and all(getattr(event.media, name) == value for name, value in media.items())
            ]

        wait_until(found)
        return found()[-1]

    def diagnosed(self):
        """Messages by concern, and levels."""
        return {
            status.name.rpartition(': ')[2]: (status.level, status.message)
            for status in self.node.diagnose()
        }

    def close(self):
        if self.node is not None:
            self.stop()
        if self.sessions._silent is not None:
            self.sessions._silent.destroy_node()
        self._around.end()
        self.record_clip.destroy()
        self.stage.close()
        self.tester.destroy_node()
        if self.store is not None:
            self.store.close()
        rclpy.shutdown(context=self.context)

    def _node(self, kind, **more):
        arguments = {'context': self.context, 'namespace': self.namespace, **more}
        if isinstance(kind, str):
            return rclpy.create_node(kind, **arguments)
        return kind(**arguments)


class Person:
    """Somebody with a wallet, checked in until they leave."""

    def __init__(self, world, *rights):
        self.world = world
        self.wallet = secrets.token_hex(16)
        self.session = world.sessions.check_in(self.wallet, *rights)
        if world.store is not None:
            world.note_session(self.session, self.wallet)
        wait_until(
            lambda: self.session in {each.session_id for each in world.node._people.sessions()}
        )

    def call(self, kind, name, **fields):
        return self.world.call(kind, name, session_id=self.session, **fields)

    def photo(self, **fields):
        answer = self.call(CapturePhoto, 'capture_photo', **fields)
        assert answer.success, answer.message
        return answer.media

    def refused_photo(self, **fields):
        answer = self.call(CapturePhoto, 'capture_photo', **fields)
        assert not answer.success
        return answer.error_code

    def record(self, **wish):
        return Goal(self.world, self.session, **wish)

    def stop(self, **fields):
        return self.call(StopRecording, 'stop_recording', **fields)

    def listed(self):
        return [each.media_id for each in self.call(ListMedia, 'list_media').media]

    def gesture(self, action, **fields):
        self.world.gesture(action, self.wallet, **fields)

    def event(self, kind, **media):
        return self.world.event(kind, identity=self.wallet, **media)

    def leave(self, reason='asked'):
        self.world.sessions.check_out(self.session, reason)


@contextlib.contextmanager
def guests(world):
    """Lets people arrive, with these rights or all; at the end they leave, and nothing is recorded."""
    people = []

    def arrive(*rights):
        people.append(Person(world, *rights))
        return people[-1]

    yield arrive
    for each in people:
        if each.session in world.sessions._sessions:
            each.leave()
    wait_until(lambda: not world.node._parts.jobs.running)
    wait_until(lambda: world.recordings[-1].recordings == [])


def is_seen(world, person):
    return any(person.wallet in named for _, named in world.node._seen._seen)


def show_face(world, person):
    """Until the node has seen it."""
    world.show_face(person.wallet)
    wait_until(lambda: is_seen(world, person))


def picture_in(item):
    return cv2.imdecode(np.fromfile(item.path, np.uint8), cv2.IMREAD_COLOR)


def running(world):
    return [each.media_id for each in world.recordings[-1].recordings] if world.recordings else []
