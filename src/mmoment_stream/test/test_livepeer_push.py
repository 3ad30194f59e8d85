"""Real packets go to a real server with the keys of the studio: what it says is what happens."""

import time

import pytest
from coded_video import coded
from livepeer_world import NEVER, calling, world

from mmoment_stream.h264 import parameter_sets
from mmoment_stream.push_target import Ingest, PushError, VideoFormat
from mmoment_stream.rtmp_sink import RtmpLimits, RtmpSink
from tests.standins.livepeer_studio import await_true
from tests.standins.rtmp_server import NotInstalled, RtmpServer

pytestmark = pytest.mark.graph

FPS = 30
PACKETS = coded(60, fps=FPS, gop=15)
VIDEO = VideoFormat(320, 180, parameter_sets(PACKETS[0].data), FPS)
LAG_S = 0.5
PATIENCE_S = 10.0


@pytest.fixture
def joined(tmp_path):
    """The studio with a server behind it."""
    with world(tmp_path, active_lag_s=LAG_S, idle_lag_s=LAG_S) as made:
        studio = made.studio
        try:
            server = RtmpServer(
                on_publish_url=studio.on_publish_url,
                on_publish_done_url=studio.on_publish_done_url,
            )
        except NotInstalled as missing:
            pytest.skip(str(missing))
        with server:
            studio.attach(server.publish_url, server.drop)
            made.server = server
            yield made


class Push:
    """Sends the packets again and again, as fast as a camera does."""

    def __init__(self, ingest):
        self.sink = RtmpSink(RtmpLimits(connect_s=5, answer_s=5))
        self.sink.open(ingest, VIDEO, silent_audio=False)
        self._sent = 0

    def until(self, is_true):
        """Send until something is true; whether it is in time."""
        end = time.monotonic() + PATIENCE_S
        while not is_true() and time.monotonic() < end:
            packet = PACKETS[self._sent % len(PACKETS)]
            self.sink.send(packet, self._sent * 1000 // FPS)
            self._sent += 1
            time.sleep(1 / FPS)
        return bool(is_true())

    def loss(self):
        """The code with which it ends."""
        try:
            self.until(lambda: False)
        except PushError as error:
            return error.code
        finally:
            self.sink.close()
        return 'none'


def refusal(ask):
    with pytest.raises(PushError) as caught:
        ask()
    return caught.value.code


def of_stream(joined, work):
    """What the work comes to with a client and the id of the one stream."""
    (stream,) = joined.streams
    return calling(joined.client(), lambda client: work(client, stream['id']))


def suspend(joined, is_suspended):
    of_stream(joined, lambda client, it: client.change_stream(it, suspended=is_suspended))


def terminate(joined):
    of_stream(joined, lambda client, it: client.terminate_stream(it))


def test_a_key_of_the_studio_publishes_and_the_studio_follows_late(joined):
    provider = joined.provider(record=True)
    ingest = provider.ingest(NEVER)
    push = Push(ingest)
    # It is pushed to, and the studio does not say so yet.
    assert not provider.health(NEVER).is_active
    assert push.until(lambda: joined.streams[0]['isActive'])
    assert provider.health(NEVER).is_active
    assert push.until(lambda: joined.server.stat().stream(ingest.key).bytes_in > 20_000)
    push.sink.close()
    assert joined.streams[0]['isActive']
    assert await_true(lambda: not provider.health(NEVER).is_active)
    (session,) = of_stream(joined, lambda client, it: client.sessions(it))
    assert session.recording_status == 'ready'
    assert session.recording_url


def test_a_suspended_stream_is_thrown_out_and_kept_out_until_it_is_allowed(joined):
    provider = joined.provider()
    ingest = provider.ingest(NEVER)
    push = Push(ingest)
    assert push.until(lambda: joined.streams[0]['isActive'])
    suspend(joined, True)
    assert push.loss() == 'closed'
    assert refusal(lambda: Push(ingest)) == 'key_rejected'
    assert refusal(lambda: provider.ingest(NEVER)) == 'provider_suspended'
    suspend(joined, False)
    again = Push(provider.ingest(NEVER))
    assert again.until(lambda: joined.streams[0]['isActive'])
    again.sink.close()


def test_a_push_that_is_ended_may_begin_again_and_not_be_ended_at_once_again(joined):
    provider = joined.provider()
    ingest = provider.ingest(NEVER)
    push = Push(ingest)
    assert push.until(lambda: joined.streams[0]['isActive'])
    terminate(joined)
    assert push.loss() == 'closed'
    again = Push(ingest)
    assert refusal(lambda: terminate(joined)) == 'provider_busy'
    assert again.until(lambda: joined.server.stat().stream(ingest.key).publishing)
    again.sink.close()


def test_keys_that_the_studio_did_not_make_or_has_deleted_are_refused(joined):
    provider = joined.provider()
    ingest = provider.ingest(NEVER)
    assert refusal(lambda: Push(Ingest(ingest.url, 'abcd-efgh-ijkl-mnop'))) == 'key_rejected'
    joined.streams[0]['deleted'] = True
    assert refusal(lambda: Push(ingest)) == 'key_rejected'


def test_a_dead_server_is_known_at_once_though_the_studio_goes_on_saying_active(joined):
    provider = joined.provider()
    ingest = provider.ingest(NEVER)
    push = Push(ingest)
    assert push.until(lambda: joined.streams[0]['isActive'])
    joined.server.kill()
    assert push.loss() == 'closed'
    assert provider.health(NEVER).is_active
    joined.server.restart()
    again = Push(provider.ingest(NEVER))
    assert again.until(lambda: joined.server.stat().stream(ingest.key).publishing)
    again.sink.close()
