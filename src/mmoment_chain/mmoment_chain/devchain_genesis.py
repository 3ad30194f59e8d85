"""The first things on a dev chain: a faucet, and the camera registry, deployed by the real loader.

What is done here needs no signatures: whoever begins a chain says what is on it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from solders.account import Account
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from mmoment_chain import program_deploy
from mmoment_chain.devchain_bank import SYSTEM_PROGRAM
from mmoment_chain.devchain_calls import Faucet
from mmoment_chain.devchain_chain import Chain
from mmoment_chain.devchain_errors import DevchainError, transaction_error_text
from mmoment_chain.devchain_records import MEMO_PROGRAMS
from mmoment_chain.devchain_store import TransactionRow
from mmoment_chain.devchain_wire import TransactionRefused, loaded

FAUCET_KEY = 'faucet_key'
FAUCET_LAMPORTS = 500_000_000 * 10**9
ROOM_BYTES = 64 * 1024
"""Of a program at least, so that upgrades find room."""


def faucet_of(chain: Chain) -> Faucet:
    """The faucet of this chain, made where there is none."""
    seed = chain.store.fact(FAUCET_KEY)
    keys = Keypair() if seed is None else Keypair.from_bytes(seed)
    if seed is None:
        with chain.store.writing():
            chain.store.put_fact(FAUCET_KEY, bytes(keys))
    if chain.bank.account(keys.pubkey()) is None:
        chain.open.before.setdefault(keys.pubkey(), None)
        chain.bank.put(keys.pubkey(), Account(FAUCET_LAMPORTS, b'', SYSTEM_PROGRAM))
    numbers = itertools.count(1)

    def airdrop(key: Pubkey, lamports: int) -> bytes:
        given = TransferParams(from_pubkey=keys.pubkey(), to_pubkey=key, lamports=lamports)
        # Two airdrops alike in one block would be one transaction.
        memo = Instruction(MEMO_PROGRAMS[0], f'airdrop {next(numbers)}'.encode(), [])
        message = MessageV0.try_compile(keys.pubkey(), [transfer(given), memo], [], _hash(chain))
        wire = loaded(VersionedTransaction(message, [keys]), chain.bank.account)
        chain.run(wire)
        return wire.signature

    return Faucet(keys.pubkey(), airdrop)


def deploy(chain: Chain, faucet: Faucet, program_id: bytes, program: bytes) -> bool:
    """Have this program at this address; whether something was to be done.

    Raises DevchainError where the loader refuses it.
    """
    payer = bytes(faucet.address)
    data = chain.bank.account(Pubkey.from_bytes(program_deploy.data_address(program_id)))
    found = None if data is None else program_deploy.ProgramData.from_bytes(bytes(data.data))
    if found is not None and found.is_same(program):
        return False
    buffer = bytes(Keypair().pubkey())
    rent = chain.bank.minimum_balance
    lamports = rent(program_deploy.buffer_bytes(len(program)))
    _do(chain, payer, program_deploy.make_buffer(payer, buffer, payer, len(program), lamports))
    for each in program_deploy.writes(buffer, payer, program):
        _do(chain, payer, [each])
    if found is None:
        room = max(ROOM_BYTES, 2 * len(program))
        steps = (payer, program_id, buffer, payer, room, rent(program_deploy.PROGRAM_BYTES))
        _do(chain, payer, program_deploy.deploy(*steps))
    else:
        missing = len(program) - len(found.content)
        if missing > 0:
            _do(chain, payer, [program_deploy.extend(program_id, payer, missing)])
            # A slot takes one change of a program.
            chain.close_block()
        _do(chain, payer, [program_deploy.upgrade(program_id, buffer, payer, payer)])
    # It runs from the next slot on.
    chain.close_block()
    return True


def _do(chain: Chain, payer: bytes, instructions: Sequence[Instruction]) -> TransactionRow:
    key = Pubkey.from_bytes(payer)
    message = MessageV0.try_compile(key, list(instructions), [], _hash(chain))
    count = message.header.num_required_signatures
    # Every transaction is known by its first signature.
    signatures = [Signature.new_unique() for _ in range(count)]
    transaction = VersionedTransaction.populate(message, signatures)
    try:
        row = chain.run(loaded(transaction, chain.bank.account))
    except TransactionRefused as refused:
        raise DevchainError(
            f'the program cannot be deployed: {transaction_error_text(refused.error)}'
        ) from refused
    if row.error is not None:
        raise DevchainError(
            f'the program cannot be deployed: {transaction_error_text(row.error)}; begin anew '
            f'(--reset) or without it (--no-program); {"; ".join(row.meta["logMessages"])}'
        )
    return row


def _hash(chain: Chain) -> Hash:
    return Hash(chain.latest_hash(chain.open)[0])
