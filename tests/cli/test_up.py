import os
import socket
import sys
from collections.abc import Callable
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
    # Its server is for chain_node to find.
    assert up.launch_arguments(options('--cluster', cluster, '--program', PROGRAM)) == {
        'cluster': cluster,
        'program_id': PROGRAM,
    }


def test_the_public_clusters_are_those_of_chain_node():
    assert {*up.PUBLIC_SERVERS, up.LOCALNET} == set(CLUSTERS)
    assert {**up.PUBLIC_SERVERS, up.LOCALNET: SERVERS[up.LOCALNET]} == SERVERS


def test_a_parameter_file_may_say_the_rest(tmp_path: Path):
    parameters = tmp_path / 'mine.yaml'
    parameters.touch()
    words = ('--params-file', str(parameters))
    given = up.launch_arguments(options('--cluster', 'devnet', *words))
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


def done_by_up(
    monkeypatch: pytest.MonkeyPatch, words: list[str], is_needed: bool = True
) -> list[str]:
    """What `up` starts."""
    ready = SimpleNamespace(python=Path(sys.executable), env=dict(os.environ, PATH=''))
    done: list[str] = []
    monkeypatch.setattr(up, 'prepare', lambda project: ready)
    monkeypatch.setattr(up, 'check_port_free', lambda port: None)
    monkeypatch.setattr(up.beside, 'is_needed', lambda: is_needed)
    monkeypatch.setattr(up.beside, 'start', lambda python, env: done.append('chain'))
    monkeypatch.setattr(os, 'execvpe', lambda *_: done.append('graph'))
    up.run(options(*words))
    return done


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
    assert done_by_up(monkeypatch, words, is_needed) == [
        *(['chain'] if is_started else []),
        'graph',
    ]


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], list[str]]:
    """Words that name a file with these parameters of chain_node."""

    def write(parameters: str) -> list[str]:
        path = tmp_path / 'mine.yaml'
        path.write_text(f'/**/chain_node:\n  ros__parameters: {{{parameters}}}\n')
        return ['--params-file', str(path)]

    return write


@pytest.mark.parametrize(
    ('parameters', 'words', 'is_started'),
    [
        ('', [], True),
        ('flush_s: 3.0', [], True),
        ('', ['--no-devchain'], False),
        (f'cluster: devnet, program_id: "{PROGRAM}"', [], False),
        (f'cluster: devnet, program_id: "{PROGRAM}"', ['--cluster', 'localnet'], True),
        ('', ['--cluster', 'devnet', '--program', PROGRAM], False),
        ('endpoints: ["https://chain"]', [], False),
        ('endpoints: ["http://127.0.0.1:8900"]', [], False),
        ('endpoints: ["http://127.0.0.1:x"]', [], False),
        ('endpoints: ["https://chain", "http://localhost:8899/"]', [], True),
        ('endpoints: ["http://127.0.0.1:8899"]', ['--rpc', 'https://chain'], False),
        ('endpoints: [""]', [], True),
        ('endpoints_file: /private/servers', [], False),
    ],
)
def test_none_starts_where_the_parameter_file_names_another_chain(
    monkeypatch: pytest.MonkeyPatch,
    file: Callable[[str], list[str]],
    parameters: str,
    words: list[str],
    is_started: bool,
):
    done = done_by_up(monkeypatch, [*words, *file(parameters)])
    assert done == [*(['chain'] if is_started else []), 'graph']


def test_what_the_file_has_for_another_camera_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    path = tmp_path / 'two.yaml'
    path.write_text('/gym/chain_node: {ros__parameters: {endpoints: ["https://chain"]}}\n')
    words = ['--params-file', str(path)]
    assert done_by_up(monkeypatch, words) == ['chain', 'graph']
    assert done_by_up(monkeypatch, [*words, '--namespace', 'gym']) == ['graph']


@pytest.mark.parametrize(
    ('parameters', 'words', 'told'),
    [
        # A file about anything else does not take the place of the program.
        ('flush_s: 3.0', ['--cluster', 'devnet'], 'devnet: say --program'),
        ('cluster: devnet', [], r'mine\.yaml: cluster devnet: say --program'),
        ('cluster: devnet', ['--rpc', SERVERS['mainnet'], '--program', PROGRAM], 'of mainnet'),
        ('[', [], r'mine\.yaml is not valid YAML'),
    ],
)
def test_mistakes_are_told_with_what_the_file_says(
    monkeypatch: pytest.MonkeyPatch,
    file: Callable[[str], list[str]],
    parameters: str,
    words: list[str],
    told: str,
):
    with pytest.raises(CliError, match=told):
        done_by_up(monkeypatch, [*words, *file(parameters)])
