import dataclasses
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from store_world import OTHER_WALLET, WALLET

from mmoment_chain import device_keys, media_signature
from mmoment_chain.device_keys import SigningKey
from mmoment_chain.event_log import Opening
from mmoment_chain.media_signature import MediaFacts

FACTS = MediaFacts(
    media_id='ab' * 16,
    kind='clip',
    started_ms=1_795_644_630_000,
    duration_ms=12_040,
    bytes=3_141_592,
    width=1280,
    height=720,
    mime_type='video/mp4',
    trigger='gesture',
    gesture='thumb_up',
    annotated=False,
    sha256=hashlib.sha256(b'the file').hexdigest(),
)


@pytest.fixture
def key(tmp_path):
    device_keys.create_missing(tmp_path / 'keys', 5)
    with SigningKey.load(tmp_path / 'keys') as loaded:
        yield loaded


def signed(key, **changes):
    given = {'wallet': WALLET, 'session_id': 's1', 'people': (WALLET, OTHER_WALLET)} | changes
    return media_signature.signed(key, FACTS, **given)


def test_the_public_key_alone_is_enough(key):
    record = signed(key)
    # By the documented format, without our own functions.
    label = b'mmoment/device/1/media\0'
    public = Ed25519PublicKey.from_public_bytes(key.public)
    public.verify(record.signature, label + record.text.encode())
    assert media_signature.verify(record.text, record.signature, key.public)


def test_the_record_states_the_facts_and_who_signed(key):
    record = json.loads(signed(key).text)
    assert record['sha256'] == hashlib.sha256(b'the file').hexdigest()
    assert record['camera_id'] == key.camera_id
    assert (record['format'], record['version']) == ('mmoment-media', 1)
    assert media_signature.facts_of(signed(key).text) == FACTS


@pytest.mark.parametrize('name', [field.name for field in dataclasses.fields(MediaFacts)])
def test_no_fact_can_be_changed(key, name):
    record = signed(key)
    content = json.loads(record.text)
    content[name] = {'int': 7, 'bool': True}.get(type(content[name]).__name__, 'ff')
    forged = json.dumps(content, sort_keys=True, separators=(',', ':'))
    assert forged != record.text
    assert not media_signature.verify(forged, record.signature, key.public)


def test_another_signature_or_key_is_refused(key, tmp_path):
    record = signed(key)
    device_keys.create_missing(tmp_path / 'other', 5)
    with SigningKey.load(tmp_path / 'other') as other:
        assert not media_signature.verify(record.text, record.signature, other.public)
        again = signed(other)
    assert not media_signature.verify(record.text, again.signature, key.public)
    assert not media_signature.verify(record.text, b'short', key.public)
    assert not media_signature.verify(record.text, record.signature, b'short')


def test_what_the_device_signed_for_another_purpose_is_no_record(key):
    record = signed(key)
    bare = key.sign(record.text.encode())
    assert not media_signature.verify(record.text, bare, key.public)


def test_the_record_names_nobody_and_no_two_records_can_be_linked(key):
    first, second = signed(key), signed(key)
    found = set()
    for record in (first, second):
        for secret in (WALLET, OTHER_WALLET, 's1'):
            assert secret not in record.text
            assert hashlib.sha256(secret.encode()).hexdigest() not in record.text
        found |= set(json.loads(record.text)['personal'].values())
    assert len(found) == 8


def test_openings_prove_who_it_was(key):
    record = signed(key)
    assert {name: each.value for name, each in record.openings.items()} == {
        'owner': WALLET,
        'session': 's1',
        'person_1': WALLET,
        'person_2': OTHER_WALLET,
    }
    owner = record.openings['owner']
    commitment = hashlib.sha256(owner.salt + WALLET.encode()).hexdigest()
    assert json.loads(record.text)['personal']['owner'] == commitment
    assert media_signature.is_opened(record.text, record.openings)
    for forged in (
        {'owner': Opening(owner.salt, OTHER_WALLET)},
        {'owner': Opening(bytes(32), WALLET)},
        {'person_3': owner},
    ):
        assert not media_signature.is_opened(record.text, forged)


def test_a_record_of_the_owner_of_the_camera_has_nobody(key):
    record = signed(key, wallet=None, session_id=None, people=())
    assert record.openings == {}
    assert json.loads(record.text)['personal'] == {}


def test_a_signature_from_before_the_key_was_replaced_is_good_with_the_old_key(key, tmp_path):
    record = signed(key)
    statement = device_keys.rotate_signing(tmp_path / 'keys', 6)
    assert statement.old == key.public
    assert media_signature.verify(record.text, record.signature, statement.old)
    with SigningKey.load(tmp_path / 'keys') as new:
        assert json.loads(signed(new).text)['camera_id'] == key.camera_id


@pytest.mark.parametrize(
    'text', ['', '[]', '{}', '{"format":"mmoment-media","version":2}', '{"a":1,"a":2}']
)
def test_what_is_no_record_is_told(text):
    with pytest.raises(ValueError):
        media_signature.facts_of(text)
    with pytest.raises(ValueError):
        media_signature.is_opened(text, {})


def test_what_was_erased_is_still_known_to_have_been_committed_to(key):
    assert media_signature.committed_names(signed(key).text) == {
        'owner',
        'session',
        'person_1',
        'person_2',
    }
