"""What has to be signed to make a face NFT, to change it and to get rid of it.

A face NFT is a mint of Token-2022 with one token, which cannot be transferred. Its person holds the
token, may change the metadata with the sealed face, may burn it and close the mint, and nobody else
may; nobody at all can mint a second token or freeze it. It is a member of the group of the cameras
that made it, which the authority of that group has to sign: that is what makes it genuine.

Each plan is a row of transactions. The last one decides: until a mint was made a member, together
with its one token, it is no face NFT, and until the header of a new face was written, the old one
is gone and the new one not there. Keys are 32 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from solders.instruction import Instruction

from mmoment_chain import token_2022 as token
from mmoment_chain import token_accounts
from mmoment_chain.errors import Refused
from mmoment_chain.face_fields import (
    FACE,
    HEADER,
    PAID_BY,
    SealedFace,
    content_of,
    face_in,
    header_of,
    names_of_face,
    paid_by,
    piece_name,
)
from mmoment_chain.token_accounts import Metadata, Mint, metadata_bytes, mint_bytes
from mmoment_chain.transaction_packing import Packer, Step
from mmoment_chain.wallet import wallet_text

Minimum = Callable[[int], int]
"""Lamports that an account of so many bytes has to have. The chain says it: it is about to change."""

NAME, SYMBOL, URI = 'Mmoment face', 'FACE', ''
GROUP_SYMBOL = 'FACES'
KEY_BYTES = len(token.NOBODY)
POINTER_BYTES = token_accounts.POINTER.size
# Of what every extension of the mint has; none where the extension has no content.
FACE_MINT = (POINTER_BYTES, 0, KEY_BYTES, POINTER_BYTES, KEY_BYTES)
GROUP_MINT = (POINTER_BYTES, POINTER_BYTES, KEY_BYTES)
# An account of a token that stays where it is: owner fixed, transfers refused; both without content.
TOKEN_ACCOUNT_BYTES = token_accounts.EXTENDED_BYTES + 2 * token_accounts.EXTENSION.size


@dataclass(frozen=True, slots=True)
class Parties:
    """Whom a new face NFT concerns. Payer and group authority may be the same key."""

    person: bytes  # whose face it is
    payer: bytes  # of fees and rent
    group: bytes  # mint of the group
    group_authority: bytes


@dataclass(frozen=True, slots=True)
class NftPlan:
    """Transactions to be sent one after the other, each once the one before is confirmed."""

    mint: bytes
    steps: tuple[Step, ...]

    @property
    def rent_lamports(self) -> int:
        """What the payer leaves in the accounts, until they are closed."""
        return sum(step.rent_lamports for step in self.steps)


def create_group(
    authority: bytes, payer: bytes, mint: bytes, name: str, minimum: Minimum
) -> NftPlan:
    """The group of an operator's cameras. authority: admits members. Also signed by the new mint."""
    metadata = metadata_bytes(name, GROUP_SYMBOL, URI, {})
    lamports = minimum(mint_bytes(*GROUP_MINT, metadata, token_accounts.GROUP.size))
    instructions = (
        token.create_mint_account(payer, mint, mint_bytes(*GROUP_MINT), lamports),
        token.initialize_metadata_pointer(mint, mint, None),
        token.initialize_group_pointer(mint, mint, None),
        token.initialize_mint_close_authority(mint, authority),
        token.initialize_mint(mint, 0, authority),
        token.initialize_metadata(
            mint, authority, authority, name=name, symbol=GROUP_SYMBOL, uri=URI
        ),
        token.initialize_group(mint, authority, authority),
        # A group is no token.
        token.set_authority(mint, token.Authority.MINT_TOKENS, authority, None),
    )
    packer = Packer(payer)
    packer.add(*instructions)
    says = f'Make the group of face NFTs {name!r}'
    return NftPlan(mint, (Step(says, tuple(packer.filled[0]), lamports),))


def close_group(authority: bytes, mint: bytes, refund_to: bytes) -> NftPlan:
    """Take a group off the chain: none of its members is genuine any more."""
    says = (
        'Close the group of face NFTs: none of them is genuine any more; its rent goes to '
        f'{wallet_text(refund_to)}'
    )
    return NftPlan(mint, (Step(says, (token.close_account(mint, refund_to, authority),)),))


def mint_face(parties: Parties, mint: bytes, face: SealedFace, minimum: Minimum) -> NftPlan:
    """A face NFT in the wallet of its person.

    The key of the new mint signs the first step and the last, and has no power afterwards. Until
    then it is the camera's to keep: who has it could mint a second token, to somebody else. The
    authority of the group signs the last step only: what it admits is there to be read.
    """
    payer, person = parties.payer, parties.person
    paid = {PAID_BY: wallet_text(payer)} if payer != person else {}

    def packed(lamports: int) -> _Written:
        before = _new_mint(parties, mint, lamports)
        before += [token.update_field(mint, person, *each) for each in paid.items()]
        return _written(_Page(payer, person, mint), face, [before], _admission(parties, mint))

    # The amount does not change how long an instruction is.
    fields = paid | packed(0).fields
    lamports = minimum(_face_mint_bytes(NAME, SYMBOL, URI, fields))
    return NftPlan(
        mint,
        packed(lamports).steps(
            'Make the mint of a face NFT and begin to write the sealed face',
            'Write more of the sealed face',
            'Join the group of the cameras and put the NFT into your wallet: from then on it counts',
            rents=(lamports, minimum(TOKEN_ACCOUNT_BYTES)),
        ),
    )


def update_face(
    person: bytes, payer: bytes, address: bytes, mint: Mint, lamports: int,
    face: SealedFace, minimum: Minimum,
) -> NftPlan:  # fmt: skip
    """Another face in the NFT at `address`, which has `lamports` now.

    Refused 'not_owner' if it is not the person's to change.
    """
    metadata = _own_metadata(person, mint)
    old = [*names_of_face(metadata.fields), *([HEADER] if HEADER in metadata.fields else [])]
    kept = {name: value for name, value in metadata.fields.items() if name not in old}

    def packed(missing: int) -> _Written:
        # What was there goes first: no moment needs more room than the old or the new face.
        before = [[token.send_lamports(payer, address, missing)]] if missing else []
        before += [[token.remove_field(address, person, name)] for name in old]
        return _written(_Page(payer, person, address), face, before, [])

    # With and without a transfer there may be another number of pieces.
    sizes = [
        _face_mint_bytes(metadata.name, metadata.symbol, metadata.uri, kept | packed(some).fields)
        for some in (0, 1)
    ]
    missing = max(0, minimum(max(sizes)) - lamports)
    return NftPlan(
        address,
        packed(missing).steps(
            'Replace the sealed face in your NFT',
            'Write more of the sealed face',
            'Finish the face in your NFT',
            rents=(missing, 0),
        ),
    )


def burn_face(
    person: bytes, payer: bytes, address: bytes, mint: Mint, refund_to: bytes | None = None
) -> NftPlan:
    """Burn the NFT at `address` and close its accounts, in one transaction that the person signs.

    All lamports go to `refund_to`: if nobody is named, to who paid for the NFT by its own word.
    Also for a mint that was never finished. Refused 'not_owner' if it is not the person's.
    """
    metadata = _own_metadata(person, mint)
    to = refund_to or paid_by(metadata, person)
    account = token.associated_address(person, address)
    instructions = [token.close_account(address, to, person)]
    if mint.supply:
        instructions[:0] = [
            token.burn(account, address, person, mint.supply),
            token.close_account(account, to, person),
        ]
    says = f'Burn your face NFT, with the sealed face in it; its rent goes to {wallet_text(to)}'
    packer = Packer(payer)
    packer.add(*instructions)
    return NftPlan(address, (Step(says, tuple(packer.filled[0])),))


def face_of(data: bytes) -> SealedFace:
    """The sealed face in the account of a mint. Raises LayoutError; Refused 'none', 'damaged'."""
    metadata = Mint.from_bytes(data).metadata()
    return face_in(metadata.fields if metadata else {})


@dataclass(frozen=True, slots=True)
class _Page:
    """Where a face is written."""

    payer: bytes
    person: bytes
    mint: bytes

    def field(self, name: str, value: str) -> Instruction:
        return token.update_field(self.mint, self.person, name, value)


@dataclass(frozen=True, slots=True)
class _Written:
    """Transactions, and the fields of the metadata that they write."""

    filled: list[list[Instruction]]
    fields: dict[str, str]

    def steps(
        self, first: str, more: str, last: str, *, rents: tuple[int, int]
    ) -> tuple[Step, ...]:
        """rents: of the first and the last transaction."""
        number = len(self.filled)
        says = [first, *([more] * (number - 2)), last][:number]
        locked = [0] * number
        locked[0] += rents[0]
        locked[-1] += rents[1]
        return tuple(map(Step, says, map(tuple, self.filled), locked))


def _written(
    page: _Page,
    face: SealedFace,
    before: Sequence[Sequence[Instruction]],
    after: Sequence[Instruction],
) -> _Written:
    """The face between other instructions: in one field, or in pieces if that saves transactions."""
    ways = []
    if len(content_of(face)) <= Packer(page.payer).room(partial(page.field, FACE)):
        ways.append(_in_one)
    ways.append(_in_pieces)
    made = []
    for write in ways:
        packer = Packer(page.payer)
        for together in before:
            packer.add(*together)
        fields = write(packer, page, content_of(face))
        packer.add(page.field(HEADER, header_of(face)), *after)
        made.append(_Written(packer.filled, {**fields, HEADER: header_of(face)}))
    return min(made, key=lambda written: len(written.filled))


def _in_one(packer: Packer, page: _Page, content: str) -> dict[str, str]:
    packer.add(page.field(FACE, content))
    return {FACE: content}


def _in_pieces(packer: Packer, page: _Page, content: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    while content:
        name = piece_name(len(fields))
        room = packer.room(partial(page.field, name))
        if not room:
            packer.next()
            continue
        fields[name], content = content[:room], content[room:]
        packer.add(page.field(name, fields[name]))
    return fields


def _new_mint(parties: Parties, mint: bytes, lamports: int) -> list[Instruction]:
    person = parties.person
    return [
        token.create_mint_account(parties.payer, mint, mint_bytes(*FACE_MINT), lamports),
        token.initialize_metadata_pointer(mint, mint, None),
        token.initialize_non_transferable(mint),
        token.initialize_permanent_delegate(mint, person),
        token.initialize_group_member_pointer(mint, mint, None),
        token.initialize_mint_close_authority(mint, person),
        # Nobody can freeze it: a face is its owner's.
        token.initialize_mint(mint, 0, mint),
        token.initialize_metadata(mint, person, mint, name=NAME, symbol=SYMBOL, uri=URI),
    ]


def _admission(parties: Parties, mint: bytes) -> list[Instruction]:
    # Together: there is no moment at which a member could be minted to somebody else.
    person = parties.person
    account = token.associated_address(person, mint)
    return [
        token.initialize_member(mint, mint, parties.group, parties.group_authority),
        token.create_token_account(parties.payer, person, mint),
        token.mint_to(mint, account, mint, 1),
        token.set_authority(mint, token.Authority.MINT_TOKENS, mint, None),
    ]


def _face_mint_bytes(name: str, symbol: str, uri: str, fields: Mapping[str, str]) -> int:
    metadata = metadata_bytes(name, symbol, uri, fields)
    return mint_bytes(*FACE_MINT, metadata, token_accounts.MEMBER.size)


def _own_metadata(person: bytes, mint: Mint) -> Metadata:
    metadata = mint.metadata()
    if metadata is None or not metadata.authority == mint.close_authority == person:
        raise Refused('not_owner', 'This NFT is not a face of yours')
    return metadata
