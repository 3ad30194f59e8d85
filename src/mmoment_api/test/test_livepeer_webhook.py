"""What is taken for genuine."""

import os

import pytest
from signed_hooks import NOW_MS, SECRET, body_of, signed

from mmoment_api.errors import ApiError
from mmoment_api.livepeer_webhook import (
    AGE_AT_MOST_MS,
    REMEMBERED_AT_MOST,
    HookEvent,
    LivepeerWebhook,
    NoSecret,
    read_secret,
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'secret'
    path.write_bytes(SECRET + b'\n')
    path.chmod(0o600)
    return path


@pytest.fixture
def webhook(file):
    return LivepeerWebhook(str(file), lambda: NOW_MS)


def refusal(webhook, header, body):
    with pytest.raises(ApiError) as error:
        webhook.checked(header, body)
    return error.value.status, error.value.code


def test_what_is_genuine_is_taken_and_the_key_in_it_is_not(webhook):
    body = body_of()
    event = webhook.checked(signed(body), body)
    assert event == HookEvent('event-1', 'stream.started', NOW_MS)
    assert 'never-to-be-seen' not in repr(vars(webhook))


def test_a_signature_among_several_is_enough(webhook):
    body = body_of(event='multistream.error')
    time, _, own = signed(body).partition(',')
    assert webhook.checked(f'{time}, v1={"0" * 64}, {own}', body).event == 'multistream.error'


@pytest.mark.parametrize(
    'header',
    [
        '',
        't=,v1=',
        f't={NOW_MS}',
        'v1=' + '0' * 64,
        f't={NOW_MS},v1=' + '0' * 63,
        f't={NOW_MS},v1=' + '0' * 64,
        f't={NOW_MS},v0={"0" * 64}',
        f't=-1,v1={"0" * 64}',
        f't={"9" * 40},v1={"0" * 64}',
    ],
)
def test_without_a_signature_nothing_is_believed(webhook, header):
    assert refusal(webhook, header, body_of()) == (401, 'bad_signature')


def test_one_changed_byte_or_another_secret_is_noticed(webhook):
    body = body_of()
    header = signed(body)
    assert refusal(webhook, header, body.replace(b'started', b'stopped')) == (401, 'bad_signature')
    assert refusal(webhook, signed(body, b'another'), body) == (401, 'bad_signature')


@pytest.mark.parametrize('by_ms', [-AGE_AT_MOST_MS - 1, AGE_AT_MOST_MS + 1])
def test_what_was_heard_once_cannot_be_said_again_later(webhook, by_ms):
    old = body_of(timestamp=NOW_MS + by_ms)
    # The time in the header is not signed: a new one makes an old body no younger.
    assert refusal(webhook, signed(old), old) == (401, 'too_old')
    body = body_of()
    assert refusal(webhook, signed(body, at_ms=NOW_MS + by_ms), body) == (401, 'too_old')
    created = body_of(timestamp=None, createdAt=NOW_MS + by_ms)
    assert refusal(webhook, signed(created), created) == (401, 'too_old')


@pytest.mark.parametrize(
    'body',
    [
        b'',
        b'[]',
        b'"text"',
        b'{' * 5000,
        b'\xff',
        body_of(event='<script>'),
        body_of(event=None),
        body_of(event=5),
        body_of(id=None),
        body_of(id=''),
        body_of(id='x' * 200),
        body_of(timestamp='now'),
        body_of(timestamp=True),
        body_of(timestamp=None, createdAt=None),
    ],
)
def test_genuine_nonsense_is_refused(webhook, body):
    assert refusal(webhook, signed(body), body) == (400, 'malformed')


def test_it_is_known_the_second_time(webhook):
    event = HookEvent('a', 'stream.idle', NOW_MS)
    assert not webhook.is_known(event)
    webhook.note(event)
    assert webhook.is_known(event)
    for number in range(REMEMBERED_AT_MOST):
        webhook.note(HookEvent(str(number), 'stream.idle', NOW_MS))
    assert not webhook.is_known(event)


def test_a_secret_may_change_meanwhile(webhook, file):
    body = body_of()
    file.write_bytes(b'a new one')
    assert refusal(webhook, signed(body), body) == (401, 'bad_signature')
    assert webhook.checked(signed(body, b'a new one'), body)


def test_a_secret_that_others_can_read_is_none(webhook, file, caplog):
    body = body_of()
    file.chmod(0o640)
    for _ in range(3):
        assert refusal(webhook, signed(body), body) == (503, 'no_secret')
    (line,) = caplog.messages
    assert 'chmod 600' in line
    assert SECRET.decode() not in line


def test_only_a_file_of_ours_with_something_in_it_holds_a_secret(file, tmp_path):
    assert read_secret(file) == SECRET
    empty = tmp_path / 'empty'
    empty.touch(0o600)
    long = tmp_path / 'long'
    long.write_bytes(b'x' * 5000)
    long.chmod(0o600)
    pipe = tmp_path / 'pipe'
    os.mkfifo(pipe, 0o600)
    for path in (tmp_path / 'missing', tmp_path, empty, long, pipe):
        with pytest.raises(NoSecret, match=str(path)):
            read_secret(path)


def test_without_a_file_it_is_off():
    assert not LivepeerWebhook('', lambda: 0).is_enabled
