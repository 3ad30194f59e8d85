"""A capture node among its neighbours, in a context, domain, namespace and folder of their own."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import replace

import rclpy
from builtin_interfaces.msg import Time
from clip_world import wait_until
from coded_video import SECOND_NS, coded
from rcl_interfaces.msg import ParameterEvent
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile

from mmoment_camera.frame_topic import FramePublisher
from mmoment_camera.pattern import PatternPainter
from mmoment_chain import camera_home, session_records
from mmoment_chain.clock import SystemClock
from mmoment_chain.session_records import Session as StoredSession
from mmoment_chain.store import Store
from mmoment_interfaces.action import RecordClip
from mmoment_interfaces.msg import (
    Face,
    FaceArray,
    GestureAction,
    MediaEvent,
    RecordingArray,
    Session,
    SessionArray,
    SessionEvent,
    VideoPacket,
)
from mmoment_interfaces.srv import CapturePhoto, GetSession, ListMedia, StopRecording
from mmoment_node.spare_domain import spare_domain
from mmoment_stream.capture_node import CaptureNode
from mmoment_stream.encoder_messages import packet_message
from mmoment_stream.session_client import CLIENT_QOS

PATIENCE_S = 30.0
LATCHED_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
EVENTS_QOS = QoSProfile(depth=50)
VIDEO_QOS = QoSProfile(depth=30)
FPS = 25
GOP = 10
ALL_RIGHTS = ('view', 'capture', 'record')


class Spinning:
    """Nodes whose callbacks run, in a thread, as those of a process do."""

    def __init__(self, context, *nodes):
        self._executor = _executor(context)
        for node in nodes:
            self._executor.add_node(node)
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def do(self, work):
        """Have it done by that thread, between two callbacks."""
        done = threading.Event()
        self._executor.create_task(lambda: (work(), done.set()))
        self._executor.wake()
        assert done.wait(PATIENCE_S)

    def end(self):
        self._is_ending.set()
        self._executor.wake()
        self._thread.join(PATIENCE_S)
        self._executor.shutdown()

    def _run(self):
        while not self._is_ending.is_set():
            self._executor.spin_once(timeout_sec=0.2)


def _executor(context):
    """As nodes have it: see managed_node.create_executor."""
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:
        return SingleThreadedExecutor(context=context)
    return EventsExecutor(context=context)


class PlayedSessionNode:
    """Says whose session it is, as session_node does, and believes whatever it is told."""

    def __init__(self, node):
        self._node = node
        self._sessions = {}
        self._silent = None
        self._service = node.create_service(GetSession, 'get_session', self._get)
        self._list = node.create_publisher(SessionArray, 'sessions', LATCHED_QOS)
        self._events = node.create_publisher(SessionEvent, 'session_events', EVENTS_QOS)
        self.asked = []
        self.tell()

    def check_in(self, wallet, *rights):
        """Returns the public name of the session."""
        session_id = secrets.token_hex(8)
        session = Session(session_id=session_id, identity=wallet, rights=list(rights or ALL_RIGHTS))
        self._sessions[session_id] = session
        self._happened(SessionEvent.CHECKED_IN, session)
        self.tell()
        return session_id

    def check_out(self, session_id, reason='asked'):
        self._happened(SessionEvent.CHECKED_OUT, self._sessions.pop(session_id), reason)
        self.tell()

    def replace(self, session_id, wallet):
        """Another session at the same browser, in the order in which session_node tells it."""
        old, new = self._sessions.pop(session_id), secrets.token_hex(8)
        self._sessions[new] = Session(session_id=new, identity=wallet, rights=list(ALL_RIGHTS))
        self._happened(SessionEvent.CHECKED_OUT, old, 'replaced')
        self._happened(SessionEvent.CHECKED_IN, self._sessions[new])
        self.tell()
        return new

    def lose(self, session_id):
        """It is over, and nobody hears an event of it."""
        del self._sessions[session_id]
        self.tell()

    def give(self, session_id, *rights):
        """These rights, and no others."""
        self._sessions[session_id].rights = list(rights)
        self.tell()

    def tell(self):
        self._list.publish(SessionArray(sessions=list(self._sessions.values())))

    def go_away(self):
        self._node.destroy_service(self._service)

    def fall_silent(self):
        """It is there, and answers nothing any more."""
        self.go_away()
        context, namespace = self._node.context, self._node.get_namespace()
        self._silent = rclpy.create_node('silent', context=context, namespace=namespace)
        self._silent.create_service(GetSession, 'get_session', self._get)
        heard = self._silent.create_client(GetSession, 'get_session')
        assert heard.wait_for_service(PATIENCE_S)

    def come_back(self):
        self._service = self._node.create_service(GetSession, 'get_session', self._get)

    def _happened(self, kind, session, reason=''):
        event = SessionEvent(kind=kind, session_id=session.session_id, identity=session.identity)
        event.reason = reason
        self._events.publish(event)

    def _get(self, request, answer):
        self.asked.append(request)
        session = self._sessions.get(request.session_id)
        if session is None:
            answer.error_code, answer.message = 'no_session', 'There is no such session'
        elif request.right and request.right not in session.rights:
            answer.error_code, answer.message = 'missing_right', f'It lacks {request.right}'
        else:
            answer.success, answer.session = True, session
        return answer


class PlayedEncoder:
    """Sends packets of one topic while somebody takes them."""

    def __init__(self, node, topic, packets):
        self.video = node.create_publisher(VideoPacket, topic, VIDEO_QOS)
        self._packets = packets
        self._next = self._sequence = 0
        self._epoch = 1
        self.has_restarted = False

    def send(self, number, has_video):
        if not has_video or not self.video.get_subscription_count():
            self._next = 0
            return
        if self.has_restarted:
            self.has_restarted = False
            self._epoch += 1
            self._next = 0
        packet = self._packets[self._next]
        self._next = (self._next + 1) % len(self._packets)
        self._sequence += 1
        sent = replace(
            packet,
            monotonic_ns=time.monotonic_ns(),
            utc_ns=time.time_ns(),
            sequence=self._sequence,
            frame_sequence=number,
            epoch=self._epoch,
        )
        self.video.publish(packet_message(sent, 'camera_optical_frame'))


class Stage:
    """Shows numbered pictures on both channels and as video while somebody looks, as nodes do."""

    def __init__(self, node):
        self._public = FramePublisher(node, 'public/frames', channel='public')
        self._annotated = FramePublisher(node, 'overlay/frames', channel='annotated')
        packets = coded(100, fps=FPS, gop=GOP)
        topics = ('video', 'overlay/video')
        self._encoders = {topic: PlayedEncoder(node, topic, packets) for topic in topics}
        self._painter = PatternPainter(320, 180)
        self.is_live = True
        self.has_video = True
        self.is_paused = False
        self.taken = {}
        """When each picture was taken, by its number: CLOCK_MONOTONIC and the time on the wall."""
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def watched(self):
        """Which of public, annotated, video and overlay/video somebody takes."""
        counts = {
            'public': self._public.subscriber_count,
            'annotated': self._annotated.subscriber_count,
        }
        for topic, encoder in self._encoders.items():
            counts[topic] = encoder.video.get_subscription_count()
        return {name for name, count in counts.items() if count}

    def restart_encoder(self):
        """The next packet is the first of another epoch."""
        self._encoders['video'].has_restarted = True

    def close(self):
        """Show nothing any more; may be called again."""
        if self._is_ending.is_set():
            return
        self._is_ending.set()
        self._thread.join()
        self._public.close()
        self._annotated.close()

    def _run(self):
        number = 0
        while not self._is_ending.wait(1 / FPS):
            if self.is_paused:
                continue
            number += 1
            self._show(number)
            self._send(number)

    def _show(self, number):
        now_ns, utc_ns = time.monotonic_ns(), time.time_ns()
        self.taken[number] = now_ns, utc_ns
        image = self._painter.paint(number, now_ns)
        # What the overlay draws.
        drawn = image.copy()
        drawn[:20] = (0, 0, 255)
        for channel, pixels in ((self._public, image), (self._annotated, drawn)):
            if channel.subscriber_count:
                channel.publish(
                    pixels,
                    stamp=Time(sec=utc_ns // SECOND_NS, nanosec=utc_ns % SECOND_NS),
                    frame_id='camera_optical_frame',
                    monotonic_ns=now_ns,
                    live=self.is_live,
                )

    def _send(self, number):
        for encoder in self._encoders.values():
            encoder.send(number, self.has_video)


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
