"""Whoever is forgotten is in nothing that is kept, whenever it happens."""

import dataclasses

import pytest
from library_world import ANNA, BEN, START_MS, refusal, world_at

from mmoment_chain import media_records, media_signature, session_records
from mmoment_chain.session_records import Session
from mmoment_stream import durable
from mmoment_stream.errors import Refused


@pytest.fixture
def world(tmp_path):
    with world_at(tmp_path) as made:
        yield made


def test_erasing_a_person_leaves_those_of_others_with_signatures_that_are_good(world):
    world.check_in(ANNA, BEN)
    world.photo(ANNA, people=(ANNA, BEN))
    world.clip(ANNA)
    stays = world.photo(BEN, people=(BEN, ANNA))
    running = world.begin(ANNA)
    running.recording.write_bytes(b'half a clip')
    assert world.library.erase(ANNA) == 2
    assert world.assert_sound() == [dataclasses.replace(stays, people=(BEN,))]
    left = [event.subject for event in world.events()]
    assert left == [None, None, BEN, None]
    with world.key() as key:
        assert media_signature.verify(stays.record, stays.signature, key.public)
    with world.store.transaction() as tx:
        session_records.erase(tx, ANNA)
    assert_no_trace(world, ANNA)


def assert_no_trace(world, wallet):
    # The holder of the store cleans its files.
    assert world.store.scrub()
    everything = [path for path in world.home.rglob('*') if path.is_file()]
    assert not any(wallet.encode() in path.read_bytes() for path in everything)


def test_somebody_who_was_forgotten_is_not_written_into_what_comes_of_others(world):
    """The part that names faces may be told later than the store."""
    world.check_in(ANNA, BEN)
    draft = world.begin(BEN)
    draft.recording.write_bytes(b'a clip')
    look = world.finished(draft, people=(ANNA, BEN))
    world.forget(ANNA)
    kept = [world.library.keep_clip(draft, look), world.photo(BEN, people=(ANNA, BEN))]
    for record in kept:
        assert record.people == (BEN,)
        names = media_signature.committed_names(record.record)
        assert {name for name in names if name.startswith('person_')} == {'person_1'}
    assert {each.media_id for each in world.assert_sound()} == {each.media_id for each in kept}
    assert_no_trace(world, ANNA)


def test_somebody_who_is_forgotten_while_something_comes_is_not_written_into_it(world, monkeypatch):
    world.check_in(ANNA, BEN)
    keep = durable.keep

    def keep_while_anna_is_forgotten(path, data):
        keep(path, data)
        world.forget(ANNA)

    monkeypatch.setattr(durable, 'keep', keep_while_anna_is_forgotten)
    kept = world.photo(BEN, people=(ANNA, BEN))
    assert kept.people == (BEN,)
    assert world.assert_sound() == [kept]
    assert_no_trace(world, ANNA)


def test_a_clip_of_somebody_who_was_erased_meanwhile_is_not_kept(world):
    draft = world.begin(ANNA)
    draft.recording.write_bytes(b'a clip')
    look = world.finished(draft)
    world.library.erase(ANNA)
    draft.path.write_bytes(b'written on')
    assert refusal(world.library.keep_clip, draft, look) == 'not_kept'
    assert world.assert_sound() == []


def test_nothing_is_kept_of_a_session_whose_person_was_forgotten(world):
    """By session_node, while a photo or clip was on its way."""
    with world.store.transaction() as tx:
        times = dict.fromkeys(('created_ms', 'expires_ms', 'renewed_ms', 'last_seen_ms'), START_MS)
        visit = Session('s', ANNA, None, frozenset(), None, None, **times)
        session_records.add(tx, visit)
    world.photo(ANNA, session_id='s')
    draft = world.begin(ANNA, 's')
    draft.recording.write_bytes(b'a clip')
    look = world.finished(draft)
    with world.store.transaction() as tx:
        session_records.erase(tx, ANNA)
        media_records.erase(tx, ANNA)
    with pytest.raises(Refused, match='forgotten meanwhile'):
        world.photo(ANNA, session_id='s')
    assert refusal(world.library.keep_clip, draft, look) == 'not_kept'
    # The rows went with the person; now the files do.
    assert world.library.sweep() == 1
    assert world.assert_sound() == []
