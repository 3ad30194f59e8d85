"""Whatever goes wrong on the way, the outcome is what the chain has."""

import asyncio
import itertools
import os
import random

import pytest
from rpc_world import RpcWorld, rpc_refused, text_of
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from mmoment_chain.rpc_errors import BadAnswer, EndpointAway, RateLimited, RpcTimedOut
from mmoment_chain.transaction_sending import Outcome, SendSettings, TransactionSender
from mmoment_chain.transaction_verdict import Verdicts, camera_table

PROGRAM = bytes([9]) * 32
ROUNDS = int(os.environ.get('MMOMENT_FAULT_ROUNDS', '20'))
PAYER = Keypair.from_seed(bytes([1]) * 32)
NO_GRANT = {'InstructionError': [0, {'Custom': 6012}]}


def transaction(number=0):
    instruction = Instruction(Pubkey.from_bytes(PROGRAM), number.to_bytes(4, 'little'), [])
    message = MessageV0.try_compile(PAYER.pubkey(), [instruction], [], Hash.default())
    return bytes(VersionedTransaction(message, [PAYER]))


WIRE = transaction()
SIGNATURE = WIRE[1:65]


class Case:
    def __init__(self, nodes=1, **settings):
        self.world = RpcWorld(nodes)
        self.nodes = self.world.nodes
        self.ledger = self.world.ledger
        self.last_valid = self.ledger.height + 150
        for node in self.nodes:
            node.last_valid_height = self.last_valid
        verdicts = Verdicts({PROGRAM: camera_table()})
        self.sender = TransactionSender(
            self.world.pool,
            verdicts,
            self.world.clock,
            SendSettings(**settings),
            sleep=self.world.sleep,
        )

    def send(self, wire=WIRE, **more):
        return asyncio.run(self.sender.send(wire, self.last_valid, **more))

    def follow(self, **more):
        return asyncio.run(self.sender.follow(SIGNATURE, self.last_valid, **more))

    def sends(self):
        return sum(node.calls.count('send_raw_transaction') for node in self.nodes)


def test_what_the_chain_has_confirmed_is_confirmed():
    case = Case()
    sent = case.send()
    assert sent.is_confirmed
    assert (sent.signature, sent.text, sent.verdict) == (SIGNATURE, '', None)
    assert sent.slot == case.ledger.first_slot + case.ledger.landed[text_of(SIGNATURE)][0]
    assert case.nodes[0].options.skip_preflight is False
    assert case.nodes[0].options.max_retries == 0


def test_finalized_takes_longer():
    case = Case()
    begin_s = case.world.clock.elapsed_s()
    assert case.send(commitment='finalized').is_confirmed
    assert case.world.clock.elapsed_s() - begin_s > 32 * 0.4


def test_an_error_on_the_chain_is_a_refusal_with_its_code():
    case = Case()
    case.ledger.error_of = lambda signature: NO_GRANT
    sent = case.send()
    assert (sent.outcome, sent.verdict.code) == (Outcome.REFUSED, 'no_grant')
    assert sent.verdict.number == 6012
    assert sent.slot > 0
    assert 'grant' in sent.text


def test_what_servers_lose_is_sent_again_every_two_seconds():
    case = Case()
    case.nodes[0].swallows = 3
    begin_s = case.world.clock.elapsed_s()
    assert case.send().is_confirmed
    assert 6 <= case.world.clock.elapsed_s() - begin_s < 9
    assert case.sends() == 4
    # The preflight of a copy would be about the first.
    assert case.nodes[0].options.skip_preflight is True


def test_what_no_block_took_in_time_has_expired():
    case = Case()
    case.nodes[0].swallows = 10**6
    sent = case.send()
    assert sent.outcome is Outcome.EXPIRED
    assert 'cannot take it any more' in sent.text
    assert case.ledger.height - 32 > case.last_valid


def test_expired_is_not_said_before_the_last_block_is_final():
    case = Case()
    case.nodes[0].swallows = 10**6
    heights = []
    original = case.nodes[0].get_epoch_info

    async def noting(commitment):
        answer = await original(commitment)
        heights.append(answer.value.block_height)
        return answer

    case.nodes[0].get_epoch_info = noting
    case.send()
    assert heights[-1] > case.last_valid
    assert all(height <= case.last_valid for height in heights[:-1])


def test_a_node_that_lags_is_not_believed_that_it_has_expired():
    """One address, two nodes behind it: the one that tells the height is ahead of the other."""
    case = Case()
    case.world.clock.advance((150 + 40) * 0.4)
    case.ledger.landed[text_of(SIGNATURE)] = (case.last_valid, None)
    ahead = case.nodes[0].get_epoch_info

    async def epoch_of_another(commitment):
        case.nodes[0].lag = 0
        answer = await ahead(commitment)
        case.nodes[0].lag = lag
        return answer

    case.nodes[0].get_epoch_info = epoch_of_another
    lag = case.nodes[0].lag = 45

    async def sleep(seconds):
        nonlocal lag
        case.world.clock.advance(seconds)
        if case.nodes[0].calls.count('get_epoch_info') > 3:
            lag = case.nodes[0].lag = 0

    case.sender._sleep = sleep
    assert case.follow().is_confirmed


def test_an_answer_that_is_lost_proves_nothing():
    case = Case()
    case.nodes[0].loses_answers = 1
    assert case.send().is_confirmed
    assert case.ledger.runs[text_of(SIGNATURE)] == 1


@pytest.mark.parametrize(
    'error',
    [
        RpcTimedOut('late'),
        EndpointAway('away'),
        BadAnswer('odd'),
        RateLimited('full'),
        rpc_refused(-32603),
    ],
)
def test_no_fault_of_a_server_is_taken_for_a_refusal(error):
    case = Case(2)
    case.nodes[0].faults['send_raw_transaction'] = [error]
    case.nodes[1].faults['send_raw_transaction'] = [error]
    assert case.send().is_confirmed


def preflight(error):
    return rpc_refused(-32002, {'err': error, 'logs': []})


def test_what_the_first_preflight_refuses_is_refused_at_once():
    case = Case()
    case.nodes[0].faults['send_raw_transaction'] = [preflight(NO_GRANT)]
    sent = case.send()
    assert (sent.outcome, sent.verdict.code, sent.slot) == (Outcome.REFUSED, 'no_grant', 0)
    assert case.sends() == 1


def test_a_preflight_is_not_believed_after_a_server_may_have_taken_it():
    case = Case(2)
    # The first takes it and says nothing; for the second it has been done.
    case.nodes[0].loses_answers = 1
    case.nodes[1].faults['send_raw_transaction'] = [preflight(NO_GRANT)]
    assert case.send().is_confirmed


def test_a_later_refusal_is_not_believed():
    case = Case()
    # It is on the chain, and this node does not know yet.
    case.nodes[0].lag = 10
    case.nodes[0].faults['send_raw_transaction'] = [None, rpc_refused(-32003)]
    assert case.send().is_confirmed
    assert case.sends() >= 2


def test_a_preflight_is_not_believed_if_the_wallet_has_sent_it():
    case = Case()
    case.ledger.submit(WIRE, case.last_valid)
    case.world.clock.advance(1)
    case.nodes[0].faults['send_raw_transaction'] = [preflight(NO_GRANT)]
    assert case.send().is_confirmed


@pytest.mark.parametrize('error', ['BlockhashNotFound', 'AlreadyProcessed'])
def test_a_server_that_lags_gets_it_again(error):
    case = Case()
    case.nodes[0].faults['send_raw_transaction'] = [preflight(error)]
    assert case.send().is_confirmed
    assert case.sends() == 2


def test_what_no_server_can_read_is_refused():
    case = Case()
    case.nodes[0].faults['send_raw_transaction'] = [rpc_refused(-32003)]
    sent = case.send()
    assert (sent.outcome, sent.verdict.code) == (Outcome.REFUSED, 'bad_transaction')


def test_one_server_dies_in_the_middle_and_the_other_goes_on():
    case = Case(2)
    case.nodes[0].swallows = 2

    async def sleep(seconds):
        case.world.clock.advance(seconds)
        if case.sends() == 2:
            case.nodes[0].is_down = EndpointAway('killed')

    case.sender._sleep = sleep
    assert case.send().is_confirmed
    assert case.ledger.runs[text_of(SIGNATURE)] == 1


def test_a_chain_that_is_away_leaves_it_unknown_and_following_settles_it():
    case = Case(give_up_after_s=30.0)
    case.nodes[0].loses_answers = 1
    case.nodes[0].faults['get_signature_statuses'] = [EndpointAway('gone')] * 1000
    sent = case.send()
    assert sent.outcome is Outcome.UNKNOWN
    assert 'gone' in sent.text
    case.nodes[0].faults.clear()
    before = case.sends()
    assert case.follow().is_confirmed
    assert case.sends() == before


def test_what_was_never_sent_is_followed_to_its_end():
    case = Case()
    assert case.follow().outcome is Outcome.EXPIRED
    assert case.sends() == 0


def test_what_is_followed_is_asked_for_sparingly():
    case = Case()
    asked = []
    ask = case.nodes[0].get_signature_statuses

    async def noted(signatures, history):
        asked.append((case.world.clock.elapsed_s(), history))
        return await ask(signatures, history)

    case.nodes[0].get_signature_statuses = noted
    begin_s = case.world.clock.elapsed_s()
    assert case.follow(patience_s=20.0).outcome is Outcome.UNKNOWN
    assert case.world.clock.elapsed_s() - begin_s < 25
    # All that the chain ever had is looked through at once, and then now and then.
    old = [at_s for at_s, is_history in asked if is_history]
    assert old[0] == begin_s
    assert all(then - now >= 2.0 for now, then in itertools.pairwise(old))
    assert len(asked) < 16


def test_a_refusal_of_long_ago_is_told_without_the_transaction():
    case = Case()
    case.ledger.landed[text_of(SIGNATURE)] = (case.ledger.height, NO_GRANT)
    sent = case.follow()
    assert (sent.outcome, sent.verdict.code) == (Outcome.REFUSED, 'no_grant')


def test_a_block_that_is_undone_does_not_count():
    case = Case()
    undone = []

    async def sleep(seconds):
        case.world.clock.advance(seconds)
        if not undone and case.ledger.landed:
            undone.append(case.ledger.landed.pop(text_of(SIGNATURE)))

    case.sender._sleep = sleep
    assert case.send().is_confirmed
    assert case.ledger.runs[text_of(SIGNATURE)] == 2
    assert undone


FAULTS = {
    'delay': lambda case, dice: setattr(case.nodes[0], 'lag', dice.randrange(1, 20)),
    'dropped': lambda case, dice: setattr(case.nodes[0], 'swallows', dice.randrange(1, 90)),
    'lost answer': lambda case, dice: setattr(case.nodes[0], 'loses_answers', dice.randrange(1, 9)),
    'errors': lambda case, dice: scatter(case, dice),
    'killed': lambda case, dice: setattr(case.nodes[0], 'is_down', EndpointAway('killed')),
    'refused': lambda case, dice: setattr(case.ledger, 'error_of', lambda signature: NO_GRANT),
}


def scatter(case, dice):
    kinds = [
        EndpointAway('x'),
        RpcTimedOut('x'),
        BadAnswer('x'),
        RateLimited('x', retry_after_s=3.0),
    ]
    for node in case.nodes:
        for method in ('send_raw_transaction', 'get_signature_statuses', 'get_epoch_info'):
            node.faults[method] = [dice.choice([None, *kinds]) for _ in range(dice.randrange(12))]


@pytest.mark.parametrize('fault', FAULTS)
def test_in_every_round_the_outcome_is_what_the_chain_has(fault):
    for number in range(ROUNDS):
        dice = random.Random(f'{fault} {number}')
        case = Case(2)
        FAULTS[fault](case, dice)
        wire = transaction(number)
        sent = case.send(wire)
        name = text_of(wire[1:65])
        landed = case.ledger.landed.get(name)
        assert case.ledger.runs[name] == (0 if landed is None else 1), (fault, number)
        if landed is None:
            assert sent.outcome is Outcome.EXPIRED, (fault, number, sent)
        else:
            wanted = Outcome.CONFIRMED if landed[1] is None else Outcome.REFUSED
            assert sent.outcome is wanted, (fault, number, sent)
