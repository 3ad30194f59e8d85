"""Tokens that anybody can send to anybody: by the token account nobody tells them from a face NFT."""

from mmoment_chain import token_2022 as token
from mmoment_chain.token_accounts import mint_bytes

BYTES = mint_bytes(64, 0)


def worthless(payer, person, mint, lamports):
    """Instructions for one token that stays where it is. Payer and mint sign."""
    return [
        token.create_mint_account(payer, mint, BYTES, lamports),
        token.initialize_group_member_pointer(mint, mint, None),
        token.initialize_non_transferable(mint),
        token.initialize_mint(mint, 0, payer),
        token.create_token_account(payer, person, mint),
        token.mint_to(mint, token.associated_address(person, mint), payer, 1),
        token.set_authority(mint, token.Authority.MINT_TOKENS, payer, None),
    ]
