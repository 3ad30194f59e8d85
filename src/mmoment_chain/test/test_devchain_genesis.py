import pytest
from devchain_world import SOL, Offline, someone
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from mmoment_chain import program_build, program_deploy
from mmoment_chain.devchain_errors import DevchainError
from mmoment_chain.devchain_genesis import deploy
from mmoment_chain.devchain_wire import TransactionRefused

PROGRAM_ID = program_build.PROGRAM_ID


@pytest.fixture
def world(tmp_path):
    made = Offline(tmp_path)
    yield made
    made.store.close()


def answered(world, instructions):
    """Run these as the faucet, whose signature nobody asks for here; the row."""
    message = MessageV0.try_compile(world.faucet.address, instructions, [], Hash(world.hash()))
    made = VersionedTransaction.populate(message, [Signature.new_unique()])
    return world.run(made)


def knows_nothing(world):
    """What the registry says to an instruction that it does not know."""
    return answered(world, [Instruction(Pubkey.from_bytes(PROGRAM_ID), bytes(8), [])]).error


def test_program_is_deployed_once_and_runs(world):
    program = program_build.program()
    assert deploy(world.chain, world.faucet, PROGRAM_ID, program)
    assert not deploy(world.chain, world.faucet, PROGRAM_ID, program)
    assert 'Custom' in knows_nothing(world)['InstructionError'][1]


def test_program_runs_after_a_restart(world):
    deploy(world.chain, world.faucet, PROGRAM_ID, program_build.program())
    again = world.reopened()
    assert 'Custom' in knows_nothing(again)['InstructionError'][1]
    again.close()


def test_what_is_no_program_is_refused_with_what_the_loader_says(world):
    with pytest.raises(DevchainError, match=r'cannot be deployed: .*Failed to parse ELF'):
        deploy(world.chain, world.faucet, PROGRAM_ID, bytes(2000))


def test_no_fork_undoes_what_a_chain_begins_with(world):
    deploy(world.chain, world.faucet, PROGRAM_ID, program_build.program())
    world.chain.settle()
    world.chain.fork(100)
    assert 'Custom' in knows_nothing(world)['InstructionError'][1]


def test_fork_undoes_a_program_that_is_not_final(tmp_path):
    world = Offline(tmp_path, finalized_after=30)
    deploy(world.chain, world.faucet, PROGRAM_ID, program_build.program())
    world.chain.fork(30)
    with pytest.raises(TransactionRefused, match='ProgramAccountNotFound'):
        knows_nothing(world)
    deploy(world.chain, world.faucet, PROGRAM_ID, program_build.program())
    assert 'Custom' in knows_nothing(world)['InstructionError'][1]
    world.close()


def test_program_that_was_closed_stays_closed_over_a_restart(world):
    deploy(world.chain, world.faucet, PROGRAM_ID, program_build.program())
    authority = bytes(world.faucet.address)
    row = answered(world, [program_deploy.close_program(PROGRAM_ID, authority, authority)])
    assert row.error is None
    world.chain.close_block()
    before = knows_nothing(world)
    again = world.reopened()
    assert before == knows_nothing(again) == {'InstructionError': [0, 'UnsupportedProgramId']}
    friend = someone()
    again.faucet.airdrop(friend, SOL)
    assert again.lamports(friend) == SOL
    again.close()
