"""What the camera registry costs: compute units, fees and rent, measured in a chain in this process.

    python -m mmoment_chain.program_costs           print the table
    python -m mmoment_chain.program_costs FILE      write it there

Rent is that of accounts as LiteSVM asks for; a chain may ask for less. Compute units depend on the
address of an account by some 1,500 for each try that finding it takes, so a range is given.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import Transaction

from mmoment_chain import program_deploy as loader
from mmoment_chain import program_instructions as make
from mmoment_chain.errors import ChainError
from mmoment_chain.program_addresses import camera_address
from mmoment_chain.program_build import PROGRAM_ID, program
from mmoment_chain.program_instructions import Description, Visit
from mmoment_chain.program_layout import LogRecord, Mode, RecordKind

NOW_S = 1_790_000_000
PLENTY_LAMPORTS = 10**11
LAMPORTS_PER_SOL = 10**9
ROUNDS = 12
FACE_BYTES = 642
"""A sealed template of 512 numbers, as the vault makes it."""


class CostError(ChainError):
    """An instruction failed that should not."""


@dataclass(frozen=True, slots=True)
class Row:
    """One instruction in one transaction."""

    name: str
    least_units: int
    most_units: int
    transaction_bytes: int
    fee_lamports: int  # without a priority fee
    rent_lamports: int  # locked; negative: comes back


@dataclass(slots=True)
class Round:
    """A camera with keys of its own, and one payer."""

    chain: LiteSVM
    device: Keypair
    owner: Keypair
    person: Keypair

    def steps(self) -> Iterator[tuple[str, Instruction]]:
        """Every instruction once, in an order in which each succeeds."""
        device, owner, person = map(_key, (self.device, self.owner, self.person))
        camera, subject = camera_address(PROGRAM_ID, device), bytes([7]) * 32
        about = Description('Front door', 'model', 'https://camera.example', 7)
        face = bytes(range(256)) * 3
        face = face[:FACE_BYTES]
        records = [LogRecord(RecordKind.MEDIA, NOW_S, bytes([n]) * 32) for n in range(20)]
        keys = {'device': device, 'owner': owner, 'payer': device}
        times = {'number': 1, 'checked_out_s': NOW_S, 'reason': 0}
        visit = Visit(subject, 1, NOW_S, NOW_S + 600)
        yield (
            'register_camera',
            make.register_camera(PROGRAM_ID, **keys, mode=Mode.PRIVATE, about=about),
        )
        yield 'update_camera', make.update_camera(PROGRAM_ID, camera, owner, about)
        yield 'set_active', make.set_active(PROGRAM_ID, camera, owner, True)
        yield 'grant', make.grant(PROGRAM_ID, camera, owner, device, subject=person, rights=1)
        yield 'revoke', make.revoke(PROGRAM_ID, camera, owner, subject=person, paid_by=device)
        yield 'check_in', make.check_in(PROGRAM_ID, camera, device, device, visit)
        yield 'check_out', make.check_out(PROGRAM_ID, camera, device, subject=subject, **times)
        yield (
            'close_session',
            make.close_session(PROGRAM_ID, camera, device, subject=subject, paid_by=device),
        )
        yield 'append_log, 1 record', make.append_log(PROGRAM_ID, camera, device, 1, records[:1])
        yield 'append_log, 20 records', make.append_log(PROGRAM_ID, camera, device, 2, records)
        yield f'open_face, {FACE_BYTES} bytes', make.open_face(PROGRAM_ID, person, device, 0, face)
        yield f'write_face, {FACE_BYTES} bytes', make.write_face(PROGRAM_ID, person, 0, 0, face)
        yield 'seal_face', make.seal_face(PROGRAM_ID, person, 0)
        yield 'close_face', make.close_face(PROGRAM_ID, person, 0, device)
        yield 'rotate_device', make.rotate_device(PROGRAM_ID, camera, owner, person)
        yield 'close_camera', make.close_camera(PROGRAM_ID, camera, owner, device)

    def measured(self) -> list[Row]:
        """Send them all. The device pays. Raises CostError."""
        return [self._sent(name, instruction) for name, instruction in self.steps()]

    def _sent(self, name: str, instruction: Instruction) -> Row:
        asked = {bytes(meta.pubkey) for meta in instruction.accounts if meta.is_signer}
        signers = [pair for pair in (self.owner, self.person) if _key(pair) in asked]
        before = self.chain.get_balance(self.device.pubkey()) or 0
        self.chain.expire_blockhash()
        made = Transaction.new_signed_with_payer(
            [instruction],
            self.device.pubkey(),
            [self.device, *signers],
            self.chain.latest_blockhash(),
        )
        done = self.chain.send_transaction(made)
        if hasattr(done, 'err'):
            raise CostError(f'{name} failed: {done.err()}')
        units = done.compute_units_consumed()
        spent = before - (self.chain.get_balance(self.device.pubkey()) or 0)
        return Row(name, units, units, len(bytes(made)), done.fee(), spent - done.fee())


def measure(rounds: int = ROUNDS) -> list[Row]:
    """Each instruction, over cameras with different addresses. Raises CostError."""
    chain = LiteSVM()
    clock = chain.get_clock()
    clock.unix_timestamp = NOW_S
    chain.set_clock(clock)
    chain.add_program(Pubkey.from_bytes(PROGRAM_ID), program())
    tables = []
    for number in range(rounds):
        pairs = [pair_of(name, number) for name in ('device', 'owner', 'person')]
        chain.airdrop(pairs[0].pubkey(), PLENTY_LAMPORTS)
        tables.append(Round(chain, *pairs).measured())
    return [_joined(rows) for rows in zip(*tables, strict=True)]


def table(rows: Sequence[Row]) -> str:
    """As Markdown, with what a deployment costs."""
    lines = [
        '# What the camera registry costs',
        '',
        'Measured in LiteSVM by `python -m mmoment_chain.program_costs docs/chain-costs.md`; one',
        'instruction in a transaction, paid by the device, without priority fees. Units differ with',
        'the address: finding one takes about 1,500 for each try. Rent comes back when the account',
        'is closed; a chain may ask for less than shown.',
        '',
        '| instruction | compute units | bytes | fee, lamports | rent, lamports |',
        '| --- | --- | --- | --- | --- |',
    ]
    for row in rows:
        units = f'{row.least_units:,}'
        if row.most_units != row.least_units:
            units += f'–{row.most_units:,}'
        cells = (row.name, units, f'{row.transaction_bytes:,}', f'{row.fee_lamports:,}', f'{row.rent_lamports:,}')  # fmt: skip
        lines.append(f'| {" | ".join(cells)} |')
    size = len(program())
    cost = loader.cost(size, size, LiteSVM().minimum_balance_for_rent_exemption)
    lines += [
        '',
        f'The program has {size:,} bytes. Deploying it takes {cost.transactions} transactions, '
        f'{cost.fee_lamports / LAMPORTS_PER_SOL:.6f} SOL in',
        f'fees and {cost.rent_lamports / LAMPORTS_PER_SOL:.6f} SOL in rent, of which closing it gives '
        f'back all but that of {loader.PROGRAM_BYTES} bytes.',
        '',
    ]
    return '\n'.join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table or write it."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    text = table(measure())
    if words:
        Path(words[0]).write_text(text, encoding='utf-8')
    else:
        print(text)
    return 0


def _joined(rows: Sequence[Row]) -> Row:
    first = rows[0]
    units = [row.least_units for row in rows]
    return Row(
        first.name, min(units), max(units), first.transaction_bytes, first.fee_lamports, first.rent_lamports
    )  # fmt: skip


def pair_of(name: str, number: int) -> Keypair:
    """A key that is always the same for the same words."""
    return Keypair.from_seed(hashlib.sha256(f'{name} {number}'.encode()).digest())


def _key(pair: Keypair) -> bytes:
    return bytes(pair.pubkey())


if __name__ == '__main__':
    sys.exit(main())
