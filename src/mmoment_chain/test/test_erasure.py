import contextlib
import os
import signal
import sqlite3

import pytest
from book_world import ANNA, BEN, BookWorld
from media_world import put
from store_world import traces

from mmoment_chain import (
    consent_records,
    event_log,
    media_records,
    session_records,
    template_records,
)
from mmoment_chain.check_out import ChangeKind
from mmoment_chain.erasure import FIRST_PAUSE_S, Erasure
from mmoment_chain.errors import Refused, StoreFull
from mmoment_chain.template_records import TemplateRecord
from tests.killed_child import killed_at_line

NAME = 'Anna Unmistakable'


def plain(world):
    world.forgotten = []
    world.erasure = Erasure(world.store, world.book, world.forgotten.append, world.changes.append)


def opened(folder, with_erasure=plain):
    world = BookWorld(folder)
    with_erasure(world)
    return world


@pytest.fixture
def world(tmp_path):
    world = opened(tmp_path)
    yield world
    world.close()


def reader_of(folder):
    """Another program that looks at the store as it is now."""
    reader = sqlite3.connect(folder / 'store.sqlite3', isolation_level=None)
    reader.execute('BEGIN')
    reader.execute('SELECT count(*) FROM events').fetchone()
    return reader


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
    with contextlib.closing(reader_of(tmp_path)):
        assert not world.erasure.forget(ANNA).is_scrubbed
        with world.store.reading() as query:
            assert session_records.of_wallet(query, ANNA) == []
    world.clock.advance(FIRST_PAUSE_S)
    assert world.erasure.clean()
    assert traces(tmp_path, ANNA) == []


def test_cleaning_is_tried_again_less_and_less_often(world):
    class Counted:
        clock = world.clock
        tries = 0

        def scrub(self):
            self.tries += 1
            return False

        reading = world.store.reading

    store = Counted()
    erasure = Erasure(store, world.book, print, print)
    found = []
    for second in range(400):
        before = store.tries
        assert not erasure.clean()
        if store.tries > before:
            found.append(second)
        world.clock.advance(1.0)
    assert found == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]


def test_who_is_forgotten_meanwhile_is_cleaned_at_once(world, tmp_path):
    lived(world)
    with contextlib.closing(reader_of(tmp_path)):
        for _ in range(10):
            world.erasure.forget(BEN)
    assert world.erasure.forget(ANNA).is_scrubbed
    assert traces(tmp_path, ANNA) == []


def test_a_full_disk_only_delays_the_cleaning(world, tmp_path):
    class FullDisk:
        clock, transaction = world.clock, world.store.transaction
        reading = world.store.reading
        is_full = True

        def scrub(self):
            if self.is_full:
                raise StoreFull('the disk is full')
            return world.store.scrub()

    lived(world)
    store = FullDisk()
    erasure = Erasure(store, world.book, world.forgotten.append, world.changes.append)
    assert not erasure.forget(ANNA).is_scrubbed
    world.clock.advance(FIRST_PAUSE_S)
    with pytest.raises(StoreFull):
        erasure.clean()
    store.is_full = False
    world.clock.advance(2 * FIRST_PAUSE_S)
    assert erasure.clean()
    assert traces(tmp_path, ANNA) == []


def in_a_process_that_is_killed(folder, action):
    child = os.fork()
    if child == 0:
        try:
            action(opened(folder))
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def test_a_cleaning_that_was_delayed_outlives_a_kill(tmp_path):
    first = opened(tmp_path)
    lived(first)
    first.close()

    def forget_beside_a_reader(world):
        reader = reader_of(tmp_path)
        assert not world.erasure.forget(ANNA).is_scrubbed
        assert reader

    in_a_process_that_is_killed(tmp_path, forget_beside_a_reader)
    with contextlib.closing(reader_of(tmp_path)):
        world = opened(tmp_path)
        assert not world.erasure.clean()
    world.clock.advance(FIRST_PAUSE_S)
    assert world.erasure.clean()
    for text in (ANNA, NAME, 'sealed bytes'):
        assert traces(tmp_path, text) == []
    world.close()


def test_killed_at_any_line_a_person_is_there_or_nothing_of_them(tmp_path):
    number, outcomes = 0, set()
    is_killed = True
    while is_killed:
        folder = tmp_path / str(number)
        folder.mkdir()
        first = opened(folder)
        lived(first)
        first.close()
        is_killed = killed_at_line(
            number,
            ('erasure', 'store'),
            lambda folder=folder: opened(folder).erasure.forget(ANNA),
        )
        again = opened(folder)
        with again.store.reading() as query:
            is_there = bool(template_records.of_wallet(query, ANNA))
        assert again.erasure.clean()
        assert bool(traces(folder, 'sealed bytes')) == bool(traces(folder, ANNA)) == is_there
        outcomes.add(is_there)
        again.close()
        number += 23
    assert outcomes == {True, False}


def test_who_checks_in_while_being_forgotten_is_forgotten_too(world):
    world.check_in(ANNA)
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
    # By the one path, as whoever was there at the beginning.
    assert world.reasons() == [(ANNA, 'forgotten')] * 2
    kinds = [change.kind for change in world.changes]
    assert kinds.count(ChangeKind.CHECKED_OUT) == 2
    assert kinds[-1] is ChangeKind.FORGOTTEN


def test_whom_faces_still_know_is_remembered_over_a_kill_and_no_longer(tmp_path):
    def erasure_of(world):
        world.leaving = set()
        leave, is_leaving = world.leaving.add, world.leaving.__contains__
        world.erasure = Erasure(world.store, world.book, leave, world.changes.append, is_leaving)

    def forget_beside_a_face_node_that_hangs(world):
        erasure_of(world)
        lived(world)
        assert not world.erasure.forget(ANNA).is_scrubbed
        assert traces(tmp_path, 'sealed bytes') == []

    in_a_process_that_is_killed(tmp_path, forget_beside_a_face_node_that_hangs)
    world = opened(tmp_path, with_erasure=erasure_of)
    assert world.leaving == {ANNA}
    for _ in range(10):
        world.clock.advance(1.0)
        assert not world.erasure.clean()
    world.leaving.clear()
    assert world.erasure.clean()
    assert traces(tmp_path, ANNA) == []
    world.close()
    again = opened(tmp_path, with_erasure=erasure_of)
    assert again.leaving == set()
    again.close()


def test_media_of_the_forgotten_stay_unless_they_are_to_go_as_well(world, tmp_path):
    lived(world)
    with world.store.transaction() as tx:
        mine = put(tx, 1, ANNA, people=(ANNA, BEN))
        put(tx, 2, BEN, people=(ANNA,))
    assert world.erasure.forget(ANNA).is_scrubbed
    with world.store.reading() as query:
        assert media_records.get(query, 'file-1.jpg') == mine
        assert media_records.get(query, 'file-2.jpg').people == ()
        assert media_records.leaving(query) == []
        assert event_log.verify(query).is_good
    outcome = world.erasure.forget(ANNA, with_media=True)
    assert (outcome.records, outcome.is_scrubbed) == (1, True)
    assert traces(tmp_path, ANNA) == []
    with world.store.reading() as query:
        assert [file.filename for file in media_records.leaving(query)] == ['file-1.jpg']
        assert media_records.count(query) == 1
        assert [event.kind for event in event_log.read(query)][-2:] == ['media_deleted', 'erasure']
        assert event_log.verify(query).is_good
