"""The camera node as the rest of the graph meets it."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

rclpy = pytest.importorskip('rclpy')

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
from rclpy.qos import (  # noqa: E402
    DurabilityPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from sensor_msgs.srv import SetCameraInfo  # noqa: E402

from mmoment_camera.frame_topic import FrameSubscriber  # noqa: E402
from mmoment_camera.pattern import read_number  # noqa: E402
from mmoment_interfaces.msg import CameraStatus, ComponentState  # noqa: E402
from mmoment_interfaces.srv import SetSource  # noqa: E402
from mmoment_node.spare_domain import spare_domain  # noqa: E402

pytestmark = pytest.mark.graph

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
COMMAND = [sys.executable, '-c', 'from mmoment_camera.camera_node import main; main()']


class Graph:
    """A domain and namespace of the test's own, camera processes in it, and a node that watches."""

    def __init__(self, folder):
        self.domain = str(spare_domain())
        self.namespace = f'/test_{secrets.token_hex(4)}'
        self.environment = os.environ | {'ROS_DOMAIN_ID': self.domain, 'ROS_HOME': str(folder)}
        self.processes = []
        self.latest = {}
        self.counts = {}

    def start(self, *parameters, wrapper=()):
        arguments = [word for item in parameters for word in ('-p', item)]
        process = subprocess.Popen(
            [*wrapper, *COMMAND, '--ros-args', '-r', f'__ns:={self.namespace}', *arguments],
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def watch(self, kind, topic, qos):
        def receive(message):
            self.latest[topic] = message
            self.counts[topic] = self.counts.get(topic, 0) + 1

        return self.node.create_subscription(kind, topic, receive, qos)

    def receive_frame(self, frame):
        key = 'live' if frame.live else 'placeholder'
        self.counts[key] = self.counts.get(key, 0) + 1
        self.latest[key] = frame.copy()
        self.latest['frame header'] = frame.header

    def call(self, kind, name, request):
        client = self.node.create_client(kind, name)
        assert client.wait_for_service(20)
        done = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: done.set())
        assert done.wait(20)
        return future.result()

    def has_state(self, state):
        status = self.latest.get('camera_status')
        return status is not None and status.connection.state == state


@pytest.fixture
def graph(monkeypatch, tmp_path):
    graph = Graph(tmp_path / 'ros')
    monkeypatch.setenv('ROS_DOMAIN_ID', graph.domain)
    context = rclpy.Context()
    rclpy.init(context=context)
    graph.node = rclpy.create_node('watcher', namespace=graph.namespace, context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(graph.node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    graph.frames = FrameSubscriber(graph.node, 'frames', graph.receive_frame)
    graph.watch(CameraStatus, 'camera_status', LATCHED)
    thread.start()
    yield graph
    for process in graph.processes:
        process.kill()
        process.wait()
        process.stderr.close()
    executor.shutdown()
    thread.join(10)
    graph.node.destroy_node()
    rclpy.shutdown(context=context)


@pytest.mark.parametrize(
    ('parameters', 'words'),
    [
        (['source:=webcam'], "source 'webcam' is unknown; choose one of: auto, demo"),
        (['source:=/no/such/clip.mp4'], 'is a file that is not there'),
        (['source:=secret:/no/such/file'], 'cannot be read'),
        (['fps:=1000'], 'parameter fps is 1000, must be 1 to 240 Hz'),
        (['rotation:=45'], 'rotation is 45, must be one of: 0, 90, 180, 270'),
        (['jpegquality:=5'], 'parameter jpegquality is unknown'),
        (['read_timeout_s:=5.0'], 'stall_timeout_s is 3, must be above read_timeout_s'),
        (['calibration_file:=/proc/self/status'], 'is no calibration'),
    ],
)
def test_a_persons_mistake_is_one_line_and_exit_code_two(graph, parameters, words):
    process = graph.start(*parameters)
    _, text = process.communicate(timeout=30)
    assert process.returncode == 2, text
    (line,) = text.splitlines()
    assert line.startswith('error: camera_node: ')
    assert words in line
    assert not leftovers(graph)


def leftovers(graph):
    """Frame rings of this graph that are still in shared memory."""
    return [name for name in os.listdir('/dev/shm') if graph.namespace.strip('/') in name]


def test_a_file_that_is_no_video_ends_it_too(graph, tmp_path):
    clip = tmp_path / 'clip.mp4'
    clip.write_text('no video')
    process = graph.start(f'source:={clip}')
    _, text = process.communicate(timeout=30)
    assert process.returncode == 2
    assert 'give a video file' in text.splitlines()[-1]
    assert not leftovers(graph)


def test_full_shared_memory_is_told_with_both_numbers(graph):
    # Room for the middleware, and too little for six pictures of this size.
    small = 'mount -t tmpfs -o size=100m tmpfs /dev/shm && exec "$@"'
    probe = ['unshare', '-m', 'sh', '-c', small, 'sh']
    if shutil.which('unshare') is None or subprocess.run([*probe, 'true'], check=False).returncode:
        pytest.skip('this user may not mount a small /dev/shm')
    process = graph.start('source:=pattern', 'width:=3840', 'height:=2160', wrapper=probe)
    _, text = process.communicate(timeout=30)
    assert process.returncode == 2
    line = text.splitlines()[-1]
    assert line.startswith('error: camera_node: ')
    assert 'needs 142.4 MiB of shared memory' in line
    assert 'MiB are free' in line


def test_a_second_camera_in_the_namespace_is_refused(graph, wait_until):
    first = graph.start('source:=pattern')
    wait_until(lambda: graph.counts.get('live', 0) > 3, 'pictures', 30)
    second = graph.start('source:=pattern')
    _, text = second.communicate(timeout=30)
    assert second.returncode == 2
    assert str(first.pid) in text
    assert first.poll() is None


def test_pictures_status_and_diagnostics(graph, wait_until):
    graph.watch(DiagnosticArray, '/diagnostics', 10)
    process = graph.start('source:=pattern', 'width:=640', 'height:=360', 'frame_id:=eye')
    wait_until(lambda: graph.counts.get('live', 0) > 10, 'pictures', 30)
    assert graph.latest['live'].shape == (360, 640, 3)
    assert read_number(graph.latest['live']) > 0
    assert graph.latest['frame header'].frame_id == 'eye'
    age_ns = graph.node.get_clock().now().nanoseconds - (
        graph.latest['frame header'].stamp.sec * 10**9 + graph.latest['frame header'].stamp.nanosec
    )
    assert abs(age_ns) < 10**9
    wait_until(lambda: graph.has_state(ComponentState.LIVE), 'live')
    status = graph.latest['camera_status']
    assert (status.kind, status.source, status.pixel_format) == ('pattern', 'pattern', 'BGR')
    wait_until(lambda: graph.latest['camera_status'].fps > 25, 'the rate in the status')
    wait_until(lambda: '/diagnostics' in graph.latest, 'diagnostics')
    concerns = {
        entry.name.partition(': ')[2]: entry.level for entry in graph.latest['/diagnostics'].status
    }
    assert concerns.keys() == {'connection', 'rate', 'frame age', 'shared memory'}
    process.send_signal(signal.SIGINT)
    assert process.wait(15) == 0
    assert not leftovers(graph)


def test_image_topics_reach_whoever_looks(graph, wait_until):
    graph.start('source:=pattern', 'width:=320', 'height:=240')
    wait_until(lambda: graph.counts.get('live', 0) > 3, 'pictures', 30)
    graph.watch(Image, 'image_raw', BEST_EFFORT)
    graph.watch(CompressedImage, 'image_raw/compressed', BEST_EFFORT)
    graph.watch(CameraInfo, 'camera_info', qos_profile_sensor_data)
    topics = ('image_raw', 'image_raw/compressed', 'camera_info')
    wait_until(lambda: all(graph.counts.get(topic, 0) > 3 for topic in topics), 'images', 20)
    assert (graph.latest['image_raw'].width, graph.latest['image_raw'].height) == (320, 240)
    assert bytes(graph.latest['image_raw/compressed'].data[:2]) == b'\xff\xd8'
    assert not any(graph.latest['camera_info'].k)


def test_the_source_changes_while_it_runs(graph, wait_until):
    process = graph.start('source:=pattern', 'width:=320', 'height:=240')
    wait_until(lambda: graph.has_state(ComponentState.LIVE), 'live', 30)
    wrong = graph.call(SetSource, 'set_source', SetSource.Request(source='webcam'))
    assert not wrong.success
    assert 'choose one of' in wrong.message
    assert graph.has_state(ComponentState.LIVE)
    address = 'rtsp://anna:geheim@127.0.0.1:9/live'
    right = graph.call(SetSource, 'set_source', SetSource.Request(source=address))
    assert right.success
    assert 'geheim' not in right.message
    wait_until(lambda: graph.has_state(ComponentState.WAITING_TO_RETRY), 'a retry')
    wait_until(lambda: graph.counts.get('placeholder', 0) > 1, 'a placeholder')
    status = graph.latest['camera_status']
    assert status.source == 'rtsp://***@127.0.0.1:9/live'
    assert 'refuses the connection' in status.connection.last_error
    assert graph.latest['placeholder'].shape == (240, 320, 3)
    graph.call(SetSource, 'set_source', SetSource.Request(source='demo'))
    wait_until(lambda: graph.latest['camera_status'].kind == 'demo', 'the demo')
    process.send_signal(signal.SIGTERM)
    _, text = process.communicate(timeout=15)
    assert process.returncode == 0
    assert 'geheim' not in text


def test_a_camera_is_pulled_and_comes_back(graph, http_camera, wait_until):
    camera = http_camera()
    graph.start(f'source:=http://127.0.0.1:{camera.port}/mjpeg')
    wait_until(lambda: graph.counts.get('live', 0) > 3, 'pictures', 30)
    camera.kill()
    wait_until(lambda: graph.has_state(ComponentState.WAITING_TO_RETRY), 'the loss')
    wait_until(lambda: graph.counts.get('placeholder', 0) > 1, 'a placeholder')
    assert graph.latest['placeholder'].shape == graph.latest['live'].shape
    seen = graph.counts['live']
    http_camera(port=camera.port)
    wait_until(lambda: graph.counts['live'] > seen + 3, 'pictures again', 15)
    wait_until(lambda: graph.has_state(ComponentState.LIVE), 'live again')


def test_a_calibration_survives_a_restart_and_is_scaled(graph, tmp_path, wait_until):
    file = tmp_path / 'eye.yaml'
    options = ('source:=pattern', 'width:=320', 'height:=240', f'calibration_file:={file}')
    info = CameraInfo(
        width=640,
        height=480,
        distortion_model='plumb_bob',
        d=[0.1] * 5,
        k=[500.0, 0.0, 320.0, 0.0, 500.0, 240.0, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[500.0, 0.0, 320.0, 0.0, 0.0, 500.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    )
    process = graph.start(*options)
    wait_until(lambda: graph.has_state(ComponentState.LIVE), 'live', 30)
    refused = graph.call(SetCameraInfo, 'set_camera_info', SetCameraInfo.Request())
    assert not refused.success
    assert refused.status_message
    request = SetCameraInfo.Request(camera_info=info)
    assert graph.call(SetCameraInfo, 'set_camera_info', request).success
    process.kill()
    process.wait()
    graph.latest.clear()
    graph.start(*options)
    graph.watch(CameraInfo, 'camera_info', BEST_EFFORT)
    wait_until(lambda: 'camera_info' in graph.latest, 'camera_info', 30)
    assert list(graph.latest['camera_info'].k)[:3] == [250.0, 0.0, 160.0]


def test_it_stops_and_starts_by_its_lifecycle(graph, wait_until):
    graph.start('source:=pattern', 'width:=320', 'height:=240')

    def change(transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert graph.call(ChangeState, 'camera_node/change_state', request).success

    wait_until(lambda: graph.counts.get('live', 0) > 3, 'pictures', 30)
    change(Transition.TRANSITION_DEACTIVATE)
    wait_until(lambda: graph.has_state(ComponentState.IDLE), 'idle')
    seen = graph.counts.get('live', 0)
    time.sleep(0.3)
    assert graph.counts.get('live', 0) == seen
    refused = graph.call(SetSource, 'set_source', SetSource.Request(source='demo'))
    assert not refused.success
    assert 'not active' in refused.message
    change(Transition.TRANSITION_CLEANUP)
    assert not leftovers(graph)
    change(Transition.TRANSITION_CONFIGURE)
    assert leftovers(graph)
    change(Transition.TRANSITION_ACTIVATE)
    wait_until(lambda: graph.counts['live'] > seen + 3, 'pictures again')


def test_turned_pictures(graph, wait_until):
    graph.start('source:=pattern', 'width:=320', 'height:=240', 'rotation:=90')
    wait_until(lambda: graph.counts.get('live', 0) > 3, 'pictures', 30)
    assert graph.latest['live'].shape == (320, 240, 3)
