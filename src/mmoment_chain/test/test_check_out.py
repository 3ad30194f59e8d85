from store_world import OTHER_WALLET, WALLET, opened, session

from mmoment_chain import event_log, session_records
from mmoment_chain.check_out import ABSENT, ASKED, REASONS, REVOKED, ChangeKind, CheckOut


class Recorder:
    def __init__(self, trace, name, store):
        self.trace, self.name, self.store = trace, name, store

    def begin(self, departure):
        with self.store.reading() as query:
            is_open = session_records.get(query, departure.session_id).is_open
        self.trace.append((self.name, departure.session_id, departure.is_last, is_open))


def prepared(store, *sessions):
    with store.transaction() as tx:
        for each in sessions:
            session_records.add(tx, each)


def test_the_end_is_kept_and_logged_before_the_steps_and_each_is_told_once(tmp_path):
    with opened(tmp_path) as store:
        prepared(store, session(1), session(2), session(3, OTHER_WALLET))
        trace, changes = [], []
        steps = [Recorder(trace, name, store) for name in ('media', 'template')]
        out = CheckOut(store, steps, changes.append)
        assert out.end(['session-1'], ASKED) == 1
        assert trace == [
            ('media', 'session-1', False, False),
            ('template', 'session-1', False, False),
        ]
        assert out.end(['session-2', 'session-3', 'session-1', 'nobody'], ABSENT) == 2
        assert [(name, key, is_last) for name, key, is_last, _ in trace[2::2]] == [
            ('media', 'session-2', True),
            ('media', 'session-3', True),
        ]
        with store.reading() as query:
            events = event_log.read(query)
            assert session_records.get(query, 'session-2').end_reason == ABSENT
    assert [(one.kind, one.subject, one.data['reason']) for one in events] == [
        ('checked_out', WALLET, ASKED),
        ('checked_out', WALLET, ABSENT),
        ('checked_out', OTHER_WALLET, ABSENT),
    ]
    assert [change.sequence for change in changes] == [1, 2, 3]


def test_two_sessions_of_one_person_that_end_together_are_both_the_last(tmp_path):
    with opened(tmp_path) as store:
        prepared(store, session(1), session(2))
        trace = []
        CheckOut(store, [Recorder(trace, 'x', store)], lambda change: None).end(
            ['session-1', 'session-2'], REVOKED
        )
        assert [is_last for _, _, is_last, _ in trace] == [True, True]


def test_a_revoked_session_is_told_as_such(tmp_path):
    with opened(tmp_path) as store:
        changes = []
        for number, reason in enumerate(REASONS):
            prepared(store, session(number))
            CheckOut(store, [], changes.append).end([f'session-{number}'], reason)
        revoked = [change.reason for change in changes if change.kind is ChangeKind.REVOKED]
        assert revoked == [REVOKED]
