"""A chain_node as the routes see it: it says what it is told to, and remembers every question."""

import base64

from mmoment_api.chain_control import (
    BuiltTransaction,
    ChainStatus,
    ConfirmedTransaction,
    FaceOnChain,
    NftVerdict,
)
from mmoment_api.errors import part_not_running

CAMERA = 'Stake11111111111111111111111111111111111111'
DEVICE = 'Config1111111111111111111111111111111111111'
MINT = 'SysvarRent111111111111111111111111111111111'
STATUS = ChainStatus(
    connection='live',
    cluster='localnet',
    endpoint='http://127.0.0.1:8899',
    slot=77,
    program_id='BPFLoaderUpgradeab1e11111111111111111111111',
    camera_address=CAMERA,
    device=DEVICE,
    owner='Vote111111111111111111111111111111111111111',
    registered=True,
    active=True,
    mode='private',
    balance_lamports=5_000_000_000,
    log_here=12,
    log_there=9,
    visits_waiting=1,
    held_back='budget',
    spent_lamports=15_000,
    budget_lamports=20_000,
    last_signature='5' * 88,
)


def wire(message, signatures=2, filled=0):
    """A transaction in base64, with so many places for signatures, the first ones filled."""
    places = b''.join(bytes([number < filled]) * 64 for number in range(signatures))
    return base64.b64encode(bytes([signatures]) + places + message).decode()


class FakeChain:
    """See `ChainControl`. count: transactions that each row has."""

    def __init__(self):
        self.is_away = False
        self.refusals = {}
        self.asked = []
        self.count = 1
        # Another row has other ids, and other messages.
        self.row = ''
        self.verdict = NftVerdict(True, 'holds', MINT, 78, 'This wallet holds it')

    async def build(self, wish):
        self._ask('build', wish)
        self._refuse(wish.kind)
        number = dict(wish.values).get('after', 'b0').lstrip('bc')
        number = int(number) + 1
        return BuiltTransaction(
            build_id=f'b{self.row}{number}',
            transaction=wire(f'message {self.row}{number}'.encode()),
            can_be_sent=True,
            accounts=(MINT,),
            summary=(f'Do {wish.kind}',),
            number=number,
            count=self.count,
            fee_lamports=10_000,
            rent_lamports=3_000_000,
            last_valid_height=500,
            message='Sign this',
        )

    async def submit(self, build_id, transaction):
        self._ask('submit', build_id, transaction)
        self._refuse('submit')
        return ConfirmedTransaction('4' * 88, 79, (MINT,), 'It is on the chain')

    async def confirm(self, build_id, signature):
        self._ask('confirm', build_id, signature)
        self._refuse('confirm')
        self._refuse(f'confirm {build_id}')
        return ConfirmedTransaction(signature, 79, (MINT,), 'It is on the chain')

    async def verify(self, wallet, rule, is_fresh):
        self._ask('verify', wallet, rule, is_fresh)
        self._refuse('verify')
        return self.verdict

    async def face(self, wallet):
        self._ask('face', wallet)
        self._refuse('face')
        return FaceOnChain(b'sealed', 'model-1', 'record-1', MINT)

    def _ask(self, *question):
        self.asked.append(question)
        if self.is_away:
            raise part_not_running('chain_node')

    def _refuse(self, what):
        if what in self.refusals:
            raise self.refusals[what]
