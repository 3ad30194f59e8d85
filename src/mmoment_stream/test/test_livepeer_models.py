import pytest

from mmoment_stream import livepeer_models as models
from mmoment_stream.push_target import PushError

KEY = 'abcd-efgh-ijkl-mnop'
STREAM = {'id': 's1', 'name': 'gym', 'streamKey': KEY, 'playbackId': 'p1', 'isActive': True}


def odd(read, answer):
    with pytest.raises(PushError) as caught:
        read(answer)
    assert caught.value.code == 'provider_fault'
    assert KEY not in caught.value.text


def test_what_is_absent_or_null_has_a_plain_value():
    stream = models.read_stream({**STREAM, 'issues': None, 'profiles': None, 'multistream': None})
    assert (stream.issues, stream.profiles, stream.multistream) == ((), (), ())
    assert (stream.is_healthy, stream.last_seen_ms, stream.record) == (None, 0.0, False)
    assert models.read_stream({**STREAM, 'isHealthy': False}).is_healthy is False


@pytest.mark.parametrize('answer', [None, [], 'text', 5, {}])
def test_a_stream_is_an_object_with_the_fields_it_needs(answer):
    odd(models.read_stream, answer)


@pytest.mark.parametrize(
    'change',
    [
        {'id': 5},
        {'id': '../x'},
        {'id': ''},
        {'streamKey': None},
        {'streamKey': 'two words'},
        {'streamKey': 'a/b/c/d'},
        {'streamKey': 'x' * 200},
        {'playbackId': {}},
        {'isActive': 'yes'},
        {'isActive': 1},
        {'isHealthy': 'no'},
        {'issues': 'one'},
        {'issues': [5]},
        {'lastSeen': 'now'},
        {'lastSeen': True},
        {'createdAt': float('nan')},
        {'name': 'x' * 5000},
        {'profiles': [{'width': float('inf')}]},
        {'profiles': {}},
        {'multistream': []},
        {'multistream': {'targets': [{'profile': 'source'}]}},
    ],
)
def test_a_field_of_another_type_is_no_answer(change):
    odd(models.read_stream, {**STREAM, **change})


def test_issues_spoil_neither_page_nor_log_and_tell_no_key():
    issues = [f'bad\x1b[31m\n{KEY}', 'x' * 1000, *['more'] * 50]
    stream = models.read_stream({**STREAM, 'issues': issues})
    assert stream.issues[0] == 'bad[31m***'
    assert len(stream.issues[1]) == models.MOST_ISSUE_LETTERS
    assert len(stream.issues) == models.MOST_ISSUES


def test_only_web_addresses_are_passed_on():
    def source(url, hrn='HLS (TS)', kind='html5/application/vnd.apple.mpegurl'):
        return {'hrn': hrn, 'type': kind, 'url': url}

    webrtc = ('WebRTC (H264)', 'html5/video/h264')
    sources = [
        source('javascript:alert(1)'),
        source('https://user:p@h/a'),
        source('https://h/\n'),
        source('https://[h/a'),
        source('https://h/first'),
        source('https://h/second'),
        source('https://h/rtc', *webrtc),
        source('https://h/picture', 'Thumbnail', 'image/jpeg'),
    ]
    playback = models.read_playback({'meta': {'source': sources}}, 'p1')
    assert playback == models.Playback('p1', 'https://h/first', 'https://h/rtc')
    assert models.read_playback({}, 'p1') == models.Playback('p1')
    odd(lambda answer: models.read_playback(answer, 'p1'), {'meta': {'source': [5]}})


def test_lists_are_lists_and_webhooks_name_texts():
    odd(lambda answer: models.read_list(answer, models.read_session), {'id': 'x'})
    odd(models.read_webhook, {'id': 'x', 'events': [5]})
    odd(models.read_webhook, {'id': 'x', 'events': 5})
    assert models.read_webhook({'id': 'x'}).events == ()


def test_an_address_of_ingest_is_read_from_either_form():
    assert models.read_ingest([{'ingest': 'rtmp://h/live/'}]) == 'rtmp://h/live'
    assert models.read_ingest({'ingests': {'rtmp': 'rtmp://h/live'}}) == 'rtmp://h/live'
