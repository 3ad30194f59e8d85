"""Face NFTs with one thing that is not as it must be, and what may happen to them: instructions only."""

from face_world import sealed_face
from solders.pubkey import Pubkey
from spl.token import instructions as library
from spl.token import models

from mmoment_chain import token_2022 as token
from mmoment_chain.face_fields import FACE, HEADER, content_of, header_of
from mmoment_chain.token_accounts import mint_bytes

PROGRAM = Pubkey.from_bytes(token.TOKEN_2022)


def look_alike(
    mint, holder, lamports, *, group, authority, is_transferable=False, freezes=None, decimals=0,
    amount=1, also_to=None, keeps_minting=False, delegate=None, writer=None, has_face=True,
):  # fmt: skip
    """Transactions, one after the other. The holder pays; mint, holder and authority sign.

    As it stands here it is a genuine one: each option makes another thing wrong.
    """
    extensions = [64, 32, 64, *([] if is_transferable else [0])]
    made = [
        token.create_mint_account(holder, mint, mint_bytes(*extensions), lamports),
        token.initialize_metadata_pointer(mint, mint, None),
        token.initialize_permanent_delegate(mint, delegate or holder),
        token.initialize_group_member_pointer(mint, mint, None),
        *([] if is_transferable else [token.initialize_non_transferable(mint)]),
        token.initialize_mint(mint, decimals, holder, freezes),
        token.initialize_metadata(
            mint, writer or holder, holder, name='Mmoment face', symbol='FACE', uri=''
        ),
    ]
    admitted = [
        token.initialize_member(mint, holder, group, authority),
        token.create_token_account(holder, holder, mint),
        token.mint_to(mint, token.associated_address(holder, mint), holder, amount),
    ]
    if also_to:
        admitted += [
            token.create_token_account(holder, also_to, mint),
            token.mint_to(mint, token.associated_address(also_to, mint), holder, 1),
        ]
    if not keeps_minting:
        admitted.append(token.set_authority(mint, token.Authority.MINT_TOKENS, holder, None))
    face = sealed_face(holder, 128)
    written = [
        token.update_field(mint, holder, FACE, content_of(face)),
        token.update_field(mint, holder, HEADER, header_of(face)),
    ]
    return [made, admitted, *([written] if has_face else [])]


def hand_on(mint, giver, taker):
    """Instructions for one token to go from hand to hand. The giver signs."""
    keys = {
        'source': token.associated_address(giver, mint), 'mint': mint,
        'dest': token.associated_address(taker, mint), 'owner': giver,
    }  # fmt: skip
    params = models.TransferCheckedParams(program_id=PROGRAM, amount=1, decimals=0, **_keys(keys))
    return [token.create_token_account(giver, taker, mint), library.transfer_checked(params)]


def freeze(mint, holder, authority):
    """The token can be neither burnt nor handed on. The authority signs."""
    return library.freeze_account(models.FreezeAccountParams(**_frozen(mint, holder, authority)))


def thaw(mint, holder, authority):
    """The end of that."""
    return library.thaw_account(models.ThawAccountParams(**_frozen(mint, holder, authority)))


def _frozen(mint, holder, authority):
    account = token.associated_address(holder, mint)
    keys = {'account': account, 'mint': mint, 'authority': authority}
    return {'program_id': PROGRAM, **_keys(keys)}


def _keys(keys):
    return {name: Pubkey.from_bytes(key) for name, key in keys.items()}
