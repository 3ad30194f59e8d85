"""What people can have built to sign it in their wallet: each kind, from values to instructions.

A kind is a function of a wish and of where it is asked; it looks at the chain for what it has to
know, and at nothing else. It answers with a row of plans: one transaction each, to be signed and
sent one after the other. Face NFTs are in face_kinds.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from solders.instruction import Instruction

from mmoment_chain import program_instructions as make
from mmoment_chain import rights
from mmoment_chain.errors import Refused
from mmoment_chain.face_fields import SealedFace
from mmoment_chain.nft_rules import Account, Judgement
from mmoment_chain.outbox_sending import AccountAt, ChainPlace
from mmoment_chain.program_addresses import grant_address, session_address
from mmoment_chain.program_instructions import Description
from mmoment_chain.program_layout import (
    ADDRESS_BYTES,
    CAMERA,
    GRANT,
    MODEL_BYTES,
    NAME_BYTES,
    SESSION,
    Camera,
    ChainSession,
    Grant,
    Mode,
    rights_bits,
)
from mmoment_chain.transaction_building import Plan, Signer
from mmoment_chain.transaction_values import FEATURES_BELOW, Values
from mmoment_chain.wallet import wallet_text

LINKED = (
    'Each visit names the grant it needs, so everybody can see which visits were of the same person, '
    'though not of whom'
)
MODES = {mode.name.lower(): mode for mode in Mode}


class ChainReader(Protocol):
    """What is asked of the chain. Every question may raise RpcError."""

    async def account(self, address: bytes) -> AccountAt:
        """An account of the camera registry."""

    async def any_account(self, address: bytes, least_slot: int = 0) -> Account | None:
        """An account of whatever program; none only by who knows the chain up to that slot."""

    async def lamports(self, address: bytes) -> int:
        """What is there."""

    async def rent(self) -> Callable[[int], int]:
        """Lamports that an account has to hold, by its bytes."""


@dataclass(frozen=True, slots=True)
class Stay:
    """The session of whoever wants something."""

    id: str
    wallet: bytes
    rights: frozenset[str]
    created_s: int
    expires_s: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to sign."""

    kind: str
    wallet: bytes  # who signs
    values: Values
    stay: Stay | None = None  # None: the owner of the camera asks


@dataclass(frozen=True, slots=True)
class FacePlace:
    """What the camera has to do with face NFTs."""

    group: bytes  # mint of the group they belong to
    group_authority: bytes  # admits members: this device, or one of the same operator
    group_key: Signer | None  # makes the group; None: it is made elsewhere
    kept: Callable[
        [bytes, str], SealedFace
    ]  # template of a wallet, of that record id or the newest
    found: Callable[[bytes], Awaitable[Judgement]]  # face NFT of a wallet


@dataclass(frozen=True, slots=True)
class Here:
    """The camera where it is wanted."""

    place: ChainPlace
    mode: Mode  # for a registration
    reader: ChainReader
    blinded: Callable[[bytes], bytes]  # subject of a grant in private mode, by wallet
    utc_s: Callable[[], int]
    faces: FacePlace
    device_pays_for: frozenset[str] = frozenset()

    def payer(self, wish: Wish) -> bytes:
        """Who pays fee and rent."""
        return self.place.device if wish.kind in self.device_pays_for else wish.wallet


@dataclass(frozen=True, slots=True)
class Row:
    """Transactions that are sent one after the other, each once the one before is confirmed."""

    plans: Sequence[Plan]
    accounts: tuple[bytes, ...] = field(default=())  # that are made by it
    about: bytes | None = None  # wallet whose rights it changes


Kind = Callable[[Wish, Here], Awaitable[Row]]


async def registered_camera(here: Here) -> Camera:
    """The camera's account. Refused 'not_registered'; RpcError."""
    found = await here.reader.account(here.place.camera)
    if found.data is None:
        raise Refused('not_registered')
    return Camera.from_bytes(found.data)


async def own_camera(wish: Wish, here: Here) -> Camera:
    """The same, for the wallet that owns it. Refused 'not_owner'."""
    camera = await registered_camera(here)
    if camera.owner != wish.wallet:
        owner = wallet_text(camera.owner)
        raise Refused('not_owner', f'On the chain this camera belongs to {owner}, who has to sign')
    return camera


def require_owner(wish: Wish) -> None:
    """Refused 'missing_right' for whoever is neither the owner nor has their rights."""
    if wish.stay is not None and rights.ADMIN not in wish.stay.rights:
        raise Refused('missing_right', 'Only the owner of this camera may do this')


async def register_camera(wish: Wish, here: Here) -> Row:
    """Put the camera on the chain; whoever signs is its owner."""
    require_owner(wish)
    values = wish.values
    about = Description(
        _name(values, None),
        values.text('model', MODEL_BYTES, ''),
        values.text('address', ADDRESS_BYTES, ''),
        values.number('features', 0, FEATURES_BELOW),
        values.flag('closed_list', False),
    )
    mode = MODES[values.choice('mode', tuple(MODES), here.mode.name.lower())]
    values.check_names()
    if (await here.reader.account(here.place.camera)).data is not None:
        raise Refused('already_there', 'This camera is registered already')
    payer, device = here.payer(wish), here.place.device
    made = make.register_camera(
        here.place.program, device=device, owner=wish.wallet, payer=payer, mode=mode, about=about
    )
    says = [f'Register this camera as {about.name!r}, with you as its owner']
    if mode is Mode.PUBLIC:
        says.append('For good: the chain will show the wallet of everybody who checks in here')
    else:
        says.append('For good: the chain shows how many people check in and when, but not who')
        if about.has_closed_list:
            says.append(LINKED)
    says.append('All that the camera has logged so far is told as well: kinds and times of events')
    rent = (await here.reader.rent())(CAMERA.size)
    return Row([Plan([made], payer, tuple(says), rent)], (here.place.camera,))


async def update_camera(wish: Wish, here: Here) -> Row:
    """Say something else of the camera."""
    require_owner(wish)
    camera, values = await own_camera(wish, here), wish.values
    about = Description(
        _name(values, camera.name),
        values.text('model', MODEL_BYTES, camera.model),
        values.text('address', ADDRESS_BYTES, camera.address),
        values.number('features', camera.features, FEATURES_BELOW),
        values.flag('closed_list', camera.has_closed_list),
    )
    values.check_names()
    made = make.update_camera(here.place.program, here.place.camera, wish.wallet, about)
    says = [f'Describe this camera as {about.name!r}']
    if about.has_closed_list and not camera.has_closed_list:
        says.append(
            'The chain then takes only visits of people to whom you have granted something; whom '
            'the camera itself lets in is set at the camera'
        )
        if camera.mode is Mode.PRIVATE:
            says.append(LINKED)
    return _one(made, here.payer(wish), *says)


async def set_active(wish: Wish, here: Here) -> Row:
    """Take check-ins, or no more of them."""
    require_owner(wish)
    is_active = wish.values.flag('active')
    wish.values.check_names()
    await own_camera(wish, here)
    made = make.set_active(here.place.program, here.place.camera, wish.wallet, is_active)
    says = (
        'Have the chain take visits to this camera'
        if is_active
        else 'Have the chain take no more visits to this camera; people can still check in at the '
        'camera itself, and of those visits the chain is never told. Visits there that the camera '
        'does not know of are ended'
    )
    return _one(made, here.payer(wish), says)


async def rotate_device(wish: Wish, here: Here) -> Row:
    """Have the key that the device has now sign for the camera."""
    require_owner(wish)
    wish.values.check_names()
    camera = await own_camera(wish, here)
    place = here.place
    if camera.device == place.device:
        raise Refused('already_there', 'The chain knows the key of this device already')
    made = make.rotate_device(place.program, place.camera, wish.wallet, place.device)
    says = f'Let the key {wallet_text(place.device)} sign for this camera, and the old one no more'
    return _one(made, here.payer(wish), says)


async def close_camera(wish: Wish, here: Here) -> Row:
    """Take the camera off the chain."""
    require_owner(wish)
    wish.values.check_names()
    camera = await own_camera(wish, here)
    made = make.close_camera(here.place.program, here.place.camera, wish.wallet, camera.payer)
    says = f'Take this camera off the chain; its rent goes to {wallet_text(camera.payer)}'
    return _one(made, here.payer(wish), says)


async def grant(wish: Wish, here: Here) -> Row:
    """Grant somebody rights at this camera, on the chain."""
    require_owner(wish)
    values = wish.values
    person, words, lasts_s = values.wallet('for'), values.rights('rights'), values.seconds('hours')
    values.check_names()
    camera = await own_camera(wish, here)
    subject = grant_subject(camera, here, person)
    place, payer = here.place, here.payer(wish)
    ends_s = here.utc_s() + lasts_s if lasts_s else 0
    bits = rights_bits(words)
    made = make.grant(
        place.program, place.camera, wish.wallet, payer, subject=subject, rights=bits,
        expires_s=ends_s,
    )  # fmt: skip
    there = await here.reader.account(grant_address(place.program, place.camera, subject))
    rent = 0 if there.data is not None else (await here.reader.rent())(GRANT.size)
    until = f'for {lasts_s / 3600:g} hours' if lasts_s else 'until you take it back'
    what = ', '.join(rights.in_order(words))
    says = [f'Grant {wallet_text(person)} at this camera: {what}, {until}']
    if camera.mode is Mode.PRIVATE and camera.has_closed_list:
        says.append(LINKED)
    return Row([Plan([made], payer, tuple(says), rent)], about=person)


async def revoke(wish: Wish, here: Here) -> Row:
    """Take a grant back."""
    require_owner(wish)
    person = wish.values.wallet('for')
    wish.values.check_names()
    subject = grant_subject(await own_camera(wish, here), here, person)
    place = here.place
    there = await here.reader.account(grant_address(place.program, place.camera, subject))
    if there.data is None:
        raise Refused('not_there', 'This wallet has no grant at this camera')
    paid_by = Grant.from_bytes(there.data).payer
    made = make.revoke(place.program, place.camera, wish.wallet, subject=subject, paid_by=paid_by)
    says = f'Take back all that was granted to {wallet_text(person)} at this camera'
    return Row([Plan([made], here.payer(wish), (says,))], about=person)


async def check_in(wish: Wish, here: Here) -> Row:
    """Tell the chain of a visit, by whoever visits; in public mode only."""
    wish.values.check_names()
    stay = wish.stay
    if stay is None:
        raise Refused('no_session', 'A check-in on the chain is of a session')
    camera = await registered_camera(here)
    if camera.mode is not Mode.PUBLIC:
        raise Refused('wrong_mode', 'This camera is private: it tells of visits itself, nameless')
    place, payer, subject = here.place, here.payer(wish), wish.wallet
    there = await here.reader.account(session_address(place.program, place.camera, subject))
    number = 1
    if there.data is not None:
        last = ChainSession.from_bytes(there.data)
        if last.is_present:
            raise Refused('already_there', 'The chain knows already that you are here')
        number = last.visit + 1
    visit = make.Visit(subject, number, stay.created_s, max(stay.expires_s, stay.created_s + 1))
    granted = subject if camera.has_closed_list else None
    made = make.check_in(
        place.program, place.camera, place.device, payer, visit,
        person=wish.wallet, granted_to=granted,
    )  # fmt: skip
    rent = 0 if there.data is not None else (await here.reader.rent())(SESSION.size)
    says = f'Check in at {camera.name!r}: everybody will see that you were here, and when'
    return Row([Plan([made], payer, (says,), rent)])


def grant_subject(camera: Camera, here: Here, wallet: bytes) -> bytes:
    """What the chain knows a grantee by."""
    return here.blinded(wallet) if camera.mode is Mode.PRIVATE else wallet


CAMERA_KINDS: dict[str, Kind] = {
    each.__name__: each
    for each in (
        register_camera,
        update_camera,
        set_active,
        rotate_device,
        close_camera,
        grant,
        revoke,
        check_in,
    )
}


def _name(values: Values, default: str | None) -> str:
    name = values.text('name', NAME_BYTES, default)
    if not name.strip():
        raise Refused('bad_value', 'A camera has a name')
    return name


def _one(instruction: Instruction, payer: bytes, *says: str) -> Row:
    return Row([Plan([instruction], payer, says)])
