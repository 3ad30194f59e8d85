"""RPC servers of a small chain, as solana-py's clients see them, with whatever faults a test wants."""

import base64
import json
from collections import defaultdict

from fake_clock import FakeClock
from solders.rpc import responses
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from mmoment_chain.rpc_errors import refusal
from mmoment_chain.rpc_pool import PoolSettings, RpcPool
from mmoment_node.recovery import BackOff

BLOCK_S = 0.4
FINAL_AFTER = 32
CONFIRMED_AFTER = 1


class Ledger:
    """Blocks come with the clock; what was submitted gets into the next one."""

    def __init__(self, clock):
        self.clock = clock
        self.begin_s = clock.elapsed_s()
        self.landed = {}  # signature: height, error
        self.wires = {}
        self.runs = defaultdict(int)
        self.first_slot = 1000
        self.balance = 5_000_000_000
        self.fees = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
        self.simulated = {'err': None, 'logs': [], 'unitsConsumed': 1000}
        self.error_of = lambda signature: None

    @property
    def height(self):
        return int((self.clock.elapsed_s() - self.begin_s) / BLOCK_S) + 200

    def submit(self, wire, last_valid_height):
        signature = str(VersionedTransaction.from_bytes(wire).signatures[0])
        if signature not in self.landed and self.height <= last_valid_height:
            self.runs[signature] += 1
            self.wires[signature] = wire
            self.landed[signature] = (self.height + 1, self.error_of(signature))


class FakeNode:
    """One server. `faults`: by method, a list; each call takes the next, an exception or None."""

    def __init__(self, ledger, last_valid_height=10**9):
        self.ledger = ledger
        self.last_valid_height = last_valid_height
        self.faults = defaultdict(list)
        self.calls = []
        self.lag = 0
        self.is_down = None  # an exception: every call fails
        self.swallows = 0  # transactions that it accepts and forgets
        self.loses_answers = 0  # transactions that it takes without saying so
        self.hides = False  # what transactions are; how they ended is told
        self.closed = 0
        self.genesis = '4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZAMdL4VZHirAn'

    def _enter(self, method):
        self.calls.append(method)
        if self.is_down is not None:
            raise self.is_down
        waiting = self.faults[method]
        fault = waiting.pop(0) if waiting else None
        if isinstance(fault, BaseException):
            raise fault

    @property
    def height(self):
        return self.ledger.height - self.lag

    def _slot(self, behind=0):
        return self.ledger.first_slot + self.height - behind

    async def close(self):
        self.closed += 1

    async def is_connected(self):
        self._enter('is_connected')
        return True

    async def get_genesis_hash(self):
        self._enter('get_genesis_hash')
        return _made(responses.GetGenesisHashResp, self.genesis)

    async def get_slot(self):
        self._enter('get_slot')
        return _made(responses.GetSlotResp, self._slot(CONFIRMED_AFTER))

    async def get_balance(self, address):
        self._enter('get_balance')
        return _made(responses.GetBalanceResp, self._with_context(self.ledger.balance))

    async def get_latest_blockhash(self):
        self._enter('get_latest_blockhash')
        value = {
            'blockhash': '4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZAMdL4VZHirAn',
            'lastValidBlockHeight': self.height + 150,
        }
        return _made(responses.GetLatestBlockhashResp, self._with_context(value))

    async def get_recent_prioritization_fees(self, addresses):
        self._enter('get_recent_prioritization_fees')
        fees = [{'slot': 1, 'prioritizationFee': fee} for fee in self.ledger.fees]
        return _made(responses.GetRecentPrioritizationFeesResp, fees)

    async def get_fee_for_message(self, message):
        self._enter('get_fee_for_message')
        fee = 5000 * message.header.num_required_signatures
        return _made(responses.GetFeeForMessageResp, self._with_context(fee))

    async def get_minimum_balance_for_rent_exemption(self, size):
        self._enter('get_minimum_balance_for_rent_exemption')
        return _made(responses.GetMinimumBalanceForRentExemptionResp, (size + 128) * 6960)

    async def simulate_transaction(self, transaction):
        self._enter('simulate_transaction')
        self.tried = transaction
        value = {'accounts': None, 'returnData': None, **self.ledger.simulated}
        return _made(responses.SimulateTransactionResp, self._with_context(value))

    async def send_raw_transaction(self, wire, options):
        self._enter('send_raw_transaction')
        self.options = options
        if self.swallows:
            self.swallows -= 1
            return None
        self.ledger.submit(wire, self.last_valid_height)
        if self.loses_answers:
            self.loses_answers -= 1
            raise ConnectionResetError
        return None

    async def get_epoch_info(self, commitment):
        self._enter('get_epoch_info')
        assert str(commitment) == 'finalized'
        value = {
            'absoluteSlot': self._slot(FINAL_AFTER),
            'blockHeight': self.height - FINAL_AFTER,
            'epoch': 0,
            'slotIndex': 1,
            'slotsInEpoch': 432000,
            'transactionCount': 1,
        }
        return _made(responses.GetEpochInfoResp, value)

    async def get_signature_statuses(self, signatures, history):
        self._enter('get_signature_statuses')
        statuses = [self._status(str(each)) for each in signatures]
        return _made(responses.GetSignatureStatusesResp, self._with_context(statuses))

    async def get_transaction(self, signature, encoding, commitment, version):
        self._enter('get_transaction')
        assert (encoding, str(commitment), version) == ('base64', 'confirmed', 0)
        wire = self.ledger.wires.get(str(signature))
        if wire is None or self.hides:
            return _made(responses.GetTransactionResp, None)
        height, error = self.ledger.landed[str(signature)]
        meta = {
            'err': error,
            'status': {'Ok': None} if error is None else {'Err': error},
            'fee': 5000,
            'preBalances': [],
            'postBalances': [],
        }
        told = {
            'slot': self.ledger.first_slot + height,
            'blockTime': None,
            'transaction': [base64.b64encode(wire).decode(), 'base64'],
            'meta': meta,
            'version': 0,
        }
        return _made(responses.GetTransactionResp, told)

    def _status(self, signature):
        height, error = self.ledger.landed.get(signature, (None, None))
        if height is None or height > self.height:
            return None
        depth = self.height - height
        level = 'processed' if depth < CONFIRMED_AFTER else 'confirmed'
        if depth >= FINAL_AFTER:
            level = 'finalized'
        return {
            'slot': self.ledger.first_slot + height,
            'confirmations': None if level == 'finalized' else depth,
            'err': error,
            'status': {'Ok': None} if error is None else {'Err': error},
            'confirmationStatus': level,
        }

    def _with_context(self, value):
        return {'context': {'slot': self._slot()}, 'value': value}


class RpcWorld:
    """Some servers of one chain, and a pool of them; sleeping lets the time go by."""

    def __init__(self, nodes=1, on_change=lambda status: None, **settings):
        self.clock = FakeClock()
        self.ledger = Ledger(self.clock)
        self.urls = [f'http://node{number}.test/v2/SECRET{number}' for number in range(nodes)]
        self.nodes = [FakeNode(self.ledger) for _ in self.urls]
        by_url = dict(zip(self.urls, self.nodes, strict=True))
        back_off = BackOff(first_s=1.0, cap_s=8.0, jitter=0.0)
        self.pool = RpcPool(
            self.urls,
            self.clock,
            PoolSettings(back_off=back_off, **settings),
            connect=lambda url, name, timeout_s: by_url[url],
            on_change=on_change,
        )

    async def sleep(self, seconds):
        self.clock.advance(seconds)


def rpc_refused(number, data=None):
    return refusal('node', {'code': number, 'message': 'no', 'data': data})


def text_of(signature):
    return str(Signature.from_bytes(signature))


def _made(kind, result):
    return kind.from_json(json.dumps({'jsonrpc': '2.0', 'id': 0, 'result': result}))
