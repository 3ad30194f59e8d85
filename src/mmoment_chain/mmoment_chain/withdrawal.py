"""Withdrawing consent: what was kept on the strength of it goes; that it was given once is kept."""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_chain import consent_records, event_log, template_records
from mmoment_chain.store import Store
from mmoment_chain.wallet import parse_wallet

LOG_WITHDRAWN, LOG_TEMPLATES_DELETED = 'consent_withdrawn', 'templates_deleted'


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What came of it."""

    templates: int  # that were deleted
    consents: int  # that stood until now


def withdraw(store: Store, wallet: str) -> Withdrawn:
    """Delete the sealed templates of this wallet, and end its consents to their being kept.

    The person stays checked in; whoever calls this has face_node forget them. Traces in the files
    are noted for `Store.scrub`. Refused 'bad_wallet'. Raises StoreError.
    """
    parse_wallet(wallet)
    with store.transaction() as tx:
        now_ms = tx.utc_ms()
        standing = consent_records.standing(tx, wallet)
        for consent in standing:
            consent_records.withdraw(tx, wallet, consent.text_version, now_ms)
            data = {'text_version': consent.text_version}
            event_log.append(tx, LOG_WITHDRAWN, wallet, data)
        templates = template_records.erase(tx, wallet)
        if templates:
            event_log.append(tx, LOG_TEMPLATES_DELETED, wallet, {'templates': templates})
    return Withdrawn(templates, len(standing))
