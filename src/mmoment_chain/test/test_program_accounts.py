"""Accounts of the registry that come and go: nothing is revived, and no lamport is lost."""

import pytest
from program_scenes import FACE, RECORDS, checking_in, checking_out, closing_session, granting
from program_world import FEATURES, PROGRAM_ID, ProgramWorld
from solders.account import Account
from solders.pubkey import Pubkey
from solders.rent import Rent
from solders.system_program import TransferParams, transfer

from mmoment_chain import program_instructions as make
from mmoment_chain.program_layout import (
    ChainSession,
)
from mmoment_chain.program_refusals import Refusal


@pytest.fixture(params=FEATURES)
def world(request):
    return ProgramWorld(request.param)


def session(world, subject):
    return ChainSession.from_bytes(world.data(world.session_of(subject)))


def appended(world, first, records):
    return make.append_log(PROGRAM_ID, world.camera, world.device, first, records)


def test_a_camera_with_sessions_or_grants_is_not_closed(world):
    world.register()
    close = make.close_camera(PROGRAM_ID, world.camera, world.owner, world.payer)
    world.must(granting(world, world.subject))
    assert world.do(close) == Refusal.STILL_IN_USE
    world.must(make.revoke(PROGRAM_ID, world.camera, world.owner, subject=world.subject, paid_by=world.payer))  # fmt: skip
    world.must(checking_in(world, world.subject))
    assert world.do(close) == Refusal.STILL_IN_USE
    world.must(checking_out(world, world.subject))
    assert world.do(close) == Refusal.STILL_IN_USE
    world.must(closing_session(world, world.subject))
    assert world.do(close) == 0


def test_what_is_closed_and_made_again_in_one_transaction_begins_anew(world):
    world.register()
    world.must(checking_in(world, world.subject))
    before = world.balance(world.payer)
    world.must(
        checking_out(world, world.subject),
        closing_session(world, world.subject),
        checking_in(world, world.subject),
    )
    assert session(world, world.subject).visit == 1
    camera = world.camera_now()
    assert (camera.sessions, camera.present, camera.visits) == (1, 1, 2)
    assert world.balance(world.payer) == before


def test_what_is_closed_is_not_revived_by_lamports(world):
    """Sent in the same transaction, they keep an account, but an empty one that is not ours."""
    world.register()
    world.must(checking_in(world, world.subject))
    address = world.session_of(world.subject)
    gift = transfer(
        TransferParams(
            from_pubkey=world.pair('payer').pubkey(),
            to_pubkey=Pubkey.from_bytes(address),
            lamports=2_000_000,
        )
    )
    again = closing_session(world, world.subject)
    world.must(checking_out(world, world.subject), closing_session(world, world.subject), gift)
    left = world.account(address)
    assert (bytes(left.owner), bytes(left.data), left.lamports) == (bytes(32), b'', 2_000_000)
    assert world.do(again) == Refusal.WRONG_OWNER
    assert world.camera_now().sessions == 0
    world.must(checking_in(world, world.subject))
    assert session(world, world.subject).visit == 1


def test_a_closed_account_is_of_no_use_in_the_same_transaction(world):
    world.must(make.open_face(PROGRAM_ID, world.person, world.payer, 0, FACE))
    close = make.close_face(PROGRAM_ID, world.person, 0, world.payer)
    for after in (make.write_face(PROGRAM_ID, world.person, 0, 0, b'x'), close):
        assert world.do(close, after) == Refusal.WRONG_OWNER
    assert world.data(world.face_of(world.person)) != b''
    world.register()
    gone = make.close_camera(PROGRAM_ID, world.camera, world.owner, world.payer)
    assert world.do(gone, checking_in(world, world.subject)) == Refusal.WRONG_OWNER
    world.must(appended(world, 1, RECORDS))
    world.must(gone, world.registration())
    assert world.camera_now().log_count == 0


def test_lamports_that_somebody_sent_go_to_who_paid(world):
    address = world.face_of(world.person)
    world.put(address, Account(10**9, b'', Pubkey.default()))
    before = world.balance(world.payer)
    world.must(make.open_face(PROGRAM_ID, world.person, world.payer, 0, FACE))
    assert world.balance(world.payer) == before
    world.must(make.close_face(PROGRAM_ID, world.person, 0, world.payer))
    assert world.balance(world.payer) == before + 10**9


@pytest.mark.parametrize(
    ('per_byte', 'threshold', 'rent_of_536'),
    [
        (3480, 2.0, 664 * 6960),
        (6960, 1.0, 664 * 6960),
        (696, 1.0, 664 * 696),
        (348, 2.0, 664 * 696),
    ],
)
def test_rent_is_what_the_chain_says(world, per_byte, threshold, rent_of_536):
    world.chain.set_rent(Rent(per_byte, threshold, 50))
    before = world.balance(world.payer)
    world.register()
    assert before - world.balance(world.payer) == rent_of_536
    # When it rises later, what is there can still be used and closed, and nothing is lost.
    world.chain.set_rent(Rent(9999, 2.0, 50))
    world.must(appended(world, 1, RECORDS))
    world.must(make.close_camera(PROGRAM_ID, world.camera, world.owner, world.payer))
    assert world.balance(world.payer) == before


def test_a_rent_that_is_not_understood_makes_nothing_and_closes_everything(world):
    world.register()
    world.chain.set_rent(Rent(3480, 1.5, 50))
    assert world.do(checking_in(world, world.subject)) == Refusal.UNKNOWN_RENT
    world.must(make.close_camera(PROGRAM_ID, world.camera, world.owner, world.payer))


def test_who_cannot_pay_makes_nothing(world):
    instruction = make.open_face(PROGRAM_ID, world.person, world.stranger, 0, FACE)
    assert world.do(instruction) not in (0, *Refusal)
    assert world.account(world.face_of(world.person)) is None
