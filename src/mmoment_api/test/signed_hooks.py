"""Webhooks as Livepeer sends them, signed by hand as its documentation says."""

import hashlib
import hmac
import json

SECRET = b'known to both sides'
NOW_MS = 1_700_000_000_000


def body_of(**changes):
    said = {
        'id': 'event-1',
        'webhookId': 'hook-1',
        'createdAt': NOW_MS - 5,
        'timestamp': NOW_MS,
        'event': 'stream.started',
        'stream': {'streamKey': 'never-to-be-seen'},
    }
    said.update(changes)
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode()


def signed(body, secret=SECRET, at_ms=NOW_MS):
    return f't={at_ms},v1={hmac.new(secret, body, hashlib.sha256).hexdigest()}'
