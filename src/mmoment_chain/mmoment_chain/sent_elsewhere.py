"""What wallets have sent themselves: they tell a signature, and the chain tells all the rest.

Before it signs, a wallet may set another price, or add what guards its owner. The message is another
one then, so a transaction is known by its instructions: those that were built, all of them, in their
order, and nothing else that does anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from solders.message import from_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature

from mmoment_chain.errors import Refused
from mmoment_chain.rpc_client import CONFIRMED
from mmoment_chain.rpc_pool import RpcPool
from mmoment_chain.transaction_building import Built
from mmoment_chain.transaction_sending import Outcome, Sent, TransactionSender
from mmoment_chain.wallet import verify

ASIDE = frozenset(
    bytes(Pubkey.from_string(program))
    for program in (
        'ComputeBudget111111111111111111111111111111',  # how long it may run, and for how much
        'L2TExMFKdjpN9kozasaurPirfHy9P8sbXoAN1qA3S95',  # Lighthouse: fails if something is unexpected
    )
)
"""Programs whose instructions change nothing of what the others do."""
ENCODING, VERSION = 'base64', 0
# Anybody can tell a signature that is nobody's: who asks again is answered again.
PATIENCE_S = 5.0
# Of another server, which knows newer blocks than ours.
BLOCKS_AHEAD = 32
NOT_SHOWN = 'The chain has decided, but does not show the transaction yet: ask again'

Work = list[tuple[bytes, tuple[bytes, ...], bytes]]
"""Program, accounts and data of each instruction."""


@dataclass(frozen=True, slots=True)
class SentElsewhere:
    """Belongs to one event loop."""

    pool: RpcPool
    sender: TransactionSender

    async def last_valid_height(self, built: Built, signature: bytes) -> int:
        """The last block that can take what this signature signs. Raises RpcError.

        Whoever changes the message may also take a newer blockhash, but none newer than now: ask
        when the signature is first heard of.
        """
        if is_of(built, signature):
            return built.last_valid_height
        newest = (await self.pool.read(lambda client: client.get_latest_blockhash())).value
        return max(built.last_valid_height, int(newest.last_valid_block_height) + BLOCKS_AHEAD)

    async def look(self, built: Built, signature: bytes, last_valid_height: int) -> Sent:
        """What became of the transaction with this signature.

        Of the very message that was built it may take as long as sending it; else the answer may
        soon be that nobody knows yet. Raises RpcError; Refused 'foreign_transaction' if it is not what was built, and
        'unknown_signature' if there is none, and no block can take one any more.
        """
        is_own = is_of(built, signature)
        # The numbers of instructions are those of the message that was built.
        programs = built.programs if is_own else ()
        patience_s = None if is_own else PATIENCE_S
        sent = await self.sender.follow(
            signature, last_valid_height, programs, patience_s=patience_s
        )
        if sent.outcome is Outcome.EXPIRED and not is_own:
            raise Refused('unknown_signature')
        if is_own or not sent.slot:
            return sent
        found = await self._found(signature)
        if found is None:
            return Sent(Outcome.UNKNOWN, signature, text=NOT_SHOWN)
        # The same may have been done before, for something that was built before.
        if sent.slot < built.slot or not does_the_same(built, found):
            raise Refused('foreign_transaction')
        return sent

    async def _found(self, signature: bytes) -> Any:
        """The message behind a signature; None: this server does not have it."""
        name = Signature.from_bytes(signature)
        answer = await self.pool.read(
            lambda client: client.get_transaction(name, ENCODING, CONFIRMED, VERSION)
        )
        found = answer.value
        return None if found is None else found.transaction.transaction.message


def is_of(built: Built, signature: bytes) -> bool:
    """Whether it is that of the very message that was built: its payer's, who comes first."""
    return verify(built.signers[0], built.message, signature)


def does_the_same(built: Built, message: Any) -> bool:
    """Whether a message does what was built, and nothing else."""
    work = _work(message)
    return work is not None and work == _work(from_bytes_versioned(built.message))


def _work(message: Any) -> Work | None:
    """None: it names accounts by tables, which nothing that is built here does."""
    keys = [bytes(key) for key in message.account_keys]
    work: Work = []
    for each in message.instructions:
        places = (each.program_id_index, *bytes(each.accounts))
        if max(places) >= len(keys):
            return None
        program, *accounts = (keys[place] for place in places)
        if program not in ASIDE:
            work.append((program, tuple(accounts), bytes(each.data)))
    return work
