"""Runs one benchmark and says what came out, as a table or as one JSON object.

A benchmark is a module of this package with

- `SUMMARY`: one line,
- `COMPARED_WITH`: what a metric is held against, by metric name,
- `run(quick, progress) -> BenchResult`: measures; `progress(text)` tells what it is doing.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
Value = float | int | str


@dataclass(frozen=True)
class BenchResult:
    """What a benchmark measured.

    metrics: figures by name, units in the names. samples: how many single measurements they stand for.
    notes: what a reader must know to judge them.
    """

    metrics: Mapping[str, Value]
    samples: int
    notes: list[str] = field(default_factory=list)


def machine() -> dict[str, Value]:
    """Describe the machine: processor, cores this process may use, memory."""
    memory_gib = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    return {
        'cpu': _cpu_name(),
        'cores': len(os.sched_getaffinity(0)),
        'memory_gib': round(memory_gib, 1),
    }


def _cpu_name() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        lines = []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()


def commit(root: Path = ROOT) -> str:
    """Commit that was measured, with `-dirty` where files differ from it; `unknown` without git."""
    try:
        answer = subprocess.run(
            ['git', 'describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'],
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'
    return answer.stdout.strip()


def report(name: str, result: BenchResult) -> str:
    """Result as one line of JSON."""
    # Numbers of numpy are no JSON numbers, but know how to become plain ones.
    return json.dumps(
        {
            'bench': name,
            'metrics': {key: _plain(value) for key, value in result.metrics.items()},
            'samples': int(result.samples),
            'machine': machine(),
            'commit': commit(),
            'notes': list(result.notes),
        },
        allow_nan=False,
    )


def _plain(value: Value) -> Value | None:
    if isinstance(value, str | int):
        return value
    if hasattr(value, 'item'):
        value = value.item()
    if isinstance(value, float):
        # JSON has no other numbers than finite ones; nothing measured is null.
        return float(f'{value:.6g}') if math.isfinite(value) else None
    return value


def table(name: str, result: BenchResult, compared_with: Mapping[str, str]) -> str:
    """Result for reading: one metric a line, with what it is compared against."""
    rows = [
        (key, str(_plain(value)), compared_with.get(key, ''))
        for key, value in result.metrics.items()
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    about = machine()
    lines = [f'{name}: {result.samples} samples, commit {commit()}']
    lines += [f'{about["cpu"]}, {about["cores"]} cores, {about["memory_gib"]} GiB', '']
    lines += [
        f'  {key:<{widths[0]}}  {value:>{widths[1]}}  {text}'.rstrip() for key, value, text in rows
    ]
    lines += [f'  - {note}' for note in result.notes]
    return '\n'.join(lines)


@contextmanager
def _stdout_for_result_only() -> Iterator[TextIO]:
    """Send what libraries and child processes print to stderr; yields the real standard output."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(kept, 'w') as real:
        try:
            yield real
        finally:
            sys.stdout.flush()
            real.flush()
            os.dup2(real.fileno(), 1)


def measure(name: str, quick: bool, as_json: bool) -> None:
    """Run one benchmark and print its result as the last thing on standard output."""
    module = importlib.import_module(f'bench.{name}')
    run: Callable[[bool, Callable[[str], None]], BenchResult] = module.run
    with _stdout_for_result_only() as out:
        result = run(quick, lambda text: print(f'{name}: {text}', file=sys.stderr, flush=True))
        text = report(name, result) if as_json else table(name, result, module.COMPARED_WITH)
        print(text, file=out)
