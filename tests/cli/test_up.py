import os
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli import up
from cli.errors import CliError
from cli.main import parser
from mmoment_chain.clusters import CLUSTERS, SERVERS

PROGRAM = '1' * 32


def options(*words: str):
    return parser().parse_args(['up', *words])


def test_what_is_not_given_stays_as_in_the_parameter_file():
    assert up.launch_arguments(options()) == {}


def test_options_become_launch_arguments(tmp_path: Path):
    parameters = tmp_path / 'mine.yaml'
    parameters.touch()
    words = ['--source', 'rtsp://camera/1', '--port', '6000', '--namespace', '/gym/door']
    words += ['--params-file', str(parameters), '--log-level', 'debug']
    words += ['--no-autostart', '--no-respawn', '--use-sim-time', '--rpc', 'https://chain:8899']
    words += ['--cluster', 'testnet', '--program', PROGRAM]

    assert up.launch_arguments(options(*words)) == {
        'source': 'rtsp://camera/1',
        'port': '6000',
        'namespace': 'gym/door',
        'params_file': str(parameters),
        'log_level': 'debug',
        'autostart': 'false',
        'use_respawn': 'false',
        'use_sim_time': 'true',
        'rpc': 'https://chain:8899',
        'cluster': 'testnet',
        'program_id': PROGRAM,
    }


@pytest.mark.parametrize('cluster', up.PUBLIC_SERVERS)
def test_a_public_cluster_takes_one_line(cluster: str):
    assert up.launch_arguments(options('--cluster', cluster, '--program', PROGRAM)) == {
        'rpc': SERVERS[cluster],
        'cluster': cluster,
        'program_id': PROGRAM,
    }


def test_the_public_clusters_are_those_of_chain_node():
    assert {*up.PUBLIC_SERVERS, up.LOCALNET} == set(CLUSTERS)


def test_a_parameter_file_may_say_the_rest(tmp_path: Path):
    parameters = tmp_path / 'mine.yaml'
    parameters.touch()
    words = ('--params-file', str(parameters))
    given = up.launch_arguments(options('--cluster', 'devnet', *words))
    # Its servers are not to be pushed aside by one that answers everybody.
    assert given == {'cluster': 'devnet', 'params_file': str(parameters)}
    server = up.PUBLIC_SERVERS['devnet']
    assert up.launch_arguments(options('--rpc', server, *words))['rpc'] == server


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (['--port', '70000'], 'choose a number'),
        (['--port', '0'], 'choose a number'),
        (['--namespace', '2nd'], 'no digit first'),
        (['--namespace', 'a b'], 'letters'),
        (['--params-file', '/nonexistent.yaml'], 'no such file'),
        (['--rpc', 'chain'], 'address is expected'),
        (['--rpc', 'http://chain'], 'has to be an https'),
        (['--rpc', 'https://chain/v2/KEY'], 'may hold a key'),
        (['--rpc', 'https://chain?key=KEY'], 'may hold a key'),
        (['--rpc', 'https://KEY@chain'], 'may hold a key'),
        (['--cluster', 'devnet'], 'deploy --cluster devnet'),
        (['--program', 'O' * 40], 'base58'),
        (['--rpc', SERVERS['devnet']], 'say --cluster devnet'),
        (
            ['--rpc', f'{SERVERS["mainnet"]}/', '--cluster', 'devnet', '--program', PROGRAM],
            'is a server of mainnet',
        ),
        (['--source', 'missing.mp4'], r'missing\.mp4: no such file'),
        (['--source', 'secret:missing.txt'], r'secret:missing\.txt: No such file'),
    ],
)
def test_mistakes_are_told_before_anything_is_done(words: list[str], told: str):
    with pytest.raises(CliError, match=told):
        up.launch_arguments(options(*words))


def test_used_port_is_told_with_another():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(CliError, match=f'{port} .* in use.*--port {port + 1}'):
            up.check_port_free(port)
    up.check_port_free(port)


def test_no_port_is_suggested_that_does_not_exist():
    with socket.socket() as listener:
        try:
            listener.bind(('127.0.0.1', up.LAST_PORT))
            listener.listen()
        except OSError:
            pass  # Somebody else listens there, which does as well
        with pytest.raises(CliError, match=f'in use.*--port {up.LAST_PORT - 1}'):
            up.check_port_free(up.LAST_PORT)


def test_supervisor_serves_where_there_is_no_ros2_launch(tmp_path: Path):
    words = up.command(Path('/venv/python'), {'PATH': str(tmp_path)}, {'source': 'demo'})

    assert words == [
        *('/venv/python', '-m', 'mmoment_bringup.supervisor'),
        *('mmoment_bringup', 'mmoment.launch.yaml', 'source:=demo'),
    ]


@pytest.mark.parametrize(
    ('words', 'is_needed', 'is_started'),
    [
        ([], True, True),
        ([], False, False),
        (['--no-devchain'], True, False),
        (['--rpc', 'https://chain'], True, False),
        (['--cluster', 'devnet', '--program', PROGRAM], True, False),
        (['--cluster', 'localnet'], True, True),
    ],
)
def test_a_dev_chain_starts_beside_the_graph_where_one_is_wanted(
    monkeypatch: pytest.MonkeyPatch, words: list[str], is_needed: bool, is_started: bool
):
    ready = SimpleNamespace(python=Path('/venv/python'), env={'PATH': ''})
    done: list[str] = []
    monkeypatch.setattr(up, 'prepare', lambda project: ready)
    monkeypatch.setattr(up, 'check_port_free', lambda port: None)
    monkeypatch.setattr(up.beside, 'is_needed', lambda: is_needed)
    monkeypatch.setattr(up.beside, 'start', lambda python, env: done.append(python))
    monkeypatch.setattr(os, 'execvpe', lambda *_: done.append('graph'))
    up.run(options(*words))
    assert done == [*(['/venv/python'] if is_started else []), 'graph']
