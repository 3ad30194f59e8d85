import pytest
from solders.account import Account
from solders.pubkey import Pubkey

from mmoment_chain.devchain_tokens import PROGRAM_NAMES, amount_json, holding_of, mint_of, parsed

TOKEN, TOKEN_2022 = PROGRAM_NAMES
MINT, OWNER = Pubkey.from_bytes(b'm' * 32), Pubkey.from_bytes(b'o' * 32)
HOLDING = bytes(MINT) + bytes(OWNER) + (7).to_bytes(8, 'little') + bytes(36) + b'\2' + bytes(56)
A_MINT = b'\1\0\0\0' + bytes(OWNER) + (9).to_bytes(8, 'little') + b'\3\1' + bytes(36)


@pytest.mark.parametrize(
    ('amount', 'decimals', 'shown'),
    [
        (0, 0, '0'), (1, 0, '1'), (100, 0, '100'), (0, 9, '0'), (1, 9, '0.000000001'),
        (1050, 2, '10.5'), (1000, 2, '10'), (2**64 - 1, 6, '18446744073709.551615'),
    ],
)  # fmt: skip
def test_amounts_are_shown_as_people_write_them(amount, decimals, shown):
    told = amount_json(amount, decimals)
    assert told['uiAmountString'] == shown
    assert told['amount'] == str(amount)
    assert told['uiAmount'] == pytest.approx(float(shown))


@pytest.mark.parametrize('program', PROGRAM_NAMES)
def test_holding_is_read(program):
    holding = holding_of(Account(1, HOLDING, program))
    assert (holding.mint, holding.owner, holding.amount) == (MINT, OWNER, 7)
    assert (holding.state, holding.delegate, holding.native_reserve) == ('frozen', None, None)


def test_kind_of_an_account_with_extensions_is_told_by_the_byte_behind():
    long_mint = A_MINT + bytes(83) + b'\1' + bytes(20)
    long_holding = HOLDING + b'\2' + bytes(20)
    assert mint_of(Account(1, long_mint, TOKEN_2022)).supply == 9
    assert holding_of(Account(1, long_mint, TOKEN_2022)) is None
    assert holding_of(Account(1, long_holding, TOKEN_2022)).amount == 7
    assert mint_of(Account(1, long_holding, TOKEN_2022)) is None


def test_other_accounts_are_no_tokens():
    stranger = Pubkey.new_unique()
    for account in (None, Account(1, HOLDING, stranger), Account(1, bytes(10), TOKEN)):
        assert holding_of(account) is None
        assert mint_of(account) is None
    # Not made ready yet.
    assert holding_of(Account(1, bytes(165), TOKEN)) is None


def test_parsed_holding_needs_its_mint():
    holding, mint = Account(1, HOLDING, TOKEN), Account(1, A_MINT, TOKEN)
    told = parsed(holding, lambda key: mint if key == MINT else None)
    assert told['program'] == 'spl-token'
    assert told['parsed']['info']['tokenAmount']['uiAmountString'] == '0.007'
    assert parsed(holding, lambda key: None) is None
    assert parsed(mint, lambda key: None)['parsed']['info']['mintAuthority'] == str(OWNER)
