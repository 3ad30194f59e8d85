"""A push to real servers: nginx for RTMP, ffmpeg for SRT. Faults are caused, recovery is watched."""

import contextlib
import functools
import http.server
import os
import statistics
import threading
import time
import urllib.parse

import pytest
from push_camera import Camera, Viewer
from push_world import FakeProvider, until
from test_ffmpeg_sink import Listener

from mmoment_node.recovery import BackOff, RecoveryState
from mmoment_stream.push_sinks import make_sink
from mmoment_stream.push_target import Ingest, PushTarget
from mmoment_stream.stream_push import PushLimits, StreamPush
from tests.standins.faulty_peers import Relay
from tests.standins.rtmp_server import NotInstalled, RtmpServer

pytestmark = pytest.mark.graph
LIVE, WAITING = RecoveryState.LIVE, RecoveryState.WAITING_TO_RETRY
KEY = 'good-key-42'
BACK_OFF = BackOff(first_s=0.1, cap_s=0.5)
LIMITS = PushLimits(slate_after_s=1.0, first_video_s=5.0)


class Hook(http.server.BaseHTTPRequestHandler):
    """Lets one key publish."""

    def do_GET(self):
        words = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        self.send_response(200 if words.get('name') == [KEY] else 403)
        self.end_headers()

    def log_message(self, *what):
        pass


@pytest.fixture(scope='module')
def hook():
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}/on_publish'
        server.shutdown()
        thread.join()


@pytest.fixture(scope='module')
def nginx(hook):
    try:
        server = RtmpServer(on_publish_url=hook)
    except NotInstalled as missing:
        pytest.skip(str(missing))
    with server:
        yield server


@pytest.fixture(scope='module')
def camera():
    with Camera() as one:
        yield one


class Pushed:
    """A push of that camera."""

    def __init__(self, camera, provider, make=make_sink):
        self.provider = provider
        self.told = []
        self.push = StreamPush(
            PushTarget('main'),
            provider,
            make,
            request_keyframe=camera.request_keyframe,
            limit=camera.limit,
            on_change=lambda: self.told.append(self.push.report()),
            back_off=BACK_OFF,
            limits=LIMITS,
        )

    @property
    def report(self):
        return self.push.report()

    def await_live(self, since=0):
        until(lambda: self.report.push.state is LIVE and len(self.told) > since)

    def errors(self):
        return [report.error_code for report in self.told if report.push.state is WAITING]


@contextlib.contextmanager
def pushing(camera, url, key=KEY, **more):
    pushed = Pushed(camera, FakeProvider(Ingest(url, key)), **more)
    thread = threading.Thread(target=pushed.push.run)
    thread.start()
    camera.pushes.append(pushed.push)
    try:
        yield pushed
    finally:
        camera.pushes.remove(pushed.push)
        stopped_s = time.monotonic()
        pushed.push.stop()
        thread.join(10)
        assert time.monotonic() - stopped_s < 1
        assert not thread.is_alive()


@contextlib.contextmanager
def watching(camera, nginx):
    """A viewer that sees something."""
    with Viewer(nginx.play_url(KEY)) as viewer:

        def sees():
            # A viewer begins with a keyframe.
            camera.request_keyframe()
            return len(viewer.seen) > 2

        until(sees)
        yield viewer


def test_every_picture_arrives_in_order_and_soon(camera, nginx):
    with pushing(camera, nginx.publish_url) as pushed:
        pushed.await_live()
        assert nginx.await_stream(KEY)
        with watching(camera, nginx) as viewer:
            until(lambda: len(viewer.seen) > 45)
            numbers, ages_ms = viewer.numbers, viewer.ages_ms(30)
        stream = nginx.stat().stream(KEY)
        assert (stream.codec, stream.width) == ('H264', 320)
        assert pushed.report.bytes_sent > 0
        assert pushed.report.fps == pytest.approx(30, abs=5)
        assert pushed.report.dropped == 0
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert statistics.median(ages_ms) < 500
    assert nginx.await_stream(KEY, publishing=False)


def test_viewers_see_the_slate_while_the_camera_is_away_and_then_the_camera(camera, nginx):
    with pushing(camera, nginx.publish_url) as pushed:
        pushed.await_live()
        with watching(camera, nginx) as viewer:
            camera.is_away.set()
            try:
                until(lambda: viewer.numbers[-3:] == [None] * 3)
                assert pushed.report.slate
                assert pushed.report.push.state is LIVE
            finally:
                camera.is_away.clear()
            until(lambda: None not in viewer.numbers[-10:])
            assert not pushed.report.slate
        assert pushed.report.reconnects == 0


def test_a_server_that_is_killed_is_noticed_at_once_and_found_again(camera, nginx):
    with pushing(camera, nginx.publish_url) as pushed:
        pushed.await_live()
        killed_s = time.monotonic()
        nginx.kill()
        until(lambda: pushed.report.push.state is not LIVE)
        assert time.monotonic() - killed_s < 1
        until(lambda: 'refused' in pushed.errors())
        nginx.start()
        started_s = time.monotonic()
        pushed.await_live()
        assert time.monotonic() - started_s < 1 + BACK_OFF.cap_s
        assert nginx.await_stream(KEY)
        assert pushed.report.reconnects == 1


def test_a_wrong_key_is_told_as_one_and_the_right_one_is_used_as_soon_as_it_is_there(camera, nginx):
    with pushing(camera, nginx.publish_url, 'wrong-key-1') as pushed:
        until(lambda: len(pushed.errors()) > 1)
        assert set(pushed.errors()) == {'key_rejected'}
        assert not [report for report in pushed.told if 'wrong-key' in repr(report)]
        pushed.provider.answer = Ingest(nginx.publish_url, KEY)
        pushed.await_live()
        assert nginx.await_stream(KEY)


def test_a_server_that_hangs_is_noticed_and_taken_up_again(camera, nginx):
    make = functools.partial(make_sink, stall_s=0.5, connect_s=0.5)
    with pushing(camera, nginx.publish_url, make=make) as pushed:
        pushed.await_live()
        nginx.stop()
        try:
            until(lambda: pushed.report.push.state is not LIVE)
            until(lambda: 'timed_out' in pushed.errors())
            assert pushed.errors()[0] == 'stalled'
        finally:
            nginx.resume()
        # The server may take the connection that hung for a publisher for a moment.
        pushed.await_live()
        assert nginx.await_stream(KEY)


def test_the_key_that_somebody_else_publishes_with_is_ours_when_it_is_free(camera, nginx):
    with pushing(camera, nginx.publish_url) as first:
        first.await_live()
        with pushing(camera, nginx.publish_url) as second:
            until(lambda: second.errors())
            assert set(second.errors()) == {'already_publishing'}
            first.push.stop()
            second.await_live()


def test_connections_that_are_reset_over_and_over_leave_nothing_behind(camera, nginx):
    def kept():
        return len(os.listdir('/proc/self/fd')), threading.active_count()

    with Relay(nginx.port) as relay:
        url = f'rtmp://127.0.0.1:{relay.port}/live'
        with pushing(camera, url) as pushed:
            pushed.await_live()
            before = kept()
            for count in range(1, 6):
                relay.reset_all()
                until(lambda count=count: pushed.report.reconnects >= count)
                pushed.await_live()
            until(lambda: relay.connections == 1)
            until(lambda: kept() <= before)


def test_half_of_the_uplink_is_enough_for_a_stream_in_real_time(nginx):
    kbps = 1600
    with Relay(nginx.port) as relay, Camera(kbps, noise=True) as camera:
        url = f'rtmp://127.0.0.1:{relay.port}/live'
        with pushing(camera, url) as pushed:
            pushed.await_live()
            assert nginx.await_stream(KEY)
            until(lambda: pushed.report.kbps > 0.7 * kbps)
            assert camera.limits == []
            with watching(camera, nginx) as viewer:
                relay.limit_kbps(kbps / 2)
                until(lambda: camera.limits)
                until(lambda: pushed.report.target_kbps < kbps / 2)
                # The pictures that waited have to be through.
                time.sleep(4)
                # As many as come in two seconds.
                ages_ms = viewer.ages_ms(60)
            assert pushed.report.push.state is LIVE
            assert pushed.report.kbps < kbps / 2
        assert camera.limits[-1] == 0
    assert statistics.median(ages_ms) < 700
    assert max(ages_ms) < 1500


def test_srt_is_pushed_and_found_again(camera, tmp_path):
    first = Listener(tmp_path)
    make = functools.partial(make_sink, connect_s=0.5)
    try:
        with pushing(camera, first.url, make=make) as pushed:
            pushed.await_live()
            until(lambda: pushed.report.packets_sent > 30)
            first.process.terminate()
            until(lambda: pushed.report.push.state is not LIVE)
            second = Listener(tmp_path)
            pushed.provider.answer = Ingest(second.url, KEY)
            pushed.await_live()
            assert pushed.report.reconnects == 1
            assert 'closed' in pushed.errors()
            second.kill()
    finally:
        first.kill()
