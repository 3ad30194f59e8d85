import http.server
import json
import threading

import pytest

from mmoment_stream import livepeer_webhook
from mmoment_stream.livepeer_webhook import (
    MOST_BYTES,
    SIGNATURE_HEADER,
    WebhookInbox,
    WebhookRefused,
    signed,
)
from tests.standins.livepeer_studio import LivepeerStudio, await_true

SECRET = 's3cret'
NOW_S = 1_800_000_000.0
NOW_MS = int(NOW_S * 1000)


def body(**change):
    content = {
        'id': 'e1',
        'webhookId': 'w1',
        'createdAt': NOW_MS - 1000,
        'timestamp': NOW_MS,
        'event': 'stream.started',
        'stream': {'id': 's1', 'name': 'gym'},
    }
    return json.dumps({**content, **change}).encode()


def header(content, *, secret=SECRET, stamp=NOW_MS):
    return f't={stamp},v1={signed(content, secret)}'


def inbox(now_s=NOW_S, secret=SECRET):
    return WebhookInbox(lambda: secret, wall_clock=lambda: now_s)


def test_takes_an_event_once():
    content, taking = body(), inbox()
    event = taking.take(content, header(content))
    assert (event.id, event.event, event.stream_id) == ('e1', 'stream.started', 's1')
    assert event.created_ms == NOW_MS - 1000
    assert taking.take(content, header(content)) is None
    # Sent again, it is stamped and signed anew.
    again = body(timestamp=NOW_MS + 5000)
    assert taking.take(again, header(again, stamp=NOW_MS + 5000)) is None
    other = body(id='e2', stream=None, createdAt=None)
    assert taking.take(other, header(other)).stream_id == ''


def test_the_signature_is_that_of_the_very_bytes():
    content = body()
    loosely = json.dumps(json.loads(content), indent=1).encode()
    with pytest.raises(WebhookRefused):
        inbox().take(loosely, header(content))
    assert inbox().take(loosely, header(loosely))
    # HMAC-SHA256 of RFC 4231, test case 2.
    digest = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'
    assert signed(b'what do ya want for nothing?', 'Jefe') == digest


@pytest.mark.parametrize(
    'signature',
    [
        '',
        't=',
        f't={NOW_MS}',
        f't={NOW_MS},v1=',
        f't={NOW_MS},v1=ä',
        f't=²,v1={signed(body(), SECRET)}',
        f't={"9" * 5000},v1={signed(body(), SECRET)}',
        f'v1={signed(body(), SECRET)}',
        header(body(), secret='other'),
        header(body(), secret=''),
        header(body(), stamp=NOW_MS + 1),
        header(body()).replace('v1', 'v0'),
    ],
)
def test_refuses_what_proves_nothing(signature):
    with pytest.raises(WebhookRefused):
        inbox().take(body(), signature)


def test_without_a_secret_nobody_is_believed():
    content = body()
    with pytest.raises(WebhookRefused):
        inbox(secret='').take(content, header(content, secret=''))


@pytest.mark.parametrize(
    ('age_s', 'is_fresh'), [(299, True), (301, False), (-59, True), (-61, False)]
)
def test_an_event_that_was_caught_and_sent_later_is_refused(age_s, is_fresh):
    content, taking = body(), inbox(NOW_S + age_s)
    if is_fresh:
        assert taking.take(content, header(content))
        return
    with pytest.raises(WebhookRefused, match='old'):
        taking.take(content, header(content))


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'[]',
        b'no json',
        b'[' * 5000,
        body(id=5),
        body(id=''),
        body(id='x' * 200),
        body(event=None),
        body(timestamp=None),
        body(timestamp=str(NOW_MS)),
        body(more='x' * MOST_BYTES),
    ],
)
def test_refuses_what_is_no_event_though_it_is_signed(content):
    with pytest.raises(WebhookRefused):
        inbox().take(content, header(content))


def test_remembers_so_many_and_no_more(monkeypatch):
    monkeypatch.setattr(livepeer_webhook, 'REMEMBERED', 2)
    taking = inbox()
    taken = [taking.take(body(id=each), header(body(id=each))) for each in 'abcca']
    assert [event is not None for event in taken] == [True, True, True, False, True]


@pytest.fixture
def receiver():
    """A web server that answers 503 to the first two, and what came there."""
    requests, answers = [], [503, 503, 200, 400]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers['Content-Length']))
            requests.append((content, self.headers[SIGNATURE_HEADER]))
            self.send_response(answers[min(len(requests), len(answers)) - 1])
            self.send_header('Content-Length', '0')
            self.end_headers()

        def log_message(self, *values):
            pass

    server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f'http://127.0.0.1:{server.server_address[1]}/hook', requests
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_the_studio_sends_is_believed_and_taken_once(receiver):
    url, requests = receiver
    with LivepeerStudio(webhook_retry_s=0.01) as studio:
        events = studio.account.events
        hook = {'name': 'a', 'url': url, 'events': ['stream.idle'], 'sharedSecret': SECRET}
        events.webhooks['w1'] = {'id': 'w1', **hook}
        events.tell('stream.idle', {'id': 's1'})
        events.tell('stream.started', {'id': 's1'})
        assert await_true(lambda: len(requests) == 3)
        taking = WebhookInbox(lambda: SECRET)
        taken = [taking.take(*request) for request in requests]
        assert taken[0].event == 'stream.idle'
        assert taken[1:] == [None, None]
        # An answer of 4xx is the last word.
        events.tell('stream.idle', {'id': 's1'})
        assert await_true(lambda: len(requests) == 4)
        assert taking.take(*requests[3]).id != taken[0].id
    assert len(requests) == 4
