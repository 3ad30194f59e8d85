import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.runner import BenchResult, commit, report, table
from cli.bench import available

BENCHMARK = '''
"""A benchmark that also prints, as libraries do."""
import os
from bench.runner import BenchResult
SUMMARY = 'Counts to ten'
COMPARED_WITH = {'count': 'fingers'}
def run(quick, progress):
    progress('counting')
    print('noise from Python')
    os.system('echo noise from a child')
    return BenchResult({'count': 10, 'is_quick': int(quick), 'nothing': float('nan')}, samples=1)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the real runner and one benchmark."""
    root = Path(__file__).resolve().parents[2]
    bench = tmp_path / 'bench'
    bench.mkdir()
    for name in ('__init__.py', '__main__.py', 'runner.py'):
        (bench / name).write_bytes((root / 'bench' / name).read_bytes())
    (bench / 'counting.py').write_text(BENCHMARK)
    (tmp_path / 'cli').symlink_to(root / 'cli')
    return tmp_path


def run_bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-m', 'bench', *arguments],
        cwd=folder,
        env={**os.environ, 'PYTHONPATH': str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_json_is_all_that_reaches_standard_output(folder: Path):
    answer = run_bench(folder, 'counting', '--json', '--quick')

    assert answer.returncode == 0
    (line,) = answer.stdout.splitlines()
    value = json.loads(line)
    assert value['bench'] == 'counting'
    assert value['metrics'] == {'count': 10, 'is_quick': 1, 'nothing': None}
    assert value['samples'] == 1
    assert set(value['machine']) == {'cpu', 'cores', 'memory_gib'}
    assert value['commit'] == 'unknown'
    assert value['notes'] == []
    assert 'noise from a child' in answer.stderr
    assert 'noise from Python' in answer.stderr


def test_table_names_what_a_figure_is_compared_with(folder: Path):
    answer = run_bench(folder, 'counting')

    assert answer.returncode == 0
    assert any(line.split() == ['count', '10', 'fingers'] for line in answer.stdout.splitlines())


def test_unknown_benchmark_names_the_others(folder: Path):
    answer = run_bench(folder, 'dancing')

    assert answer.returncode != 0
    assert 'counting' in answer.stderr


def test_modules_without_a_summary_are_no_benchmarks(folder: Path):
    (folder / 'bench' / 'helper.py').write_text('LIMIT = 3\n')

    assert available(folder / 'bench') == {'counting': 'Counts to ten'}


def test_numbers_of_numpy_become_plain():
    class Number(float):
        def item(self) -> float:
            return 0.1 + 0.2

    value = json.loads(report('x', BenchResult({'a': Number(0)}, samples=2)))

    assert value['metrics'] == {'a': 0.3}
    assert '0.3' in table('x', BenchResult({'a': Number(0)}, samples=2), {})


@pytest.mark.skipif(shutil.which('git') is None, reason='git is not installed')
def test_commit_tells_changed_files(tmp_path: Path):
    git = ['git', '-c', 'user.name=a', '-c', 'user.email=a@b']
    subprocess.run(['git', 'init', '-q'], cwd=tmp_path, check=True)
    (tmp_path / 'file').write_text('one')
    subprocess.run(['git', 'add', '.'], cwd=tmp_path, check=True)
    subprocess.run([*git, 'commit', '-q', '-m', 'one'], cwd=tmp_path, check=True)
    clean = commit(tmp_path)
    (tmp_path / 'file').write_text('two')

    assert len(clean) == 12
    assert commit(tmp_path) == f'{clean}-dirty'
