"""Who may check in and out of a camera on the chain, and what the chain says of it."""

import pytest
from program_scenes import checking_in, checking_out, closing_session, granting
from program_world import FEATURES, NOW_S, PROGRAM_ID, ProgramWorld

from mmoment_chain import program_instructions as make
from mmoment_chain.program_events import (
    AccessGranted,
    AccessRevoked,
    CameraClosed,
    CameraRegistered,
    CameraUpdated,
    CheckedIn,
    CheckedOut,
    events,
)
from mmoment_chain.program_instructions import Description
from mmoment_chain.program_layout import (
    NO_HEAD,
    ChainSession,
    Grant,
    Mode,
    rights_bits,
)
from mmoment_chain.program_refusals import Refusal


@pytest.fixture(params=FEATURES)
def world(request):
    return ProgramWorld(request.param)


def told(done):
    return events(done.logs(), PROGRAM_ID)


def session(world, subject):
    return ChainSession.from_bytes(world.data(world.session_of(subject)))


def test_a_private_camera_counts_and_names_nobody(world):
    before = world.balance(world.payer)
    done = world.must(world.registration())
    assert told(done) == [CameraRegistered(world.camera, world.owner, world.device, Mode.PRIVATE)]
    visit = world.subject
    assert told(world.must(checking_in(world, visit))) == [
        CheckedIn(world.camera, visit, 1, NOW_S, NOW_S + 9000)
    ]
    assert session(world, visit) == ChainSession(
        True, 0, world.camera, visit, world.payer, 1, NOW_S, 0, NOW_S + 9000, NOW_S
    )
    assert (world.camera_now().present, world.camera_now().sessions) == (1, 1)
    # As the camera does it: over and closed at once.
    world.at(NOW_S + 60)
    done = world.must(checking_out(world, visit), closing_session(world, visit))
    assert told(done) == [CheckedOut(world.camera, visit, 1, NOW_S + 5, 2)]
    camera = world.camera_now()
    assert (camera.present, camera.sessions, camera.visits) == (0, 0, 1)
    done = world.must(make.close_camera(PROGRAM_ID, world.camera, world.owner, world.payer))
    assert told(done) == [CameraClosed(world.camera, 0, NO_HEAD)]
    assert world.account(world.camera) is None
    assert world.balance(world.payer) == before


def test_nobody_is_named_in_private_mode_and_nobody_else_in_public_mode(world):
    world.register(Mode.PUBLIC)
    assert world.do(checking_in(world, world.person)) == Refusal.MISSING_SIGNATURE
    other = checking_in(world, world.subject, person=world.person)
    assert world.do(other) == Refusal.WRONG_AUTHORITY
    world.must(checking_in(world, world.person, person=world.person))
    private = ProgramWorld()
    private.register()
    named = checking_in(private, private.person, person=private.person)
    assert private.do(named) == Refusal.WRONG_ACCOUNTS
    assert private.do(checking_in(private, bytes(32))) == Refusal.WRONG_DATA


def test_visits_of_a_person_are_counted_in_order(world):
    world.register(Mode.PUBLIC)

    def come(number):
        return world.do(checking_in(world, world.person, number, person=world.person))

    def leave(number, who='person'):
        return world.do(checking_out(world, world.person, number, signer=who))

    assert come(0) == Refusal.WRONG_DATA
    assert come(2) == Refusal.OUT_OF_ORDER
    assert come(1) == 0
    assert come(1) == Refusal.ALREADY_DONE
    assert come(2) == Refusal.STILL_PRESENT
    assert leave(2) == Refusal.OUT_OF_ORDER
    assert leave(1, 'stranger') == Refusal.WRONG_AUTHORITY
    assert leave(1, 'owner') == Refusal.WRONG_AUTHORITY
    assert leave(1) == 0
    assert leave(1) == Refusal.ALREADY_DONE
    assert come(1) == Refusal.ALREADY_DONE
    assert come(3) == Refusal.OUT_OF_ORDER
    assert come(2) == 0
    assert leave(1, 'device') == Refusal.ALREADY_DONE
    assert world.do(closing_session(world, world.person)) == Refusal.STILL_PRESENT
    assert leave(2, 'device') == 0
    assert world.do(closing_session(world, world.person, 'person')) == 0
    assert world.camera_now().visits == 2
    assert leave(2, 'device') == Refusal.WRONG_OWNER


def test_who_asks_again_is_told_that_it_is_done_whatever_happened_since(world):
    world.register()
    again = checking_in(world, world.subject)
    world.must(again)
    world.must(make.set_active(PROGRAM_ID, world.camera, world.owner, False))
    assert world.do(again) == Refusal.ALREADY_DONE
    about = Description('Gym', has_closed_list=True)
    world.must(make.update_camera(PROGRAM_ID, world.camera, world.owner, about))
    assert world.do(again) == Refusal.ALREADY_DONE
    world.at(5)
    assert world.do(again) == Refusal.ALREADY_DONE


def test_in_private_mode_the_subject_is_no_key_that_may_sign(world):
    world.register()
    world.must(checking_in(world, world.person))
    assert world.do(checking_out(world, world.person, signer='person')) == Refusal.WRONG_AUTHORITY
    world.must(checking_out(world, world.person))
    assert world.do(closing_session(world, world.person, 'person')) == Refusal.WRONG_AUTHORITY
    world.must(closing_session(world, world.person, 'owner'))


@pytest.mark.parametrize(
    ('at_s', 'expires_s', 'number'),
    [
        (0, NOW_S, Refusal.WRONG_TIME),
        (-5, NOW_S, Refusal.WRONG_TIME),
        (-(1 << 63), NOW_S, Refusal.WRONG_TIME),
        ((1 << 63) - 1, (1 << 63) - 1, Refusal.WRONG_TIME),
        (NOW_S + 601, NOW_S + 700, Refusal.WRONG_TIME),
        (NOW_S, NOW_S, Refusal.WRONG_TIME),
        (NOW_S, -1, Refusal.WRONG_TIME),
        (NOW_S + 600, NOW_S + 700, 0),
        (1, (1 << 63) - 1, 0),
    ],
)
def test_times_of_a_check_in(at_s, expires_s, number):
    world = ProgramWorld()
    world.register()
    assert world.do(checking_in(world, world.subject, at_s=at_s, expires_s=expires_s)) == number


def test_nobody_leaves_before_they_came(world):
    world.register()
    world.must(checking_in(world, world.subject))
    for at_s in (NOW_S - 1, NOW_S + 601, 0):
        assert world.do(checking_out(world, world.subject, at_s=at_s)) == Refusal.WRONG_TIME
    world.must(checking_out(world, world.subject, at_s=NOW_S))


def test_a_camera_that_is_switched_off_lets_out_but_not_in(world):
    world.register()
    world.must(checking_in(world, world.subject))
    done = world.must(make.set_active(PROGRAM_ID, world.camera, world.owner, False))
    assert told(done) == [CameraUpdated(world.camera, False, False)]
    assert world.do(checking_in(world, world.stranger)) == Refusal.INACTIVE
    world.must(checking_out(world, world.subject))
    world.must(make.set_active(PROGRAM_ID, world.camera, world.owner, True))
    world.must(checking_in(world, world.stranger))


@pytest.mark.parametrize('mode', Mode)
def test_a_closed_list_takes_who_has_a_grant_that_holds(world, mode):
    world.register(mode, closed_list=True)
    is_public = mode is Mode.PUBLIC
    subject = world.person if is_public else world.subject
    keys = {'person': world.person} if is_public else {}
    granted = {**keys, 'granted_to': world.person}
    assert world.do(checking_in(world, subject, **keys)) == Refusal.NO_GRANT
    assert world.do(checking_in(world, subject, **granted)) == Refusal.NO_GRANT
    done = world.must(granting(world, world.person, rights_bits(['view']), NOW_S + 100))
    assert told(done) == [AccessGranted(world.camera, world.person, 1, NOW_S + 100)]
    world.at(NOW_S + 100)
    assert world.do(checking_in(world, subject, **granted)) == Refusal.GRANT_EXPIRED
    # Longer, without a new account.
    world.must(granting(world, world.person, rights_bits(['admin', 'view']), NOW_S + 200))
    assert Grant.from_bytes(world.data(world.grant_of(world.person))) == Grant(
        world.camera, world.person, world.payer, frozenset({'admin', 'view'}), NOW_S + 100, NOW_S + 200
    )  # fmt: skip
    assert world.camera_now().grants == 1
    world.must(checking_in(world, subject, **granted))
    world.must(checking_out(world, subject, at_s=NOW_S + 99))
    revoke = make.revoke(
        PROGRAM_ID, world.camera, world.owner, subject=world.person, paid_by=world.payer
    )
    assert told(world.must(revoke)) == [AccessRevoked(world.camera, world.person)]
    assert world.do(checking_in(world, subject, 2, **granted)) == Refusal.NO_GRANT
    assert world.do(revoke) == Refusal.WRONG_OWNER


@pytest.mark.parametrize(
    ('rights', 'expires_s', 'number'),
    [
        (0, 0, Refusal.WRONG_DATA),
        (0x80, 0, Refusal.WRONG_DATA),
        (0xFFFFFFFF, 0, Refusal.WRONG_DATA),
        (1, NOW_S, Refusal.WRONG_TIME),
        (1, -1, Refusal.WRONG_TIME),
        (0x7F, NOW_S + 1, 0),
    ],
)
def test_what_is_granted(rights, expires_s, number):
    world = ProgramWorld()
    world.register()
    assert world.do(granting(world, world.subject, rights, expires_s)) == number


def test_a_camera_open_to_all_takes_no_grant_along(world):
    world.register()
    world.must(granting(world, world.subject))
    named = checking_in(world, world.subject, granted_to=world.subject)
    assert world.do(named) == Refusal.WRONG_ACCOUNTS
