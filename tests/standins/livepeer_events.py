"""Tells of the events of the Livepeer Studio of the tests, signed and again until they are taken."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from typing import Any

Json = Any
Stream = dict[str, Any]
BASE36 = '0123456789abcdefghijklmnopqrstuvwxyz'


class ApiError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers or {}


class Later:
    """Does things after a while, until `close`."""

    def __init__(self) -> None:
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def after(self, seconds: float, do: Callable[[], object]) -> None:
        """Do this in that many seconds, in a thread of its own."""

        def work() -> None:
            if not self.closing.wait(seconds):
                do()

        thread = threading.Thread(target=work, daemon=True)
        with self._lock:
            self._threads = [each for each in self._threads if each.is_alive()]
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Do nothing more, and wait for what is being done."""
        self.closing.set()
        with self._lock:
            threads = tuple(self._threads)
        for thread in threads:
            thread.join()


class Events:
    """The webhooks of an account."""

    def __init__(self, *, retry_s: float, tries: int) -> None:
        self.webhooks: dict[str, Stream] = {}
        self._retry_s, self._tries = retry_s, tries
        self._lock = threading.Lock()
        self._later = Later()

    def close(self) -> None:
        """Send nothing more."""
        self._later.close()

    def routes(self) -> tuple[tuple[str, str, Callable[..., tuple[int, Json]]], ...]:
        """Method, pattern of the path, and what is done."""
        return (
            ('GET', '/webhook', self._list_webhooks),
            ('POST', '/webhook', self._create_webhook),
            ('DELETE', '/webhook/([^/]+)', self._delete_webhook),
        )

    def tell(self, event: str, stream: Stream) -> None:
        """Send an event about a stream to every webhook that wants it."""
        with self._lock:
            hooks = [hook for hook in self.webhooks.values() if event in hook['events']]
            hooks = [hook for hook in hooks if hook.get('streamId') in (None, stream['id'])]
        event_id, created_ms = str(uuid.uuid4()), now_ms()
        for hook in hooks:
            content = {
                'id': event_id,
                'webhookId': hook['id'],
                'createdAt': created_ms,
                'event': event,
                'stream': stream,
            }
            self._later.after(0.0, lambda hook=hook, content=content: self._deliver(hook, content))

    def _deliver(self, hook: Stream, content: Json) -> None:
        pause_s = self._retry_s
        for _ in range(self._tries):
            sent_ms = now_ms()
            body = json.dumps({**content, 'timestamp': sent_ms}).encode()
            headers = {'Content-Type': 'application/json'}
            if hook.get('sharedSecret'):
                secret = hook['sharedSecret'].encode()
                digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
                headers['Livepeer-Signature'] = f't={sent_ms},v1={digest}'
            request = urllib.request.Request(hook['url'], body, headers)
            try:
                urllib.request.urlopen(request, timeout=5).close()
                return
            except urllib.error.HTTPError as error:
                error.close()
                if error.code < 500:
                    return
            except OSError:
                pass
            if self._later.closing.wait(pause_s):
                return
            pause_s *= 2

    def _list_webhooks(self, query: Mapping[str, str], body: Json) -> tuple[int, Json]:
        return 200, [without(hook, 'sharedSecret') for hook in self.webhooks.values()]

    def _create_webhook(self, query: Mapping[str, str], body: Json) -> tuple[int, Json]:
        fields = {'name': str, 'url': str, 'events': list, 'sharedSecret': str, 'streamId': str}
        check(body, fields, required=('name', 'url', 'events'))
        hook = {'id': str(uuid.uuid4()), 'createdAt': now_ms(), **body}
        self.webhooks[hook['id']] = hook
        return 201, without(hook, 'sharedSecret')

    def _delete_webhook(
        self, hook_id: str, query: Mapping[str, str], body: Json
    ) -> tuple[int, Json]:
        if self.webhooks.pop(hook_id, None) is None:
            raise ApiError(404, 'not found')
        return 204, None


def check(body: Json, fields: Mapping[str, type], *, required: tuple[str, ...] = ()) -> None:
    if not isinstance(body, dict):
        raise ApiError(422, 'the body is not an object')
    for name in required:
        if not body.get(name):
            raise ApiError(422, f'missing {name}')
    for name, value in body.items():
        if name not in fields or not isinstance(value, fields[name]):
            raise ApiError(422, f'{name}: {value} is not allowed')


def without(whole: Stream, name: str) -> Stream:
    return {key: value for key, value in whole.items() if key != name}


def random_text(length: int) -> str:
    return ''.join(secrets.choice(BASE36) for _ in range(length))


def now_ms() -> int:
    return int(time.time() * 1000)
