"""A desk for transactions, with a builder and a chain that do as the test says."""

from kinds_world import Key, KindsWorld
from solders.hash import Hash
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from mmoment_chain import spending
from mmoment_chain.errors import Refused
from mmoment_chain.pending_transactions import PendingTransactions
from mmoment_chain.program_layout import Mode
from mmoment_chain.transaction_building import Built
from mmoment_chain.transaction_desk import Order, TransactionDesk
from mmoment_chain.transaction_sending import Outcome, Sent

FEE = 5000


class Builder:
    """Makes what has no signatures yet."""

    def __init__(self):
        self.plans = []

    async def build(self, plan):
        self.plans.append(plan)
        payer = Pubkey.from_bytes(plan.payer)
        message = MessageV0.try_compile(payer, list(plan.instructions), [], Hash.new_unique())
        raw = bytes(to_bytes_versioned(message))
        count = message.header.num_required_signatures
        signers = tuple(bytes(key) for key in message.account_keys[:count])
        wire = bytes([count]) + bytes(64 * count) + raw
        return Built(wire, raw, signers, signers, (), (), 1, FEE, plan.rent_lamports, 100)


class Chain:
    """Answers with the outcomes it is given, one for each transaction."""

    def __init__(self):
        self.outcomes = []
        self.sent = []
        self.gate = None

    async def send(self, wire, last_valid_height):
        self.sent.append(wire)
        if self.gate is not None:
            await self.gate.wait()
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome.CONFIRMED
        slot = 7 if outcome is Outcome.CONFIRMED else 0
        return Sent(outcome, wire[1:65], slot, text='so')


class Elsewhere:
    """What wallets have sent: outcomes or refusals, one for each question."""

    def __init__(self):
        self.outcomes = []
        self.asked = []
        self.heights = []
        self.height = 500
        self.gate = None

    async def last_valid_height(self, built, signature):
        return self.height

    async def look(self, built, signature, last_valid_height):
        self.asked.append((built, signature))
        self.heights.append(last_valid_height)
        if self.gate is not None:
            await self.gate.wait()
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome.CONFIRMED
        if isinstance(outcome, str) and outcome not in set(Outcome):
            raise Refused(outcome)
        return Sent(outcome, signature, 7 if outcome is Outcome.CONFIRMED else 0, text='so')


class DeskWorld(KindsWorld):
    def __init__(self, store, clock, device_pays_for=(), budget=0, mode=Mode.PRIVATE):
        super().__init__(mode, device_pays_for=device_pays_for)
        self.store, self.builder, self.sender, self.decided = store, Builder(), Chain(), []
        self.elsewhere = Elsewhere()
        self.pending = PendingTransactions(clock)
        self.desk = TransactionDesk(
            self.here, self.pending, self.builder, self.sender, self.elsewhere, store,
            lambda: budget, lambda pending, sent: self.decided.append(sent.outcome),
        )  # fmt: skip

    async def build(self, kind, person, **values):
        return await self.desk.build(Order(kind, self.key(person), None, values))

    def signature(self, pending, person):
        """Of the payer, over what was built."""
        return Key(self.pair(person)).sign(pending.built.message)

    async def submit(self, pending, *people):
        built = pending.built
        keys = [*map(Key, map(self.pair, (*people, 'device')))]
        keys += pending.row.plans[pending.number].others
        by_key = {key.public: key for key in keys}
        signatures = [
            by_key[key].sign(built.message) if key in by_key else bytes(64) for key in built.signers
        ]
        wire = built.transaction[:1] + b''.join(signatures) + built.message
        return await self.desk.submit(pending.id, wire)

    def spent(self):
        with self.store.reading() as query:
            return spending.spent(query)


async def code(work):
    """Of the refusal."""
    try:
        await work
    except Refused as refused:
        return refused.code
    raise AssertionError('it was not refused')
