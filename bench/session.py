"""Check-in, validation and check-out: over the services of a real session_node, and the store alone.

A visit is CreateChallenge, a real Ed25519 signature, CheckIn, ten times GetSession, CheckOut. Rate
limits are raised: people do not come in by the hundreds, a benchmark does.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from solders.keypair import Keypair

from bench import session_store
from bench.api_process import node_command, started
from bench.runner import BenchResult
from bench.session_clients import (
    ACTIONS,
    CHALLENGE,
    CHECK_IN,
    CHECK_OUT,
    VALIDATE,
    Load,
    Times,
    actions_of_many,
    alone,
    calls_of_trigger,
    desk,
    visits_of_many,
    visits_of_one,
)
from bench.transport_peers import use_shipped_dds_profile
from mmoment_chain.places import FOLDER_VARIABLE, STORE_NAME, store_path
from mmoment_interfaces.srv import CreateChallenge
from mmoment_node.spare_domain import spare_domain

SUMMARY = (
    'check-in, validation and check-out over the services of session_node, and its store alone'
)
COMPARED_WITH = {
    'checkin_p50_ms': 'under 10 ms: asking for the text, signing, handing it in',
    'checkin_p99_ms': 'the slowest of a hundred',
    'checkin_x_trigger': 'a service that does nothing; a check-in is two calls',
    'validate_x_trigger': 'a service that does nothing, in a node like ours',
    'store_checkin_x_commit': 'a bare SQLite transaction of one row; a check-in is two',
    'checkin_p50_x_10000': 'no session in the store',
    'checkin_p50_x_10000_over': 'no session in the store',
    'checkin_p50_x_990': 'no session in the store',
    'validate_p50_x_10000': 'no session in the store',
    'store_checkin_p50_x_10000': 'no session in the store',
    'store_validate_p50_x_10000': 'no session in the store',
    'ops_per_s_8_clients': 'calls answered, of visits of 13 calls',
}
Figures = dict[str, float]
NAMESPACE = f'/bench_session_{os.getpid()}'
CLIENTS = 8
MANY = 10_000
# As many as a camera lets in, less the one that comes and goes.
NEARLY_FULL = 990
OWNER_SEED = bytes(range(32))
OWNER = str(Keypair.from_seed(OWNER_SEED).pubkey())
# Challenges are remembered until they are over, 4096 at most: these make room after 12 s.
PARAMETERS = (
    f'owner_wallet:={OWNER}',
    'challenge_minutes:=0.2',
    'sessions_at_most:=1000',
    *(f'{who}_burst:=100000' for who in ('source', 'wallet', 'answer')),
    *(f'{who}_refill_s:=0.0001' for who in ('source', 'wallet', 'answer')),
)


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Measure the store alone, then the services with one client and with eight."""
    count, seconds = (150, 4.0) if quick else (600, 15.0)
    os.environ['ROS_DOMAIN_ID'] = str(spare_domain())
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    use_shipped_dds_profile()
    with tempfile.TemporaryDirectory(prefix='mmoment-bench-') as name:
        folder = Path(name)
        metrics = _of_store(folder, count, progress)
        progress('a service that does nothing')
        with started([sys.executable, '-m', 'bench.session_trigger', NAMESPACE]):
            trigger_ms = alone(calls_of_trigger, NAMESPACE, 10 * count)
        metrics |= {
            'trigger_p50_ms': _p50(trigger_ms),
            'trigger_p99_ms': _quantile(trigger_ms, 0.99),
        }
        service, samples = _of_service(folder, count, seconds, progress)
    metrics |= service
    metrics['checkin_x_trigger'] = service['checkin_p50_ms'] / metrics['trigger_p50_ms']
    metrics['validate_x_trigger'] = service['validate_p50_ms'] / metrics['trigger_p50_ms']
    return BenchResult(metrics, samples, _notes(count))


def _of_store(folder: Path, count: int, progress: Callable[[str], None]) -> Figures:
    """Figures of the book and its store, empty and with many open sessions."""
    progress('the store alone')
    commits_ms = session_store.bare_commits(folder, count)
    empty, full = folder / 'empty', folder / 'full'
    for path in (empty, full):
        path.mkdir(mode=0o700)
    alone_ms = session_store.visits(empty, count)
    progress(f'the store alone, with {MANY} open sessions')
    session_store.fill(full / STORE_NAME, MANY, are_over=False)
    among_many_ms = session_store.visits(full, count // 3)
    figures = {f'store_{key}': value for key, value in _figures(alone_ms).items()}
    return {
        **figures,
        **{
            f'store_{step}_p50_x_{MANY}': _p50(among_many_ms[step]) / _p50(alone_ms[step])
            for step in (CHECK_IN, VALIDATE, CHECK_OUT)
        },
        'commit_p50_ms': _p50(commits_ms),
        'store_checkin_x_commit': _p50(alone_ms[CHECK_IN]) / _p50(commits_ms),
    }


def _of_service(
    folder: Path, count: int, seconds: float, progress: Callable[[str], None]
) -> tuple[Figures, int]:
    """Figures over the services, and of how many calls."""
    with _session_node(folder) as start_s:
        progress('one client')
        empty_ms = alone(visits_of_one, NAMESPACE, count)
        progress(f'{CLIENTS} clients that come and go')
        coming = visits_of_many(NAMESPACE, CLIENTS, seconds)
        progress(f'{CLIENTS} clients that act')
        acting = actions_of_many(NAMESPACE, CLIENTS, seconds)
    figures = {**_figures(empty_ms), **_load_figures(coming, acting), 'start_s': start_s}
    samples = sum(map(len, empty_ms.values())) + coming.calls + acting.calls
    for sessions, are_over, seed in (
        (MANY, True, b''),
        (NEARLY_FULL, False, b''),
        # Nobody but the owner of a camera is let in when it is full.
        (MANY - NEARLY_FULL, False, OWNER_SEED),
    ):
        progress(f'one client, {sessions} more sessions in the store')
        session_store.fill(_store(folder), sessions, are_over=are_over)
        with _session_node(folder) as start_s:
            among_ms = alone(visits_of_one, NAMESPACE, count // 3, seed)
        name = str(MANY) if seed else f'{sessions}_over' if are_over else str(sessions)
        for step in (CHECK_IN, VALIDATE, CHECK_OUT):
            figures[f'{step}_p50_x_{name}'] = _p50(among_ms[step]) / _p50(empty_ms[step])
        samples += sum(map(len, among_ms.values()))
    figures[f'start_s_{MANY}'] = start_s
    return figures, samples


@contextlib.contextmanager
def _session_node(folder: Path) -> Iterator[float]:
    """A session_node with its data in this folder; yields after how many seconds it answered."""
    command = node_command(
        'mmoment_chain.session_node', f'data_folder:={folder}', *PARAMETERS, namespace=NAMESPACE
    )
    with desk(NAMESPACE) as counter:
        begun_s = time.monotonic()
        with started(command) as node:
            try:
                counter.call(CreateChallenge, 'create_challenge', wallet=OWNER, source='bench')
            except RuntimeError as error:
                raise RuntimeError(f'{error}\n{"".join(node.lines[-20:])}') from error
            yield time.monotonic() - begun_s


def _store(folder: Path) -> Path:
    return store_path(NAMESPACE, {FOLDER_VARIABLE: str(folder)})


def _figures(times_ms: Times) -> Figures:
    return {
        f'{step}_{name}_ms': _quantile(times_ms[step], q)
        for step in (CHALLENGE, CHECK_IN, VALIDATE, CHECK_OUT)
        if step in times_ms
        for name, q in (('p50', 0.5), ('p99', 0.99))
    }


def _load_figures(coming: Load, acting: Load) -> Figures:
    return {
        f'ops_per_s_{CLIENTS}_clients': coming.calls / coming.seconds,
        f'checkins_per_s_{CLIENTS}_clients': coming.check_ins / coming.seconds,
        f'checkin_p50_ms_{CLIENTS}_clients': _p50(coming.times_ms[CHECK_IN]),
        f'checkin_p99_ms_{CLIENTS}_clients': _quantile(coming.times_ms[CHECK_IN], 0.99),
        f'validates_per_s_{CLIENTS}_clients': acting.calls / acting.seconds,
        f'validate_p99_ms_{CLIENTS}_clients': _quantile(acting.times_ms[VALIDATE], 0.99),
    }


def _p50(values: list[float]) -> float:
    return statistics.median(values)


def _quantile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def _notes(count: int) -> list[str]:
    return [
        f'a visit is a challenge, an Ed25519 signature, a check-in, {ACTIONS} validations with a '
        'right, a check-out; each client is a process of its own and waits for each answer',
        'checkin: from asking for the text until the token is there, signing included',
        'every check-in and check-out is on the disk before it is answered (SQLite, synchronous '
        'FULL); commit_p50_ms is what one such transaction costs on this disk',
        'rate limits are raised, and a challenge lives for 12 s, because no more than 4096 of the '
        'last minutes are remembered',
        f'x_{MANY}_over: as many ended sessions in the store; x_{NEARLY_FULL}: these, and as many '
        f'open ones as a camera takes; x_{MANY}: ten times that, which no camera lets in: the owner '
        f'comes and goes. store_*_x_{MANY}: all of them open, no ended ones',
        f'medians of {count} visits, of {count // 3} where many sessions are in the store',
    ]
