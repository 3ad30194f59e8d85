"""What the chain's errors mean: a stable code and our sentence for each.

An error comes as JSON, from a simulation or as the status of a transaction. A program's own numbers
are told by the table of that program; whose number it is follows from the logs or, without them,
from the instruction that failed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey

from mmoment_chain import program_refusals
from mmoment_chain.wallet import wallet_text

SYSTEM_PROGRAM = bytes(32)
NUMBERS_OF_PROGRAMS = 6000
"""Where Anchor's programs and ours begin to count their errors."""

ALREADY_PROCESSED = 'already_processed'
BLOCKHASH_NOT_FOUND = 'blockhash_not_found'
WOULD_FAIL = 'would_fail'

Table = Mapping[int, tuple[str, str]]
"""Number of a program's error to stable code and sentence."""

_SYSTEM: Table = {
    0: ('already_there', 'An account that is to be made exists already'),
    1: ('no_funds', 'There is not enough SOL to pay for this'),
}
# By the names that the RPC gives them.
_OF_TRANSACTION = {
    'AccountNotFound': ('no_funds', 'The account that pays has no SOL: send some to it'),
    'InsufficientFundsForFee': ('no_funds', 'The account that pays has too little SOL for the fee'),
    'InsufficientFundsForRent': (
        'no_funds',
        'An account would be left with less SOL than its rent',
    ),
    'BlockhashNotFound': (
        BLOCKHASH_NOT_FOUND,
        'The chain does not know this blockhash, or no more',
    ),
    'AlreadyProcessed': (ALREADY_PROCESSED, 'The chain has this transaction already'),
    'SignatureFailure': ('bad_signature', 'A signature does not fit the transaction'),
    'ProgramAccountNotFound': ('no_program', 'The program is not on this chain'),
    'InvalidProgramForExecution': ('no_program', 'What should be the program is none'),
    'AccountInUse': ('busy', 'The chain is busy with the same accounts: try again'),
}
_OF_INSTRUCTION = {
    'MissingRequiredSignature': ('missing_signature', 'Somebody who has to sign did not'),
    'InsufficientFunds': ('no_funds', 'There is not enough SOL to pay for this'),
    'ComputationalBudgetExceeded': ('too_long', 'The program ran longer than it was given'),
    'ProgramFailedToComplete': ('program_fault', 'The program broke off'),
    'AccountAlreadyInitialized': ('already_there', 'An account that is to be made exists already'),
    'InvalidAccountData': ('wrong_account', 'An account does not hold what it should'),
    'InvalidAccountOwner': ('wrong_account', 'An account belongs to another program'),
    'IncorrectProgramId': ('wrong_account', 'An account belongs to another program'),
    'UninitializedAccount': ('no_account', 'An account that is needed does not exist'),
    'UnsupportedProgramId': ('no_program', 'The program is not on this chain'),
}
_FAILED = re.compile(r'^Program (\w+) failed: custom program error: 0x([0-9a-f]+)$')


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the chain refuses a transaction."""

    code: str
    text: str  # for a person
    number: int | None = None  # of the program's own error
    program: bytes | None = None  # whose number that is


def camera_table() -> Table:
    """The refusals of the camera registry."""
    return {
        int(number): (number.name.lower(), sentence)
        for number, sentence in program_refusals.SENTENCES.items()
    }


class Verdicts:
    """Knows the errors of some programs."""

    def __init__(self, tables: Mapping[bytes, Table]) -> None:
        """tables: by program, 32 bytes."""
        self._tables = {SYSTEM_PROGRAM: _SYSTEM, **tables}

    def of(self, error: Any, programs: Sequence[bytes] = (), logs: Sequence[str] = ()) -> Verdict:
        """Verdict on an error that is not None, in whatever shape it comes.

        programs: those of the instructions of the transaction, in order.
        """
        if isinstance(error, dict):
            if 'InstructionError' in error:
                return self._of_instruction(error['InstructionError'], programs, logs)
            # Such as {"InsufficientFundsForRent": {"account_index": 0}}
            error = next(iter(error), '')
        code, text = _OF_TRANSACTION.get(str(error), (WOULD_FAIL, f'The chain refuses it: {error}'))
        return Verdict(code, text)

    def _of_instruction(
        self, error: Any, programs: Sequence[bytes], logs: Sequence[str]
    ) -> Verdict:
        match error:
            case [int(index), {'Custom': int(number)}]:
                named = programs[index] if 0 <= index < len(programs) else None
                return self._of_program(number, _blamed(number, logs) or named)
            case [int(index), reason]:
                name = next(iter(reason), '') if isinstance(reason, dict) else str(reason)
                known = _OF_INSTRUCTION.get(name)
                code, text = known or (WOULD_FAIL, f'Instruction {index + 1} fails: {name}')
                return Verdict(code, text)
        return Verdict(WOULD_FAIL, 'An instruction fails, in a way that cannot be read')

    def _of_program(self, number: int, program: bytes | None) -> Verdict:
        known = None if program is None else self._tables.get(program, {}).get(number)
        if known is None:
            # A status of long ago tells no program; these numbers are nobody else's by use.
            known = self._unique(number) if program is None else None
        whose = 'A program' if program is None else f'Program {wallet_text(program)}'
        code, text = known or (WOULD_FAIL, f'{whose} refuses it with error {number}')
        return Verdict(code, text, number, program)

    def _unique(self, number: int) -> tuple[str, str] | None:
        if number < NUMBERS_OF_PROGRAMS:
            return None
        found = [table[number] for table in self._tables.values() if number in table]
        return found[0] if len(found) == 1 else None


def _blamed(number: int, logs: Sequence[str]) -> bytes | None:
    """The program that failed first: those that called it fail with the same number."""
    for line in logs:
        found = _FAILED.match(line)
        if found is None:
            continue
        if int(found[2], 16) != number:
            return None
        try:
            return bytes(Pubkey.from_string(found[1]))
        except ValueError:
            return None
    return None
