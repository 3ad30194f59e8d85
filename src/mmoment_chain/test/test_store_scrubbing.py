"""Another process may erase between any two steps of the cleaning. (What it cleans: test_store.py)"""

import os
import signal

import pytest
from store_world import WALLET, opened, session, traces

from mmoment_chain import session_records, store_scrubbing

GONE = 'Overtaking Olga'


def put(store, *sessions):
    with store.transaction() as tx:
        for one in sessions:
            session_records.add(tx, one)


@pytest.mark.parametrize('checkpoint', [1, 2])
@pytest.mark.parametrize('is_before', [True, False])
def test_what_is_erased_beside_while_the_holder_cleans_is_cleaned_too(
    tmp_path, monkeypatch, checkpoint, is_before
):
    steps = []
    checkpointed = store_scrubbing.checkpointed

    def overtaken(connection):
        def erase():
            with opened(tmp_path, beside=True) as beside, beside.transaction() as tx:
                session_records.erase(tx, GONE)

        steps.append(1)
        is_now = len(steps) == checkpoint
        if is_now and is_before:
            erase()
        done = checkpointed(connection)
        if is_now and not is_before:
            erase()
        return done

    with opened(tmp_path) as store:
        put(store, *(session(number, GONE, display_name='x' * 900) for number in range(50)))
        with store.transaction() as tx:
            tx.leave_no_trace()
        monkeypatch.setattr(store_scrubbing, 'checkpointed', overtaken)
        done = store.scrub()
        if done:
            assert traces(tmp_path, GONE) == []
        monkeypatch.undo()
        assert store.scrub()
        assert traces(tmp_path, GONE) == []


def test_an_erasure_between_writing_anew_and_its_note_is_not_taken_for_cleaned(tmp_path):
    with opened(tmp_path) as store, opened(tmp_path, beside=True) as beside:
        with store.transaction() as tx:
            tx.leave_no_trace()

        class Overtaken:
            def execute(self, sql, *parameters):
                done = store._main.execute(sql, *parameters)
                if sql == 'VACUUM':
                    put(beside, session(1))
                    with beside.transaction() as tx:
                        session_records.erase(tx, WALLET)
                return done

        assert not store_scrubbing.scrubbed(Overtaken())
        assert store.scrub()
        assert traces(tmp_path, WALLET) == []


def test_a_cleaning_that_was_killed_while_writing_anew_begins_anew(tmp_path):
    child = os.fork()
    if child == 0:
        store = opened(tmp_path)
        put(store, session(1))
        with store.transaction() as tx:
            session_records.erase(tx, WALLET)

        class Killed:
            def execute(self, sql, *parameters):
                if sql == 'VACUUM':
                    os.kill(os.getpid(), signal.SIGKILL)
                return store._main.execute(sql, *parameters)

        store_scrubbing.scrubbed(Killed())
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    with opened(tmp_path) as store:
        assert store.scrub()
        assert traces(tmp_path, WALLET) == []
