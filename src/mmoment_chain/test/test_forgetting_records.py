import contextlib

from fake_clock import FakeClock
from store_world import traces

from mmoment_chain import forgetting_records
from mmoment_chain.store import Store


def test_somebody_is_noted_once_and_gone_without_a_trace(tmp_path):
    with contextlib.closing(Store(tmp_path / 'store.sqlite3', FakeClock())) as store:
        for _ in range(2):
            with store.transaction() as tx:
                forgetting_records.add(tx, 'anna-unmistakable')
                forgetting_records.add(tx, 'ben')
        with store.reading() as query:
            assert forgetting_records.everybody(query) == ['anna-unmistakable', 'ben']
        with store.transaction() as tx:
            forgetting_records.remove(tx, 'anna-unmistakable')
            forgetting_records.remove(tx, 'nobody')
        assert store.scrub()
        assert traces(tmp_path, 'anna-unmistakable') == []
        with store.reading() as query:
            assert forgetting_records.everybody(query) == ['ben']
