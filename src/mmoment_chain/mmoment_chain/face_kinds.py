"""What people can have built about face NFTs: see transaction_kinds.py for how kinds work."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from solders.keypair import Keypair

from mmoment_chain import face_nft, rights
from mmoment_chain.errors import Refused
from mmoment_chain.face_fields import SealedFace
from mmoment_chain.nft_rules import SENTENCES, Reason
from mmoment_chain.token_2022 import TOKEN_2022
from mmoment_chain.token_accounts import Mint
from mmoment_chain.transaction_building import Plan, Signer
from mmoment_chain.transaction_kinds import Here, Kind, Row, Wish, require_owner
from mmoment_chain.transaction_packing import Step
from mmoment_chain.wallet import wallet_text

GROUP_NAME = 'Mmoment faces'
GROUP_NAME_BYTES = 64
WORD_BYTES = 128
SLOTS_BELOW = 1 << 64
SIGNED_FOR_GROUP = b'mmoment: key of the first group of face NFTs of this device'


class MintKey:
    """Key of a mint; it signs once, when the mint is made."""

    def __init__(self, seed: bytes | None = None) -> None:
        """seed: 32 bytes; None: a new one."""
        self._pair = Keypair() if seed is None else Keypair.from_seed(seed)
        self.public = bytes(self._pair.pubkey())

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature (64 bytes)."""
        return bytes(self._pair.sign_message(message))


def group_key(device: Signer) -> MintKey:
    """Key of the group that a device makes by itself: always the same, and nobody else's."""
    # A signature of ours is the same each time, and this one is never shown to anybody.
    return MintKey(hashlib.sha256(device.sign(SIGNED_FOR_GROUP)).digest())


async def create_group(wish: Wish, here: Here) -> Row:
    """Make the group that face NFTs of this camera belong to."""
    require_owner(wish)
    name = wish.values.text('name', GROUP_NAME_BYTES, GROUP_NAME)
    wish.values.check_names()
    faces, payer = here.faces, here.payer(wish)
    if faces.group_key is None:
        raise Refused('already_there', 'This camera uses a group that was made elsewhere')
    if await here.reader.any_account(faces.group) is not None:
        raise Refused('already_there', 'This camera has its group already')
    plan = face_nft.create_group(
        faces.group_authority, payer, faces.group, name, await here.reader.rent()
    )
    return _row(plan.steps, payer, (faces.group_key,), (faces.group,))


async def mint_face(wish: Wish, here: Here) -> Row:
    """Put a sealed face on the chain, as an NFT of its person."""
    face, faces, payer = _face(wish, here), here.faces, here.payer(wish)
    wish.values.check_names()
    if faces.group_authority != here.place.device:
        authority = wallet_text(faces.group_authority)
        raise Refused('no_group', f'New faces are admitted by {authority}, not by this camera')
    if await here.reader.any_account(faces.group) is None:
        raise Refused('no_group')
    held = await faces.found(wish.wallet)
    if held.holds and held.mint is not None:
        raise _has_one(held.mint)
    mint = MintKey()
    parties = face_nft.Parties(wish.wallet, payer, faces.group, faces.group_authority)
    plan = face_nft.mint_face(parties, mint.public, face, await here.reader.rent())
    return _row(plan.steps, payer, (mint,), (mint.public,), says=(LINKS, STAYS))


async def update_face(wish: Wish, here: Here) -> Row:
    """Put another sealed face into the NFT."""
    face, payer = _face(wish, here), here.payer(wish)
    address, mint = await _own_mint(wish, here)
    lamports = await here.reader.lamports(address)
    rent = await here.reader.rent()
    plan = face_nft.update_face(wish.wallet, payer, address, mint, lamports, face, rent)
    return _row(plan.steps, payer, says=(STAYS,))


async def burn_face(wish: Wish, here: Here) -> Row:
    """Take the NFT and the face in it off the chain."""
    address, mint = await _own_mint(wish, here)
    payer = here.payer(wish)
    return _row(face_nft.burn_face(wish.wallet, payer, address, mint).steps, payer)


async def check_again(wish: Wish, here: Here, row: Row, number: int) -> None:
    """Look again at what was so when a row was begun, before one of it is built.

    In between a right may have been taken back, and another NFT finished. Refused 'missing_right',
    'already_there'.
    """
    if wish.kind == create_group.__name__:
        require_owner(wish)
    if wish.kind in (mint_face.__name__, update_face.__name__):
        _require_right(wish)
    # With the last one it counts: until then a wallet has no NFT.
    if wish.kind != mint_face.__name__ or number + 1 < len(row.plans):
        return
    held = await here.faces.found(wish.wallet)
    if held.holds and held.mint is not None:
        if held.mint in row.accounts:
            raise Refused('already_there', DONE)
        raise _has_one(held.mint)


DONE = 'This was the last of its row, and it is done'
LINKS = (
    'For good: everybody can see that your wallet has a face NFT of the group of this camera, and '
    'when it was made'
)
STAYS = (
    'For good: what is written stays in the history of the chain, also after you burn it; it is '
    'encrypted, and only your key opens it'
)
FACE_KINDS: dict[str, Kind] = {
    each.__name__: each for each in (create_group, mint_face, update_face, burn_face)
}


def _face(wish: Wish, here: Here) -> SealedFace:
    """The face that is meant: one that was given, or one that the camera keeps."""
    _require_right(wish)
    values = wish.values
    record_id = values.text('record_id', WORD_BYTES, '')
    if not values.has('envelope'):
        return here.faces.kept(wish.wallet, record_id)
    envelope = values.bytes('envelope')
    model_id = values.text('model_id', WORD_BYTES)
    custody = values.text('custody', WORD_BYTES, 'user')
    try:
        return SealedFace(envelope, model_id, record_id, custody)
    except ValueError as error:
        raise Refused('bad_envelope', f'This cannot be put on the chain: {error}') from None


def _require_right(wish: Wish) -> None:
    if wish.stay is not None:
        rights.require(wish.stay.rights, rights.ENROLL)


def _has_one(mint: bytes) -> Refused:
    text = f'You have a face NFT already, {wallet_text(mint)}: update or burn it'
    return Refused('already_there', text)


async def _own_mint(wish: Wish, here: Here) -> tuple[bytes, Mint]:
    """The NFT that is named or, without a name, that the wallet holds. Refused 'not_there'.

    Who has seen it on the chain names the slot as well: a server that lags behind then does not say
    that it is not there.
    """
    address, least_slot = None, 0
    if wish.values.has('mint'):
        address = wish.values.wallet('mint')
        least_slot = wish.values.number('slot', 0, SLOTS_BELOW)
    wish.values.check_names()
    if address is None:
        held = await here.faces.found(wish.wallet)
        if held.mint is None:
            raise Refused('not_there', SENTENCES[Reason.NONE])
        address = held.mint
    account = await here.reader.any_account(address, least_slot)
    if account is None or account.program != TOKEN_2022:
        raise Refused('not_there', 'There is no such NFT')
    return address, Mint.from_bytes(account.data)


def _row(
    steps: Iterable[Step],
    payer: bytes,
    keys: tuple[Signer, ...] = (),
    accounts: tuple[bytes, ...] = (),
    says: tuple[str, ...] = (),
) -> Row:
    """says: what follows from all of it, told with each."""
    plans = [
        Plan(step.instructions, payer, (step.says, *says), step.rent_lamports, keys)
        for step in steps
    ]
    return Row(plans, accounts)
