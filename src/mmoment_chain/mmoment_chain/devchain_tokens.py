"""Token accounts and mints, of Token and Token-2022, as far as calls tell about them.

Source of the layouts: both programs share the first 82 bytes of a mint and 165 of an account; where
more follows, the byte behind the 165th says which of the two it is.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey

from mmoment_chain.devchain_wire import FindAccount

PROGRAM_NAMES = {
    Pubkey.from_string('TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA'): 'spl-token',
    Pubkey.from_string('TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb'): 'spl-token-2022',
}
"""The programs whose accounts are told as tokens, with the names that parsed accounts have."""
MINT_BYTES, ACCOUNT_BYTES = 82, 165
KIND_AT = 165
KIND_MINT, KIND_ACCOUNT = 1, 2
STATES = ('uninitialized', 'initialized', 'frozen')
_HOLDING = struct.Struct('<32s32sQ4s32sB4sQQ4s32s')
_MINT = struct.Struct('<4s32sQB?4s32s')
_SOME = b'\1\0\0\0'


@dataclass(frozen=True, slots=True)
class Holding:
    """An account that holds tokens."""

    mint: Pubkey
    owner: Pubkey
    amount: int
    delegate: Pubkey | None
    delegated_amount: int
    state: str
    native_reserve: int | None
    close_authority: Pubkey | None
    program: Pubkey


@dataclass(frozen=True, slots=True)
class Mint:
    """A kind of token."""

    supply: int
    decimals: int
    is_initialized: bool
    mint_authority: Pubkey | None
    freeze_authority: Pubkey | None
    program: Pubkey


def holding_of(account: Account | None) -> Holding | None:
    """The token account that this is; None: it is something else."""
    if account is None or account.owner not in PROGRAM_NAMES:
        return None
    data = bytes(account.data)
    if len(data) != ACCOUNT_BYTES and not (len(data) > KIND_AT and data[KIND_AT] == KIND_ACCOUNT):
        return None
    (mint, owner, amount, has_delegate, delegate, state, is_native, reserve, delegated, can_close,
     closer) = _HOLDING.unpack_from(data)  # fmt: skip
    if not 0 < state < len(STATES):
        return None
    return Holding(
        mint=Pubkey.from_bytes(mint),
        owner=Pubkey.from_bytes(owner),
        amount=amount,
        delegate=_optional(has_delegate, delegate),
        delegated_amount=delegated,
        state=STATES[state],
        native_reserve=reserve if is_native == _SOME else None,
        close_authority=_optional(can_close, closer),
        program=account.owner,
    )


def mint_of(account: Account | None) -> Mint | None:
    """The mint that this is; None: it is something else."""
    if account is None or account.owner not in PROGRAM_NAMES:
        return None
    data = bytes(account.data)
    if len(data) != MINT_BYTES and not (len(data) > KIND_AT and data[KIND_AT] == KIND_MINT):
        return None
    can_mint, minter, supply, decimals, is_ready, can_freeze, freezer = _MINT.unpack_from(data)
    return Mint(
        supply=supply,
        decimals=decimals,
        is_initialized=is_ready,
        mint_authority=_optional(can_mint, minter),
        freeze_authority=_optional(can_freeze, freezer),
        program=account.owner,
    )


def amount_json(amount: int, decimals: int) -> dict[str, Any]:
    """An amount of tokens, as a number of the smallest part and as people write it."""
    digits = f'{amount:0{decimals + 1}d}'
    whole, part = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    shown = f'{whole}.{part}'.rstrip('0').rstrip('.') if decimals else whole
    return {
        'amount': str(amount),
        'decimals': decimals,
        'uiAmount': amount / 10**decimals,
        'uiAmountString': shown,
    }


def balances(
    keys: Sequence[Pubkey], accounts: Mapping[Pubkey, Account | None], find: FindAccount
) -> list[dict[str, Any]]:
    """The token balances of a transaction's accounts, as its meta data have them."""
    told = []
    for place, key in enumerate(keys):
        holding = holding_of(accounts[key])
        mint = None if holding is None else mint_of(find(holding.mint))
        if holding is not None and mint is not None:
            told.append(
                {
                    'accountIndex': place,
                    'mint': str(holding.mint),
                    'owner': str(holding.owner),
                    'programId': str(holding.program),
                    'uiTokenAmount': amount_json(holding.amount, mint.decimals),
                }
            )
    return told


def parsed(account: Account, find: FindAccount) -> dict[str, Any] | None:
    """The data of an account in the form of `jsonParsed`; None where we do not know what it is."""
    holding = holding_of(account)
    if holding is not None:
        mint = mint_of(find(holding.mint))
        info = None if mint is None else _holding_info(holding, mint.decimals)
        return None if info is None else _parsed(account, 'account', info)
    mint = mint_of(account)
    return None if mint is None else _parsed(account, 'mint', _mint_info(mint))


def _parsed(account: Account, kind: str, info: dict[str, Any]) -> dict[str, Any]:
    return {
        'program': PROGRAM_NAMES[account.owner],
        'parsed': {'type': kind, 'info': info},
        'space': len(bytes(account.data)),
    }


def _holding_info(holding: Holding, decimals: int) -> dict[str, Any]:
    info: dict[str, Any] = {
        'mint': str(holding.mint),
        'owner': str(holding.owner),
        'state': holding.state,
        'isNative': holding.native_reserve is not None,
        'tokenAmount': amount_json(holding.amount, decimals),
    }
    if holding.delegate is not None:
        info['delegate'] = str(holding.delegate)
        info['delegatedAmount'] = amount_json(holding.delegated_amount, decimals)
    if holding.close_authority is not None:
        info['closeAuthority'] = str(holding.close_authority)
    return info


def _mint_info(mint: Mint) -> dict[str, Any]:
    return {
        'supply': str(mint.supply),
        'decimals': mint.decimals,
        'isInitialized': mint.is_initialized,
        'mintAuthority': _text(mint.mint_authority),
        'freezeAuthority': _text(mint.freeze_authority),
    }


def _optional(tag: bytes, key: bytes) -> Pubkey | None:
    return Pubkey.from_bytes(key) if tag == _SOME else None


def _text(key: Pubkey | None) -> str | None:
    return None if key is None else str(key)
