"""Which encoder is taken, and what is said about it."""

import pytest
from encoder_world import FakeEncoder, settings, unusable

from mmoment_stream.encoder_backends import SOFTWARE, EncoderFault, EncoderUnusable, PyavEncoder
from mmoment_stream.encoder_choice import AUTO, CHOICES, ORDER, EncoderChooser
from mmoment_stream.encoder_probe import ProbeResult, openers


class FakeProber:
    """A fake: knows of each encoder what it is told to, and what it was asked."""

    def __init__(self, **reasons):
        self.reasons = reasons
        self.asked = []
        self.forgotten = []

    def results(self, names, size, fps):
        for name in names:
            self.asked.append((name, size))
            reason = self.reasons.get(name, '')
            yield ProbeResult(name, not reason, reason)

    def forget(self, name):
        self.forgotten.append(name)


def world(*names, refuses=(), **reasons):
    """A chooser with these fake hardware encoders before x264, and its prober."""
    prober = FakeProber(**reasons)
    known = {name: lambda wanted, name=name: FakeEncoder(name, wanted) for name in names}
    known |= {name: unusable(name) for name in refuses}
    known[SOFTWARE] = lambda wanted: PyavEncoder(SOFTWARE, wanted)
    return EncoderChooser(known, prober), prober


def test_the_first_that_works_is_taken_and_no_other_is_tried():
    chooser, prober = world('fake_a', 'fake_b', 'fake_c', fake_a='is broken')
    choice = chooser.open(AUTO, settings())
    assert choice.backend.name == 'fake_b'
    assert choice.reason == 'the first that works here (fake_a: is broken)'
    assert not choice.is_substitute
    assert prober.asked == [('fake_a', (320, 180)), ('fake_b', (320, 180))]


def test_without_hardware_it_is_x264_and_every_reason_is_told():
    chooser, _ = world('fake_a', 'fake_b', fake_a='is broken', fake_b='hangs')
    choice = chooser.open(AUTO, settings())
    assert choice.backend.name == SOFTWARE
    assert choice.reason == 'no hardware encoder is to be had (fake_a: is broken; fake_b: hangs)'
    # Nobody has to do anything about a machine without such hardware.
    assert not choice.is_substitute


def test_one_that_passes_its_trial_and_does_not_open_here_is_passed_over():
    chooser, _ = world('fake_b', refuses=['fake_a'])
    chooser._openers = {name: chooser._openers[name] for name in ('fake_a', 'fake_b', SOFTWARE)}
    choice = chooser.open(AUTO, settings())
    assert choice.backend.name == 'fake_b'
    assert 'fake_a: cannot be opened: it was told not to' in choice.reason


def test_what_is_asked_for_is_the_only_one_tried():
    chooser, prober = world('fake_a', 'fake_b')
    choice = chooser.open('fake_b', settings())
    assert (choice.backend.name, choice.reason) == ('fake_b', 'asked for, and it works here')
    assert [name for name, _ in prober.asked] == ['fake_b']


def test_what_is_asked_for_and_does_not_work_is_replaced_and_that_is_said():
    chooser, _ = world('fake_a', 'fake_b', fake_b='is broken')
    choice = chooser.open('fake_b', settings())
    assert choice.backend.name == SOFTWARE
    assert choice.reason == 'in place of the one that was asked for (fake_b: is broken)'
    assert choice.is_substitute


def test_whoever_asks_for_x264_gets_it_without_any_trial():
    chooser, prober = world('fake_a')
    choice = chooser.open(SOFTWARE, settings())
    assert (choice.backend.name, choice.reason) == (SOFTWARE, 'asked for')
    assert not prober.asked


def test_an_encoder_that_failed_is_not_taken_again_until_somebody_asks():
    chooser, prober = world('fake_a', 'fake_b')
    fault = EncoderFault('fake_a', 'failed while encoding: lost device')
    choice = chooser.substitute(fault, settings())
    assert choice.backend.name == SOFTWARE
    assert choice.reason == 'in place of fake_a, which failed while encoding: lost device'
    assert choice.is_substitute
    # At once: no other is tried while pictures wait.
    assert not prober.asked

    later = chooser.open(AUTO, settings())
    assert later.backend.name == 'fake_b'
    assert 'fake_a: failed while encoding: lost device' in later.reason
    assert later.is_substitute
    assert chooser.open('fake_a', settings()).backend.name == SOFTWARE

    chooser.reconsider('fake_a')
    assert prober.forgotten == ['fake_a']
    assert chooser.open('fake_a', settings()).backend.name == 'fake_a'


def test_preparing_opens_nothing_and_stops_at_the_first_that_works():
    chooser, prober = world('fake_c', refuses=['fake_a'], fake_c='is broken')
    chooser.prepare(AUTO, settings())
    assert [name for name, _ in prober.asked] == ['fake_c', 'fake_a']
    chooser.prepare(SOFTWARE, settings())
    assert len(prober.asked) == 2


def test_without_x264_there_is_nothing_left():
    chooser = EncoderChooser({SOFTWARE: unusable(SOFTWARE, 'is gone')}, FakeProber())
    with pytest.raises(EncoderUnusable, match='libx264 is gone'):
        chooser.open(AUTO, settings())


def test_every_encoder_there_is_can_be_asked_for_and_tried_in_the_told_order():
    assert [name for name in openers() if name != SOFTWARE] == list(ORDER)
    assert (AUTO, *ORDER, SOFTWARE) == CHOICES
