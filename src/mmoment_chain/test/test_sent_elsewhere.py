"""Whether what a wallet has sent did what was built: what the chain has decides, not who asks."""

import asyncio
from dataclasses import replace

import pytest
from refusals import refusal
from rpc_world import RpcWorld
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import (
    Message,
    MessageAddressTableLookup,
    MessageHeader,
    MessageV0,
    to_bytes_versioned,
)
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from mmoment_chain.sent_elsewhere import PATIENCE_S, SentElsewhere, does_the_same
from mmoment_chain.transaction_building import Built
from mmoment_chain.transaction_sending import Outcome, TransactionSender
from mmoment_chain.transaction_verdict import Verdicts, camera_table

PROGRAM, OTHER = (Pubkey.from_bytes(bytes([number]) * 32) for number in (9, 8))
LIGHTHOUSE = Pubkey.from_string('L2TExMFKdjpN9kozasaurPirfHy9P8sbXoAN1qA3S95')
ANNA = Keypair.from_seed(bytes([1]) * 32)
NEW_HASH = Hash.new_unique()


def no_grant(place):
    return {'InstructionError': [place, {'Custom': 6012}]}


def act(data=b'do', program=PROGRAM, account=ANNA):
    return Instruction(program, data, [AccountMeta(account.pubkey(), True, True)])


FIRST, SECOND = act(), act(b'and this')
BUDGET = [set_compute_unit_limit(5000), set_compute_unit_price(7)]
GUARD = Instruction(LIGHTHOUSE, b'assert', [AccountMeta(ANNA.pubkey(), False, False)])


def message_of(*instructions, blockhash=NEW_HASH):
    return MessageV0.try_compile(ANNA.pubkey(), list(instructions), [], blockhash)


def built_of(message, slot=0, last_valid_height=0):
    signers = (bytes(ANNA.pubkey()),)
    programs = tuple(
        bytes(message.account_keys[each.program_id_index]) for each in message.instructions
    )
    raw = bytes(to_bytes_versioned(message))
    return Built(
        bytes([1]) + bytes(64) + raw, raw, signers, signers, programs, (), 1, 5000, 0,
        last_valid_height, slot,
    )  # fmt: skip


MESSAGE = message_of(*BUDGET, FIRST, SECOND, blockhash=Hash.default())


class Case:
    def __init__(self, slot=0):
        self.world = RpcWorld()
        (self.node,) = self.world.nodes
        self.ledger = self.world.ledger
        self.built = built_of(MESSAGE, slot, self.ledger.height + 150)
        verdicts = Verdicts({bytes(PROGRAM): camera_table()})
        sender = TransactionSender(
            self.world.pool, verdicts, self.world.clock, sleep=self.world.sleep
        )
        self.elsewhere = SentElsewhere(self.world.pool, sender)

    def send(self, message):
        """As a wallet does: signed, and straight to a server; its signature."""
        signed = VersionedTransaction(message, [ANNA])
        self.ledger.submit(bytes(signed), 10**9)
        return bytes(signed.signatures[0])

    def look(self, signature, last_valid_height=None):
        async def scene():
            height = last_valid_height
            if height is None:
                height = await self.elsewhere.last_valid_height(self.built, signature)
            return await self.elsewhere.look(self.built, signature, height)

        return asyncio.run(scene())

    def code(self, signature):
        return refusal(self.look, signature).code


def test_the_very_message_needs_no_second_look():
    case = Case()
    signature = case.send(MESSAGE)
    sent = case.look(signature)
    assert (sent.outcome, sent.signature) == (Outcome.CONFIRMED, signature)
    assert sent.slot > 0
    assert 'get_transaction' not in case.node.calls


@pytest.mark.parametrize(
    'instructions',
    [
        (FIRST, SECOND),
        (*BUDGET, set_compute_unit_price(90), FIRST, SECOND),
        (FIRST, set_compute_unit_price(90), SECOND, GUARD),
    ],
    ids=['no budget', 'another price', 'guarded'],
)
def test_what_a_wallet_may_add_is_added(instructions):
    case = Case()
    assert case.look(case.send(message_of(*instructions))).is_confirmed


def test_an_old_message_says_the_same():
    case = Case()
    old = Message.new_with_blockhash([FIRST, SECOND], ANNA.pubkey(), NEW_HASH)
    assert case.look(case.send(old)).is_confirmed


@pytest.mark.parametrize(
    'instructions',
    [
        (),
        (FIRST,),
        (SECOND, FIRST),
        (FIRST, SECOND, SECOND),
        (FIRST, SECOND, act(program=OTHER)),
        (FIRST, act(b'and that')),
        (act(program=OTHER), SECOND),
        (FIRST, Instruction(PROGRAM, b'and this', [AccountMeta(OTHER, False, True)])),
    ],
)
def test_what_does_something_else_is_foreign(instructions):
    case = Case()
    assert case.code(case.send(message_of(*BUDGET, *instructions))) == 'foreign_transaction'


def test_the_same_done_before_it_was_built_is_foreign():
    case = Case()
    signature = case.send(message_of(FIRST, SECOND))
    case.world.clock.advance(2)
    slot = case.ledger.first_slot + case.ledger.height
    case.built = replace(case.built, slot=slot)
    assert case.code(signature) == 'foreign_transaction'


def test_a_message_with_tables_is_foreign():
    lookup = MessageAddressTableLookup(OTHER, bytes([0]), bytes([]))
    plain = message_of(FIRST, SECOND)
    beyond = [
        type(each)(each.program_id_index, each.data, bytes([2])) for each in plain.instructions
    ]
    table = MessageV0(MessageHeader(1, 0, 1), plain.account_keys, NEW_HASH, beyond, [lookup])
    assert does_the_same(built_of(MESSAGE), plain)
    assert not does_the_same(built_of(MESSAGE), table)


@pytest.mark.parametrize(
    ('message', 'failed'),
    # Whose number it is, the places of the message that was built do not tell of another one.
    [(MESSAGE, 2), (message_of(GUARD, FIRST, SECOND), 1)],
)
def test_what_failed_is_refused(message, failed):
    case = Case()
    case.ledger.error_of = lambda signature: no_grant(failed)
    sent = case.look(case.send(message))
    assert (sent.outcome, sent.verdict.code) == (Outcome.REFUSED, 'no_grant')


def test_what_failed_and_is_something_else_is_foreign():
    case = Case()
    case.ledger.error_of = lambda signature: no_grant(0)
    assert case.code(case.send(message_of(SECOND))) == 'foreign_transaction'


def test_what_the_chain_does_not_have_is_not_known_before_it_is_too_late():
    case = Case()
    begin_s = case.world.clock.elapsed_s()
    own = bytes(VersionedTransaction(MESSAGE, [ANNA]).signatures[0])
    assert case.look(own).outcome is Outcome.EXPIRED
    assert case.world.clock.elapsed_s() - begin_s > 150 * 0.4


def test_of_a_signature_that_is_not_the_messages_nobody_is_kept_long():
    case = Case()
    signature, begin_s = bytes([5]) * 64, case.world.clock.elapsed_s()
    assert case.look(signature).outcome is Outcome.UNKNOWN
    assert case.world.clock.elapsed_s() - begin_s < 2 * PATIENCE_S
    # Nor is the chain asked often for what may never come.
    assert case.node.calls.count('get_signature_statuses') < 8


def test_what_a_wallet_signs_late_may_come_late():
    case = Case()
    # The wallet was open for a while, and takes the newest blockhash when it signs.
    case.world.clock.advance(60)
    signature = bytes([5]) * 64
    height = asyncio.run(case.elsewhere.last_valid_height(case.built, signature))
    assert height >= case.ledger.height + 150
    own = bytes(VersionedTransaction(MESSAGE, [ANNA]).signatures[0])
    assert asyncio.run(case.elsewhere.last_valid_height(case.built, own)) == (
        case.built.last_valid_height
    )
    # What was built is too old by now, what was signed is not.
    case.world.clock.advance(30)
    assert case.look(own).outcome is Outcome.EXPIRED
    assert case.look(signature, height).outcome is Outcome.UNKNOWN
    assert case.look(case.send(message_of(FIRST, SECOND)), height).is_confirmed
    case.world.clock.advance(90)
    assert refusal(case.look, signature, height).code == 'unknown_signature'


def test_a_server_that_does_not_show_it_decides_nothing():
    case = Case()
    case.node.hides = True
    signature = case.send(message_of(FIRST, SECOND))
    assert case.look(signature).outcome is Outcome.UNKNOWN
    case.node.hides = False
    assert case.look(signature).is_confirmed
