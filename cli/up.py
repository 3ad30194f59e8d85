"""`./mmoment up`: prepare, check what can be checked, and become the launched graph."""

from __future__ import annotations

import argparse
import errno
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cli import beside
from cli.errors import CliError
from cli.parameter_file import parameters_of
from cli.prepare import prepare
from cli.project import Project
from cli.ros import has_real_launch
from cli.source import begin_again_without, checked_source, may_hold_password

SUMMARY = 'start camera, vision, overlay and the live page'
PACKAGE = 'mmoment_bringup'
LAUNCH_FILE = 'mmoment.launch.yaml'
DEFAULT_PORT = 5002
LAST_PORT = 65535
NAMESPACE = re.compile(r'/?[A-Za-z][A-Za-z0-9_]*(/[A-Za-z][A-Za-z0-9_]*)*')
LOOPBACK = ('127.0.0.1', '::1', 'localhost')
LOCALNET = 'localnet'
DEFAULT_NAMESPACE = 'mmoment'
CHAIN_NODE = 'chain_node'
PUBLIC_SERVERS = {
    'mainnet': 'https://api.mainnet-beta.solana.com',
    'testnet': 'https://api.testnet.solana.com',
    'devnet': 'https://api.devnet.solana.com',
}
"""Which cluster somebody means who names its server; chain_node finds that by itself."""
ADDRESS = re.compile(r'[1-9A-HJ-NP-Za-km-z]{32,44}')
LOG_LEVELS = ('debug', 'info', 'warn', 'error', 'fatal')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `up`; what is not given stays as in the parameter file."""
    parser.add_argument(
        '--source',
        help='auto (first camera that delivers, else demo), demo, pattern, csi, /dev/videoN, rtsp://…, '
        'http://…, a video file, or secret:FILE, whose first line says it (default: auto)',
    )
    parser.add_argument('--port', type=int, help='port of the page on 127.0.0.1 (default: 5002)')
    parser.add_argument('--namespace', help='name of this camera (default: mmoment)')
    parser.add_argument(
        '--params-file', type=Path, help='YAML file with the parameters of all nodes'
    )
    parser.add_argument('--log-level', choices=LOG_LEVELS, help='(default: info)')
    parser.add_argument('--no-autostart', action='store_true', help='leave the nodes unconfigured')
    parser.add_argument('--no-respawn', action='store_true', help='do not restart a node that dies')
    parser.add_argument(
        '--rpc',
        metavar='URL',
        help='server of a chain, instead of the dev chain of this machine (default on a public '
        'cluster: the one there that answers everybody)',
    )
    parser.add_argument(
        '--cluster',
        choices=(*PUBLIC_SERVERS, LOCALNET),
        help='which chain that is; a server of another is not used. A public one needs --program '
        '(default: localnet: any that is not public)',
    )
    parser.add_argument(
        '--program',
        metavar='ADDRESS',
        help='of the camera registry that you deployed there (./mmoment chain deploy)',
    )
    parser.add_argument(
        '--no-devchain', action='store_true', help='start no dev chain beside the graph'
    )
    parser.add_argument('--use-sim-time', action='store_true', help='take the time from /clock')


def launch_arguments(options: argparse.Namespace) -> dict[str, str]:
    """Arguments of the launch file for the options given; raises CliError for a mistake in them."""
    arguments = {}
    if options.source is not None:
        arguments['source'] = checked_source(options.source)
    if options.port is not None:
        check_port_number(options.port)
        arguments['port'] = str(options.port)
    if options.namespace is not None:
        if not NAMESPACE.fullmatch(options.namespace):
            raise CliError(
                f'--namespace {options.namespace}: use letters, digits and _ (no digit first), '
                'parts joined by /, for example gym/door'
            )
        arguments['namespace'] = options.namespace.strip('/')
    if options.params_file is not None:
        if not options.params_file.is_file():
            raise CliError(f'--params-file {options.params_file}: no such file')
        arguments['params_file'] = str(options.params_file.resolve())
    arguments |= _chain_arguments(options)
    if options.log_level is not None:
        arguments['log_level'] = options.log_level
    if options.no_autostart:
        arguments['autostart'] = 'false'
    if options.no_respawn:
        arguments['use_respawn'] = 'false'
    if options.use_sim_time:
        arguments['use_sim_time'] = 'true'
    return arguments


def _chain_arguments(options: argparse.Namespace) -> dict[str, str]:
    """What says which chain is used; a parameter file may say the rest."""
    if options.rpc is not None:
        checked_rpc(options.rpc)
    if options.program is not None and not ADDRESS.fullmatch(options.program):
        raise CliError('--program: an address in base58 is expected')
    if options.params_file is None:
        check_chain(options, {})
    given = {'rpc': options.rpc, 'cluster': options.cluster, 'program_id': options.program}
    return {name: value for name, value in given.items() if value is not None}


def check_chain(options: argparse.Namespace, in_file: Mapping[str, Any]) -> None:
    """Raise CliError for a chain that does not fit; in_file: parameters of chain_node in a file."""
    rpc, cluster = options.rpc, options.cluster or in_file.get('cluster') or LOCALNET
    of = {server: name for name, server in PUBLIC_SERVERS.items()}.get((rpc or '').rstrip('/'))
    if of not in (None, cluster):
        raise CliError(f'--rpc {rpc}: this is a server of {of}: say --cluster {of}')
    if cluster in PUBLIC_SERVERS and not (options.program or in_file.get('program_id')):
        where = '--cluster' if options.cluster else f'{options.params_file}: cluster'
        raise CliError(
            f'{where} {cluster}: say --program ADDRESS, the camera registry that you deployed '
            f'there (./mmoment chain deploy --cluster {cluster} --payer FILE --program-key FILE)'
        )


def uses_dev_chain(options: argparse.Namespace, in_file: Mapping[str, Any]) -> bool:
    """Whether chain_node asks the dev chain of this machine, and one may be started for it."""
    cluster = options.cluster or in_file.get('cluster') or LOCALNET
    if options.no_devchain or options.rpc is not None or cluster != LOCALNET:
        return False
    endpoints = [url for url in in_file.get('endpoints') or () if url]
    if not endpoints:
        return not in_file.get('endpoints_file')
    return any(_is_dev_chain(str(url)) for url in endpoints)


def _is_dev_chain(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.hostname in LOOPBACK and parts.port == beside.PORT
    except ValueError:
        return False


def checked_rpc(url: str) -> str:
    """Return the address; raises CliError for what is none, and for one that may hold a key."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ('http', 'https') and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or any(sign.isspace() for sign in url):
        raise CliError('--rpc: an http:// or https:// address is expected')
    if parts.scheme == 'http' and parts.hostname not in LOOPBACK:
        raise CliError('--rpc: the server of another machine has to be an https:// address')
    if parts.path not in ('', '/') or parts.query or parts.username is not None:
        # Everybody on this machine sees the words of a command.
        raise CliError(
            '--rpc: this address may hold a key: write it into a file that only you may read, and '
            'name that as endpoints_file of chain_node in a parameter file (--params-file)'
        )
    return url


def check_port_number(port: int) -> None:
    """Raise CliError unless a person may listen on this port."""
    if not 1 <= port <= LAST_PORT:
        raise CliError(f'--port {port}: choose a number from 1024 to {LAST_PORT}')


def check_port_free(port: int) -> None:
    """Raise CliError if something listens on this port of 127.0.0.1."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(('127.0.0.1', port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise CliError(
                    f'--port {port}: only root may use it; choose one from 1024 on'
                ) from error
            other = port + 1 if port < LAST_PORT else port - 1
            raise CliError(
                f'port {port} of 127.0.0.1 is in use: stop what uses it, or choose another with --port {other}'
            ) from error


def command(python: Path, env: Mapping[str, str], arguments: Mapping[str, str]) -> list[str]:
    """Return the command that starts the graph: real `ros2 launch` where there is one, else our supervisor."""
    values = [f'{name}:={value}' for name, value in arguments.items()]
    if has_real_launch(env):
        return ['ros2', 'launch', PACKAGE, LAUNCH_FILE, *values]
    return [str(python), '-m', f'{PACKAGE}.supervisor', PACKAGE, LAUNCH_FILE, *values]


def run(options: argparse.Namespace) -> int:
    """Run `up`: does not return if all is well."""
    if options.source is not None and may_hold_password(options.source):
        begin_again_without(options.source)
    arguments = launch_arguments(options)
    if options.port is not None or options.params_file is None:
        check_port_free(options.port or DEFAULT_PORT)
    # What is known without a file is told before minutes of preparing.
    is_chain_needed = _needs_chain(options, {}) if options.params_file is None else None
    ready = prepare(Project.here())
    if options.params_file is not None:
        node = f'/{arguments.get("namespace", DEFAULT_NAMESPACE)}/{CHAIN_NODE}'
        in_file = parameters_of(ready, options.params_file, node)
        check_chain(options, in_file)
        is_chain_needed = _needs_chain(options, in_file)
    if is_chain_needed:
        beside.start(str(ready.python), ready.env)
    if is_chain_needed is not None:
        what = 'starts beside the graph' if is_chain_needed else 'runs already, and is used'
        print(f'mmoment: the dev chain at http://{beside.HOST}:{beside.PORT} {what}', flush=True)
    words = command(ready.python, ready.env, arguments)
    os.execvpe(words[0], words, dict(ready.env))


def _needs_chain(options: argparse.Namespace, in_file: Mapping[str, Any]) -> bool | None:
    """Whether the dev chain is to be started, or runs already; None: it is not used."""
    return beside.is_needed() if uses_dev_chain(options, in_file) else None
