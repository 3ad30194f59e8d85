"""A stream node in a process of its own among its neighbours: an encoder, pictures and sessions."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time

import rclpy
from builtin_interfaces.msg import Time
from clip_world import wait_until
from diagnostic_msgs.msg import DiagnosticArray
from played_session_node import LATCHED_QOS, PlayedSessionNode
from rcl_interfaces.msg import Log
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from spinning import Spinning

from mmoment_camera.frame_topic import FramePublisher
from mmoment_camera.pattern import PatternPainter
from mmoment_chain import camera_home
from mmoment_interfaces.msg import StreamSettings, StreamStatus, StreamTarget, VideoLimit
from mmoment_interfaces.srv import ConfigureStream, StartStream, StopStream
from mmoment_node.spare_domain import spare_domain
from mmoment_stream.encoder_backends import SOFTWARE, PyavEncoder
from mmoment_stream.encoder_node import EncoderNode

PATIENCE_S = 20.0
PROGRAM = 'from mmoment_stream.stream_node import main; main()'
FPS = 25
DAY_S = 24 * 3600
IDLE, CONNECTING, LIVE, WAITING, FAILED = range(5)
# Failures are to be seen more than once in a test.
QUICK = {'retry_first_s': 0.2, 'retry_at_most_s': 0.5}


class SoftwareNode(EncoderNode):
    """Without trials of hardware, which take a while."""

    OPENERS = {SOFTWARE: lambda wanted: PyavEncoder(SOFTWARE, wanted)}


class TimedSessionNode(PlayedSessionNode):
    """Says until when sessions last."""

    def check_in(self, wallet, *rights, lasts_s=DAY_S):
        session_id = super().check_in(wallet, *rights)
        self._sessions[session_id].expires = Time(sec=int(time.time() + lasts_s))
        self.tell()
        return session_id


class Pictures:
    """Shows numbered pictures on both channels while somebody looks."""

    def __init__(self, node):
        self._channels = [
            FramePublisher(node, 'public/frames', channel='public'),
            FramePublisher(node, 'overlay/frames', channel='annotated'),
        ]
        self._painter = PatternPainter(320, 180)
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def watched(self):
        """Numbers of those who take the clean pictures, and those with drawings."""
        return [channel.subscriber_count for channel in self._channels]

    def close(self):
        self._is_ending.set()
        self._thread.join()
        for channel in self._channels:
            channel.close()

    def _run(self):
        number = 0
        while not self._is_ending.wait(1 / FPS):
            number += 1
            now_ns = time.monotonic_ns()
            for channel in self._channels:
                if channel.subscriber_count:
                    image = self._painter.paint(number, now_ns)
                    stamp = Time(sec=int(time.time()))
                    channel.publish(image, stamp=stamp, frame_id='camera', monotonic_ns=now_ns)


class StreamProcess:
    """`stream_node` as the launch file starts it, and what it prints."""

    def __init__(self, domain, namespace, folder, **parameters):
        words = [sys.executable, '-c', PROGRAM, '--ros-args', '-r', f'__ns:=/{namespace}']
        words += ['-p', f'data_folder:={folder}']
        for name, value in parameters.items():
            words += ['-p', f'{name}:={json.dumps(value)}']
        self.process = subprocess.Popen(
            words,
            env=os.environ
            | {'ROS_DOMAIN_ID': str(domain), 'PYTHONPATH': os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.printed = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self):
        return ''.join(self.printed)

    def proc(self, name):
        """A file of /proc about it."""
        with open(f'/proc/{self.process.pid}/{name}', 'rb') as file:
            return file.read()

    def end(self, number=signal.SIGTERM):
        """Ends it by this signal; returns the exit code and how long it took, seconds."""
        began_s = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        took_s = time.monotonic() - began_s
        self._reader.join()
        return code, took_s

    def _read(self):
        for line in self.process.stdout:
            self.printed.append(line)


class StreamWorld:
    """The process, a tester beside it, and a real encoder."""

    def __init__(self, folder, **parameters):
        self.domain = spare_domain()
        self.namespace = f'test_{secrets.token_hex(4)}'
        self.folder = folder
        self.parameters = QUICK | parameters
        self.keys = camera_home.open_home(self.namespace, str(folder)).folder / 'stream'
        self.keys.mkdir(mode=0o700)
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=self.domain)
        arguments = {'context': self.context, 'namespace': self.namespace}
        self.tester = rclpy.create_node('tester', **arguments)
        self.sessions = TimedSessionNode(self.tester)
        self.pictures = Pictures(self.tester)
        self.statuses, self.diagnostics, self.logs = [], [], []
        self.limits = {'video_limit': [], 'overlay/video_limit': []}
        for kind, name, told, qos in (
            (StreamStatus, 'stream_status', self.statuses, LATCHED_QOS),
            (DiagnosticArray, '/diagnostics', self.diagnostics, 10),
            (Log, '/rosout', self.logs, 100),
            *((VideoLimit, name, told, 10) for name, told in self.limits.items()),
        ):
            self.tester.create_subscription(kind, name, told.append, qos)
        self._clients = {}
        self.encoder = SoftwareNode(**arguments)
        self.encoder.bring_up(lambda: None)
        self._around = [
            Spinning(self.context, self.tester),
            Spinning(self.context, self.encoder),
        ]
        self.run()

    def run(self):
        """A process with the node; returns once it has said how it is."""
        self.statuses.clear()
        self.node = StreamProcess(self.domain, self.namespace, self.folder, **self.parameters)
        wait_until(lambda: self.statuses or self.node.process.poll() is not None)
        assert self.node.process.poll() is None, self.node.output

    def key(self, name, text, mode=0o600):
        path = self.keys / name
        path.write_text(f'{text}\n')
        path.chmod(mode)
        return name

    def call(self, kind, name, **fields):
        """The answer of a service of the node."""
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self.tester.create_client(kind, name)
        assert client.wait_for_service(PATIENCE_S)
        answer = client.call_async(kind.Request(**fields))
        wait_until(answer.done)
        return answer.result()

    def start(self, **fields):
        return self.call(StartStream, 'start_stream', **fields)

    def stop(self, **fields):
        return self.call(StopStream, 'stop_stream', **fields)

    def configure(self, *names, session='', forget=False, targets=(), **settings):
        """The answer; `targets`: each as fields of StreamTarget."""
        given = [StreamTarget(**{'provider': 'rtmp', 'enabled': True, **each}) for each in targets]
        return self.call(
            ConfigureStream,
            'configure_stream',
            session_id=session,
            fields=names,
            forget=forget,
            settings=StreamSettings(targets=given, **settings),
        )

    def push_to(self, *targets, **settings):
        """Configure this and nothing else, and have it wanted."""
        settings = {'channel': 'public', 'schedule': 'always'} | settings
        names = ('channel', 'schedule', 'bitrate_kbps', 'targets')
        answer = self.configure(*names, targets=targets, **settings)
        assert answer.success, answer.message
        answer = self.start()
        assert answer.success, answer.message

    def set(self, name, value):
        """Sets a parameter as others do."""
        wish = Parameter(name, value=value).to_parameter_msg()
        answer = self.call(SetParameters, 'stream_node/set_parameters', parameters=[wish])
        return answer.results[0]

    def state(self, name=''):
        """State of the push to a target, or of all together, as last told."""
        status = self.statuses[-1]
        if not name:
            return status.push.state
        return next((each.push.state for each in status.targets if each.name == name), None)

    def target(self, name):
        return next(each for each in self.statuses[-1].targets if each.name == name)

    def await_state(self, state, name=''):
        wait_until(lambda: self.state(name) == state)

    def diagnosed(self, concern):
        """Level and message of the newest diagnosis of a concern."""
        for array in reversed(self.diagnostics):
            for status in array.status:
                if status.name == f'{self.namespace}/stream_node: {concern}':
                    return status.level, status.message
        return None

    def close(self):
        self.node.end()
        for each in self._around:
            each.end()
        self.encoder.shut_down()
        self.encoder.destroy_node()
        self.pictures.close()
        self.tester.destroy_node()
        rclpy.shutdown(context=self.context)
