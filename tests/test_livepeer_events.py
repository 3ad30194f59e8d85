"""What the Livepeer Studio of the tests sends is believed by the camera, and a copy is known as one."""

import http.server
import threading
import time

import pytest

from mmoment_api.livepeer_webhook import SIGNATURE_HEADER, LivepeerWebhook
from tests.standins.livepeer_studio import LivepeerStudio, await_true

SECRET = 's3cret'
ANSWERS = (503, 503, 200, 400)


@pytest.fixture
def receiver():
    """A web server that gives ANSWERS one after the other, and what came there."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers['Content-Length']))
            requests.append((self.headers[SIGNATURE_HEADER], content))
            self.send_response(ANSWERS[min(len(requests), len(ANSWERS)) - 1])
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


def test_an_event_is_sent_until_it_is_taken_and_told_once(receiver, tmp_path):
    url, requests = receiver
    secret_file = tmp_path / 'webhook.key'
    secret_file.write_text(SECRET)
    secret_file.chmod(0o600)
    webhook = LivepeerWebhook(str(secret_file), lambda: int(time.time() * 1000))
    with LivepeerStudio(webhook_retry_s=0.01) as studio:
        events = studio.account.events
        hook = {'name': 'a', 'url': url, 'events': ['stream.idle'], 'sharedSecret': SECRET}
        events.webhooks['w1'] = {'id': 'w1', **hook}
        events.tell('stream.idle', {'id': 's1'})
        events.tell('stream.started', {'id': 's1'})
        # The first two answers asked for another try.
        assert await_true(lambda: len(requests) == 3)
        taken = [webhook.checked(*request) for request in requests]
        assert [event.event for event in taken] == ['stream.idle'] * 3
        assert len({event.event_id for event in taken}) == 1
        # An answer of 4xx is the last word.
        events.tell('stream.idle', {'id': 's1'})
        assert await_true(lambda: len(requests) == 4)
        assert webhook.checked(*requests[3]).event_id != taken[0].event_id
    assert len(requests) == 4
