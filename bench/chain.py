"""The camera registry in the machine of Solana, the outbox through a dev chain, and what goes wrong."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL

from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import Transaction

from bench import chain_faults
from bench.chain_world import BenchCamera, ChainProcess
from bench.runner import BenchResult
from mmoment_chain import program_costs
from mmoment_chain.program_build import PROGRAM_ID, program
from mmoment_chain.program_costs import NOW_S, PLENTY_LAMPORTS, Round

SUMMARY = 'instructions in the machine of Solana, log records through a dev chain, faults in rounds'
COMPARED_WITH = {
    'vm_ms_check_in': 'a bare transfer: vm_ms_transfer; signatures are checked in each',
    'records_per_s': 'the outbox waits for a block after each 20; a dev chain makes one in 0.4 s',
    'drain_s_10000': '500 transactions, one after the other',
    'lost': '0',
    'doubled': '0',
    'rounds_wrong': '0',
    'fuzz_wrong': '0; the first ends the run',
}
BLOCK_MS = 400
BATCH = 20
DRAIN_AT_MOST_S = 3600.0
FAULT_ROUNDS = 200
ROUNDS_VARIABLE = 'MMOMENT_FAULT_ROUNDS'
OUTAGE_RECORDS = 10_000
FUZZ_INPUTS = 100_000
FUZZ = Path(__file__).parents[1] / 'src/mmoment_chain/test/program_fuzz.py'
Figures = dict[str, float]
Progress = Callable[[str], None]


def run(quick: bool, progress: Progress) -> BenchResult:
    """Measure the program, the way through the chain, and the faults."""
    progress('the program in the machine')
    metrics = _of_machine(20 if quick else 100)
    progress('random instructions in the machine')
    metrics |= _fuzz(FUZZ_INPUTS // 20 if quick else FUZZ_INPUTS)
    notes = [f'vm_ms: LiteSVM, median, signatures checked; blocks of the dev chain: {BLOCK_MS} ms']
    with tempfile.TemporaryDirectory(prefix='mmoment-bench-') as name:
        folder = Path(name)
        through, samples = _through_chain(folder, quick, progress, notes)
        rounds = int(os.environ.get(ROUNDS_VARIABLE, '1' if quick else str(FAULT_ROUNDS)))
        faults = _faults(folder, rounds, progress, notes)
    for key in ('lost', 'doubled'):
        faults[key] += through.pop(key)
    return BenchResult({**metrics, **through, **faults}, samples, notes)


def _of_machine(rounds: int) -> Figures:
    """Milliseconds of each instruction in a transaction of its own."""
    chain = LiteSVM()
    clock = chain.get_clock()
    clock.unix_timestamp = NOW_S
    chain.set_clock(clock)
    chain.add_program(Pubkey.from_bytes(PROGRAM_ID), program())
    times_ms: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        pairs = [program_costs.pair_of(name, number) for name in ('device', 'owner', 'person')]
        chain.airdrop(pairs[0].pubkey(), PLENTY_LAMPORTS)
        payer, *others = pairs
        steps = Round(chain, *pairs).steps()
        transfer_alone = transfer(
            TransferParams(
                from_pubkey=payer.pubkey(),
                to_pubkey=pairs[1].pubkey(),
                lamports=PLENTY_LAMPORTS // 2,
            )
        )
        for name, step in [('transfer', transfer_alone), *steps]:
            asked = {meta.pubkey for meta in step.accounts if meta.is_signer}
            signers = [payer, *(pair for pair in others if pair.pubkey() in asked)]
            chain.expire_blockhash()
            made = Transaction.new_signed_with_payer(
                [step], payer.pubkey(), signers, chain.latest_blockhash()
            )
            begun_s = time.perf_counter()
            done = chain.send_transaction(made)
            times_ms[name].append((time.perf_counter() - begun_s) * 1e3)
            if hasattr(done, 'err'):
                raise RuntimeError(f'{name} failed: {done.err()}')
    return {
        f'vm_ms_{name.split(",")[0]}{"_20" if "20 records" in name else ""}': statistics.median(
            each
        )
        for name, each in times_ms.items()
    }


def _fuzz(inputs: int) -> Figures:
    """Random inputs, right ones and spoilt ones, held against the model; in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(FUZZ), str(inputs)], capture_output=True, text=True, check=False
    )
    is_wrong = done.returncode != 0
    if is_wrong and 'Difference' not in done.stderr:
        raise RuntimeError(f'{FUZZ.name} failed: {done.stderr[-500:]}')
    return {'fuzz_inputs': inputs, 'fuzz_wrong': int(is_wrong)}


def _through_chain(
    folder: Path, quick: bool, progress: Progress, notes: list[str]
) -> tuple[Figures, int]:
    steady, outage = (10 * BATCH, OUTAGE_RECORDS // 20) if quick else (50 * BATCH, OUTAGE_RECORDS)
    with ChainProcess(folder / 'chain', BLOCK_MS) as chain:
        camera = BenchCamera(folder / 'camera', chain.url)
        camera.register()
        # The first batch is tried, and measured, before it is sent.
        camera.log(BATCH)
        camera.drain()
        progress(f'{steady} records through the chain')
        camera.log(steady)
        begun_s = time.perf_counter()
        camera.drain()
        per_s = steady / (time.perf_counter() - begun_s)
        progress(f'an outage of {outage} records')
        drain_s = _outage(chain, camera, outage)
        told = camera.told()
    if told.wrong:
        raise RuntimeError(f'after an outage: {told.wrong}')
    if outage != OUTAGE_RECORDS:
        notes.append(f'drain_s_10000: {outage} records were drained, and their time multiplied')
    notes.append('an outage: the chain gets SIGKILL, and the clock runs from when it answers again')
    figures = {
        'records_per_s': per_s,
        'drain_s_10000': drain_s * OUTAGE_RECORDS / outage,
        'lost': told.lost,
        'doubled': told.doubled,
    }
    return figures, told.records


def _outage(chain: ChainProcess, camera: BenchCamera, count: int) -> float:
    """Seconds from when the chain answers again until it has all that was logged meanwhile."""
    camera.log(BATCH)
    chain.end(SIGKILL)
    camera.log(count - BATCH)
    begun_s: list[float] = []

    def come_back() -> None:
        # The outbox notices that nobody is there.
        time.sleep(1.0)
        chain.start()
        begun_s.append(time.perf_counter())

    camera.run_until_told(DRAIN_AT_MOST_S, come_back)
    return time.perf_counter() - begun_s[0]


def _faults(folder: Path, rounds: int, progress: Progress, notes: list[str]) -> Figures:
    figures: Figures = {'fault_rounds': rounds, 'rounds_wrong': 0, 'lost': 0, 'doubled': 0}
    chain = ChainProcess(folder / 'faulty', chain_faults.BLOCK_MS, chain_faults.FINALIZED_AFTER)
    with chain:
        for name in chain_faults.STRIKES:
            progress(f'{rounds} rounds of: {name}')
            ending = chain_faults.ending(chain, folder / 'cameras', name, rounds)
            progress(f'{name}: {ending.right} of {ending.rounds} right')
            figures[f'right_{name}'] = ending.right
            figures['rounds_wrong'] += ending.rounds - ending.right
            figures['lost'] += ending.told.lost
            figures['doubled'] += ending.told.doubled
            if ending.told.wrong:
                notes.append(f'{name}: {ending.told.wrong}')
    notes.append(
        'each round: 3 photos and a visit, the fault, then all of it compared with the chain; '
        'right_NAME: rounds that ended with each record and each visit there exactly once'
    )
    return figures
