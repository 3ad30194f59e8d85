"""Sealed templates in the keeping of a camera: taken with consent, given out as they are.

Nothing here opens one. Only the header of an envelope can be read; what it is bound to is proven by
who opens it.
"""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass, field

from mmoment_chain import consent, consent_records, consent_texts, event_log, template_records
from mmoment_chain.envelope import Custody, Envelope, Record, WrappedKey
from mmoment_chain.errors import Refused
from mmoment_chain.rights import RECOGNIZE
from mmoment_chain.session_records import Session
from mmoment_chain.store import Query, Store
from mmoment_chain.template_records import TemplateRecord
from mmoment_chain.vault import check_wrapped
from mmoment_chain.wallet import parse_wallet

# Whose key: a person's, from their wallet or behind a passphrase, or the camera's.
CUSTODIES = {
    'user': Custody.USER,
    'passphrase': Custody.USER,
    'camera': Custody.CAMERA,
}


@dataclass(frozen=True, slots=True)
class SealedTemplate:
    """What somebody hands over to be kept."""

    record_id: str
    model_id: str
    custody: str  # of CUSTODIES
    envelope: bytes = field(repr=False)


class TemplateKeeping:
    """Keeps sealed templates. `camera_key_ids`: of the keys with which this camera opens."""

    def __init__(self, store: Store, camera_key_ids: frozenset[bytes]) -> None:
        self._store = store
        self._camera_key_ids = camera_key_ids

    def keep(self, session: Session, template: SealedTemplate, consent_version: str) -> str:
        """Keep a template of the session's person, who agreed to that text; returns its record id.

        Replaces an earlier one of the same model. Refused 'no_consent', 'bad_envelope',
        'wrong_key', 'session_over'.
        """
        wallet = session.wallet or ''
        self._check(wallet, template)
        if not consent_texts.covers(consent_version, template.custody):
            versions = ', '.join(consent_texts.ACCEPTED[template.custody])
            raise Refused(
                'no_consent',
                f'A template in this custody needs the consent to one of these texts: {versions}',
            )
        with self._store.transaction() as tx:
            consent.record(tx, session, consent_version)
            record = TemplateRecord(
                template.record_id,
                wallet,
                template.model_id,
                template.custody,
                template.envelope,
                tx.utc_ms(),
            )
            try:
                template_records.put(tx, record)
            except sqlite3.IntegrityError:
                raise Refused('bad_envelope', 'This record id is taken: enrol again') from None
            # The client's words: they may say anything, so they can be erased.
            personal = {'model_id': template.model_id}
            event_log.append(tx, 'template_kept', wallet, {'custody': template.custody}, personal)
        return template.record_id

    def template_of(self, wallet: str) -> TemplateRecord:
        """The newest template of this wallet. Refused 'bad_wallet', 'no_template'."""
        parse_wallet(wallet)
        with self._store.reading() as query:
            return _newest(query, wallet)

    def get(self, record_id: str) -> TemplateRecord | None:
        """The template of this record id."""
        with self._store.reading() as query:
            return template_records.get(query, record_id)

    def for_recognition(
        self, session: Session, wrapped_key: bytes | bytearray, now_ms: int
    ) -> TemplateRecord | None:
        """The template that face_node may open now; None: the person asked for no recognition.

        Without a wrapped key that is one in the camera's keeping. Refused 'missing_right',
        'no_template', 'no_consent', 'bad_envelope', 'wrong_camera', 'expired',
        'expires_too_late'.
        """
        if wrapped_key:
            check_wrapped(WrappedKey.from_bytes(wrapped_key), self._camera_key_ids, now_ms)
        with self._store.reading() as query:
            kept = template_records.of_wallet(query, session.wallet or '')
            consents = consent_records.standing(query, session.wallet or '')
        agreed = [
            each
            for each in kept
            if any(consent_texts.covers(one.text_version, each.custody) for one in consents)
        ]
        if not wrapped_key:
            agreed = [each for each in agreed if CUSTODIES[each.custody] is Custody.CAMERA]
            if not agreed or RECOGNIZE not in session.rights:
                return None
        if RECOGNIZE not in session.rights:
            raise Refused('missing_right', f'You do not have the right to do this: {RECOGNIZE}')
        if not kept:
            raise Refused('no_template')
        if not agreed:
            raise Refused('no_consent')
        return max(agreed, key=lambda each: each.created_ms)

    def _check(self, wallet: str, template: SealedTemplate) -> None:
        custody = CUSTODIES.get(template.custody)
        if custody is None:
            raise Refused('bad_envelope', f'Custody is one of: {", ".join(CUSTODIES)}')
        try:
            Record(wallet, template.model_id, template.record_id)
        except ValueError as error:
            raise Refused('bad_envelope', f'This cannot be kept: {error}') from None
        envelope = Envelope.from_bytes(template.envelope)
        if envelope.custody is not custody:
            raise Refused('bad_envelope', 'This template was sealed for another custody')
        is_ours = envelope.recipient_id in self._camera_key_ids
        if is_ours != (custody is Custody.CAMERA):
            raise Refused(
                'wrong_key',
                'A template in the keeping of the camera is sealed to its key, any other is not',
            )


def good_for_s(wrapped_key: bytes | bytearray, now_ms: int) -> float:
    """How long a wrapped key is good; for ever where the camera keeps the template itself.

    A check-out ends it before.
    """
    if not wrapped_key:
        return math.inf
    return (WrappedKey.from_bytes(wrapped_key).expires_ms - now_ms) / 1000


def _newest(query: Query, wallet: str) -> TemplateRecord:
    kept = template_records.of_wallet(query, wallet)
    if not kept:
        raise Refused('no_template')
    return max(kept, key=lambda each: each.created_ms)
