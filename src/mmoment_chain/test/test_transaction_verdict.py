import pytest
from solders.pubkey import Pubkey

from mmoment_chain.program_refusals import SENTENCES
from mmoment_chain.transaction_verdict import SYSTEM_PROGRAM, Verdicts, camera_table
from mmoment_chain.wallet import wallet_text

OURS = bytes([9]) * 32
OTHER = bytes([8]) * 32
UNKNOWN = bytes([7]) * 32
VERDICTS = Verdicts(
    {OURS: camera_table(), OTHER: {6012: ('other', 'Another thing'), 37: ('bound', 'Bound')}}
)


def custom(number, index=0):
    return {'InstructionError': [index, {'Custom': number}]}


def test_every_refusal_of_the_registry_has_code_and_sentence():
    for refusal, sentence in SENTENCES.items():
        verdict = VERDICTS.of(custom(int(refusal)), [OURS])
        assert (verdict.code, verdict.text) == (refusal.name.lower(), sentence)
        assert (verdict.number, verdict.program) == (int(refusal), OURS)


def test_a_number_is_told_by_the_program_of_the_instruction_that_failed():
    programs = [UNKNOWN, OTHER, OURS]
    assert VERDICTS.of(custom(6012, 1), programs).code == 'other'
    assert VERDICTS.of(custom(6012, 2), programs).code == 'no_grant'
    told = VERDICTS.of(custom(6012, 0), programs)
    assert (told.code, told.number) == ('would_fail', 6012)
    assert wallet_text(UNKNOWN) in told.text


def test_a_program_that_another_one_called_is_known_by_the_logs():
    logs = [
        f'Program {wallet_text(OURS)} invoke [1]',
        'Program log: Program x failed: custom program error: 0x1',
        f'Program {wallet_text(SYSTEM_PROGRAM)} failed: custom program error: 0x1',
        f'Program {wallet_text(OURS)} failed: custom program error: 0x1',
    ]
    verdict = VERDICTS.of(custom(1), [OURS], logs)
    assert (verdict.code, verdict.program) == ('no_funds', SYSTEM_PROGRAM)
    # Logs of something else are no help.
    assert VERDICTS.of(custom(6012), [OURS], logs).program == OURS


def test_logs_are_not_trusted_to_be_well_formed():
    logs = ['Program 0OIl failed: custom program error: 0x177c', '', 'Program']
    assert VERDICTS.of(custom(6012), [OURS], logs).code == 'no_grant'


def test_without_a_program_a_number_counts_only_if_it_is_nobody_elses():
    assert VERDICTS.of(custom(6013)).code == 'grant_expired'
    assert VERDICTS.of(custom(6012)).code == 'would_fail'
    assert VERDICTS.of(custom(37)).code == 'would_fail'
    assert VERDICTS.of(custom(6013), [UNKNOWN]).code == 'would_fail'


@pytest.mark.parametrize(
    ('error', 'code'),
    [
        ('BlockhashNotFound', 'blockhash_not_found'),
        ('AlreadyProcessed', 'already_processed'),
        ('AccountNotFound', 'no_funds'),
        ('InsufficientFundsForFee', 'no_funds'),
        ({'InsufficientFundsForRent': {'account_index': 1}}, 'no_funds'),
        ('SomethingNew', 'would_fail'),
        ({'InstructionError': [0, 'MissingRequiredSignature']}, 'missing_signature'),
        ({'InstructionError': [0, 'ComputationalBudgetExceeded']}, 'too_long'),
        ({'InstructionError': [0, {'BorshIoError': 'x'}]}, 'would_fail'),
        ({'InstructionError': [9, {'Custom': 5}]}, 'would_fail'),
        ({'InstructionError': [-1, {'Custom': 5}]}, 'would_fail'),
        ({'InstructionError': 'odd'}, 'would_fail'),
        ({'InstructionError': [0, {}]}, 'would_fail'),
        ({'InstructionError': [0, []]}, 'would_fail'),
        ({}, 'would_fail'),
        (None, 'would_fail'),
        (5, 'would_fail'),
        ([], 'would_fail'),
    ],
)
def test_every_shape_of_error_gets_a_verdict(error, code):
    verdict = VERDICTS.of(error, [OURS])
    assert verdict.code == code
    assert verdict.text


def test_the_system_program_is_all_zeros():
    assert Pubkey.from_bytes(SYSTEM_PROGRAM) == Pubkey.default()
