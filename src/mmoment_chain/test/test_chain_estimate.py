import dataclasses

import pytest

from mmoment_chain import program_deploy as loader
from mmoment_chain.chain_estimate import LOG_FULL, LOG_ONE, Estimate, Prices, Use, estimate
from mmoment_chain.program_costs import Row
from mmoment_chain.program_layout import Mode

FEE, RENT, CAMERA_RENT = 5000, 1_000_000, 3_000_000
UNITS = {'check_in': 10_000, 'check_out': 1000, 'close_session': 500, LOG_ONE: 1000, LOG_FULL: 5000}


def prices(price_at_most=0):
    rows = [Row(name, units, units, 300, FEE, 0) for name, units in UNITS.items()]
    rows[0] = dataclasses.replace(rows[0], rent_lamports=RENT)
    rows.append(Row('register_camera', 1, 1, 300, 2 * FEE, CAMERA_RENT))
    return Prices(FEE, {}, rows, price_at_most, loader.cost(900, 900, lambda size: size))


def of(**use):
    return estimate(Use(**{'records_a_visit': 0, 'other_records_a_day': 0, **use}), prices())


def test_a_day_is_its_visits_and_its_records():
    told = of(visits_a_day=10, records_a_visit=6, other_records_a_day=40)
    # A hundred records in a day find no company within ten seconds.
    assert told.records_a_transaction == 1
    assert told.transactions_a_day == 100
    assert told.visit == 2 * FEE
    assert told.day == 100 * FEE + 10 * 2 * FEE
    assert (told.record_alone, told.record_in_full_batch) == (5000, 250)


@pytest.mark.parametrize(
    ('records', 'flush_after_s', 'batch', 'sent'),
    [
        (86_400, 10, 11, 7855),
        (86_400, 60, 20, 4320),
        (864_000, 10, 20, 43_200),
        (86_400, 0, 1, 86_400),
        (1, 10, 1, 1),
        (0, 10, 1, 0),
    ],
)
def test_records_go_together_as_far_as_they_come_in_time(records, flush_after_s, batch, sent):
    told = of(visits_a_day=0, other_records_a_day=records, flush_after_s=flush_after_s)
    assert (told.records_a_transaction, told.transactions_a_day) == (batch, sent)
    assert told.day == sent * FEE


def test_rent_is_locked_for_those_who_are_there():
    told = of(visits_a_day=10, at_once=7)
    assert (told.locked_camera, told.locked_visits) == (CAMERA_RENT, 7 * RENT)


def test_in_public_mode_people_send_their_own_check_ins():
    told = of(visits_a_day=10, at_once=7, mode=Mode.PUBLIC)
    assert (told.visit, told.locked_visits, told.day) == (FEE, 0, 10 * FEE)


def test_priority_is_told_as_the_most_that_is_paid():
    use = Use(visits_a_day=1, records_a_visit=0, other_records_a_day=1)
    told: Estimate = estimate(use, prices(price_at_most=1_000_000))
    # One lamport for a unit, and a fifth more units than were measured.
    assert told.day_priority_at_most == 1200 + 12_000 + 1800
    assert told.day == 3 * FEE
