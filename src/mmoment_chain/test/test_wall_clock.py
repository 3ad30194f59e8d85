import re

from store_world import opened

from mmoment_chain.wall_clock import WallClockWatch, this_boot

HOUR_MS = 3_600_000


def noted(store, boot_id='boot-1'):
    watch = WallClockWatch(store.clock, boot_id)
    with store.transaction() as tx:
        watch.note(tx)
    return watch


def shift(store, watch):
    with store.reading() as query:
        return watch.shift_ms(query)


def test_time_that_goes_by_is_no_shift(tmp_path):
    with opened(tmp_path) as store:
        watch = noted(store)
        store.clock.advance(86_400)
        assert shift(store, watch) == 0


def test_a_clock_that_was_set_is_noticed_also_by_the_next_process(tmp_path):
    with opened(tmp_path) as store:
        watch = noted(store)
        store.clock.advance(60)
        store.clock.set_wall(store.clock.utc_ms() - HOUR_MS)
        assert shift(store, watch) == -HOUR_MS
        assert shift(store, WallClockWatch(store.clock, 'boot-1')) == -HOUR_MS
        noted(store)
        assert shift(store, watch) == 0


def test_corrections_by_milliseconds_are_none(tmp_path):
    with opened(tmp_path) as store:
        watch = noted(store)
        store.clock.set_wall(store.clock.utc_ms() + 900)
        assert shift(store, watch) == 0


def test_of_another_start_of_the_machine_nothing_is_known(tmp_path):
    with opened(tmp_path) as store:
        assert shift(store, WallClockWatch(store.clock, 'boot-1')) == 0
        noted(store)
        store.clock.set_wall(store.clock.utc_ms() + HOUR_MS)
        assert shift(store, WallClockWatch(store.clock, 'boot-2')) == 0


def test_this_machine_says_which_start_it_is():
    assert re.fullmatch('[0-9a-f-]{36}', this_boot())
