"""Rights and their publishers, with a graph that says what the test wants."""

from types import SimpleNamespace

import pytest

from mmoment_interfaces.msg import Person, PersonArray
from mmoment_vision.gesture_people_topic import PeopleRights

pytestmark = pytest.mark.graph


class Graph:
    """Stands for a node: knows who publishes, and hands messages over."""

    def __init__(self):
        self.publishers = []
        self.deliver = None

    def create_subscription(self, message_class, topic, callback, qos):
        self.deliver = callback
        return object()

    def destroy_subscription(self, subscription):
        self.deliver = None

    def get_publishers_info_by_topic(self, topic):
        assert topic == 'people'
        return [SimpleNamespace(endpoint_gid=list(name.encode())) for name in self.publishers]


def people(**rights):
    return PersonArray(people=[Person(identity=n, rights=given) for n, given in rights.items()])


@pytest.fixture
def graph():
    return Graph()


def test_nobody_has_rights_before_they_are_published(graph):
    rights = PeopleRights(graph)
    assert rights.current() == {}
    graph.publishers = ['sessions']
    graph.deliver(people(Anna=['capture', 'view']))
    assert rights.current() == {'Anna': frozenset({'capture', 'view'})}
    graph.deliver(people())
    assert rights.current() == {}


def test_rights_of_a_publisher_that_went_do_not_come_back_with_another(graph):
    rights = PeopleRights(graph)
    graph.publishers = ['sessions']
    graph.deliver(people(Anna=['capture']))
    graph.publishers = ['successor']
    assert rights.current() == {}
    graph.publishers = ['sessions', 'successor']
    assert rights.current() == {}
    graph.deliver(people(Anna=['record']))
    assert rights.current() == {'Anna': frozenset({'record'})}


def test_of_two_publishers_both_must_stay(graph):
    rights = PeopleRights(graph)
    graph.publishers = ['one', 'other']
    graph.deliver(people(Anna=['capture']))
    assert rights.current()
    graph.publishers = ['one']
    assert rights.current() == {}


def test_discovery_may_lag_behind_the_first_message(graph):
    rights = PeopleRights(graph)
    graph.deliver(people(Anna=['capture']))
    graph.publishers = ['sessions']
    assert rights.current()
    graph.publishers = ['successor']
    assert rights.current() == {}


def test_an_empty_name_has_no_rights(graph):
    rights = PeopleRights(graph)
    graph.publishers = ['sessions']
    graph.deliver(PersonArray(people=[Person(identity='', rights=['admin'])]))
    assert rights.current() == {}


def test_after_close_nobody_has_rights(graph):
    rights = PeopleRights(graph)
    graph.publishers = ['sessions']
    graph.deliver(people(Anna=['capture']))
    rights.close()
    assert rights.current() == {}
