"""What the chain benchmark is made of sees what is missing, and what did not happen."""

from __future__ import annotations

import pytest

from bench import chain, chain_faults
from bench.chain_world import BRIEF, BenchCamera, ChainProcess
from mmoment_chain.devchain_faults import Fault
from mmoment_chain.program_build import interface

PATIENCE_S = 60.0


@pytest.fixture(scope='module')
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp('chain')
    with ChainProcess(folder, chain_faults.BLOCK_MS, chain_faults.FINALIZED_AFTER) as process:
        yield process


@pytest.fixture
def camera(running, tmp_path):
    made = BenchCamera(tmp_path / 'camera', running.url, BRIEF)
    made.register()
    return made


def test_every_instruction_is_timed():
    figures = chain._of_machine(1)
    names = {f'vm_ms_{each["name"]}' for each in interface()['instructions']}
    assert names | {'vm_ms_transfer', 'vm_ms_append_log_20'} == set(figures)
    assert all(value > 0 for value in figures.values())


def test_every_fault_is_one_that_the_dev_chain_has():
    for faults in chain_faults.CALLS.values():
        assert all(Fault.from_json(fault).times > 0 for fault in faults)


@pytest.mark.graph
def test_what_the_chain_does_not_have_is_lost(camera):
    camera.log(3)
    camera.visit()
    before = camera.told()
    assert (before.records, before.lost, before.doubled) == (3, 3, 0)
    assert '0 records there, 3 here' in before.wrong
    assert '0 visits there, 1 here' in before.wrong
    camera.run_until_told(PATIENCE_S)
    after = camera.told()
    assert (after.records, after.lost, after.doubled, after.wrong) == (3, 0, 0, '')


@pytest.mark.graph
@pytest.mark.parametrize('name', ['no_answer_to_send', 'fork', 'chain_killed', 'camera_killed'])
def test_a_round_ends_right(running, tmp_path, name):
    ended = chain_faults.ending(running, tmp_path, name, 1)
    assert (ended.rounds, ended.right, ended.told.records) == (1, 1, 3)


@pytest.mark.graph
def test_a_fault_that_does_not_strike_is_no_result(running, tmp_path, monkeypatch):
    never = [{'kind': 'close', 'methods': ['getBlock']}]
    monkeypatch.setitem(chain_faults.CALLS, 'closed', never)
    with pytest.raises(RuntimeError, match='never struck'):
        chain_faults.ending(running, tmp_path, 'closed', 1)


@pytest.mark.graph
def test_what_takes_too_long_is_no_result(running, camera):
    running.control('addFaults', {'kind': 'close', 'times': 0})
    camera.log(1)
    try:
        with pytest.raises(TimeoutError):
            camera.run_until_told(0.3)
    finally:
        running.control('clearFaults')
