import dataclasses
import secrets

import pytest
from store_world import OTHER_WALLET, WALLET, opened
from store_world import session as stored_session

from mmoment_chain import (
    consent_records,
    consent_texts,
    event_log,
    session_records,
    template_records,
    vault,
)
from mmoment_chain.envelope import Custody, Record, new_record_id
from mmoment_chain.errors import Refused
from mmoment_chain.sealing import key_id, public_of
from mmoment_chain.secret_bytes import SecretBytes
from mmoment_chain.template_keeping import (
    SealedTemplate,
    TemplateKeeping,
    good_for_s,
)
from mmoment_chain.template_records import TemplateRecord
from mmoment_chain.vault import CameraKey

HOUR_MS = 3_600_000
CONSENT, CAMERA_CONSENT = '2026-11-1', '2026-11-1-camera'
EVERYTHING = frozenset({'view', 'enroll', 'recognize'})


class World:
    def __init__(self, store):
        self.store = store
        self.own, self.camera = SecretBytes.random(32), SecretBytes.random(32)
        self.camera_public = public_of(self.camera)
        self.keeping = TemplateKeeping(store, frozenset({key_id(self.camera_public)}))

    def sealed(self, wallet=WALLET, custody='user', model_id='model-1'):
        is_camera = custody == 'camera'
        record = Record(wallet, model_id, new_record_id())
        envelope = vault.seal(
            secrets.token_bytes(64),
            self.camera_public if is_camera else public_of(self.own),
            record,
            Custody.CAMERA if is_camera else Custody.USER,
        )
        return SealedTemplate(record.record_id, model_id, custody, envelope.to_bytes())

    def wrapped(self, template, wallet=WALLET, for_ms=HOUR_MS, camera=None):
        envelope = vault.Envelope.from_bytes(template.envelope)
        record = Record(wallet, template.model_id, template.record_id)
        key = CameraKey('lobby', camera or self.camera_public)
        ends_ms = self.store.clock.utc_ms() + for_ms
        return vault.rewrap(envelope, record, self.own, key, ends_ms).to_bytes()

    def admissible(self, session, wrapped):
        return self.keeping.for_recognition(session, wrapped, self.store.clock.utc_ms())


@pytest.fixture
def world(tmp_path):
    with opened(tmp_path) as store:
        with store.transaction() as tx:
            for number, wallet in enumerate((WALLET, OTHER_WALLET), 1):
                session_records.add(tx, stored_session(number, wallet))
        yield World(store)


def session(wallet=WALLET, rights=EVERYTHING):
    number = 1 if wallet == WALLET else 2
    return stored_session(number, wallet, rights=rights)


def code(function, *arguments):
    with pytest.raises(Refused) as caught:
        function(*arguments)
    return caught.value.code


@pytest.mark.parametrize('custody', ['user', 'passphrase', 'camera'])
def test_a_template_is_kept_with_the_consent_and_given_out_as_it_was(world, custody):
    template, consent = world.sealed(custody=custody), consent_texts.ACCEPTED[custody][-1]
    assert world.keeping.keep(session(), template, consent) == template.record_id
    kept = world.keeping.template_of(WALLET)
    assert (kept.envelope, kept.custody, kept.model_id) == (template.envelope, custody, 'model-1')
    assert world.keeping.get(template.record_id) == kept
    with world.store.reading() as query:
        assert [one.text_version for one in consent_records.standing(query, WALLET)] == [consent]
        events = event_log.read(query)
    assert [event.kind for event in events] == ['consent_given', 'template_kept']
    assert WALLET not in str([event.data for event in events])
    assert events[1].personal == {'model_id': 'model-1'}


def test_no_word_of_a_client_outlives_an_erasure_in_the_event_log(world):
    # As a client that wants to be found again may call its model.
    template = world.sealed(model_id=f'model-of-{WALLET}')
    world.keeping.keep(session(), template, CONSENT)
    with world.store.transaction() as tx:
        event_log.erase(tx, WALLET)
        kept = [row['entry'] for row in tx.all('SELECT entry FROM events')]
        assert tx.count('SELECT count(*) FROM event_fields') == 0
    assert WALLET not in str(kept)


def test_a_new_one_replaces_that_of_the_same_model(world):
    for model_id in ('model-1', 'model-1', 'model-2'):
        newest = world.sealed(model_id=model_id)
        world.keeping.keep(session(), newest, CONSENT)
        world.store.clock.advance(1)
    assert world.keeping.template_of(WALLET).record_id == newest.record_id
    with world.store.reading() as query:
        kept = template_records.of_wallet(query, WALLET)
    assert [one.model_id for one in kept] == ['model-1', 'model-2']


@pytest.mark.parametrize(
    'version', ['', ' ', f'{CONSENT}\n', f'{CONSENT}-', WALLET, 'recognition-1', "'; --"]
)
def test_without_a_consent_nothing_is_kept(world, version):
    assert code(world.keeping.keep, session(), world.sealed(), version) == 'no_consent'
    assert code(world.keeping.template_of, WALLET) == 'no_template'


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        ({'envelope': b''}, 'bad_envelope'),
        ({'envelope': b'MMEV plain template'}, 'bad_envelope'),
        ({'record_id': ''}, 'bad_envelope'),
        ({'record_id': "x'; --"}, 'bad_envelope'),
        ({'model_id': ''}, 'bad_envelope'),
        ({'custody': ''}, 'bad_envelope'),
        ({'custody': 'camera'}, 'bad_envelope'),
    ],
)
def test_what_is_no_sealed_template_is_refused(world, changes, expected):
    template = dataclasses.replace(world.sealed(), **changes)
    assert code(world.keeping.keep, session(), template, CONSENT) == expected
    with world.store.reading() as query:
        assert consent_records.standing(query, WALLET) == []


def test_the_camera_keeps_only_what_is_sealed_to_it_and_others_what_is_not(world):
    record = Record(WALLET, 'model-1', new_record_id())
    for custody, name, key in (
        (Custody.CAMERA, 'camera', public_of(world.own)),
        (Custody.USER, 'user', world.camera_public),
    ):
        envelope = vault.seal(b'template', key, record, custody).to_bytes()
        template = SealedTemplate(record.record_id, 'model-1', name, envelope)
        assert code(world.keeping.keep, session(), template, CONSENT) == 'wrong_key'


def test_nobody_takes_the_record_of_another(world):
    template = world.sealed()
    world.keeping.keep(session(), template, CONSENT)
    assert code(world.keeping.keep, session(OTHER_WALLET), template, CONSENT) == 'bad_envelope'
    assert world.keeping.template_of(WALLET).record_id == template.record_id
    assert code(world.keeping.template_of, OTHER_WALLET) == 'no_template'


def test_recognised_is_who_wraps_a_key_has_the_right_and_consented(world):
    template = world.sealed()
    wrapped = world.wrapped(template)
    assert code(world.admissible, session(), wrapped) == 'no_template'
    world.keeping.keep(session(), template, CONSENT)
    assert world.admissible(session(), wrapped).record_id == template.record_id
    assert world.admissible(session(), b'') is None
    no_right = session(rights=frozenset({'view'}))
    assert code(world.admissible, no_right, wrapped) == 'missing_right'
    with world.store.transaction() as tx:
        consent_records.withdraw(tx, WALLET, CONSENT, 5)
    assert code(world.admissible, session(), wrapped) == 'no_consent'


def test_a_key_for_another_camera_or_time_is_refused_unopened(world):
    template = world.sealed()
    world.keeping.keep(session(), template, CONSENT)
    with SecretBytes.random(32) as other:
        elsewhere = world.wrapped(template, camera=public_of(other))
    late = world.wrapped(template)
    assert code(world.admissible, session(), elsewhere) == 'wrong_camera'
    assert code(world.admissible, session(), b'no key') == 'bad_envelope'
    too_long = world.wrapped(template, for_ms=48 * HOUR_MS)
    assert code(world.admissible, session(), too_long) == 'expires_too_late'
    world.store.clock.advance(3601)
    assert code(world.admissible, session(), late) == 'expired'


def test_who_keeps_their_key_has_not_agreed_that_the_camera_has_it(world):
    template = world.sealed(custody='camera')
    assert code(world.keeping.keep, session(), template, CONSENT) == 'no_consent'
    assert code(world.keeping.keep, session(), world.sealed(), CAMERA_CONSENT) == 'no_consent'
    assert code(world.keeping.template_of, WALLET) == 'no_template'
    with world.store.transaction() as tx:
        consent_records.give(tx, WALLET, CONSENT, 5)
        record = TemplateRecord(template.record_id, WALLET, 'm', 'camera', template.envelope, 5)
        template_records.put(tx, record)
    assert world.admissible(session(), b'') is None
    with world.store.transaction() as tx:
        consent_records.give(tx, WALLET, CAMERA_CONSENT, 5)
    assert world.admissible(session(), b'').record_id == template.record_id


def test_what_the_camera_keeps_it_opens_without_a_key_but_not_without_consent(world):
    template = world.sealed(custody='camera')
    world.keeping.keep(session(), template, CAMERA_CONSENT)
    assert world.admissible(session(), b'').record_id == template.record_id
    assert world.admissible(session(rights=frozenset({'view'})), b'') is None
    with world.store.transaction() as tx:
        consent_records.withdraw(tx, WALLET, CAMERA_CONSENT, 5)
    assert world.admissible(session(), b'') is None


def test_a_key_is_good_until_its_time(world):
    wrapped = world.wrapped(world.sealed())
    now_ms = world.store.clock.utc_ms()
    assert good_for_s(wrapped, now_ms) == 3600
    assert good_for_s(b'', now_ms) == float('inf')


def test_who_has_gone_keeps_nothing_here(world):
    with world.store.transaction() as tx:
        session_records.end(tx, 'session-1', 5, 'forgotten')
    assert code(world.keeping.keep, session(), world.sealed(), CONSENT) == 'session_over'
    assert code(world.keeping.template_of, WALLET) == 'no_template'
