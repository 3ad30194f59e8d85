import sqlite3

import pytest
from book_world import ANNA, BEN, BookWorld
from store_world import traces

from mmoment_chain import consent_records, event_log, session_records, template_records
from mmoment_chain.check_out import ChangeKind
from mmoment_chain.erasure import Erasure
from mmoment_chain.errors import Refused
from mmoment_chain.template_records import TemplateRecord

NAME = 'Anna Unmistakable'


@pytest.fixture
def world(tmp_path):
    world = BookWorld(tmp_path)
    world.forgotten = []
    world.erasure = Erasure(world.store, world.book, world.forgotten.append, world.changes.append)
    yield world
    world.close()


def lived(world):
    """Everything that a camera can have of a person."""
    token = world.check_in(ANNA, NAME).token
    world.book.rights.grant(ANNA, ['stream'], 0)
    world.book.renew(token)
    world.challenges.issue(ANNA, 'localhost:5002', 'test')
    with world.store.transaction() as tx:
        consent_records.give(tx, ANNA, 'recognition-1', 5)
        template_records.put(tx, TemplateRecord('r', ANNA, 'm', 'user', b'sealed bytes', 5))
        event_log.append(tx, 'consent_given', ANNA)
    return token


def test_nothing_of_the_person_is_left_and_the_chain_verifies(world, tmp_path):
    token = lived(world)
    other = world.check_in(BEN, 'Ben Stays').token
    outcome = world.erasure.forget(ANNA)
    assert outcome.is_scrubbed
    assert outcome.records > 8
    with pytest.raises(Refused):
        world.book.session_of(token)
    assert world.book.session_of(other).wallet == BEN
    assert world.reasons() == [(ANNA, 'forgotten')]
    assert set(world.forgotten) == {ANNA}
    for text in (ANNA, NAME, 'sealed bytes'):
        assert traces(tmp_path, text) == []
    assert traces(tmp_path, 'Ben Stays')
    with world.store.reading() as query:
        assert event_log.verify(query).is_good
        events = event_log.read(query)
        assert session_records.of_wallet(query, ANNA) == []
    assert [event.subject for event in events if event.kind != 'checked_in'][-1] is None
    assert events[-1].kind == event_log.ERASURE
    last = world.changes[-1]
    assert (last.kind, last.wallet, last.session_id) == (ChangeKind.FORGOTTEN, '', '')
    assert last.sequence == events[-1].sequence


def test_who_was_never_here_leaves_a_tombstone_all_the_same(world):
    assert world.erasure.forget(ANNA).records == 0
    with world.store.reading() as query:
        assert [event.kind for event in event_log.read(query)] == [event_log.ERASURE]


def test_no_wallet_no_erasure(world):
    with pytest.raises(Refused) as caught:
        world.erasure.forget('anna')
    assert caught.value.code == 'bad_wallet'
    assert world.forgotten == []


def test_the_forgotten_may_come_again_as_somebody_new(world):
    lived(world)
    world.erasure.forget(ANNA)
    assert world.check_in(ANNA).session.rights == world.settings.default_rights
    world.restart()
    assert [one.wallet for one in world.book.live()] == [ANNA]


def test_a_reader_in_the_way_only_delays_the_cleaning(world, tmp_path):
    lived(world)
    reader = sqlite3.connect(world.store.path, isolation_level=None)
    reader.execute('BEGIN')
    reader.execute('SELECT count(*) FROM events').fetchone()
    world.store._main.execute('PRAGMA busy_timeout = 10')
    assert not world.erasure.forget(ANNA).is_scrubbed
    with world.store.reading() as query:
        assert session_records.of_wallet(query, ANNA) == []
    reader.close()
    assert world.erasure.clean()
    assert traces(tmp_path, ANNA) == []


def test_who_checks_in_while_being_forgotten_is_forgotten_too(world):
    answer = world.answer(ANNA)
    forget_face = world.erasure._forget_face
    opened = []

    def check_in_meanwhile(wallet):
        if not opened:
            opened.append(world.book.check_in(answer, 'siws', NAME))
        forget_face(wallet)

    world.erasure._forget_face = check_in_meanwhile
    world.erasure.forget(ANNA)
    with pytest.raises(Refused):
        world.book.session_of(opened[0].token)
    assert world.book.count() == 0
    assert len(world.book.presence) == 0
    assert len(world.forgotten) == 2
