"""People who take photos and clips of the running camera, and who listens to what becomes of them."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import rclpy
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from solders.keypair import Keypair

from bench.api_process import Signed
from bench.capture_clips import stamp_us
from mmoment_interfaces.msg import GestureAction, MediaEvent, VideoPacket
from mmoment_node.managed_node import create_executor

PATIENCE_S = 30.0
# Seconds of video: this process does not always get a turn when a packet comes.
VIDEO_QOS = QoSProfile(depth=300)
EVENTS_QOS = QoSProfile(depth=50)
GESTURES = {'photo': 'peace', 'clip': 'thumbs_up'}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is checked in, as a browser of theirs is."""

    wallet: str
    signed: Signed

    def post(self, path: str, **body: Any) -> Any:
        """The answer; raises RuntimeError if it is a refusal."""
        status, answer = self.signed.send('POST', path, body)
        if status != 200:
            raise RuntimeError(f'{path} was refused with {status}: {answer["message"]}')
        return answer


def wait_for_nodes(port: int, names: Sequence[str]) -> None:
    """Until the web node has heard from these; TimeoutError if it does not."""
    end_s = time.monotonic() + PATIENCE_S
    while True:
        states = Signed(port, '').get('/api/health')['parts']
        if all(states[name] == 'ok' for name in names):
            return
        if time.monotonic() > end_s:
            raise TimeoutError(f'the parts of the camera are {states}')
        time.sleep(0.2)


def check_in(port: int) -> Person:
    """Check in somebody new with the rights that everybody has."""
    keypair, anybody = Keypair(), Signed(port, '')
    wallet = str(keypair.pubkey())
    text = anybody.get(f'/api/session/challenge?wallet_address={wallet}')['message']
    body = {
        'wallet_address': wallet,
        'message': text,
        'signature': str(keypair.sign_message(text.encode())),
        'cookie': True,
    }
    request = urllib.request.Request(
        f'{anybody.url}/api/session/connect',
        data=json.dumps(body).encode(),
        headers={'Content-Type': 'application/json'},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return Person(wallet, Signed(port, answer.headers['Set-Cookie'].split(';')[0]))


class Witness:
    """Hears packets and events of a camera in a thread of its own, and makes gestures for people."""

    def __init__(self, namespace: str) -> None:
        rclpy.init(args=[])
        self._node = rclpy.create_node('bench_witness', namespace=namespace)
        self._packets: list[bytes] = []
        self._events: list[tuple[int, MediaEvent]] = []
        self._heard = threading.Condition()
        # Only kept: to read each packet would take this machine from those that are measured.
        self._node.create_subscription(
            VideoPacket, 'video', self._packets.append, VIDEO_QOS, raw=True
        )
        self._node.create_subscription(MediaEvent, 'media_events', self._on_event, EVENTS_QOS)
        self._gestures = self._node.create_publisher(GestureAction, 'gesture_actions', 10)
        self._executor = create_executor()
        self._executor.add_node(self._node)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def wait_for_camera(self) -> None:
        """Wait until both sides have found each other. Raises TimeoutError."""
        end_s = time.monotonic() + PATIENCE_S
        while not (
            self._packets
            and self._node.count_publishers('media_events')
            and self._gestures.get_subscription_count() >= 2
        ):
            if time.monotonic() > end_s:
                raise TimeoutError(f'{len(self._packets)} packets, and capture_node is not heard')
            time.sleep(0.1)

    def gesture(self, person: Person, action: str) -> int:
        """Have this person make the gesture for it; returns when, CLOCK_MONOTONIC, ns."""
        now_ns = time.monotonic_ns()
        self._gestures.publish(
            GestureAction(
                monotonic_ns=now_ns,
                outcome=GestureAction.REQUESTED,
                action=action,
                gesture=GESTURES[action],
                identity=person.wallet,
            )
        )
        return now_ns

    def event(self, since_ns: int, kind: int, of: str) -> tuple[int, MediaEvent]:
        """When the first event of this kind after that moment came, and it.

        of: wallet or media_id. Raises RuntimeError if there is news that nothing was kept, and
        TimeoutError.
        """
        end_s = time.monotonic() + PATIENCE_S
        with self._heard:
            while True:
                for arrived_ns, event in self._events:
                    if arrived_ns < since_ns or of not in (
                        event.media.identity,
                        event.media.media_id,
                    ):
                        continue
                    if event.kind == kind:
                        return arrived_ns, event
                    if event.kind == MediaEvent.FAILED:
                        raise RuntimeError(f'nothing was kept: {event.reason}, {event.message}')
                left_s = end_s - time.monotonic()
                if left_s <= 0:
                    told = [(event.kind, event.reason) for _, event in self._events[-5:]]
                    raise TimeoutError(f'waited in vain for event {kind}; the last ones: {told}')
                self._heard.wait(left_s)

    def sequences(self) -> dict[int, dict[int, int]]:
        """By epoch, the sequence of each packet by the stamp of its picture."""
        found: dict[int, dict[int, int]] = defaultdict(dict)
        for content in list(self._packets):
            packet = deserialize_message(content, VideoPacket)
            found[packet.epoch][stamp_us(packet.monotonic_ns)] = packet.sequence
        return dict(found)

    def close(self) -> None:
        """Leave the graph."""
        self._ended.set()
        self._thread.join(2.0)
        self._node.destroy_node()
        rclpy.shutdown()

    def _on_event(self, event: MediaEvent) -> None:
        with self._heard:
            self._events.append((time.monotonic_ns(), event))
            self._heard.notify_all()

    def _spin(self) -> None:
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=0.5)


@contextlib.contextmanager
def witness(namespace: str) -> Iterator[Witness]:
    """A witness until the block ends."""
    heard = Witness(namespace)
    try:
        yield heard
    finally:
        heard.close()
