import pytest

from mmoment_stream.push_address import parse_address, redacted, without
from mmoment_stream.push_target import PushError

SECRET = 'cafe-1234-SECRET'


@pytest.mark.parametrize(
    ('url', 'parts'),
    [
        ('rtmp://a.example/live', ('rtmp', 'a.example', 1935, 'live')),
        ('RTMP://A.Example:19350/live/more/', ('rtmp', 'a.example', 19350, 'live/more')),
        ('rtmps://a.example/live2', ('rtmps', 'a.example', 443, 'live2')),
        ('rtmp://[::1]:1936/app', ('rtmp', '::1', 1936, 'app')),
        ('rtmp://10.0.0.7/app', ('rtmp', '10.0.0.7', 1935, 'app')),
        ('srt://a.example:9000', ('srt', 'a.example', 9000, '')),
    ],
)
def test_an_address_is_taken_apart(url, parts):
    address = parse_address(url)
    assert (address.scheme, address.host, address.port, address.path) == parts


def test_options_of_srt_are_kept():
    address = parse_address('srt://a.example:9000?latency=200&pbkeylen=16')
    assert address.options == (('latency', '200'), ('pbkeylen', '16'))


@pytest.mark.parametrize(
    'url',
    [
        '',
        'http://a.example/live',
        'rtmp:///live',
        'rtmp://a.example',
        'rtmp://a.example/',
        'rtmp://a.example:0/live',
        'rtmp://a.example:99999/live',
        'rtmp://a.example:port/live',
        'rtmp://-a.example/live',
        'rtmp://a..example/live',
        'rtmp://[::1/live',
        'rtmp://a.example/li ve',
        'rtmp://a.example/live\n',
        'rtmp://a.example/live#part',
        'srt://a.example',
        'srt://a.example:9000/path',
        'rtmp://a.example/' + 'x' * 2000,
    ],
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(PushError) as caught:
        parse_address(url)
    assert caught.value.code == 'bad_address'
    assert caught.value.is_configuration
    assert redacted(url) == ''


@pytest.mark.parametrize(
    'url',
    [
        f'rtmp://user:{SECRET}@a.example/live',
        f'rtmp://{SECRET}@a.example/live',
        f'rtmp://a.example/live?key={SECRET}',
        f'rtmp://a.example/live?Stream-Key={SECRET}',
        f'rtmp://a.example/live?a=1&access_token={SECRET}',
        f'srt://a.example:9000?streamid={SECRET}',
        f'srt://a.example:9000?passphrase={SECRET}',
        f'srt://a.example:9000?passphrase=0123456789&latency={SECRET}',
        f'srt://a.example:9000?latency=20;passphrase={SECRET}',
        f'srt://a.example:9000?p%61ssphrase={SECRET}',
        f'rtmp://a.example/live?{SECRET}',
        f'rtmp://a.example/live?region={SECRET}',
        f'rtmp://a.example/live;key={SECRET}',
        f'rtmp://a.example/live?a=1;key={SECRET}',
        f'rtmp://a.example:{SECRET}/live',
        f'nonsense://a.example/{SECRET}',
    ],
)
def test_secrets_in_an_address_are_refused_and_not_repeated(url):
    with pytest.raises(PushError) as caught:
        parse_address(url)
    assert SECRET not in str(caught.value) + repr(caught.value)
    assert SECRET not in str(caught.value.__cause__) or caught.value.__suppress_context__
    assert SECRET not in redacted(url)


@pytest.mark.parametrize('option', ['mode=listener', 'mode=rendezvous', 'latency=', 'localaddr=1'])
def test_options_that_change_who_calls_whom_are_refused(option):
    with pytest.raises(PushError) as caught:
        parse_address(f'srt://a.example:9000?{option}')
    assert 'latency' in caught.value.text


def test_what_people_see_has_no_options():
    assert redacted('rtmp://a.example:1935/live') == 'rtmp://a.example/live'
    assert redacted('rtmps://[::1]:444/live/x') == 'rtmps://[::1]:444/live/x'
    assert redacted('srt://a.example:9000?latency=20') == 'srt://a.example:9000'
    assert SECRET not in repr(parse_address(f'rtmp://a.example/live/{SECRET}'))


def test_a_foreign_text_loses_every_form_of_a_secret():
    assert without('no stream "a b/c", a%20b%2Fc', 'a b/c') == 'no stream "***", ***'
    assert without('nothing to hide', '') == 'nothing to hide'
    assert without('long-key', 'key', 'long-key') == '***'
