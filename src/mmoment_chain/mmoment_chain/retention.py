"""Forgetting by age: what names people goes from sessions that are over and from old events.

What people gave on purpose and for as long as they like (a template, a consent, a grant) stays.
"""

from __future__ import annotations

from mmoment_chain import event_log, session_records
from mmoment_chain.store import Store

# In each transaction: others write in between.
EVENTS_AT_ONCE = 500


def prune_people(store: Store, older_than_ms: int) -> int:
    """Take out what names people in sessions that ended, and in events that are, longer ago.

    older_than_ms: an age, not a moment. Returns how many sessions and personal fields that were.
    Age is by the wall clock. The chain of events goes on to verify. Traces in the files are noted
    for `Store.scrub`, which writes the whole store anew: call this once an hour, not each second.
    """
    before_ms = store.clock.utc_ms() - older_than_ms
    with store.transaction() as tx:
        count = session_records.forget_people(tx, before_ms)
    sequence = 0
    while True:
        with store.reading() as query:
            old = event_log.named_before(query, before_ms, sequence, EVENTS_AT_ONCE)
        if not old:
            return count
        with store.transaction() as tx:
            count += event_log.forget_fields(tx, old)
        sequence = old[-1]
