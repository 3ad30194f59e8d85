import pytest

pytest.importorskip('rclpy')

from mmoment_interfaces.msg import Session, SessionArray, SessionEvent
from mmoment_stream.capture_people import CapturePeople

IN, OUT, REVOKED = SessionEvent.CHECKED_IN, SessionEvent.CHECKED_OUT, SessionEvent.REVOKED


class Topics:
    """A node that has subscriptions and nothing else."""

    def __init__(self):
        self.heard = {}

    def create_subscription(self, kind, name, callback, qos):
        self.heard[name] = callback
        return name

    def destroy_subscription(self, name):
        del self.heard[name]


class World:
    def __init__(self):
        self.topics = Topics()
        self.changes = 0
        self.told = []
        self.people = CapturePeople(self.topics, self)

    def people_changed(self):
        self.changes += 1

    def person_left(self, identity, *, is_forgotten):
        self.told.append(('forgotten' if is_forgotten else 'left', identity))

    def list(self, **rights):
        """The sessions, named as their person and a number: ann1."""
        sessions = [
            Session(session_id=name, identity=name.rstrip('0123456789'), rights=list(held))
            for name, held in rights.items()
        ]
        self.topics.heard['sessions'](SessionArray(sessions=sessions))

    def event(self, kind, name, reason=''):
        identity = name.rstrip('0123456789')
        self.topics.heard['session_events'](
            SessionEvent(kind=kind, session_id=name, identity=identity, reason=reason)
        )


@pytest.fixture
def world():
    return World()


def test_it_knows_who_may_do_what(world):
    assert not world.people.anybody_may('record')
    world.list(ann1=['view', 'record'], ben1=['capture'])
    assert [each.identity for each in world.people.sessions()] == ['ann', 'ben']
    assert world.people.anybody_may('record')
    assert world.people.anybody_may('capture')
    assert not world.people.anybody_may('stream')
    world.list(ann1=['admin'])
    assert world.people.anybody_may('stream')
    assert world.changes == 2


@pytest.mark.parametrize('kind', [OUT, REVOKED])
def test_an_event_is_enough_for_somebody_to_have_left(world, kind):
    world.list(ann1=['record'], ben1=['capture'])
    world.event(kind, 'ann1', 'asked')
    assert world.told == [('left', 'ann')]
    assert not world.people.anybody_may('record')
    assert world.changes == 2


def test_so_is_a_list_without_them(world):
    world.list(ann1=['record'], ben1=['capture'])
    world.list(ben1=['capture'])
    world.list(ben1=['capture'])
    assert world.told == [('left', 'ann')]


def test_who_may_not_record_any_more_has_left_as_far_as_clips_go(world):
    world.list(ann1=['record', 'view'], ben1=['admin'])
    world.list(ann1=['view'], ben1=['admin'])
    assert world.told == [('left', 'ann')]
    assert world.people.anybody_may('view')


def test_with_another_session_somebody_stays(world):
    world.list(ann1=['record'], ann2=['record'])
    world.event(OUT, 'ann1', 'asked')
    world.list(ann2=['record'])
    assert world.told == []
    world.event(OUT, 'ann2', 'absent')
    assert world.told == [('left', 'ann')]


def test_who_is_replaced_by_their_own_new_session_stays(world):
    world.list(ann1=['record'])
    world.event(OUT, 'ann1', 'replaced')
    world.event(IN, 'ann2')
    world.list(ann2=['record'])
    assert world.told == []


def test_who_is_replaced_by_somebody_else_has_left(world):
    world.list(ann1=['record'])
    world.event(OUT, 'ann1', 'replaced')
    world.event(IN, 'ben1')
    world.list(ben1=['record'])
    assert world.told == [('left', 'ann')]


def test_who_is_forgotten_is_told_apart(world):
    world.list(ann1=['record'])
    world.event(OUT, 'ann1', 'forgotten')
    # Without a name: it was forgotten.
    world.event(SessionEvent.FORGOTTEN, '')
    assert world.told == [('forgotten', 'ann')]


def test_sessions_without_a_wallet_are_nobodys(world):
    world.list(**{'7': ['admin']})
    assert world.people.anybody_may('record')
    world.list()
    world.event(OUT, '7', 'asked')
    world.event(IN, '8')
    assert world.told == []


def test_other_events_change_nothing(world):
    world.list(ann1=['record'])
    for kind in (SessionEvent.RENEWED, SessionEvent.RIGHTS_CHANGED):
        world.event(kind, 'ann1')
    assert (world.told, world.changes) == ([], 1)
    assert world.people.anybody_may('record')


def test_after_its_end_it_hears_nothing(world):
    world.people.close()
    assert world.topics.heard == {}
