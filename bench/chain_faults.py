"""The fault matrix: what goes wrong between camera and chain, in rounds, and how each has to end.

In a round the camera takes photos and somebody visits it, the fault strikes, and the outbox runs as
in the node until nothing waits. Then the chain must have each record and each visit exactly once.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.chain_world import BRIEF, BenchCamera, ChainProcess, Told

SEND, STATUS, ACCOUNT = 'sendTransaction', 'getSignatureStatuses', 'getAccountInfo'
GARBAGE = '{"jsonrpc":"2.0","id":0,"error":{"code":-32005,"message":"Node is unhealthy"}}'
RECORDS_A_ROUND = 3
ROUND_AT_MOST_S = 120.0
BLOCK_MS, FINALIZED_AFTER = 10, 4
LONGER_THAN_TIMEOUT_S = 1.2
# A blockhash lives 150 blocks.
EXPIRING_BLOCKS = 160
SETTLING_BLOCKS = 2 * FINALIZED_AFTER

CALLS: dict[str, list[dict[str, Any]]] = {
    'delay': [{'kind': 'delay', 'methods': [SEND], 'seconds': LONGER_THAN_TIMEOUT_S}],
    'too_many': [
        {'kind': 'too_many', 'methods': [SEND]},
        {'kind': 'too_many', 'methods': [STATUS], 'times': 2},
    ],
    'dropped': [{'kind': 'drop', 'times': 2}],
    'closed': [{'kind': 'close', 'methods': [SEND, STATUS], 'times': 4}],
    'no_answer_to_send': [{'kind': 'lose_answer', 'methods': [SEND], 'times': 3}],
    'no_answer_to_look': [{'kind': 'lose_answer', 'methods': [STATUS, ACCOUNT], 'times': 4}],
    'expired_blockhash': [{'kind': 'expired', 'times': 2}],
    'behind': [{'kind': 'behind', 'methods': [SEND, STATUS], 'times': 3, 'blocks': 60}],
    'stale': [{'kind': 'stale', 'methods': [STATUS, ACCOUNT], 'times': 4, 'blocks': 3}],
    'error': [{'kind': 'error', 'methods': [SEND], 'times': 2, 'code': -32603, 'message': 'no'}],
    'panic': [{'kind': 'body', 'times': 4, 'code': 200, 'message': GARBAGE}],
    'rubbish': [{'kind': 'body', 'times': 4, 'code': 200, 'message': '<html>'}],
    'bad_gateway': [{'kind': 'body', 'times': 4, 'code': 502, 'message': 'no'}],
}
"""Faults of calls, by name."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the rounds of one fault ended."""

    rounds: int
    right: int
    told: Told  # at the end, over all rounds


def _by_calls(name: str) -> Callable[[ChainProcess, BenchCamera], None]:
    def strike(chain: ChainProcess, camera: BenchCamera) -> None:
        before = sum(chain.control('state')['faultsStruck'].values())
        chain.control('addFaults', *CALLS[name])
        camera.run_until_told(ROUND_AT_MOST_S)
        chain.control('clearFaults')
        if sum(chain.control('state')['faultsStruck'].values()) == before:
            raise RuntimeError(f'the fault {name} never struck')

    return strike


def _dropped_for_good(chain: ChainProcess, camera: BenchCamera) -> None:
    """What was sent never gets onto the chain, and has to be made anew."""

    def meanwhile() -> None:
        time.sleep(0.2)
        chain.control('clearFaults')
        chain.control('advance', EXPIRING_BLOCKS)

    chain.control('addFaults', {'kind': 'drop', 'times': 0})
    camera.run_until_told(ROUND_AT_MOST_S, meanwhile)


def _fork(chain: ChainProcess, camera: BenchCamera) -> None:
    """What was confirmed is undone, twice."""

    def meanwhile() -> None:
        for _ in range(2):
            time.sleep(0.04)
            chain.control('fork', FINALIZED_AFTER - 1)
        time.sleep(0.05)
        # Of blocks that never were, nothing is taken any more.
        chain.control('advance', EXPIRING_BLOCKS)

    camera.run_until_told(ROUND_AT_MOST_S, meanwhile)


def _chain_killed(chain: ChainProcess, camera: BenchCamera) -> None:
    """The server gets SIGKILL while it is sent to, and comes back."""

    def meanwhile() -> None:
        time.sleep(random.uniform(0, 0.1))
        chain.end(signal.SIGKILL)
        chain.start()
        # So many blocks are missing as were reserved; what was sent may be too old by now.
        chain.control('advance', EXPIRING_BLOCKS)

    camera.run_until_told(ROUND_AT_MOST_S, meanwhile)


def _camera_killed(chain: ChainProcess, camera: BenchCamera) -> None:
    """The camera gets SIGKILL while it sends, and starts again."""
    camera.run_and_be_killed(random.uniform(0.02, 0.4))
    chain.control('advance', EXPIRING_BLOCKS)
    camera.run_until_told(ROUND_AT_MOST_S)


STRIKES: dict[str, Callable[[ChainProcess, BenchCamera], None]] = {
    **{name: _by_calls(name) for name in CALLS},
    'dropped_for_good': _dropped_for_good,
    'fork': _fork,
    'chain_killed': _chain_killed,
    'camera_killed': _camera_killed,
}


def ending(chain: ChainProcess, folder: Path, name: str, rounds: int) -> Ending:
    """Have a new camera go through so many rounds of a fault."""
    camera = BenchCamera(folder / name, chain.url, BRIEF)
    camera.register()
    right = 0
    told = camera.told()
    for _ in range(rounds):
        camera.log(RECORDS_A_ROUND)
        camera.visit()
        STRIKES[name](chain, camera)
        # What a fork undid is noticed by the next look.
        chain.control('advance', SETTLING_BLOCKS)
        camera.drain()
        told = camera.told()
        right += not told.wrong and not told.lost and not told.doubled
    return Ending(rounds, right, told)
