"""Makes transactions: for the device to send, and for a wallet to look at and sign.

Each is tried on the chain first. What it may cost at most follows from that: compute units with a
margin, and a priority fee as others pay it, up to a limit. A wallet gets it with our signature where
that is needed, and with sentences that say what signing does.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from mmoment_chain.errors import Refused
from mmoment_chain.rpc_errors import NodeBehind, RpcError
from mmoment_chain.rpc_pool import Line, RpcPool
from mmoment_chain.transaction_size import WIRE_BYTES_AT_MOST, signed_bytes
from mmoment_chain.transaction_verdict import BLOCKHASH_NOT_FOUND, Verdict, Verdicts
from mmoment_chain.wallet import verify, wallet_text

UNITS_AT_MOST = 1_400_000
"""Compute units of one transaction."""
MICRO_LAMPORTS = 1_000_000
NO_SIGNATURE = bytes(64)
BLOCKHASHES_TRIED = 3
"""Behind one address there may be several nodes, some of which lag."""


class Signer(Protocol):
    """Signs for the device; the private key stays where it is (`device_keys.SigningKey`)."""

    public: bytes

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature (64 bytes)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a transaction is to do."""

    instructions: Sequence[Instruction]
    payer: bytes
    sentences: tuple[str, ...] = ()  # what signing it does, for people
    rent_lamports: int = 0  # locked in accounts; comes back when they are closed
    others: tuple[Signer, ...] = ()  # keys made for this transaction, a mint's for instance
    units: int | None = None  # known need of compute units: then it is not tried first


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What transactions may cost."""

    units_margin: float = 0.2
    price_percentile: int = 60  # of what was paid lately for the same accounts
    price_at_most: int = 200_000  # millionths of a lamport for a compute unit; 0: pay nothing more


@dataclass(frozen=True, slots=True)
class Built:
    """A transaction, with all signatures that this device can give."""

    transaction: bytes  # as sent; zeros where a signature is missing
    message: bytes  # what is signed
    signers: tuple[bytes, ...]  # public keys, in the order of the signatures
    missing: tuple[bytes, ...]  # of them, who has yet to sign
    programs: tuple[bytes, ...]  # of the instructions, for verdicts
    summary: tuple[str, ...]
    units: int
    fee_lamports: int
    rent_lamports: int
    last_valid_height: int
    slot: int = 0  # from which on it may be on the chain

    @property
    def base64(self) -> str:
        """As wallets and services take it."""
        return base64.b64encode(self.transaction).decode('ascii')

    @property
    def signature(self) -> bytes:
        """Name of the transaction: the payer's signature (64 bytes); zeros: missing yet."""
        return self.transaction[1:65]


class WouldFail(Refused):
    """The chain would refuse it; `verdict` says why, `text` is its sentence."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__('would_fail', verdict.text)
        self.verdict = verdict


class TransactionBuilder:
    """Builds against one chain."""

    def __init__(
        self,
        pool: RpcPool,
        device: Signer,
        verdicts: Verdicts,
        settings: BuildSettings | None = None,
    ) -> None:
        self._pool = pool
        self._device = device
        self._verdicts = verdicts
        self._settings = settings or BuildSettings()

    async def build(self, plan: Plan) -> Built:
        """Make and try it. Raises RpcError, WouldFail, and Refused 'too_large'."""
        first = _compiled(plan, UNITS_AT_MOST, 0, Hash.default())
        _check_size(first, plan)
        price = await self._price(first)
        for _ in range(BLOCKHASHES_TRIED):
            built = await self._built(plan, price)
            if built is not None:
                return built
        raise NodeBehind('the chain gives blockhashes that it does not know')

    async def _built(self, plan: Plan, price: int) -> Built | None:
        """None if the server that is asked does not know the blockhash: it lags."""
        line = self._pool.line()
        answer = await line.ask(lambda client: client.get_latest_blockhash())
        latest = answer.value
        units = plan.units
        if units is None:
            tried = _compiled(plan, UNITS_AT_MOST, price, latest.blockhash)
            try:
                used = await self._try(line, tried)
            except WouldFail as failure:
                if failure.verdict.code == BLOCKHASH_NOT_FOUND:
                    return None
                raise
            units = math.ceil(used * (1 + self._settings.units_margin))
        units = min(units, UNITS_AT_MOST)
        message = _compiled(plan, units, price, latest.blockhash)
        fee = (await line.ask(lambda client: client.get_fee_for_message(message))).value
        if fee is None:
            return None
        built = self._signed(plan, message, units, fee, latest.last_valid_block_height)
        return replace(built, slot=answer.context.slot)

    async def rent_lamports(self, size: int) -> int:
        """What an account of that many bytes has to hold. Raises RpcError."""
        answer = await self._pool.read(
            lambda client: client.get_minimum_balance_for_rent_exemption(size)
        )
        return int(answer.value)

    async def _price(self, message: MessageV0) -> int:
        """Millionths of a lamport for a compute unit."""
        if not self._settings.price_at_most:
            return 0
        keys = message.account_keys
        written = [key for index, key in enumerate(keys) if message.is_maybe_writable(index)]
        try:
            answer = await self._pool.read(
                lambda client: client.get_recent_prioritization_fees(written)
            )
        except RpcError:
            # Not every server tells it, and it takes a busy chain for this to matter.
            return 0
        fees = sorted(entry.prioritization_fee for entry in answer.value)
        return min(_percentile(fees, self._settings.price_percentile), self._settings.price_at_most)

    async def _try(self, line: Line, message: MessageV0) -> int:
        """Compute units that it took."""
        blank = [Signature.default()] * message.header.num_required_signatures
        transaction = VersionedTransaction.populate(message, blank)
        answer = await line.ask(lambda client: client.simulate_transaction(transaction))
        value = answer.value
        if value.err is not None:
            error = json.loads(answer.to_json())['result']['value']['err']
            verdict = self._verdicts.of(error, _programs(message), value.logs or ())
            raise WouldFail(verdict)
        return int(value.units_consumed or UNITS_AT_MOST)

    def _signed(
        self, plan: Plan, message: MessageV0, units: int, fee: int, last_valid_height: int
    ) -> Built:
        raw = bytes(to_bytes_versioned(message))
        signers = tuple(
            bytes(key) for key in message.account_keys[: message.header.num_required_signatures]
        )
        ours = {signer.public: signer for signer in (self._device, *plan.others)}
        signatures = [ours[key].sign(raw) if key in ours else NO_SIGNATURE for key in signers]
        return Built(
            transaction=bytes([len(signatures)]) + b''.join(signatures) + raw,
            message=raw,
            signers=signers,
            missing=tuple(key for key in signers if key not in ours),
            programs=_programs(message),
            summary=(*plan.sentences, *_costs(plan, fee)),
            units=units,
            fee_lamports=fee,
            rent_lamports=plan.rent_lamports,
            last_valid_height=last_valid_height,
        )


def signed_by_all(built: Built, transaction: bytes) -> bytes:
    """The transaction that came back from a wallet, complete and ready to send.

    Raises Refused 'not_ours' if it is not the very message that was built, 'unsigned' if a signature
    is missing or does not fit.
    """
    count = len(built.signers)
    length = 1 + 64 * count
    if transaction[:1] != bytes([count]) or transaction[length:] != built.message:
        raise Refused('not_ours')
    signatures = []
    for index, key in enumerate(built.signers):
        place = slice(1 + 64 * index, 65 + 64 * index)
        # Some wallets blank what others have signed.
        given = (transaction[place], built.transaction[place])
        fitting = [each for each in given if verify(key, built.message, each)]
        if not fitting:
            raise Refused('unsigned', f'The signature of {wallet_text(key)} is missing or wrong')
        signatures.append(fitting[0])
    return transaction[:1] + b''.join(signatures) + built.message


def _compiled(plan: Plan, units: int, price: int, blockhash: Hash) -> MessageV0:
    budget = [set_compute_unit_limit(units), set_compute_unit_price(price)]
    payer = Pubkey.from_bytes(plan.payer)
    return MessageV0.try_compile(payer, [*budget, *plan.instructions], [], blockhash)


def _check_size(message: MessageV0, plan: Plan) -> None:
    size = signed_bytes(message)
    if size > WIRE_BYTES_AT_MOST:
        text = f'This transaction would have {size} bytes; the chain takes {WIRE_BYTES_AT_MOST}'
        raise Refused('too_large', text)


def _programs(message: MessageV0) -> tuple[bytes, ...]:
    keys = message.account_keys
    return tuple(bytes(keys[each.program_id_index]) for each in message.instructions)


def _percentile(ordered: Sequence[int], percent: int) -> int:
    """Nearest rank; 0 for nothing."""
    if not ordered:
        return 0
    rank = math.ceil(percent / 100 * len(ordered))
    return int(ordered[min(max(rank, 1), len(ordered)) - 1])


def _costs(plan: Plan, fee: int) -> tuple[str, ...]:
    payer = wallet_text(plan.payer)
    costs = [f'The fee of {sol(fee)} SOL is paid by {payer}']
    if plan.rent_lamports:
        costs.append(
            f'{sol(plan.rent_lamports)} SOL are locked and come back when the account is closed'
        )
    return tuple(costs)


def sol(lamports: int) -> str:
    """An amount in SOL, exact: 5000 lamports are 0.000005."""
    whole, rest = divmod(abs(lamports), 1_000_000_000)
    sign = '-' if lamports < 0 else ''
    return f'{sign}{whole}.{rest:09d}'.rstrip('0').rstrip('.')
