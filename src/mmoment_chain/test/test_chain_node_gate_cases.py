"""What looks like a key to a right and is none, on a dev chain: nodes refuse it and say why."""

import asyncio
import time

import pytest
from chain_node_world import ChainNodeWorld, DevChain
from devchain_world import asked, confirmed, latest
from look_alike import freeze, hand_on, look_alike, thaw
from session_world import Wallet, status, wait_until
from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from worthless import worthless

from mmoment_chain import face_nft, token_2022
from mmoment_chain.device_keys import SigningKey
from mmoment_chain.token_accounts import Mint
from mmoment_chain.wallet import parse_wallet
from mmoment_interfaces.srv import GetSession

pytestmark = pytest.mark.graph

NAME = 'Gym'
ROOM_LAMPORTS = 30_000_000
HOUR_S = 3600
# More than one question.
SENT = 120
# A quarter of all addresses come after it.
LATE = b'\xc0' + bytes(31)


class Key:
    """Signs as the key of a device does."""

    def __init__(self, pair=None):
        self._pair = pair or Keypair()
        self.public = bytes(self._pair.pubkey())

    def sign(self, message):
        return bytes(self._pair.sign_message(message))


class Hands:
    """Whoever sends to the dev chain what no camera would build."""

    def __init__(self, world):
        self._world, self._chain = world, world.chain

    def device(self):
        """The key of the camera, in the hand of an operator who admits anything."""
        (folder,) = (self._world.folder / 'cameras').glob('*/keys')
        return SigningKey.load(folder)

    def group(self):
        return parse_wallet(status(self._world.chain_node, 'registration')['nft_group'])

    def send(self, payer, *transactions, signers=()):
        """Lists of instructions, each a transaction; confirmed once this returns."""
        keys = {each.public: each for each in (payer, *signers)}

        async def work(asking):
            sent = []
            for instructions in transactions:
                message = MessageV0.try_compile(
                    Pubkey.from_bytes(payer.public), instructions, [], (await latest(asking)).blockhash
                )  # fmt: skip
                raw = bytes(to_bytes_versioned(message))
                needed = message.account_keys[: message.header.num_required_signatures]
                signatures = [Signature.from_bytes(keys[bytes(key)].sign(raw)) for key in needed]
                made = VersionedTransaction.populate(message, signatures)
                sent.append((await asking.send_transaction(made)).value)
            told = await asyncio.gather(*(confirmed(asking, each) for each in sent))
            assert all(each.err is None for each in told)

        asked(self._chain, work)

    def send_in_turn(self, payer, *transactions, signers=()):
        """The same, each once the one before is confirmed."""
        for instructions in transactions:
            self.send(payer, instructions, signers=signers)

    def look_alike(self, person, group, authority, key=None, **how):
        """Mint of one that a person holds, admitted to a group by who may."""
        mint, holder = key or Key(), Key(person.keypair)
        steps = look_alike(
            mint.public,
            holder.public,
            ROOM_LAMPORTS,
            group=group,
            authority=authority.public,
            **how,
        )
        self.send_in_turn(holder, *steps, signers=(mint, authority))
        return mint.public

    def foreign_group(self, name):
        """A group of that name, and who admits to it."""
        rival, mint = Wallet(), Key()
        self._chain.fund(rival.address)
        authority = Key(rival.keypair)
        plan = face_nft.create_group(
            authority.public, authority.public, mint.public, name, lambda size: ROOM_LAMPORTS
        )
        self.send_in_turn(authority, *(step.instructions for step in plan.steps), signers=(mint,))
        return mint.public, authority


@pytest.fixture(scope='module')
def chain(tmp_path_factory):
    chain = DevChain(tmp_path_factory.mktemp('chain'))
    yield chain
    chain.close()


@pytest.fixture
def world(tmp_path, chain, anna):
    world = ChainNodeWorld(tmp_path, chain)
    world.start_both(['record face', 'capture grant:capture'])
    world.register()
    world.perform('create_group', world.owner, name=NAME)
    world.chain.fund(anna.address)
    yield world
    world.close()


@pytest.fixture
def hands(world):
    return Hands(world)


def assert_let_in(world, wallet, mint):
    found = world.verify(wallet, 'face')
    assert (found.holds, found.reason, parse_wallet(found.mint)) == (True, 'holds', mint)
    opened = world.check_in(wallet)
    assert opened.withheld == ['capture']
    assert 'record' in opened.session.rights
    return opened


def assert_refused(world, wallet, reason, told):
    """By the service that asks the chain, and at the check-in."""
    found = world.verify(wallet, 'face')
    assert (found.success, found.holds, found.reason) == (True, False, reason)
    opened = world.check_in(wallet)
    assert opened.success
    assert opened.withheld == ['capture', 'record']
    assert 'record' not in opened.session.rights
    because = dict(zip(opened.withheld, opened.withheld_because, strict=True))
    assert because['record'] == f'{told} (face)'


def test_a_frozen_one_counts_again_once_it_is_thawed(world, hands, anna):
    with hands.device() as device:
        operator = Key(world.owner.keypair)
        mint = hands.look_alike(anna, hands.group(), device, freezes=operator.public)
        # But for who may freeze it this one is genuine.
        assert_let_in(world, anna, mint)
        hands.send(operator, [freeze(mint, parse_wallet(anna.address), operator.public)])
        assert_refused(world, anna, 'frozen', 'What this wallet holds is frozen')
        hands.send(operator, [thaw(mint, parse_wallet(anna.address), operator.public)])
        assert_let_in(world, anna, mint)


def test_a_group_of_the_same_name_is_another_group(world, hands, anna):
    group, rival = hands.foreign_group(NAME)
    names = [
        Mint.from_bytes(world.chain.account(each)).metadata().name
        for each in (group, hands.group())
    ]
    assert names == [NAME, NAME]
    hands.look_alike(anna, group, rival)
    told = 'What this wallet holds is not of the group that is asked for'
    assert_refused(world, anna, 'foreign_group', told)
    # The genuine one beside it counts.
    with hands.device() as device:
        mint = hands.look_alike(anna, hands.group(), device)
        assert_let_in(world, anna, mint)


def test_one_that_was_handed_on_says_nothing_of_who_holds_it(world, hands, anna):
    giver = Wallet()
    world.chain.fund(giver.address)
    with hands.device() as device:
        mint = hands.look_alike(giver, hands.group(), device, is_transferable=True)
        keys = (parse_wallet(giver.address), parse_wallet(anna.address))
        hands.send(Key(giver.keypair), hand_on(mint, *keys))
        found = world.verify(anna, 'face')
        assert parse_wallet(found.mint) == mint
        told = 'This NFT can be handed on, so it says nothing of who holds it'
        assert_refused(world, anna, 'transferable', told)
        assert_refused(world, giver, 'none', 'This wallet does not hold what is asked for')


def test_a_grant_ends_by_itself_and_may_be_renewed(world, anna):
    lasts_s = 4
    hours = f'{lasts_s / HOUR_S:.9f}'
    given = {'for': anna.address, 'rights': 'capture', 'hours': hours}
    begin_s = time.time()
    world.perform('grant', world.owner, **given)
    found = world.verify(anna, 'grant:capture')
    assert (found.holds, found.reason) == (True, 'holds')
    opened = world.check_in(anna)
    assert opened.withheld == ['record']
    assert 'capture' in opened.session.rights
    wait_until(lambda: not world.verify(anna, 'grant:capture').holds, 'the end of the grant')
    assert time.time() >= int(begin_s) + lasts_s
    assert world.verify(anna, 'grant:capture').reason == 'expired'
    again = world.check_in(anna)
    assert again.withheld == ['capture', 'record']
    assert again.withheld_because[0] == 'The grant of this wallet is over (grant:capture)'
    session = world.call(GetSession, 'get_session', token=opened.token, passive=True).session
    assert 'capture' not in session.rights
    world.perform('grant', world.owner, **{**given, 'hours': '1'})
    assert world.verify(anna, 'grant:capture').holds
    assert world.check_in(anna).withheld == ['record']


def test_tokens_that_others_send_do_not_hide_a_face(world, hands, anna):
    person = parse_wallet(anna.address)
    # The dev chain tells token accounts in the order of their addresses.
    key = key_with(lambda account: account >= LATE, person)
    with hands.device() as device:
        mint = hands.look_alike(anna, hands.group(), device, key=key)
    rival = Wallet()
    world.chain.fund(rival.address, 10**10)
    payer = Key(rival.keypair)
    sent = [key_with(lambda account: account < LATE, person) for _ in range(SENT)]
    steps = [worthless(payer.public, person, each.public, ROOM_LAMPORTS // 10) for each in sent]
    hands.send(payer, *steps, signers=sent)
    assert_let_in(world, anna, mint)
    # A node that was started anew knows nothing of it, and finds it.
    world.end(world.chain_node)
    world.start_chain()
    wait_until(lambda: world.verify(anna, 'face').success, 'the other node')
    assert_let_in(world, anna, mint)


def key_with(is_wanted, person):
    """Key of a mint of which this person's token account has an address that is wanted."""
    while True:
        key = Key()
        if is_wanted(token_2022.associated_address(person, key.public)):
            return key
