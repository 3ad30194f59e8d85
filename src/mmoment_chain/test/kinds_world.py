"""A camera on a chain in this process, where what people want to sign is built, signed and run."""

import asyncio

from face_world import FaceWorld, sealed_face
from solders.compute_budget import set_compute_unit_limit
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from mmoment_chain.errors import Refused
from mmoment_chain.face_kinds import group_key
from mmoment_chain.nft_rules import Judgement, Trusted
from mmoment_chain.outbox_sending import AccountAt, ChainPlace
from mmoment_chain.program_layout import Mode
from mmoment_chain.rpc_errors import NodeBehind
from mmoment_chain.transaction_desk import KINDS
from mmoment_chain.transaction_kinds import FacePlace, Here, Stay, Wish
from mmoment_chain.transaction_values import Values

NOW_S = 1_790_000_000
SLOT = 1
EVERYTHING = frozenset({'view', 'record', 'enroll'})


class Key:
    """A key of that world as the device has its own."""

    def __init__(self, pair):
        self._pair = pair
        self.public = bytes(pair.pubkey())

    def sign(self, message):
        return bytes(self._pair.sign_message(message))


class Reader:
    """The chain of a world, as kinds ask it."""

    def __init__(self, world):
        self._world = world

    async def account(self, address):
        found = self._world.account(address)
        if found is None or bytes(found.owner) != self._world.program:
            return AccountAt(None, 0, SLOT)
        return AccountAt(bytes(found.data), found.lamports, SLOT)

    async def any_account(self, address, least_slot=0):
        found = self._world.fetched(address)
        if found is None and least_slot > SLOT:
            raise NodeBehind('This server lags behind')
        return found

    async def lamports(self, address):
        return self._world.balance(address)

    async def rent(self):
        return self._world.minimum


class KindsWorld(FaceWorld):
    """`perform` builds a row and has the chain do all of it."""

    def __init__(self, mode=Mode.PRIVATE, device_pays_for=()):
        super().__init__()
        self.at(NOW_S)
        self.chain.airdrop(self.pair('device').pubkey(), 10**12)
        self.own_group = group_key(Key(self.pair('device')))
        self.kept_faces = {}
        self.here = Here(
            place=ChainPlace(self.program, self.camera, self.device),
            mode=mode,
            reader=Reader(self),
            blinded=lambda wallet: bytes(byte ^ 0xFF for byte in wallet),
            utc_s=lambda: NOW_S,
            faces=FacePlace(
                self.own_group.public, self.device, self.own_group, self._kept, self._found
            ),
            device_pays_for=frozenset(device_pays_for),
        )

    # --- what is wanted ---

    def built(self, kind, person, stay=None, **values):
        wish = Wish(kind, self.key(person), Values(values), stay)
        return asyncio.run(KINDS[kind](wish, self.here))

    def refused(self, kind, person, stay=None, **values):
        try:
            self.built(kind, person, stay, **values)
        except Refused as refusal:
            return refusal.code
        raise AssertionError('it was not refused')

    def perform(self, kind, person, stay=None, **values):
        row = self.built(kind, person, stay, **values)
        for plan in row.plans:
            done = self.sent_plan(plan, person)
            assert not hasattr(done, 'err'), (plan.sentences, done.err(), done.meta().logs())
        return row

    def sent_plan(self, plan, person):
        """Signed by the device, by keys made for it, and by that wallet; by nobody else."""
        self.chain.expire_blockhash()
        payer = Pubkey.from_bytes(plan.payer)
        message = MessageV0.try_compile(
            payer,
            [set_compute_unit_limit(400_000), *plan.instructions],
            [],
            self.chain.latest_blockhash(),
        )
        keys = (Key(self.pair('device')), Key(self.pair(person)), *plan.others)
        by_key = {key.public: key for key in keys}
        asked = message.account_keys[: message.header.num_required_signatures]
        raw = bytes(to_bytes_versioned(message))
        signatures = [Signature.from_bytes(by_key[bytes(key)].sign(raw)) for key in asked]
        return self.chain.send_transaction(VersionedTransaction.populate(message, signatures))

    def stay(self, person, rights=EVERYTHING):
        return Stay('s1', self.key(person), frozenset(rights), NOW_S - 5, NOW_S + 3600)

    def keep_face(self, person, record_id=''):
        face = sealed_face(self.key(person), record_id=record_id)
        self.kept_faces[self.key(person)] = face
        return face

    def _kept(self, wallet, record_id):
        if wallet not in self.kept_faces:
            raise Refused('no_template')
        return self.kept_faces[wallet]

    async def _found(self, wallet) -> Judgement:
        names = {self.key(name): name for name in ('anna', 'berta', 'owner')}
        return self.judged('face', names[wallet], trusted=self._own_trusted())

    def _own_trusted(self):
        return Trusted(self.own_group.public, self.device, self.program, self.camera)
