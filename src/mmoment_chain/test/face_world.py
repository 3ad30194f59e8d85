"""A chain with the token programs and the registry, operators with groups, people with face NFTs.

Templates and envelopes are those of the vault. Every transaction is sent as the camera sends it:
with a compute budget, and signed by exactly those that its step names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from program_world import PLENTY, ProgramWorld, key_of
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.instruction import Instruction
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from vault_vectors import secret

from mmoment_chain import face_nft, token_2022, vault
from mmoment_chain.envelope import Record, new_record_id
from mmoment_chain.face_fields import SealedFace
from mmoment_chain.nft_rules import (
    Account,
    Asked,
    Judgement,
    Rule,
    Trusted,
    first_question,
    judge,
    parse_rule,
    second_questions,
)
from mmoment_chain.program_layout import LayoutError
from mmoment_chain.sealing import public_of
from mmoment_chain.token_accounts import Mint, TokenAccount
from mmoment_chain.wallet import wallet_text
from mmoment_vision.face_template import FaceTemplate

MODEL_ID = 'facenet-vggface2'
UNITS = 200_000
PRICE = 1  # millionths of a lamport: 1 lamport of a transaction in all
FEE = 5000
NOW_S = 1_790_000_000.0


@dataclass
class Sent:
    """A transaction as it went."""

    says: str
    size: int
    units: int
    fee: int
    signers: int


class FaceWorld(ProgramWorld):
    """Everybody has lamports. The operator's group is at `world.key('group')`."""

    anna_mint: bytes
    berta_mint: bytes

    def __init__(self, features: str = 'default') -> None:
        super().__init__(features)
        for name in ('owner', 'anna', 'berta', 'rival'):
            self.chain.airdrop(self.pair(name).pubkey(), PLENTY)
        self.sent: list[Sent] = []
        self._mints = 0

    # --- what is done ---

    def minimum(self, size: int) -> int:
        return self.chain.minimum_balance_for_rent_exemption(size)

    def send(self, payer: str, *instructions: Instruction) -> Any:
        """What the chain says; all signers are people or mints of this world."""
        self.chain.expire_blockhash()
        budget = [set_compute_unit_limit(UNITS), set_compute_unit_price(PRICE)]
        message = MessageV0.try_compile(
            self.pair(payer).pubkey(), [*budget, *instructions], [], self.chain.latest_blockhash()
        )
        asked = message.account_keys[: message.header.num_required_signatures]
        by_key = {key_of(pair): pair for pair in self._pairs.values()}
        transaction = VersionedTransaction(message, [by_key[bytes(key)] for key in asked])
        done = self.chain.send_transaction(transaction)
        if not hasattr(done, 'err'):
            size = len(bytes(transaction))
            self.sent.append(Sent('', size, done.compute_units_consumed(), done.fee(), len(asked)))
        return done

    def run(self, plan: face_nft.NftPlan, payer: str, steps: int | None = None) -> list[Sent]:
        """All of a plan, or its first steps."""
        begin = len(self.sent)
        for step in plan.steps[:steps]:
            done = self.send(payer, *step.instructions)
            assert not hasattr(done, 'err'), (step.says, done.err(), done.meta().logs())
            self.sent[-1].says = step.says
        return self.sent[begin:]

    def new_mint(self) -> bytes:
        self._mints += 1
        return self.key(f'mint {self._mints}')

    def make_group(
        self, operator: str = 'owner', name: str = 'Gym faces', mint: str = 'group'
    ) -> bytes:
        plan = face_nft.create_group(
            self.key(operator), self.key(operator), self.key(mint), name, self.minimum
        )
        self.run(plan, operator)
        return plan.mint

    def mint_plan(
        self, person: str, payer: str = '', *, face: SealedFace | None = None,
        group: str = 'group', operator: str = 'owner',
    ) -> face_nft.NftPlan:  # fmt: skip
        parties = face_nft.Parties(
            self.key(person), self.key(payer or person), self.key(group), self.key(operator)
        )
        face = face or sealed_face(self.key(person))
        return face_nft.mint_face(parties, self.new_mint(), face, self.minimum)

    def mint_face(self, person: str, payer: str = '', **more: Any) -> bytes:
        plan = self.mint_plan(person, payer, **more)
        self.run(plan, payer or person)
        return plan.mint

    def burn_face(self, person: str, mint: bytes, payer: str = '') -> list[Sent]:
        plan = face_nft.burn_face(
            self.key(person), self.key(payer or person), mint, self.mint(mint)
        )
        return self.run(plan, payer or person)

    # --- what is there ---

    def mint(self, address: bytes) -> Mint:
        return Mint.from_bytes(self.data(address))

    def tokens(self, person: str, mint: bytes) -> bytes:
        return token_2022.associated_address(self.key(person), mint)

    # --- the gate, as the node asks ---

    def trusted(self, group: str = 'group', operator: str = 'owner') -> Trusted:
        return Trusted(self.key(group), self.key(operator), self.program, self.camera)

    def judged(
        self, text: str, person: str, *, trusted: Trusted | None = None, now_s: float = NOW_S
    ) -> Judgement:
        rule, trusted = parse_rule(text), trusted or self.trusted()
        asked = Asked(self.key(person), self.key(person), now_s)
        answer = self.answer(rule, asked.wallet)
        judgements = []
        for question in second_questions(rule, trusted, asked, answer):
            accounts = {each: at for each in question.addresses if (at := self.fetched(each))}
            judgements.append(judge(rule, trusted, asked, question.tokens, accounts))
        return max(judgements, key=lambda each: each.nearness)

    def parts(self, person: str = 'anna', text: str = 'face') -> tuple[Any, ...]:
        """What `judge` is given."""
        rule, trusted = parse_rule(text), self.trusted()
        asked = Asked(self.key(person), self.key(person), NOW_S)
        answer = self.answer(rule, asked.wallet)
        (question,) = second_questions(rule, trusted, asked, answer)
        accounts = {each: self.fetched(each) for each in question.addresses}
        return rule, trusted, asked, answer, accounts

    def reason(self, text: str, person: str, **more: Any) -> str:
        return self.judged(text, person, **more).reason.value

    def answer(self, rule: Rule, wallet: bytes) -> list[Account]:
        """Token accounts of a wallet, as the RPC call filters them."""
        question = first_question(rule)
        if question is None:
            return []
        programs = [question.program] if question.program else BOTH_PROGRAMS
        found = []
        for program in programs:
            for address, account in self.chain.get_program_accounts(Pubkey.from_bytes(program)):
                try:
                    tokens = TokenAccount.from_bytes(bytes(account.data))
                except LayoutError:
                    continue
                if tokens.owner == wallet and question.mint in (None, tokens.mint):
                    found.append(Account(bytes(address), program, bytes(account.data)))
        return found

    def fetched(self, address: bytes) -> Account | None:
        account = self.account(address)
        if account is None:
            return None
        return Account(address, bytes(account.owner), bytes(account.data))


BOTH_PROGRAMS = (token_2022.CLASSIC_TOKEN, token_2022.TOKEN_2022)


def shared_world() -> FaceWorld:
    """A chain that tests share: Anna has a face NFT, and Berta one of a rival's group of that name."""
    world = FaceWorld()
    world.register()
    world.make_group()
    world.make_group('rival', 'Gym faces', 'rival group')
    world.anna_mint = world.mint_face('anna')
    world.berta_mint = world.mint_face('berta', group='rival group', operator='rival')
    return world


def owner_private(wallet: bytes) -> bytes:
    """The X25519 key with which a person of this world opens their face."""
    return bytes(byte ^ 0x55 for byte in wallet)


def template_of(wallet: bytes, dimension: int = 512) -> FaceTemplate:
    random = np.random.default_rng(wallet[0])
    return FaceTemplate.quantised(MODEL_ID, random.standard_normal(dimension))


def sealed_face(
    wallet: bytes, dimension: int = 512, *, record_id: str = '', custody: str = 'user'
) -> SealedFace:
    """What a camera seals at enrolment."""
    record = Record(wallet_text(wallet), MODEL_ID, record_id or new_record_id())
    template = template_of(wallet, dimension).to_bytes()
    with secret(owner_private(wallet)) as private:
        envelope = vault.seal(template, public_of(private), record)
    return SealedFace(envelope.to_bytes(), MODEL_ID, record.record_id, custody)
