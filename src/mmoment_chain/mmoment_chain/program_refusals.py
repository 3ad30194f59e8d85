"""Why the camera registry refuses an instruction, by number, and what a person is told."""

from __future__ import annotations

from enum import IntEnum


class Refusal(IntEnum):
    """Numbers of `Custom` errors of the program; they never change once published."""

    WRONG_ACCOUNTS = 6000
    WRONG_DATA = 6001
    UNKNOWN_INSTRUCTION = 6002
    MISSING_SIGNATURE = 6003
    NOT_WRITABLE = 6004
    WRONG_ADDRESS = 6005
    WRONG_OWNER = 6006
    WRONG_AUTHORITY = 6007
    ALREADY_THERE = 6008
    ALREADY_DONE = 6009
    OUT_OF_ORDER = 6010
    INACTIVE = 6011
    NO_GRANT = 6012
    GRANT_EXPIRED = 6013
    STILL_PRESENT = 6014
    STILL_IN_USE = 6015
    WRONG_TIME = 6016
    WRONG_DIGEST = 6017
    UNKNOWN_RENT = 6018
    UNKNOWN_TIME = 6019


SENTENCES = {
    Refusal.WRONG_ACCOUNTS: 'The instruction was given other accounts than it takes',
    Refusal.WRONG_DATA: 'The data of the instruction is too short, too long or out of range',
    Refusal.UNKNOWN_INSTRUCTION: 'The program has no such instruction',
    Refusal.MISSING_SIGNATURE: 'Somebody who has to sign did not',
    Refusal.NOT_WRITABLE: 'An account that is to change was given for reading only',
    Refusal.WRONG_ADDRESS: 'An account does not belong to the camera or person that was named',
    Refusal.WRONG_OWNER: 'There is no such account of this program: it was not made, or is closed',
    Refusal.WRONG_AUTHORITY: 'Who signed may not do this',
    Refusal.ALREADY_THERE: 'This account exists already',
    Refusal.ALREADY_DONE: 'This step is on the chain already',
    Refusal.OUT_OF_ORDER: 'A step before this one is missing',
    Refusal.INACTIVE: 'This camera takes no check-ins now',
    Refusal.NO_GRANT: 'This camera takes only people who have a grant of its owner',
    Refusal.GRANT_EXPIRED: 'The grant of the owner is over',
    Refusal.STILL_PRESENT: 'There is a visit that is not over: check out first',
    Refusal.STILL_IN_USE: 'Sessions or grants of this camera exist: close them first',
    Refusal.WRONG_TIME: 'The time is impossible, or too far from that of the chain',
    Refusal.WRONG_DIGEST: 'The content of the face is not what was announced',
    Refusal.UNKNOWN_RENT: 'The chain told no rent that the program understands',
    Refusal.UNKNOWN_TIME: 'The chain told no time',
}
"""What a person is told."""


def refusal_of(code: int) -> Refusal | None:
    """The reason behind the number of a `Custom` error; None if it is none of this program."""
    try:
        return Refusal(code)
    except ValueError:
        return None
