"""Instructions into as few transactions as they need, and what each of those has to be signed by.

A transaction has at most 1232 bytes. Room is kept for what is added to each before it is sent: a
limit of compute units and a price for them, and a fee payer, who may be somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import MessageV0
from solders.pubkey import Pubkey

from mmoment_chain.transaction_size import WIRE_BYTES_AT_MOST, signed_bytes

_BUDGET = (set_compute_unit_limit(1), set_compute_unit_price(1))


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction of several that follow each other."""

    says: str  # what it does, for people
    instructions: tuple[Instruction, ...]
    rent_lamports: int = 0  # that the payer leaves in accounts, until they are closed

    @property
    def signers(self) -> frozenset[bytes]:
        """Who has to sign, besides the fee payer."""
        accounts = [account for each in self.instructions for account in each.accounts]
        return frozenset(bytes(each.pubkey) for each in accounts if each.is_signer)


class Packer:
    """Fills one transaction after the other, in order."""

    def __init__(self, payer: bytes) -> None:
        self._payer = payer
        self.filled: list[list[Instruction]] = [[]]

    def add(self, *together: Instruction) -> None:
        """Add instructions that must not be parted. ValueError: no transaction holds them."""
        if self._excess([*self.filled[-1], *together]) > 0:
            self.filled.append([])
            excess = self._excess(together)
            if excess > 0:
                raise ValueError(f'this is {excess} bytes too long for one transaction')
        self.filled[-1].extend(together)

    def next(self) -> None:
        """Go on in another transaction."""
        if self.filled[-1]:
            self.filled.append([])

    def room(self, made: Callable[[str], Instruction]) -> int:
        """How many ASCII characters the instruction that `made` makes of them may still have."""
        # The length of what gets longer may itself need a byte more.
        room = WIRE_BYTES_AT_MOST
        while room > 0 and (excess := self._excess([*self.filled[-1], made('.' * room)])) > 0:
            room -= excess
        return max(0, room)

    def _excess(self, instructions: Sequence[Instruction]) -> int:
        return wire_bytes(self._payer, instructions) - WIRE_BYTES_AT_MOST


def wire_bytes(payer: bytes, instructions: Sequence[Instruction]) -> int:
    """Length of the signed transaction with these instructions, compute budget included."""
    message = MessageV0.try_compile(
        Pubkey.from_bytes(payer), [*_BUDGET, *instructions], [], Hash.default()
    )
    return signed_bytes(message)
