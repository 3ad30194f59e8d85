"""A running dev chain: what is on it, and what is there when it starts again."""

import pytest
from devchain_world import asked, funded, latest, server, signed
from solana.rpc.core import RPCException
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from mmoment_chain import program_build
from mmoment_chain.devchain_errors import DevchainError
from mmoment_chain.program_deploy import data_address


@pytest.fixture(scope='module')
def chain(tmp_path_factory):
    with server(tmp_path_factory.mktemp('chain'), program=program_build.program()) as running:
        yield running


def test_program_on_the_chain_is_the_one_that_was_built(chain):
    """It was deployed by the real loader, and it runs."""

    async def work(asking):
        payer = await funded(asking)
        program = Pubkey.from_bytes(program_build.PROGRAM_ID)
        unknown = signed(
            payer, (await latest(asking)).blockhash, [Instruction(program, bytes(8), [])]
        )
        with pytest.raises(RPCException) as caught:
            await asking.send_transaction(unknown)
        logs = ' '.join(caught.value.args[0].data.logs)
        assert f'Program {program} invoke [1]' in logs
        assert 'custom program error: 0x17' in logs

    asked(chain, work)


def test_server_that_begins_where_another_runs_is_told_why_not(tmp_path):
    with server(tmp_path / 'one') as first:
        with pytest.raises(DevchainError, match='in use by another dev chain'):
            server(tmp_path / 'one').start()
        port = int(first.url.rpartition(':')[2])
        with pytest.raises(DevchainError, match=f'ports {port} and {port + 1} are in use'):
            server(tmp_path / 'two', port=port).start()


def test_chain_is_the_same_after_a_restart_and_a_changed_program_is_replaced(tmp_path):
    program = program_build.program()

    async def state(asking):
        genesis = (await asking.get_genesis_hash()).value
        address = Pubkey.from_bytes(data_address(program_build.PROGRAM_ID))
        return genesis, bytes((await asking.get_account_info(address)).value.data)

    with server(tmp_path, program=program) as running:
        count = running.call(lambda chain: chain.transaction_count)
        genesis, _ = asked(running, state)
    with server(tmp_path, program=program) as running:
        assert running.call(lambda chain: chain.transaction_count) == count
        assert asked(running, state)[0] == genesis
    # It differs in the bytes that stand before its constants, so that nothing lies at address 0.
    constants_at = int.from_bytes(program[72:80], 'little')
    changed = program[:constants_at] + b'\1' + program[constants_at + 1 :]
    with server(tmp_path, program=changed) as running:
        assert running.call(lambda chain: chain.transaction_count) > count
        assert asked(running, state)[1][45 : 45 + len(changed)] == changed
