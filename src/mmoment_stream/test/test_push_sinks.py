"""Which sink takes which address."""

import pytest

from mmoment_stream.ffmpeg_sink import FfmpegSink
from mmoment_stream.push_sinks import make_sink
from mmoment_stream.push_target import Ingest, PushError
from mmoment_stream.rtmp_sink import RtmpSink


@pytest.mark.parametrize(
    ('url', 'kind'),
    [
        ('rtmp://127.0.0.1/live', RtmpSink),
        ('rtmps://127.0.0.1:443/live', RtmpSink),
        ('srt://127.0.0.1:9000?latency=200000', FfmpegSink),
    ],
)
def test_each_address_has_its_sink_and_each_connection_a_new_one(url, kind):
    first, second = make_sink(Ingest(url)), make_sink(Ingest(url))
    assert type(first) is type(second) is kind
    assert first is not second


@pytest.mark.parametrize('url', ['', 'http://127.0.0.1/live', 'srt://127.0.0.1', 'whatever'])
def test_what_nobody_can_push_to_is_refused(url):
    with pytest.raises(PushError) as refused:
        make_sink(Ingest(url))
    assert refused.value.code == 'bad_address'
