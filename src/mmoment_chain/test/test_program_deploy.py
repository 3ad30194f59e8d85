import struct
from dataclasses import dataclass

import pytest
from bpf_objects import EXIT, Made, give
from program_world import FEATURES, new_chain, refusal_number, sent
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from vault_vectors import fixed

from mmoment_chain import program_deploy as loader
from mmoment_chain.program_build import program
from mmoment_chain.program_deploy import DeployError, ProgramData
from mmoment_chain.sbpf_linker import link

LARGEST_TRANSACTION = 1232


@dataclass
class Deployment:
    """A chain without our program, and who brings one onto it."""

    svm: object
    payer: Keypair
    program: Keypair
    transactions: int = 0

    def send(self, instructions, *signers):
        self.transactions += 1
        done, size = sent(self.svm, instructions, self.payer, signers)
        assert size <= LARGEST_TRANSACTION
        return done

    def must(self, instructions, *signers):
        done = self.send(instructions, *signers)
        assert not hasattr(done, 'err'), done

    @property
    def payer_key(self):
        return bytes(self.payer.pubkey())

    @property
    def key(self):
        return bytes(self.program.pubkey())

    def fill(self, content):
        """A buffer with this content."""
        buffer = Keypair()
        key = bytes(buffer.pubkey())
        rent = self.svm.minimum_balance_for_rent_exemption(loader.buffer_bytes(len(content)))
        self.must(
            loader.make_buffer(self.payer_key, key, self.payer_key, len(content), rent), buffer
        )
        for part in loader.writes(key, self.payer_key, content):
            self.must([part])
        return key

    def deploy(self, content, room_bytes=None):
        buffer = self.fill(content)
        rent = self.svm.minimum_balance_for_rent_exemption(loader.PROGRAM_BYTES)
        room = room_bytes or len(content)
        self.must(
            loader.deploy(self.payer_key, self.key, buffer, self.payer_key, room, rent),
            self.program,
        )
        self.next_slot()

    def next_slot(self):
        # What is deployed can be called from the next slot on.
        self.svm.warp_to_slot(self.svm.get_clock().slot + 1)

    def kept(self):
        account = self.svm.get_account(Pubkey.from_bytes(loader.data_address(self.key)))
        return ProgramData.from_bytes(bytes(account.data))

    def call(self):
        done = self.send([Instruction(self.program.pubkey(), b'', [])])
        return refusal_number(done)

    def balance(self, key):
        return self.svm.get_balance(Pubkey.from_bytes(key)) or 0


@pytest.fixture(params=FEATURES)
def deployment(request):
    svm = new_chain(request.param)
    payer = Keypair()
    svm.airdrop(payer.pubkey(), 10**10)
    return Deployment(svm, payer, Keypair())


def numbered(number):
    return link(Made(code=give(number) + EXIT).to_bytes())


def test_our_program_is_deployed_and_costs_what_was_told(deployment):
    content = program()
    told = loader.cost(
        len(content), len(content), deployment.svm.minimum_balance_for_rent_exemption
    )
    before = deployment.balance(deployment.payer_key)
    deployment.deploy(content)
    assert deployment.transactions == told.transactions
    spent = before - deployment.balance(deployment.payer_key)
    assert spent == told.fee_lamports + told.rent_lamports
    assert told.peak_lamports >= spent
    kept = deployment.kept()
    assert kept.is_same(content)
    assert kept.authority == deployment.payer_key
    assert deployment.call() == 6002  # it runs, and knows no instruction without data


def test_a_program_is_replaced_grows_and_is_closed(deployment):
    small = numbered(71)
    deployment.deploy(small)
    assert deployment.call() == 71
    buffer = deployment.fill(numbered(72))
    upgrade = loader.upgrade(deployment.key, buffer, deployment.payer_key, deployment.payer_key)
    deployment.must([upgrade])
    deployment.next_slot()
    assert deployment.call() == 72
    assert deployment.balance(buffer) == 0
    room = len(deployment.kept().content)
    deployment.must([loader.extend(deployment.key, deployment.payer_key, 10_240)])
    assert len(deployment.kept().content) == room + 10_240
    assert deployment.kept().is_same(numbered(72))
    assert not deployment.kept().is_same(small)
    deployment.next_slot()
    recipient = bytes(Keypair().pubkey())
    rent = deployment.balance(loader.data_address(deployment.key))
    deployment.must([loader.close_program(deployment.key, deployment.payer_key, recipient)])
    assert deployment.balance(recipient) == rent
    assert deployment.balance(loader.data_address(deployment.key)) == 0
    again = loader.deploy(
        deployment.payer_key, deployment.key, deployment.fill(small), deployment.payer_key, 999, 1
    )
    assert hasattr(deployment.send(again, deployment.program), 'err')


def test_a_buffer_gives_all_its_rent_back(deployment):
    buffer = deployment.fill(numbered(1))
    rent = deployment.balance(buffer)
    recipient = bytes(Keypair().pubkey())
    deployment.must([loader.close_buffer(buffer, deployment.payer_key, recipient)])
    assert deployment.balance(recipient) == rent > 0
    assert deployment.balance(buffer) == 0


def test_only_the_authority_replaces_a_program(deployment):
    deployment.deploy(numbered(71))
    other = Keypair()
    key = bytes(other.pubkey())
    deployment.must([loader.set_authority(deployment.key, deployment.payer_key, key)])
    assert deployment.kept().authority == key
    buffer = deployment.fill(numbered(72))
    upgrade = loader.upgrade(deployment.key, buffer, deployment.payer_key, deployment.payer_key)
    assert hasattr(deployment.send([upgrade]), 'err')
    deployment.must([loader.set_authority(deployment.key, key, None)], other)
    assert deployment.kept().authority is None
    close = loader.close_program(deployment.key, key, key)
    assert hasattr(deployment.send([close], other), 'err')
    assert deployment.call() == 71


@pytest.mark.parametrize(
    ('made', 'data', 'accounts'),
    [
        (loader.make_buffer(fixed('p'), fixed('b'), fixed('a'), 9, 1)[1], '00000000', 'b a'),
        (loader.write(fixed('b'), fixed('a'), 900, b'xyz'), '010000008403000003000000000000' '0078797a', 'b A'),
        (loader.deploy(fixed('p'), fixed('o'), fixed('b'), fixed('a'), 17_360, 1)[1], '02000000d043000000000000', 'P d o b r c s A'),
        (loader.upgrade(fixed('o'), fixed('b'), fixed('a'), fixed('p')), '03000000', 'd o b p r c A'),
        (loader.set_authority(fixed('o'), fixed('a'), fixed('p')), '04000000', 'd A p'),
        (loader.set_authority(fixed('o'), fixed('a'), None), '04000000', 'd A'),
        (loader.close_buffer(fixed('b'), fixed('a'), fixed('p')), '05000000', 'b p A'),
        (loader.close_program(fixed('o'), fixed('a'), fixed('p')), '05000000', 'd p A o'),
        (loader.extend(fixed('o'), fixed('p'), 10_240), '0600000000280000', 'd o s P'),
    ],
)  # fmt: skip
def test_instructions_are_these_bytes(made, data, accounts):
    """Capital letters sign."""
    keys = {name: fixed(name) for name in 'pbao'} | {
        'd': bytes(Pubkey.find_program_address([fixed('o')], loader.LOADER)[0]),
        'r': bytes(loader.RENT),
        'c': bytes(loader.CLOCK),
        's': bytes(32),
    }
    assert made.data.hex() == data
    names = accounts.split()
    assert [bytes(each.pubkey) for each in made.accounts] == [keys[name.lower()] for name in names]
    assert [each.is_signer for each in made.accounts] == [name.isupper() for name in names]


@pytest.mark.parametrize('data', [b'', bytes(44), struct.pack('<I', 2) + bytes(60)])
def test_other_accounts_are_no_program(data):
    with pytest.raises(DeployError):
        ProgramData.from_bytes(data)
