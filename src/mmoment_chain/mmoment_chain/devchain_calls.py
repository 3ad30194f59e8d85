"""One call of JSON-RPC, with its parameters held against what they must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey
from solders.signature import Signature

from mmoment_chain.devchain_blocks import Block
from mmoment_chain.devchain_chain import Chain
from mmoment_chain.devchain_errors import INVALID_PARAMS, MIN_CONTEXT_SLOT, RpcError, invalid

API_VERSION = '4.1.2'
"""Of the node whose machine this is."""
COMMITMENTS = {
    'processed': 'processed',
    'confirmed': 'confirmed',
    'finalized': 'finalized',
    # As older clients say it
    'recent': 'processed',
    'single': 'confirmed',
    'singleGossip': 'confirmed',
    'root': 'finalized',
    'max': 'finalized',
}


@dataclass(frozen=True, slots=True)
class Faucet:
    """Who pays for airdrops."""

    address: Pubkey
    airdrop: Callable[[Pubkey, int], bytes]
    """Sends lamports to a key; returns the signature."""


@dataclass(frozen=True, slots=True)
class View:
    """The chain as it was when a block ended."""

    chain: Chain
    block: Block

    @property
    def slot(self) -> int:
        """Of that block."""
        return self.block.slot

    def account(self, key: Pubkey) -> Account | None:
        """What was at this address."""
        return self.chain.account(key, self.block.slot)

    def program_accounts(self, owner: Pubkey) -> dict[Pubkey, Account]:
        """What this program owned."""
        return self.chain.program_accounts(owner, self.block.slot)

    def answer(self, value: Any) -> dict[str, Any]:
        """A result with the slot that it is about."""
        return {'context': {'slot': self.slot, 'apiVersion': API_VERSION}, 'value': value}


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `lag_blocks`: the node answers as if it were so far behind."""

    chain: Chain
    faucet: Faucet
    params: list[Any]
    lag_blocks: int = 0

    def view(self, place: int, default: str = 'finalized') -> View:
        """The chain as the configuration at that place of the parameters wants to see it."""
        config = self.config(place)
        view = self.view_of(config.get('commitment') or default)
        least = config.get('minContextSlot')
        if least is not None and view.slot < _integer(least, 'minContextSlot'):
            raise RpcError(
                MIN_CONTEXT_SLOT,
                'Minimum context slot has not been reached',
                {'contextSlot': view.slot},
            )
        return view

    def view_of(self, commitment: Any) -> View:
        """The chain at this level of commitment."""
        if not isinstance(commitment, str) or commitment not in COMMITMENTS:
            raise invalid(
                f'unknown variant `{commitment}`, expected one of `processed`, `confirmed`, `finalized`'
            )
        return View(self.chain, self.chain.block_at(COMMITMENTS[commitment], self.lag_blocks))

    def config(self, place: int) -> Mapping[str, Any]:
        """The configuration object at that place; empty where there is none."""
        value = self.params[place] if place < len(self.params) else None
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise invalid(f'an object is expected as parameter {place}')
        return value

    def given(self, place: int) -> Any:
        """The parameter at that place, which must be there."""
        if place >= len(self.params):
            raise RpcError(INVALID_PARAMS, f'`params` should have at least {place + 1} argument(s)')
        return self.params[place]

    def has(self, place: int) -> bool:
        """Whether there is a parameter at that place."""
        return place < len(self.params) and self.params[place] is not None

    def pubkey(self, place: int) -> Pubkey:
        """The address at that place."""
        return pubkey(self.given(place))

    def integer(self, place: int) -> int:
        """The number at that place: whole, and not negative."""
        return _integer(self.given(place), f'parameter {place}')

    def items(self, place: int, at_most: int) -> list[Any]:
        """The list at that place."""
        value = self.given(place)
        if not isinstance(value, list):
            raise invalid(f'a list is expected as parameter {place}')
        if len(value) > at_most:
            raise RpcError(INVALID_PARAMS, f'Too many inputs provided; max {at_most}')
        return value


def pubkey(text: Any) -> Pubkey:
    """An address from its text. Raises RpcError."""
    if not isinstance(text, str):
        raise invalid('an address is expected')
    try:
        return Pubkey.from_string(text)
    except ValueError as error:
        raise RpcError(INVALID_PARAMS, f'Invalid param: {_reason(text, 32)}') from error


def signature(text: Any) -> bytes:
    """A signature from its text. Raises RpcError."""
    if not isinstance(text, str):
        raise invalid('a signature is expected')
    try:
        return bytes(Signature.from_string(text))
    except ValueError as error:
        raise RpcError(INVALID_PARAMS, f'Invalid param: {_reason(text, 64)}') from error


def flag(config: Mapping[str, Any], name: str) -> bool:
    """Whether something is asked for. Raises RpcError for what is neither yes nor no."""
    value = config.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f'{name} is true or false')
    return bool(value)


def data_part(config: Mapping[str, Any]) -> Mapping[str, int] | None:
    """The part of the data that is asked for; None for all of it. Raises RpcError."""
    part = config.get('dataSlice')
    if part is None:
        return None
    if not isinstance(part, dict):
        raise invalid('dataSlice has offset and length')
    return {name: _integer(part.get(name), f'dataSlice.{name}') for name in ('offset', 'length')}


def _integer(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
        raise invalid(f'{name}: a whole number is expected')
    return value


def _reason(text: str, wanted: int) -> str:
    return 'WrongSize' if text.isalnum() and len(text) < 2 * wanted else 'Invalid'
