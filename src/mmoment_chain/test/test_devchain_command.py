"""The command: what it prints, how it ends, and what `kill -9` leaves."""

import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest
from devchain_world import (
    SOL,
    Offline,
    client,
    confirmed,
    funded,
    latest,
    paying,
    run,
    someone,
)
from solana.exceptions import SolanaRpcException
from solana.rpc.commitment import Confirmed, Processed

from mmoment_chain import program_build
from mmoment_chain.devchain_command import (
    default_folder,
    main,
    parsed_fault,
    parser,
    reset,
    settings_of,
)
from mmoment_chain.devchain_errors import RpcError
from mmoment_chain.devchain_faults import FaultKind
from mmoment_chain.errors import ChainError
from mmoment_chain.wallet import wallet_text

START_WAIT_S = 60
TRANSACTIONS = 200
# How often it is killed; more takes a while, as every start of a process.
ROUNDS = int(os.environ.get('MMOMENT_CRASH_ROUNDS', '1'))


class Command:
    """The command in a process of its own."""

    def __init__(self, folder, *words):
        environment = os.environ | {
            'PYTHONPATH': os.pathsep.join(each for each in sys.path if each)
        }
        given = ['--port=0', f'--data={folder}', '--block-ms=50', *words]
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'mmoment_chain.devchain_command', *given],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.told = {}
        for line in self.process.stdout:
            name, _, value = line.strip().partition(': ')
            self.told[name] = value
            if name == 'kept in':
                break
        self.url = self.told.get('RPC', '')

    def end(self, number):
        """Send a signal; the exit status."""
        self.process.send_signal(number)
        self.process.stdout.close()
        return self.process.wait(START_WAIT_S)


@pytest.fixture
def start():
    running = []

    def begin(*words):
        running.append(Command(*words))
        return running[-1]

    yield begin
    for each in running:
        if each.process.poll() is None:
            each.end(signal.SIGKILL)


async def send_many(url, payer, friend, killed_at, kill):
    """Send transactions and note which were confirmed, until the chain is gone."""
    noted, sent = {}, {}
    async with client(url, commitment=Confirmed, max_transport_retries=0) as asking:
        try:
            for number in range(TRANSACTIONS):
                made = paying(payer, (await latest(asking)).blockhash, friend, SOL + number)
                sent[made.signatures[0]] = SOL + number
                await asking.send_transaction(made)
                if number % 5 == 0:
                    told = (await asking.get_signature_statuses(list(sent)[-40:])).value
                    for signature, status in zip(list(sent)[-40:], told, strict=True):
                        if status and int(status.confirmation_status) >= 1:
                            noted[signature] = sent[signature]
                if number == killed_at:
                    kill()
        except SolanaRpcException:
            # The chain is gone.
            pass
    return noted, sent


@pytest.mark.graph
def test_kill_in_the_middle_of_200_transactions_loses_nothing_that_was_confirmed(tmp_path, start):
    """What was not confirmed is there whole or not at all, and the money adds up."""

    async def begin(url):
        async with client(url, commitment=Confirmed) as asking:
            return await funded(asking)

    chain = start(tmp_path, '--no-program')
    payer, friend = run(begin(chain.url)), someone()
    confirmed_before = {}
    for _ in range(ROUNDS):
        killed_at = random.randrange(TRANSACTIONS // 2, TRANSACTIONS)
        noted, sent = run(send_many(chain.url, payer, friend, killed_at, chain.process.kill))
        assert chain.process.wait(START_WAIT_S) == -signal.SIGKILL
        assert len(noted) > killed_at // 2
        confirmed_before |= noted
        chain = start(tmp_path, '--no-program')

        async def look(url, sent):
            async with client(url, commitment=Confirmed) as asking:
                history = (await asking.get_signatures_for_address(friend)).value
                balance = (await asking.get_balance(friend, Processed)).value
                return {line.signature for line in history}, balance

        found, balance = run(look(chain.url, sent))
        assert set(confirmed_before) <= found
        # History and accounts are of one piece, and what was there once stays.
        confirmed_before |= {each: sent[each] for each in found if each in sent}
        assert balance == sum(confirmed_before.values())
        assert set(confirmed_before) == found


@pytest.mark.graph
def test_it_prints_where_it_is_and_ends_cleanly(tmp_path, start):
    chain = start(tmp_path)
    assert re.fullmatch(r'http://127\.0\.0\.1:\d+', chain.url)
    assert chain.told['program'] == wallet_text(program_build.PROGRAM_ID)
    assert chain.told['kept in'] == str(tmp_path)

    async def pay():
        async with client(chain.url, commitment=Confirmed) as asking:
            payer, friend = await funded(asking), someone()
            made = paying(payer, (await latest(asking)).blockhash, friend, SOL)
            await confirmed(asking, (await asking.send_transaction(made)).value)
            return friend, (await asking.get_genesis_hash()).value

    friend, genesis = run(pay())
    begin = time.monotonic()
    assert chain.end(signal.SIGINT) == 0
    assert time.monotonic() - begin < 10

    async def look(url):
        async with client(url, commitment=Processed) as asking:
            return (await asking.get_balance(friend)).value, (await asking.get_genesis_hash()).value

    again = start(tmp_path)
    assert run(look(again.url)) == (SOL, genesis)
    assert again.end(signal.SIGTERM) == 0


def test_reset_takes_the_chain_away_and_nothing_else(tmp_path):
    other = tmp_path / 'other'
    other.write_text('kept')
    reset(tmp_path)
    first = Offline(tmp_path)
    with pytest.raises(ChainError, match='in use'):
        reset(tmp_path)
    first.close()
    reset(tmp_path)
    assert [each.name for each in tmp_path.iterdir() if 'lock' not in each.name] == ['other']
    second = Offline(tmp_path)
    assert second.chain.genesis_hash != first.chain.genesis_hash
    second.close()


def test_a_fault_is_told_in_one_word():
    fault = parsed_fault('kind=delay,methods=getSlot+getBlock,seconds=0.5,times=0')
    assert (fault.kind, fault.methods) == (FaultKind.DELAY, ('getSlot', 'getBlock'))
    assert (fault.seconds, fault.times) == (0.5, 0)
    with pytest.raises(RpcError):
        parsed_fault('kind=flood')


@pytest.mark.parametrize(
    ('words', 'reason'),
    [
        (['--block-ms=1'], '--block-ms is between 5 and'),
        (['--finalized-after=0'], '--finalized-after is between 1 and'),
        (['--port=65535'], '--port is between 0 and 65534'),
        (['--host=0.0.0.0', '--control'], 'on this machine alone'),
        (['--program-id=nonsense'], 'bad_wallet'),
    ],
)
def test_settings_that_make_no_sense_are_refused(words, reason):
    with pytest.raises(ChainError, match=reason):
        settings_of(parser().parse_args(words))


def test_what_is_wrong_is_said_in_one_line(tmp_path, capsys):
    (tmp_path / 'devchain.sqlite3').write_bytes(b'no database at all' * 100)
    assert main([f'--data={tmp_path}', '--port=0']) == 2
    assert capsys.readouterr().err.startswith(f'error: {tmp_path}/devchain.sqlite3 cannot be used')


def test_data_lie_beside_the_cameras(monkeypatch, tmp_path):
    monkeypatch.setenv('MMOMENT_DATA', str(tmp_path))
    assert default_folder() == tmp_path / 'devchain'
