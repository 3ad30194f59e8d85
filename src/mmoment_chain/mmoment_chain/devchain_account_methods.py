"""Calls about accounts and tokens."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey

from mmoment_chain import devchain_tokens as tokens
from mmoment_chain.base58 import from_base58
from mmoment_chain.devchain_bank import SYSTEM_PROGRAM
from mmoment_chain.devchain_calls import Call, View, data_part, flag, pubkey
from mmoment_chain.devchain_encoding import account_json
from mmoment_chain.devchain_errors import INVALID_PARAMS, RpcError, invalid

ACCOUNTS_AT_MOST = 100
FILTERS_AT_MOST = 4
COMPARED_AT_MOST = 128
COMPARED_TEXT_AT_MOST = 175
LARGEST = 20


def get_balance(call: Call) -> Any:
    """Lamports at an address."""
    view = call.view(1)
    account = view.account(call.pubkey(0))
    return view.answer(0 if account is None else account.lamports)


def get_account_info(call: Call) -> Any:
    """What is at an address."""
    view, key = call.view(1), call.pubkey(0)
    return view.answer(shown(view, view.account(key), call.config(1), 'binary'))


def get_multiple_accounts(call: Call) -> Any:
    """What is at several addresses."""
    view = call.view(1)
    keys = [pubkey(each) for each in call.items(0, ACCOUNTS_AT_MOST)]
    config = call.config(1)
    return view.answer([shown(view, view.account(key), config, 'base64') for key in keys])


def get_program_accounts(call: Call) -> Any:
    """Everything that a program owns, narrowed by filters."""
    view, config = call.view(1), call.config(1)
    tests = filters(config)
    found = [
        {'pubkey': str(key), 'account': shown(view, account, config, 'binary')}
        for key, account in sorted(view.program_accounts(call.pubkey(0)).items(), key=_by_key)
        if all(test(bytes(account.data)) for test in tests)
    ]
    return view.answer(found) if flag(config, 'withContext') else found


def get_token_accounts_by_owner(call: Call) -> Any:
    """Token accounts of a wallet."""
    return _token_accounts(call, lambda holding: holding.owner)


def get_token_accounts_by_delegate(call: Call) -> Any:
    """Token accounts that somebody else may spend from."""
    return _token_accounts(call, lambda holding: holding.delegate)


def get_token_account_balance(call: Call) -> Any:
    """How much a token account holds."""
    view = call.view(1)
    holding = tokens.holding_of(view.account(call.pubkey(0)))
    mint = None if holding is None else tokens.mint_of(view.account(holding.mint))
    if holding is None or mint is None:
        raise RpcError(INVALID_PARAMS, 'Invalid param: not a Token account')
    return view.answer(tokens.amount_json(holding.amount, mint.decimals))


def get_token_supply(call: Call) -> Any:
    """How much there is of a token."""
    view = call.view(1)
    mint = _mint(view, call.pubkey(0))
    return view.answer(tokens.amount_json(mint.supply, mint.decimals))


def get_token_largest_accounts(call: Call) -> Any:
    """The accounts that hold most of a token."""
    view, key = call.view(1), call.pubkey(0)
    mint = _mint(view, key)
    held = [
        (holding.amount, str(address))
        for address, account in view.program_accounts(mint.program).items()
        if (holding := tokens.holding_of(account)) is not None and holding.mint == key
    ]
    return view.answer(
        [
            {'address': address, **tokens.amount_json(amount, mint.decimals)}
            for amount, address in sorted(held, reverse=True)[:LARGEST]
        ]
    )


def get_largest_accounts(call: Call) -> Any:
    """The addresses with most lamports."""
    view = call.view(0)
    held = [
        (account.lamports, str(key))
        for key, account in view.program_accounts(SYSTEM_PROGRAM).items()
    ]
    largest = sorted(held, reverse=True)[:LARGEST]
    return view.answer([{'lamports': lamports, 'address': key} for lamports, key in largest])


def get_minimum_balance_for_rent_exemption(call: Call) -> Any:
    """Lamports that an account of a size must have."""
    return call.chain.bank.minimum_balance(call.integer(0))


METHODS: Mapping[str, Callable[[Call], Any]] = {
    'getBalance': get_balance,
    'getAccountInfo': get_account_info,
    'getMultipleAccounts': get_multiple_accounts,
    'getProgramAccounts': get_program_accounts,
    'getTokenAccountsByOwner': get_token_accounts_by_owner,
    'getTokenAccountsByDelegate': get_token_accounts_by_delegate,
    'getTokenAccountBalance': get_token_account_balance,
    'getTokenSupply': get_token_supply,
    'getTokenLargestAccounts': get_token_largest_accounts,
    'getLargestAccounts': get_largest_accounts,
    'getMinimumBalanceForRentExemption': get_minimum_balance_for_rent_exemption,
}


def shown(
    view: View, account: Account | None, config: Mapping[str, Any], default: str
) -> dict[str, Any] | None:
    """An account in the form that the configuration asks for. Raises RpcError."""
    encoding = config.get('encoding') or default
    told = account_json(account, encoding, data_part(config))
    if account is not None and told is not None and encoding == 'jsonParsed':
        parsed = tokens.parsed(account, view.account)
        if parsed is not None:
            told['data'] = parsed
    return told


def filters(config: Mapping[str, Any]) -> list[Callable[[bytes], bool]]:
    """Tests that the data of an account must pass. Raises RpcError."""
    given = config.get('filters') or []
    if not isinstance(given, list) or len(given) > FILTERS_AT_MOST:
        raise RpcError(INVALID_PARAMS, f'Too many filters provided; max {FILTERS_AT_MOST}')
    return [_filter(each) for each in given]


def _filter(given: Any) -> Callable[[bytes], bool]:
    if isinstance(given, dict) and isinstance(given.get('dataSize'), int):
        size = given['dataSize']
        return lambda data: len(data) == size
    if given == 'tokenAccountState' or given == {'tokenAccountState': None}:
        return lambda data: len(data) >= tokens.ACCOUNT_BYTES
    compared = given.get('memcmp') if isinstance(given, dict) else None
    if not isinstance(compared, dict) or not isinstance(compared.get('offset'), int):
        raise invalid('a filter is dataSize or memcmp')
    wanted, start = _wanted(compared), compared['offset']
    if start < 0 or len(wanted) > COMPARED_AT_MOST:
        raise RpcError(INVALID_PARAMS, 'Invalid param: encoded binary data is too large')
    return lambda data: data[start : start + len(wanted)] == wanted


def _wanted(compared: Mapping[str, Any]) -> bytes:
    given = compared.get('bytes')
    try:
        if isinstance(given, list):
            return bytes(given)
        if not isinstance(given, str):
            raise invalid('memcmp has offset and bytes')
        if len(given) > COMPARED_TEXT_AT_MOST:
            raise RpcError(INVALID_PARAMS, 'Invalid param: encoded binary data is too large')
        if compared.get('encoding') == 'base64':
            return base64.b64decode(given, validate=True)
        return from_base58(given)
    except (ValueError, TypeError, binascii.Error) as error:
        raise invalid(f'memcmp: {error}') from error


def _token_accounts(call: Call, whose: Callable[[tokens.Holding], Pubkey | None]) -> Any:
    view, config, person = call.view(2), call.config(2), call.pubkey(0)
    only = call.config(1)
    if 'mint' in only:
        wanted: Pubkey | None = pubkey(only['mint'])
        programs = [_mint(view, pubkey(only['mint'])).program]
    elif 'programId' in only:
        wanted, programs = None, [pubkey(only['programId'])]
    else:
        raise invalid('one of mint and programId is expected')
    if programs[0] not in tokens.PROGRAM_NAMES:
        raise RpcError(INVALID_PARAMS, 'Invalid param: unrecognized Token program id')
    found = []
    for key, account in sorted(view.program_accounts(programs[0]).items(), key=_by_key):
        holding = tokens.holding_of(account)
        if holding is None or whose(holding) != person or wanted not in (None, holding.mint):
            continue
        found.append({'pubkey': str(key), 'account': shown(view, account, config, 'binary')})
    return view.answer(found)


def _mint(view: View, key: Pubkey) -> tokens.Mint:
    mint = tokens.mint_of(view.account(key))
    if mint is None:
        raise RpcError(INVALID_PARAMS, 'Invalid param: could not find mint')
    return mint


def _by_key(item: tuple[Pubkey, Account]) -> bytes:
    return bytes(item[0])
