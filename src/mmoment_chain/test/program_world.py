"""A chain in this process with the camera registry on it, and people who use it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from bpf_objects import EXIT, Made, give
from solders.account import Account
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.litesvm import FeatureSet, LiteSVM
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import Transaction

from mmoment_chain import program_layout
from mmoment_chain.program_addresses import (
    camera_address,
    face_address,
    grant_address,
    session_address,
)
from mmoment_chain.program_build import PROGRAM_ID, program
from mmoment_chain.program_instructions import Description, register_camera
from mmoment_chain.program_layout import Mode
from mmoment_chain.sbpf_linker import link

FEATURES = ('default', 'mainnet', 'pending')
NOW_S = 1_790_000_000
# LiteSVM fails every call that has accounts where this gate is on, those of its own programs too.
NOT_FOR_LITESVM = '7VgiehxN'
PLENTY = 10**11
PEOPLE = ('device', 'owner', 'payer', 'person', 'stranger', 'next_device', 'subject')


def new_chain(features: str = 'default') -> LiteSVM:
    """A chain with these gates: LiteSVM's own choice, those of the main network, or all pending ones."""
    if features == 'default':
        chain = LiteSVM()
    else:
        chain = (
            LiteSVM.default()
            .with_feature_set(_mainnet() if features == 'mainnet' else _pending())
            .with_builtins()
            .with_lamports(10**15)
            .with_sysvars()
            .with_feature_accounts()
            .with_default_programs()
            .with_sigverify(True)
            .with_blockhash_check(True)
        )
    clock = chain.get_clock()
    clock.unix_timestamp = NOW_S
    chain.set_clock(clock)
    return chain


def _mainnet() -> FeatureSet:
    return LiteSVM.mainnet_feature_set()


def _pending() -> FeatureSet:
    features = FeatureSet.all_enabled()
    (left_out,) = (each for each in features.active if str(each).startswith(NOT_FOR_LITESVM))
    features.deactivate(left_out)
    return features


def sent(
    chain: LiteSVM, instructions: Iterable[Instruction], payer: Keypair, signers: Sequence[Keypair]
) -> tuple[Any, int]:
    """What became of a transaction, and its bytes on the wire."""
    chain.expire_blockhash()
    made = Transaction.new_signed_with_payer(
        list(instructions), payer.pubkey(), [payer, *signers], chain.latest_blockhash()
    )
    return chain.send_transaction(made), len(bytes(made))


def refusal_number(done: Any) -> int | None:
    """0: it went well. Otherwise the number that the program refused with; None: another failure."""
    if not hasattr(done, 'err'):
        return 0
    found = re.search(r'Custom\((\d+)\)', str(done.err()))
    return int(found[1]) if found else None


def key_of(pair: Keypair) -> bytes:
    return bytes(pair.pubkey())


class ProgramWorld:
    """A chain with the registry, and keys by name; each name is always the same key.

    Fees are paid by somebody else than the people here, so that each lamport of theirs is told.
    """

    program = PROGRAM_ID

    def __init__(self, features: str = 'default', *, checks_signatures: bool = True) -> None:
        # Who is marked as a signer is taken for one where signatures are not checked.
        self.chain = new_chain(features)
        if not checks_signatures:
            # The same transaction may be sent again, too.
            self.chain.with_sigverify(False).with_blockhash_check(False).with_transaction_history(0)
        self.chain.add_program(Pubkey.from_bytes(PROGRAM_ID), program())
        self._pairs: dict[str, Keypair] = {}
        self.chain.airdrop(self.pair('fees').pubkey(), PLENTY)
        self.chain.airdrop(self.pair('payer').pubkey(), PLENTY)

    # --- who ---

    def pair(self, name: str) -> Keypair:
        if name not in self._pairs:
            self._pairs[name] = Keypair.from_seed(name.encode().ljust(32, b'.'))
        return self._pairs[name]

    def key(self, name: str) -> bytes:
        return key_of(self.pair(name))

    def __getattr__(self, name: str) -> bytes:
        """Keys of the usual people: `world.owner`."""
        if name not in PEOPLE:
            raise AttributeError(name)
        return self.key(name)

    @property
    def camera(self) -> bytes:
        return camera_address(PROGRAM_ID, self.device)

    # --- what is done ---

    def do(self, *instructions: Instruction, fees: str = 'fees') -> int | None:
        """Send them, signed by everybody who is asked to; 0, or as `refusal_number` says."""
        return refusal_number(self.result(*instructions, fees=fees))

    def must(self, *instructions: Instruction) -> Any:
        done = self.result(*instructions)
        assert not hasattr(done, 'err'), (done.err(), done.meta().logs())
        return done

    def result(self, *instructions: Instruction, fees: str = 'fees') -> Any:
        by_key = {key_of(pair): pair for pair in self._pairs.values()}
        asked = {
            bytes(meta.pubkey): None
            for instruction in instructions
            for meta in instruction.accounts
            if meta.is_signer
        }
        asked.pop(self.key(fees), None)
        signers = [by_key[key] for key in asked]
        return sent(self.chain, instructions, self.pair(fees), signers)[0]

    def would(self, instruction: Instruction) -> int | None:
        """As `do`, but nothing changes; for worlds that do not check signatures."""
        return refusal_number(self.chain.simulate_transaction(self.unsigned(instruction)))

    def unsigned(self, instruction: Instruction) -> Transaction:
        return Transaction.new_unsigned(Message([instruction], self.pair('fees').pubkey()))

    def register(self, mode: Mode = Mode.PRIVATE, *, closed_list: bool = False) -> None:
        self.must(self.registration(mode, closed_list=closed_list))

    def registration(self, mode: Mode = Mode.PRIVATE, *, closed_list: bool = False) -> Instruction:
        about = Description('Gym', 'mk1', 'https://camera.example', 7, closed_list)
        keys = {'device': self.device, 'owner': self.owner, 'payer': self.payer}
        return register_camera(PROGRAM_ID, **keys, mode=mode, about=about)

    def at(self, unix_s: int) -> None:
        clock = self.chain.get_clock()
        clock.unix_timestamp = unix_s
        self.chain.set_clock(clock)

    # --- what is there ---

    def account(self, key: bytes) -> Account | None:
        return self.chain.get_account(Pubkey.from_bytes(key))

    def data(self, key: bytes) -> bytes:
        """Content of an account that may be gone."""
        found = self.account(key)
        return b'' if found is None else bytes(found.data)

    def balance(self, key: bytes) -> int:
        return self.chain.get_balance(Pubkey.from_bytes(key)) or 0

    def put(self, key: bytes, account: Account) -> None:
        self.chain.set_account(Pubkey.from_bytes(key), account)

    def camera_now(self) -> program_layout.Camera:
        return program_layout.Camera.from_bytes(self.data(self.camera))

    def session_of(self, subject: bytes) -> bytes:
        return session_address(PROGRAM_ID, self.camera, subject)

    def grant_of(self, subject: bytes) -> bytes:
        return grant_address(PROGRAM_ID, self.camera, subject)

    def face_of(self, wallet: bytes, number: int = 0) -> bytes:
        return face_address(PROGRAM_ID, wallet, number)


def other_program(world: ProgramWorld) -> bytes:
    """A program that is not ours."""
    address = world.key('other_program')
    world.chain.add_program(Pubkey.from_bytes(address), link(Made(code=give(0) + EXIT).to_bytes()))
    return address
