"""Why nothing is sent to the chain though something waits: stable codes, with a sentence for people."""

from __future__ import annotations

from mmoment_chain.errors import ChainError

NOT_REGISTERED = 'not_registered'
WRONG_DEVICE = 'wrong_device'
WRONG_LOG = 'wrong_log'
WRONG_TIME = 'wrong_time'
BUDGET = 'budget'
BALANCE = 'balance'
REFUSED = 'refused'


class HeldBack(ChainError):
    """Nothing may be sent, until somebody does something or time has passed."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(f'{code}: {text}')
