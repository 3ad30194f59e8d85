"""What tests of the RTMP sink share: a desk that decides about keys, and how an attempt ends."""

import http.server
import itertools
import threading
import time
import traceback
import urllib.parse

import pytest

from mmoment_stream.push_target import Cancelled, Ingest, PushError
from mmoment_stream.rtmp_sink import RtmpLimits

SECRET = 'cafe-1234-SECRET'
KEYS = (f'{SECRET}-{number}' for number in itertools.count())
SHORT = RtmpLimits(connect_s=0.3, answer_s=0.3, stall_s=0.4, picture_s=1.0)
STEPS = ('greeting', 'connect', 'createStream', 'publish')
PATIENCE_S = 15.0


class KeyDesk:
    """Says which keys may publish: those without `wrong` in them."""

    def __init__(self):
        class Desk(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                words = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                self.send_response(403 if 'wrong' in words['name'][0] else 200)
                self.end_headers()

            def log_message(self, *words):
                pass

        self._server = http.server.HTTPServer(('127.0.0.1', 0), Desk)
        self.url = f'http://127.0.0.1:{self._server.server_port}/on_publish'
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def everything_said(error):
    """An error and what led to it, in every form that could reach a log."""
    told = ''.join(traceback.format_exception(error))
    while error is not None:
        told += str(error) + repr(error) + repr(error.args) + getattr(error, 'text', '')
        error = error.__cause__ or error.__context__
    return told


def refusal(action, *words, within_s=3.0, **more):
    """The error that an action ends with, in time and without the key in it."""
    began_s = time.monotonic()
    with pytest.raises(PushError) as caught:
        action(*words, **more)
    assert time.monotonic() - began_s < within_s
    assert SECRET not in everything_said(caught.value)
    return caught.value


def refused_open(sink, url, video, key=SECRET):
    return refusal(sink.open, Ingest(url, key), video, silent_audio=False)


def opened(sink, url, video, key=None):
    sink.open(Ingest(url, key or next(KEYS)), video, silent_audio=False)
    return sink


def push_until_it_fails(sink, packets, *, pause_s=0.005, polls=False):
    end_s = time.monotonic() + PATIENCE_S
    for number in itertools.count():
        if polls:
            sink.poll()
        else:
            sink.send(packets[number % len(packets)], number * 33)
        time.sleep(pause_s)
        assert time.monotonic() < end_s, 'it goes on and on'


def wait_until_it_fails(sink, packet):
    """Polls only, while something waits for the other side.

    What its buffers have room for it takes late, and has taken it then: that is no stall.
    """
    end_s = time.monotonic() + PATIENCE_S
    while True:
        while not sink.queued_bytes():
            sink.send(packet, 0)
        sink.poll()
        time.sleep(0.005)
        assert time.monotonic() < end_s, 'it goes on and on'


def cancelled_within_s(sink, action, *words, **more):
    moments = []

    def cancel():
        moments.append(time.monotonic())
        sink.cancel()

    timer = threading.Timer(0.1, cancel)
    timer.start()
    with pytest.raises(Cancelled):
        action(*words, **more)
    ended_s = time.monotonic()
    timer.join()
    return ended_s - moments[0]
