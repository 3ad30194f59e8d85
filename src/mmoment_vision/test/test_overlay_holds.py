from mmoment_vision.overlay_holds import HeldGestures

SECOND_NS = 1_000_000_000


def holding():
    """A hand that holds a fist, heard of at 100 s."""
    held = HeldGestures()
    held.heard(100 * SECOND_NS)
    held.begins(1, 'fist')
    return held


def test_a_hand_holds_what_it_began_until_it_ends():
    held = holding()
    held.heard(101 * SECOND_NS)
    assert held.holds(1, 'fist')
    assert not held.holds(1, 'peace')
    assert not held.holds(2, 'fist')
    held.ends(1)
    assert not held.holds(1, 'fist')


def test_a_new_hand_does_not_hold_what_one_of_the_same_number_held_before_a_silence():
    held = holding()
    held.heard(103 * SECOND_NS)
    assert not held.holds(1, 'fist')
    held.begins(1, 'peace')
    assert held.holds(1, 'peace')


def test_nothing_is_held_after_clearing():
    held = holding()
    held.clear()
    assert not held.holds(1, 'fist')
