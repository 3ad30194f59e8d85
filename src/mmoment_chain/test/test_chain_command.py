"""The command line against a dev chain: what it says is what the chain has."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys

import pytest
from outbox_world import CameraWorld, dev_chain
from solders.keypair import Keypair

from mmoment_chain import (
    chain_command,
    chain_words,
    clusters,
    device_keys,
    log_export,
    rpc_endpoint,
)
from mmoment_chain.camera_home import CameraHome
from mmoment_chain.chain_command import main
from mmoment_chain.chain_tools import ChainTools
from mmoment_chain.clock import SystemClock
from mmoment_chain.device_keys import SigningKey
from mmoment_chain.outbox_sending import ChainPlace
from mmoment_chain.places import camera_folder
from mmoment_chain.program_addresses import camera_address
from mmoment_chain.program_build import PROGRAM_ID
from mmoment_chain.program_layout import CAMERA
from mmoment_chain.store import Store
from mmoment_chain.wallet import wallet_text
from mmoment_chain.wallet_file import WalletKey

pytestmark = pytest.mark.graph
RECORDS = 27
SOL = 10**9


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    with dev_chain(tmp_path_factory.mktemp('chain')) as running:
        yield running


class Camera:
    """A camera that has started once, and who calls the command for it."""

    def __init__(self, server, folder, capsys):
        self.server, self.folder, self.capsys = server, folder, capsys
        self.home = CameraHome(camera_folder('door', {'MMOMENT_DATA': str(folder)}))
        self.home.folder.mkdir(mode=0o700, parents=True)
        device_keys.create_missing(self.home.keys, 1)
        with SigningKey.load(self.home.keys) as key:
            self.device = key.public
        self.address = camera_address(PROGRAM_ID, self.device)
        Store(self.home.store, SystemClock()).close()

    def words(self, *words):
        return [*words, '--rpc', self.server.url, '--namespace', 'door', '--data-folder', str(self.folder)]  # fmt: skip

    def call(self, *words, code=0):
        assert main(self.words(*words)) == code
        self.told = self.capsys.readouterr()
        return self.told.out

    def json(self, *words, code=0):
        return json.loads(self.call(*words, '--json', code=code))

    def register(self, *more):
        return self.json('register', '--owner', 'demo', '--name', 'Door', '--fund', '1.5', *more)

    def log(self, count=RECORDS):
        """Events in the store, and those of them that wait brought to the chain."""
        with SigningKey.load(self.home.keys) as key:
            world = CameraWorld(self.home.folder, [self.server.url], 'none')
            with world:
                world.device = key
                world.place = ChainPlace(PROGRAM_ID, self.address, key.public)
                world.log(count)
                world.drain()


@pytest.fixture
def camera(server, tmp_path, capsys):
    return Camera(server, tmp_path, capsys)


@pytest.fixture(scope='module')
def on_chain(server, tmp_path_factory):
    """A camera that is registered and has told the chain of its log."""

    class Silent:
        def readouterr(self):
            raise AssertionError

    made = Camera(server, tmp_path_factory.mktemp('camera'), Silent())
    assert main(made.words('register', '--owner', 'demo', '--name', 'Door', '--fund', '1')) == 0
    made.log()
    return made


@pytest.fixture
def logged(on_chain, capsys):
    on_chain.capsys = capsys
    return on_chain


def test_a_camera_is_registered_once_and_belongs_to_who_signed(camera):
    assert not camera.json('status')['is_registered']
    dry = camera.register('--dry-run')
    assert (dry['is_done'], camera.json('status')['is_registered']) == (False, False)

    told = camera.register('--mode', 'public', '--closed-list')
    owner = wallet_text(WalletKey.demo().public)
    assert (told['is_done'], told['camera']) == (True, wallet_text(camera.address))
    status = camera.json('status')
    assert (status['owner'], status['name'], status['mode']) == (owner, 'Door', 'public')
    assert status['device'] == wallet_text(camera.device)
    assert status['has_closed_list']
    assert status['device_is_ours']
    assert status['device_lamports'] == 1.5 * SOL
    assert 'registered already' in camera.call('register', '--owner', 'demo', '--name', 'Door')


def test_a_key_in_a_file_owns_and_pays(camera, tmp_path):
    pair = Keypair()
    path = tmp_path / 'owner.json'
    path.write_text(pair.to_json())
    path.chmod(0o644)
    words = ('register', '--owner', str(path), '--name', 'Door')
    camera.call(*words, code=2)
    assert 'chmod go=' in camera.told.err
    path.chmod(0o600)
    camera.call(*words, code=2)
    assert 'has no SOL' in camera.told.err
    _fund(camera.server, pair)
    out = camera.call(*words)
    assert f'registered: {wallet_text(camera.address)}' in out
    assert camera.json('status')['owner'] == str(pair.pubkey())
    assert str(list(bytes(pair))[5:9])[1:-1] not in out + camera.told.err
    # To the same address nobody else registers.
    camera.call('register', '--owner', 'demo', '--name', 'Door', code=2)
    assert 'belongs to' in camera.told.err


OF_CAMERA = (
    ('register', '--owner', 'demo', '--name', 'Door'),
    ('status',),
    ('log', 'export'),
    ('log', 'verify', '--chain-only'),
)
ELSEWHERE = '4' * 44


@pytest.mark.parametrize('words', OF_CAMERA)
def test_the_development_program_is_used_on_no_public_chain(camera, words):
    camera.call(*words, '--cluster', 'devnet', code=2)
    assert '--program: ' in camera.told.err
    assert 'for development only' in camera.told.err
    # And nobody was asked anything.
    assert 'chain: ' not in camera.told.err


@pytest.mark.parametrize('words', OF_CAMERA)
def test_a_server_of_another_chain_is_not_asked(camera, words, monkeypatch):
    camera.call(*words, '--cluster', 'devnet', '--program', ELSEWHERE, code=2)
    assert 'is a server of localnet, and devnet is configured' in camera.told.err
    monkeypatch.setattr(rpc_endpoint, 'cluster_of', lambda genesis: 'mainnet')
    camera.call(*words, code=2)
    assert 'is a server of mainnet, and localnet is configured' in camera.told.err


def test_nor_for_its_prices_or_to_deploy_to(camera, tmp_path):
    path = tmp_path / 'program.json'
    path.write_text(Keypair().to_json())
    path.chmod(0o600)
    deploy = ['deploy', '--payer', 'demo']
    for words in (['cost'], [*deploy, '--program-key', str(path)]):
        assert main([*words, '--cluster', 'testnet', '--rpc', camera.server.url]) == 2
        told = camera.capsys.readouterr().err
        assert 'is a server of localnet, and testnet is configured' in told
    assert main([*deploy, '--cluster', 'testnet', '--rpc', camera.server.url]) == 2
    assert '--program-key: name the key' in camera.capsys.readouterr().err


@pytest.mark.parametrize('cluster', [*clusters.SERVERS])
def test_without_a_server_one_of_the_cluster_is_asked(cluster, camera, monkeypatch):
    monkeypatch.setattr(chain_command, 'with_chain', lambda make, work: make())
    made = []
    monkeypatch.setattr(
        chain_command, 'ChainTools', lambda *given, **how: made.append((given, how))
    )
    words = ['status', '--camera', ELSEWHERE, '--program', ELSEWHERE, '--cluster', cluster]
    options = chain_words.parser().parse_args(words)
    chain_command._status(options)
    ((urls, _), how) = made[0]
    assert urls == (clusters.SERVERS[cluster],)
    assert how['pool'].cluster == cluster


def _fund(server, pair):
    async def work():
        tools = ChainTools([server.url], PROGRAM_ID)
        await tools.provide(bytes(pair.pubkey()), SOL)
        await tools.pool.close()

    asyncio.run(work())


def test_the_log_is_exported_and_proven(logged, tmp_path):
    path = tmp_path / 'log.jsonl'
    assert f'{RECORDS} records' in logged.call('log', 'export', str(path))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    status = logged.json('status')
    assert (status['log_count'], status['log_here']) == (RECORDS, RECORDS)
    assert lines[-1] == {'records': RECORDS, 'head': status['log_head']}
    assert [line['number'] for line in lines[1:-1]] == list(range(1, RECORDS + 1))
    assert {line['kind'] for line in lines[1:-1]} == {'media'}

    verdict = logged.json('log', 'verify')
    assert (verdict['is_good'], verdict['with_own_log']) == (True, True)
    assert (verdict['records'], verdict['head']) == (RECORDS, status['log_head'])
    # Whoever has nothing of the camera but its address proves as much of the chain.
    other = ['log', 'verify', '--chain-only', '--camera', wallet_text(logged.address)]
    assert main([*other, '--rpc', logged.server.url]) == 0


def test_one_entry_that_was_changed_is_named(logged, tmp_path):
    file = io.BytesIO()
    with Store(logged.home.store, SystemClock(), read_only=True) as store, store.reading() as query:
        log_export.export(query, file)
    path = tmp_path / 'exported'
    path.write_bytes(file.getvalue())
    assert logged.json('log', 'verify', str(path))['is_good']
    lines = path.read_bytes().splitlines(keepends=True)
    entry = json.loads(lines[5])
    entry['hash'] = '00' * 32
    path.write_bytes(b''.join([*lines[:5], json.dumps(entry).encode() + b'\n', *lines[6:]]))
    verdict = logged.json('log', 'verify', str(path), code=1)
    assert (verdict['is_good'], verdict['first_wrong']) == (False, 5)
    logged.call('log', 'verify', str(path), code=1)
    assert 'record 5' in logged.told.err


def test_costs_are_those_of_this_chain(camera):
    words = ('--visits', '10', '--records', '40')
    assert main(['cost', *words, '--rpc', camera.server.url, '--json']) == 0
    told = json.loads(camera.capsys.readouterr().out)
    rent = camera.server.call(lambda chain: chain.bank.minimum_balance(CAMERA.size))
    assert told['lamports']['locked_camera'] == rent
    assert told['lamports']['day'] == (100 + 2 * 10) * 5000
    assert main(['cost', '--rpc', camera.server.url]) == 0
    out = camera.capsys.readouterr().out
    assert 'append_log, 20 records' in out
    assert 'SOL in fees' in out


def test_the_program_is_deployed_to_an_address_of_ones_own(server, tmp_path, capsys):
    path = tmp_path / 'program.json'
    path.write_text(Keypair().to_json())
    path.chmod(0o600)
    words = ['deploy', '--payer', 'demo', '--program-key', str(path), '--rpc', server.url]
    assert main([*words, '--dry-run']) == 0
    assert 'deploy at' in capsys.readouterr().out
    assert main(words) == 0
    told = capsys.readouterr()
    assert 'deploy: done' in told.out
    assert '22 of 22 transactions' in told.err
    assert main([*words, '--json']) == 0
    assert json.loads(capsys.readouterr().out)['kind'] == 'nothing'


def test_what_is_not_there_is_told(server, tmp_path, capsys):
    assert main(['status', '--rpc', 'http://127.0.0.1:9/KEY', '--camera', '1' * 32, '--json']) == 2
    told = capsys.readouterr()
    assert 'error' in json.loads(told.out)
    assert 'http://127.0.0.1:9/***' in told.err
    assert 'KEY' not in told.err + told.out
    assert main(['status', '--data-folder', str(tmp_path), '--rpc', server.url]) == 2
    assert 'there are no keys in' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main(['log', 'export', '--camera', '1' * 32, '--rpc', server.url]) == 2
    assert 'is not registered' in capsys.readouterr().err


def test_the_demo_key_signs_for_a_dev_chain_of_this_machine_only(camera, monkeypatch):
    monkeypatch.setattr(chain_command.chain_actions, 'register', None)

    async def is_dev_chain(tools):
        return False

    monkeypatch.setattr(ChainTools, 'is_dev_chain', is_dev_chain)
    camera.call('register', '--owner', 'demo', '--name', 'Door', code=2)
    assert 'everybody knows the demo key' in camera.told.err


@pytest.mark.parametrize(
    'words',
    [
        [],
        ['log'],
        ['register', '--name', 'Door'],
        ['register', '--owner', 'demo', '--name', 'Door', '--fund', '-1'],
        ['register', '--owner', 'demo', '--name', 'Door', '--fund', '0.0000000001'],
        ['register', '--owner', 'demo', '--name', 'Door', '--fund', 'nan'],
        ['status', '--camera', 'x'],
        ['cost', '--visits', '-1'],
    ],
)
def test_mistakes_are_refused_before_anything_is_asked(words, capsys):
    with pytest.raises(SystemExit) as caught:
        chain_words.parser().parse_args(words)
    assert caught.value.code == 2
    assert 'usage' in capsys.readouterr().err


def test_ctrl_c_ends_it_at_once(server, tmp_path):
    server.control.is_paused = True
    try:
        words = [sys.executable, '-m', 'mmoment_chain.chain_command', 'register', '--owner', 'demo']
        camera = Camera(server, tmp_path, None)
        process = subprocess.Popen(
            [*words, *camera.words('--name', 'Door')],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=os.environ,
        )  # fmt: skip
        assert process.stderr.readline().startswith('chain: ')
        while not server.call(lambda chain: chain.transaction_count):
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        server.control.is_paused = False
    assert process.returncode == 130
    assert 'interrupted' in err
    assert 'Traceback' not in err
