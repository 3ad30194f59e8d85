import struct

import pytest
from devchain_world import SOL, signed, someone
from solders.account import Account
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from mmoment_chain.devchain_bank import SYSTEM_PROGRAM, Bank
from mmoment_chain.devchain_wire import TransactionRefused, loaded

ED25519 = Pubkey.from_string('Ed25519SigVerify111111111111111111111111111')


@pytest.fixture
def bank():
    return Bank()


@pytest.fixture
def payer(bank):
    keys = Keypair()
    bank.put(keys.pubkey(), Account(10 * SOL, b'', SYSTEM_PROGRAM))
    return keys


def made(bank, payer, *instructions):
    return loaded(signed(payer, Hash.new_unique(), list(instructions)), bank.account)


def paying(payer, lamports):
    given = TransferParams(from_pubkey=payer.pubkey(), to_pubkey=someone(), lamports=lamports)
    return transfer(given)


def test_simulation_leaves_nothing(bank, payer):
    outcome, after = bank.simulate(made(bank, payer, paying(payer, SOL)))
    assert outcome.error is None
    assert after[payer.pubkey()].lamports == 9 * SOL - 5000
    assert bank.account(payer.pubkey()).lamports == 10 * SOL


def test_failed_transaction_costs_its_fee_and_changes_nothing_else(bank, payer):
    outcome = bank.run(made(bank, payer, paying(payer, SOL), paying(payer, 99 * SOL)))
    assert outcome.error == {'InstructionError': [1, {'Custom': 1}]}
    assert bank.account(payer.pubkey()).lamports == 10 * SOL - 5000


def test_account_below_its_rent_is_an_error_that_costs(bank, payer):
    outcome = bank.run(made(bank, payer, paying(payer, 1)))
    assert 'InsufficientFundsForRent' in outcome.error
    assert bank.account(payer.pubkey()).lamports == 10 * SOL - 5000


def test_who_cannot_pay_leaves_no_trace(bank):
    poor = Keypair()
    with pytest.raises(TransactionRefused, match='AccountNotFound'):
        bank.run(made(bank, poor, paying(poor, SOL)))


@pytest.mark.parametrize(
    ('is_there', 'reason'),
    [(False, 'ProgramAccountNotFound'), (True, 'InvalidProgramForExecution')],
)
def test_programs_that_are_none_are_refused_before_the_machine_sees_them(
    bank, payer, is_there, reason
):
    program = payer.pubkey() if is_there else someone()
    with pytest.raises(TransactionRefused, match=reason):
        bank.run(made(bank, payer, Instruction(program, b'', [])))


@pytest.mark.parametrize('is_forged', [False, True])
def test_signatures_within_a_transaction_are_verified(bank, payer, is_forged):
    """The precompiled program for Ed25519, which sign-in without fees stands on."""
    message, key = b'hello', bytes(payer.pubkey())
    signature = bytearray(bytes(payer.sign_message(message)))
    signature[-1] ^= is_forged
    places = struct.pack('<BBHHHHHHH', 1, 0, 48, 0xFFFF, 16, 0xFFFF, 112, len(message), 0xFFFF)
    data = places + key + bytes(signature) + message
    outcome = bank.run(made(bank, payer, Instruction(ED25519, data, [])))
    assert (outcome.error is not None) == is_forged


def test_what_was_put_away_is_gone(bank, payer):
    bank.put(payer.pubkey(), None)
    assert bank.account(payer.pubkey()) is None
    assert payer.pubkey() not in bank.program_accounts(SYSTEM_PROGRAM)
