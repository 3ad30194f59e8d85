"""The machine that runs transactions: Solana's own, from LiteSVM, with the state in memory.

What the machine leaves to others is left out of it: signatures, age of blockhashes and repeated
transactions are the chain's to judge. One thread uses a bank.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solders.account import Account
from solders.hash import Hash
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction_metadata import FailedTransactionMetadata, TransactionMetadata

from mmoment_chain.devchain_encoding import encoded
from mmoment_chain.devchain_errors import INTERNAL_ERROR, RpcError
from mmoment_chain.devchain_wire import TransactionRefused, WireTransaction, instruction_json

SLOTS_PER_EPOCH = 432_000
SYSTEM_PROGRAM = Pubkey.default()
NOTHING = Account(0, b'', SYSTEM_PROGRAM)

Accounts = Mapping[Pubkey, Account | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a transaction that ran; `error` in Solana's JSON form, None if all went well."""

    error: Any
    logs: list[str]
    units: int  # compute units
    fee: int  # lamports
    inner: list[dict[str, Any]]  # instructions that programs called, as calls tell them
    return_data: dict[str, Any] | None


class Bank:
    """The state of all accounts, and the programs that change it."""

    def __init__(self) -> None:
        svm = LiteSVM().with_mainnet_features()
        svm = svm.with_sigverify(False).with_blockhash_check(False)
        # Its own memory of transactions would refuse those that a fork has undone.
        self._svm = svm.with_transaction_history(0)

    @property
    def first_slot(self) -> int:
        """Where its clock stands at first; what it comes with was there before."""
        return self._svm.get_clock().slot

    def account(self, key: Pubkey) -> Account | None:
        """What is there at this address."""
        return self._svm.get_account(key)

    def put(self, key: Pubkey, account: Account | None) -> None:
        """Replace what is at this address, whatever the programs think of it."""
        self._svm.set_account(key, NOTHING if account is None else account)

    def program_accounts(self, owner: Pubkey) -> dict[Pubkey, Account]:
        """Everything that this program owns."""
        return dict(self._svm.get_program_accounts(owner))

    def minimum_balance(self, data_bytes: int) -> int:
        """Lamports that an account of this size must have."""
        return self._svm.minimum_balance_for_rent_exemption(data_bytes)

    def set_time(self, slot: int, unix_s: int, hashes: Sequence[tuple[int, Hash]]) -> None:
        """What the programs see: slot, time, and recent slots with their hashes, newest first."""
        clock = self._svm.get_clock()
        clock.slot = slot
        clock.epoch = slot // SLOTS_PER_EPOCH
        clock.leader_schedule_epoch = clock.epoch + 1
        clock.unix_timestamp = unix_s
        self._svm.set_clock(clock)
        self._svm.set_slot_hashes(hashes)

    def run(self, wire: WireTransaction) -> Outcome:
        """Run it and keep what it did. Raises TransactionRefused if it cannot even pay its fee."""
        self._check_programs(wire)
        result = self._guarded(self._svm.send_transaction, wire)
        if isinstance(result, FailedTransactionMetadata):
            error = json.loads(result.to_json())['err']
            if not _has_run(error):
                raise TransactionRefused(error)
            return _outcome(result.meta(), error, wire)
        return _outcome(result, None, wire)

    def simulate(self, wire: WireTransaction) -> tuple[Outcome, dict[Pubkey, Account]]:
        """Run it and keep nothing; returns what it would have left in the accounts, too.

        Raises TransactionRefused.
        """
        self._check_programs(wire)
        result = self._guarded(self._svm.simulate_transaction, wire)
        if isinstance(result, FailedTransactionMetadata):
            error = json.loads(result.to_json())['err']
            if not _has_run(error):
                raise TransactionRefused(error)
            return _outcome(result.meta(), error, wire), {}
        return _outcome(result.meta(), None, wire), dict(result.post_accounts())

    def _check_programs(self, wire: WireTransaction) -> None:
        # The machine panics where there is no program.
        for each in wire.message.instructions:
            account = self._svm.get_account(wire.keys[each.program_id_index])
            if account is None:
                raise TransactionRefused('ProgramAccountNotFound')
            if not account.executable:
                raise TransactionRefused('InvalidProgramForExecution')

    @staticmethod
    def _guarded(function: Any, wire: WireTransaction) -> Any:
        try:
            return function(wire.transaction)
        except BaseException as error:
            if type(error).__name__ != 'PanicException':
                raise
            raise RpcError(INTERNAL_ERROR, 'Internal error: the machine failed') from error


def _has_run(error: Any) -> bool:
    """Whether a failed transaction is on the chain, with its fee paid."""
    return isinstance(error, dict) and (
        'InstructionError' in error or 'InsufficientFundsForRent' in error
    )


def _outcome(meta: TransactionMetadata, error: Any, wire: WireTransaction) -> Outcome:
    inner = [
        {
            'index': index,
            'instructions': [
                instruction_json(each.instruction(), each.stack_height()) for each in calls
            ],
        }
        for index, calls in enumerate(meta.inner_instructions())
        if calls
    ]
    return Outcome(
        error=error,
        logs=list(meta.logs()),
        units=meta.compute_units_consumed(),
        fee=meta.fee(),
        inner=inner,
        return_data=_return_data(meta),
    )


def _return_data(meta: TransactionMetadata) -> dict[str, Any] | None:
    returned = meta.return_data()
    data = bytes(returned.data)
    if not data:
        return None
    return {'programId': str(returned.program_id), 'data': encoded(data, 'base64')}
