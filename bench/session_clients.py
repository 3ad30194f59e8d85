"""Clients of session_node: they check in, act and check out over its services, and time each step."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import rclpy
from rclpy.qos import QoSProfile
from solders.keypair import Keypair
from std_srvs.srv import Trigger

from mmoment_interfaces.srv import CheckIn, CheckOut, CreateChallenge, GetSession
from mmoment_node.managed_node import create_executor

PATIENCE_S = 30.0
# Each client gets the answers to all of them, and drops those of others when it reads them. With
# the usual depth of 10, its own is pushed out while it waits for a turn on a busy machine.
ANSWERS_QOS = QoSProfile(depth=1000)
# What a person does in a visit, a call each: the live picture, a photo, a clip and their like.
ACTIONS = 10
# Until both sides have found each other and have run each line of theirs once.
WARM_UP_VISITS = 3
WARM_UP_CALLS = 50
# A step that became slow shows that in this time as well.
LONGEST_S = 10.0

CHALLENGE, CHECK_IN, VALIDATE, CHECK_OUT = 'challenge', 'checkin', 'validate', 'checkout'
Times = dict[str, list[float]]

_start: Barrier | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What clients did together: answered calls, of which check-ins, and the times of all of them."""

    seconds: float
    calls: int
    check_ins: int
    times_ms: Times


class Desk:
    """A node that calls one service after another and waits for each answer."""

    def __init__(self, namespace: str) -> None:
        rclpy.init(args=[])
        self._node = rclpy.create_node('bench_client', namespace=namespace)
        self._executor = create_executor()
        self._executor.add_node(self._node)
        self._clients: dict[str, Any] = {}
        self.calls = 0

    def call(self, kind: Any, name: str, **fields: Any) -> Any:
        """The answer; raises RuntimeError if it is a refusal, or none."""
        if name not in self._clients:
            self._clients[name] = self._node.create_client(kind, name, qos_profile=ANSWERS_QOS)
        client = self._clients[name]
        if not client.wait_for_service(PATIENCE_S):
            raise RuntimeError(f'no service {name}')
        future = client.call_async(kind.Request(**fields))
        self._executor.spin_until_future_complete(future, PATIENCE_S)
        if not future.done():
            raise RuntimeError(f'no answer of {name}')
        answer = future.result()
        if not answer.success:
            raise RuntimeError(f'{name} was refused: {answer.message}')
        self.calls += 1
        return answer

    def close(self) -> None:
        """Leave the graph."""
        self._node.destroy_node()
        rclpy.shutdown()


@contextlib.contextmanager
def desk(namespace: str) -> Iterator[Desk]:
    """A desk until the block ends."""
    opened = Desk(namespace)
    try:
        yield opened
    finally:
        opened.close()


def check_in(counter: Desk, person: Keypair, source: str, times_ms: Times) -> str:
    """Ask for a text, sign it, hand it in; returns the token."""
    wallet = str(person.pubkey())
    begun_s = time.perf_counter()
    text = counter.call(CreateChallenge, 'create_challenge', wallet=wallet, source=source).text
    asked_s = time.perf_counter()
    signature = str(person.sign_message(text.encode()))
    answer = counter.call(
        CheckIn, 'check_in', wallet=wallet, message=text, signature=signature, source=source
    )
    times_ms[CHALLENGE].append((asked_s - begun_s) * 1e3)
    times_ms[CHECK_IN].append((time.perf_counter() - begun_s) * 1e3)
    return str(answer.token)


def visit(counter: Desk, person: Keypair, source: str, times_ms: Times) -> None:
    """Check in, act, check out."""
    token = check_in(counter, person, source, times_ms)
    for _ in range(ACTIONS):
        begun_s = time.perf_counter()
        counter.call(GetSession, 'get_session', token=token, right='view')
        times_ms[VALIDATE].append((time.perf_counter() - begun_s) * 1e3)
    begun_s = time.perf_counter()
    counter.call(CheckOut, 'check_out', token=token)
    times_ms[CHECK_OUT].append((time.perf_counter() - begun_s) * 1e3)


def visits_of_one(namespace: str, count: int, seed: bytes = b'') -> Times:
    """Times of visits, one after another, each of another person, or all of the one of this seed.

    At most LONGEST_S long. For a process of its own.
    """
    with desk(namespace) as counter:
        return repeated(lambda times_ms: visit(counter, _person(seed), 'bench', times_ms), count)


def repeated(step: Callable[[Times], object], count: int) -> Times:
    """Times of a step that was repeated so often, or for LONGEST_S; the first ones do not count."""
    for _ in range(WARM_UP_VISITS):
        step(defaultdict(list))
    times_ms: Times = defaultdict(list)
    end_s = time.monotonic() + LONGEST_S
    while count > 0 and time.monotonic() < end_s:
        step(times_ms)
        count -= 1
    return dict(times_ms)


def calls_of_trigger(namespace: str, calls: int) -> list[float]:
    """Times of calls of a service that does nothing. For a process of its own."""
    times_ms = []
    with desk(namespace) as counter:
        for _ in range(WARM_UP_CALLS):
            counter.call(Trigger, 'trigger')
        for _ in range(calls):
            begun_s = time.perf_counter()
            counter.call(Trigger, 'trigger')
            times_ms.append((time.perf_counter() - begun_s) * 1e3)
    return times_ms


def visits_of_many(namespace: str, clients: int, seconds: float) -> Load:
    """What so many clients get done that all begin at once, each in a process of its own."""
    return _together(_visit_for, namespace, clients, seconds)


def actions_of_many(namespace: str, clients: int, seconds: float) -> Load:
    """The same of clients that have checked in and only act."""
    return _together(_act_for, namespace, clients, seconds)


def alone(work: Any, *arguments: Any) -> Any:
    """Run one of the functions for a process of its own in one."""
    with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:
        return pool.submit(work, *arguments).result()


def _together(work: Any, namespace: str, clients: int, seconds: float) -> Load:
    context = multiprocessing.get_context('spawn')
    barrier = context.Barrier(clients)
    with ProcessPoolExecutor(
        clients, context, initializer=_remember_start, initargs=(barrier,)
    ) as pool:
        futures = [
            pool.submit(work, namespace, f'client {number}', seconds) for number in range(clients)
        ]
        parts: list[tuple[int, Times]] = [future.result() for future in futures]
    times_ms: Times = defaultdict(list)
    for _, own in parts:
        for step, values in own.items():
            times_ms[step] += values
    calls = sum(count for count, _ in parts)
    return Load(seconds, calls, len(times_ms[CHECK_IN]), times_ms)


def _remember_start(barrier: Barrier) -> None:
    global _start
    _start = barrier


def _wait_for_start() -> None:
    assert _start is not None
    _start.wait(PATIENCE_S)


def _visit_for(namespace: str, source: str, seconds: float) -> tuple[int, Times]:
    """Visit until the time is over; calls answered within it."""
    times_ms: Times = defaultdict(list)
    with desk(namespace) as counter:
        visit(counter, Keypair(), source, defaultdict(list))
        _wait_for_start()
        counter.calls, end_s = 0, time.monotonic() + seconds
        while time.monotonic() < end_s:
            visit(counter, Keypair(), source, times_ms)
        # The last visit may have taken longer than there was time.
        return counter.calls, dict(times_ms)


def _act_for(namespace: str, source: str, seconds: float) -> tuple[int, Times]:
    times_ms: Times = defaultdict(list)
    with desk(namespace) as counter:
        token = check_in(counter, Keypair(), source, defaultdict(list))
        _wait_for_start()
        counter.calls, end_s = 0, time.monotonic() + seconds
        while time.monotonic() < end_s:
            begun_s = time.perf_counter()
            counter.call(GetSession, 'get_session', token=token, right='view')
            times_ms[VALIDATE].append((time.perf_counter() - begun_s) * 1e3)
        calls = counter.calls
        counter.call(CheckOut, 'check_out', token=token)
        return calls, dict(times_ms)


def _person(seed: bytes) -> Keypair:
    return Keypair.from_seed(seed) if seed else Keypair()
