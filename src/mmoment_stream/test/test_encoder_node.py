"""The encoder node: packets for whoever takes them, while somebody does."""

import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from diagnostic_msgs.msg import DiagnosticStatus
from encoder_graph import PICTURES, EncoderGraph, TrustingProber, keyframes, software
from encoder_world import FakeEncoder, decoded, likeness_db, planes_of
from rclpy.parameter import Parameter

from mmoment_stream import encoder_channel_topics, encoder_node
from mmoment_stream.encoder_backends import SOFTWARE
from mmoment_stream.encoder_messages import packet_of
from mmoment_stream.encoder_node import EncoderNode
from mmoment_stream.encoder_prober import EncoderProber
from mmoment_stream.h264 import parameter_sets
from mmoment_stream.picture_planes import PlaneMaker

pytestmark = pytest.mark.graph


class SoftwareNode(EncoderNode):
    """Without trials of hardware, which take a while."""

    OPENERS = {SOFTWARE: software}


@pytest.fixture
def graph():
    graphs = []

    def start(node_class=SoftwareNode, **parameters):
        graphs.append(EncoderGraph(node_class, **parameters))
        return graphs[-1]

    yield start
    for each in graphs:
        each.close()


def test_packets_show_the_pictures_with_their_times(graph):
    world = graph(bitrate_kbps=4000)
    packets, _ = world.take()
    world.show(until=lambda: len(packets) >= 30)
    first = packets[0]
    assert first.keyframe
    assert parameter_sets(bytes(first.data)) is not None
    assert (first.sequence, first.format, first.live) == (1, 'h264', True)
    assert first.header.frame_id == 'camera_optical_frame'
    assert first.header.stamp.sec == 1000
    assert first.header.stamp.nanosec == first.monotonic_ns % 10**9
    assert [packet.sequence for packet in packets[:30]] == list(range(1, 31))
    frames = decoded(packet_of(packet).data for packet in packets[:30])
    planes = [PlaneMaker(320, 180).make(picture) for picture in PICTURES]
    for packet, frame in zip(packets, frames, strict=False):
        likeness = [likeness_db(planes_of(frame), wanted) for wanted in planes]
        assert likeness.index(max(likeness)) == world.number_at[packet.monotonic_ns]
        assert max(likeness) > 30


def test_it_takes_pictures_only_while_somebody_takes_packets(graph):
    world = graph()
    world.wait(lambda: world.status)
    assert not world.status[-1].encoding
    assert world.status[-1].encoder == ''
    assert world.public.subscriber_count == 0

    packets, subscription = world.take()
    world.show(until=lambda: len(packets) > 3)
    assert world.public.subscriber_count == 1
    world.show(until=lambda: world.status[-1].encoding and world.status[-1].packets > 3)
    status = world.status[-1]
    assert (status.encoder, status.hardware, status.channel) == (SOFTWARE, False, 'public')
    assert (status.width, status.height) == (320, 180)

    world.leave(subscription)
    world.show(until=lambda: world.public.subscriber_count == 0)
    world.show(until=lambda: not world.status[-1].encoding)
    count = world.status[-1].packets
    world.wait(lambda: world.node._channels[0]._encoder._run is None)

    more, _ = world.take()
    world.show(until=lambda: len(more) > 3)
    assert more[0].keyframe
    assert more[0].epoch != packets[0].epoch
    world.show(until=lambda: world.status[-1].packets > count)


def test_whoever_joins_gets_a_keyframe_at_once(graph):
    world = graph(keyframe_interval_s=10.0)
    packets, _ = world.take()
    world.show(until=lambda: len(packets) > 20)
    assert keyframes(packets) == [0]
    late, _ = world.take()
    world.show(until=lambda: len(late) > 10)
    # One or two pictures may have been on their way.
    (first,) = keyframes(late)
    assert first < 4
    assert late[first].epoch == packets[0].epoch


def test_a_keyframe_comes_on_request(graph):
    world = graph(keyframe_interval_s=10.0)
    packets, _ = world.take()
    world.show(until=lambda: len(packets) > 15)
    answer = world.request_keyframe()
    world.show(until=lambda: answer.done() and len(keyframes(packets)) > 1)
    assert answer.result().success
    assert answer.result().message == 'The next picture is a keyframe'
    assert len(set(packet.epoch for packet in packets)) == 1


def test_rate_and_bitrate_change_while_it_runs(graph):
    world = graph(fps=30.0)
    packets, _ = world.take()
    world.show(until=lambda: len(packets) > 10)
    set_all = [Parameter('fps', value=10.0), Parameter('bitrate_kbps', value=600)]
    assert all(result.successful for result in world.node.set_parameters(set_all))
    world.show(seconds=0.3)
    count = len(packets)
    world.show(seconds=2.0)
    gaps_ms = [
        (later.monotonic_ns - earlier.monotonic_ns) * 1e-6
        for earlier, later in zip(packets[count:-1], packets[count + 1 :], strict=True)
    ]
    assert sorted(gaps_ms)[len(gaps_ms) // 2] > 80
    assert len(set(packet.epoch for packet in packets)) == 1
    world.show(until=lambda: world.status[-1].target_kbps == 600)
    # What is not wanted is not missing.
    status = world.status[-1]
    assert status.packets + status.dropped < 0.8 * world.shown
    (refused,) = world.node.set_parameters([Parameter('preset', value='placebo')])
    assert 'must be one of: ultrafast' in refused.reason


def test_placeholders_are_marked(graph):
    world = graph()
    packets, _ = world.take()
    world.show(until=lambda: packets, live=False)
    assert not packets[0].live


class FailingNode(EncoderNode):
    """Has a fake hardware encoder that fails."""

    OPENERS = {
        'fake_hardware': lambda wanted: FakeEncoder('fake_hardware', wanted, fails_after=20),
        SOFTWARE: software,
    }
    PROBER = TrustingProber


def levels(node):
    return {status.name.rpartition(': ')[2]: status for status in node.diagnose()}


def test_hardware_that_fails_is_replaced_while_packets_go_on(graph):
    world = graph(FailingNode)
    packets, _ = world.take()
    world.show(until=lambda: len(packets) > 10)
    assert levels(world.node)['encoder'].level == DiagnosticStatus.OK
    assert world.status[-1].hardware
    world.show(until=lambda: len(packets) > 40)
    epochs = list(dict.fromkeys(packet.epoch for packet in packets))
    assert len(epochs) == 2
    first = next(number for number, packet in enumerate(packets) if packet.epoch == epochs[1])
    assert (first, packets[first].keyframe, packets[first].sequence) == (20, True, 1)
    # No picture is missing for it.
    assert packets[first].frame_sequence - packets[first - 1].frame_sequence <= 2
    world.show(until=lambda: world.status[-1].fallbacks == 1)
    status = world.status[-1]
    assert (status.encoder, status.hardware) == (SOFTWARE, False)
    assert status.reason.startswith('in place of fake_hardware, which failed')
    assert 'it was told to' in status.last_error
    diagnostic = levels(world.node)['encoder']
    assert diagnostic.level == DiagnosticStatus.WARN
    assert 'in place of fake_hardware' in diagnostic.message


def test_diagnostics_tell_rate_and_losses(graph):
    world = graph()
    assert levels(world.node)['encoder'].message == 'not used yet'
    assert levels(world.node)['video'].message == 'nobody takes packets'
    assert levels(world.node)['overlay/encoder'].message == 'not used yet'
    assert levels(world.node)['overlay/video'].message == 'nobody takes packets'
    packets, _ = world.take()
    world.wait(lambda: world.public.subscriber_count)
    silent = levels(world.node)['video']
    assert silent.level == DiagnosticStatus.WARN
    assert silent.message == 'no pictures come on public/frames'
    world.show(until=lambda: len(packets) > 30)
    values = {pair.key: pair.value for pair in levels(world.node)['video'].values}
    assert (values['size'], int(values['packets']) > 30) == ('320x180', True)
    assert float(values['fps']) > 5
    for _ in range(50):
        world.node._channels[0]._encoder._figures.lost()
    video = levels(world.node)['video']
    assert video.level == DiagnosticStatus.WARN
    assert 'were not encoded' in video.message


def test_an_encoder_that_hangs_ends_the_process(graph, monkeypatch):
    monkeypatch.setattr(encoder_channel_topics, 'HANG_S', 0.3)
    monkeypatch.setattr(encoder_node, 'END_S', 0.1)
    leave = threading.Event()

    class Hangs(FakeEncoder):
        def encode(self, planes, pts, *, force_keyframe):
            leave.wait(60)
            return super().encode(planes, pts, force_keyframe=force_keyframe)

    class HangingNode(FailingNode):
        OPENERS = {
            'fake_hardware': lambda wanted: Hangs('fake_hardware', wanted),
            SOFTWARE: software,
        }

    world = graph(HangingNode)
    world.take()
    world.show(until=lambda: world.node.fault is not None)
    assert str(world.node.fault) == 'fake_hardware has held a picture for 0.3 s: it hangs'
    leave.set()


def test_an_inactive_node_makes_nothing_and_an_active_one_goes_on(graph):
    world = graph()
    packets, _ = world.take()
    world.show(until=lambda: len(packets) > 3)
    world.node.trigger_deactivate()
    assert world.node._channels[0]._feed.topic == ''
    count = len(packets)
    answer = world.request_keyframe()
    world.show(until=lambda: answer.done())
    assert not answer.result().success
    world.show(seconds=0.3)
    assert len(packets) <= count + 1
    world.node.trigger_activate()
    world.show(until=lambda: len(packets) > count + 5)
    assert packets[-1].epoch != packets[0].epoch


def test_a_node_that_stops_ends_the_trial_that_hangs(graph, tmp_path):
    log = tmp_path / 'pid'
    code = f'import os, time; open({str(log)!r}, "w").write(str(os.getpid())); time.sleep(1000)'

    class ProbingNode(FailingNode):
        PROBER = staticmethod(lambda: EncoderProber([sys.executable, '-c', code]))

    world = graph(ProbingNode)
    world.wait(lambda: log.exists() and log.read_text())
    world.node.trigger_deactivate()
    assert not Path(f'/proc/{log.read_text()}').exists()


def test_the_real_node_says_what_it_tried(graph):
    world = graph(EncoderNode)
    packets, _ = world.take()
    world.show(until=lambda: len(packets) > 3)
    world.show(until=lambda: world.status[-1].encoder)
    status = world.status[-1]
    if status.hardware:
        pytest.skip(f'this machine has {status.encoder}')
    assert status.encoder == SOFTWARE
    for name in ('h264_nvenc', 'h264_qsv', 'h264_v4l2m2m', 'h264_vaapi', 'nvv4l2h264enc'):
        assert f'{name}: ' in status.reason
