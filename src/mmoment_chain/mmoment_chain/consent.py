"""Giving and withdrawing consent: recorded with the version of the text and the time, and in the log.

With a consent goes what was kept on the strength of it; that it was given once is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_chain import (
    consent_records,
    consent_texts,
    event_log,
    session_records,
    template_records,
)
from mmoment_chain.errors import Refused
from mmoment_chain.session_records import Session
from mmoment_chain.store import Store, Transaction
from mmoment_chain.wallet import parse_wallet

LOG_GIVEN, LOG_WITHDRAWN = 'consent_given', 'consent_withdrawn'
LOG_TEMPLATES_DELETED = 'templates_deleted'


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What came of it."""

    templates: int  # that were deleted
    consents: int  # that stood until now


def give(store: Store, session: Session, text_version: str) -> None:
    """Record that the session's person agreed to a text.

    Refused 'no_consent' for a text that this camera does not know, 'session_over'. Raises StoreError.
    """
    if text_version not in consent_texts.VERSIONS:
        versions = ', '.join(consent_texts.VERSIONS)
        raise Refused('no_consent', f'Agree to one of these texts first: {versions}')
    with store.transaction() as tx:
        record(tx, session, text_version)


def record(tx: Transaction, session: Session, text_version: str) -> None:
    """Record it together with something else; nothing changes if it stands. Refused 'session_over'."""
    held = session_records.get(tx, session.id)
    if held is None or not held.is_open or not held.wallet:
        # Nothing is recorded again of somebody who was forgotten meanwhile.
        raise Refused('session_over')
    if consent_records.give(tx, held.wallet, text_version, tx.utc_ms()):
        event_log.append(tx, LOG_GIVEN, held.wallet, {'text_version': text_version})


def withdraw(store: Store, wallet: str) -> Withdrawn:
    """Delete the sealed templates of this wallet, and end its consents.

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
