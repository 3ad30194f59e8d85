import re
from pathlib import Path

import pytest

from mmoment_chain.program_build import interface
from mmoment_chain.program_costs import main, measure, table

COMMITTED = Path(__file__).parents[3] / 'docs' / 'chain-costs.md'
LARGEST_TRANSACTION = 1232
# What the machine takes for its own calls may change with its version.
TOLERANCE = 0.1
BOUNDS = {
    'update_camera': 2000, 'check_out': 2000, 'append_log, 20 records': 8000, 'seal_face': 2500,
    'write_face, 642 bytes': 1000,
}  # fmt: skip


@pytest.fixture(scope='module')
def rows():
    return measure(rounds=12)


def numbers(text):
    """By the name of the instruction: what the table says, ranges in two numbers."""
    found = re.findall(r'^\| (\w+[^|]*) \|(.*)\|$', text, re.MULTILINE)[1:]
    plain = {name: cells.replace(',', '') for name, cells in found}
    return {
        name: [int(each) for each in re.findall(r'-?\d+', cells)] for name, cells in plain.items()
    }


def test_every_instruction_is_in_the_table(rows):
    measured = {row.name.split(',')[0] for row in rows}
    assert measured == {each['name'] for each in interface()['instructions']}


def test_the_committed_table_is_what_is_measured(rows):
    told, measured = numbers(COMMITTED.read_text()), numbers(table(rows))
    assert list(told) == list(measured)
    for name, values in measured.items():
        assert told[name] == pytest.approx(values, rel=TOLERANCE), name


def test_costs_stay_within_their_bounds(rows):
    for row in rows:
        assert row.transaction_bytes <= LARGEST_TRANSACTION
        assert row.most_units < 50_000
        assert row.most_units < BOUNDS.get(row.name, 50_000)


def test_all_rent_comes_back(rows):
    assert sum(row.rent_lamports for row in rows) == 0
    assert any(row.rent_lamports > 0 for row in rows)


def test_the_table_is_written(tmp_path):
    assert main([str(tmp_path / 'table.md')]) == 0
    assert list(numbers((tmp_path / 'table.md').read_text())) == list(
        numbers(COMMITTED.read_text())
    )
