"""A camera on the chain: registers it, tells how it stands, exports and verifies its log, and costs.

Run by `./mmoment chain`; with an installed workspace: `python3 -m mmoment_chain.chain_command`.

Exit status: 0: done, 1: the log is not proven, 2: it could not be done, 130: interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from mmoment_chain import chain_actions, chain_estimate, program_build
from mmoment_chain.camera_home import CameraHome
from mmoment_chain.chain_actions import Answer, Registration
from mmoment_chain.chain_tools import ChainTools, NotDone, with_chain
from mmoment_chain.chain_words import STANDARD_OUTPUT, parser
from mmoment_chain.clusters import SERVERS, unfit_program
from mmoment_chain.device_keys import DeviceKeyError, SigningKey
from mmoment_chain.errors import ChainError, Refused
from mmoment_chain.places import FOLDER_VARIABLE, camera_folder
from mmoment_chain.program_addresses import camera_address
from mmoment_chain.program_costs import Row
from mmoment_chain.program_delivery import Delivery, Kind, Situation
from mmoment_chain.program_instructions import Description
from mmoment_chain.program_layout import Mode
from mmoment_chain.rpc_addresses import read_addresses, shown
from mmoment_chain.rpc_pool import PoolSettings
from mmoment_chain.secret_bytes import harden_process
from mmoment_chain.store_files import new_file
from mmoment_chain.transaction_building import sol
from mmoment_chain.wallet import wallet_text
from mmoment_chain.wallet_file import WalletKey
from mmoment_node.errors import EXIT_CONFIGURATION, NodeError

DEMO = 'demo'
EXIT_INTERRUPTED = 130
DEMO_DEPLOY_LAMPORTS = 10**10
DEMO_FUND_LAMPORTS = 10**9


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one action; see the module for what is returned."""
    options = parser().parse_args(arguments)
    actions: dict[str, Callable[[argparse.Namespace], Answer]] = {
        'register': _register,
        'status': _status,
        'log': _export if getattr(options, 'step', '') == 'export' else _verify,
        'cost': _cost,
        'deploy': _deploy,
    }
    try:
        answer = actions[options.action](options)
    except (ChainError, NodeError, ValueError) as error:
        return _failed(options, error)
    except OSError as error:
        where = f'{error.filename}: ' if error.filename else ''
        return _failed(options, NotDone(f'{where}{error.strerror or error}'))
    except KeyboardInterrupt:
        print('interrupted: what was sent may still get onto the chain', file=sys.stderr)
        return EXIT_INTERRUPTED
    if options.json and answer.values:
        print(json.dumps(answer.values))
    for line in () if options.json else answer.lines:
        print(line, file=sys.stderr if answer.code else sys.stdout)
    return answer.code


def _failed(options: argparse.Namespace, error: Exception) -> int:
    text = error.text if isinstance(error, Refused) else str(error)
    if options.json:
        print(json.dumps({'error': text}))
    print(f'error: {text}', file=sys.stderr)
    return EXIT_CONFIGURATION


# --- the actions ----------------------------------------------------------------------------------


def _register(options: argparse.Namespace) -> Answer:
    about = Description(
        options.name, options.model, options.address, has_closed_list=options.closed_list
    )
    about.to_bytes()
    owner, is_demo = _wallet(options.owner)
    given = options.fund if options.fund is not None else is_demo * DEMO_FUND_LAMPORTS
    with SigningKey.load(_home(options).keys) as device:
        wanted = Registration(device, owner, Mode[options.mode.upper()], about, given)

        async def work(tools: ChainTools) -> Answer:
            if is_demo:
                await _require_dev_chain(tools)
            return await chain_actions.register(
                tools, wanted, is_demo=is_demo, is_dry=options.dry_run
            )

        return with_chain(_tools(options, options.program), work)


def _status(options: argparse.Namespace) -> Answer:
    address, device, store = _camera(options)
    return with_chain(
        _tools(options, options.program),
        lambda tools: chain_actions.status(tools, address, device, store),
    )


def _export(options: argparse.Namespace) -> Answer:
    log = _fetched(options)
    if options.file == STANDARD_OUTPUT:
        chain_actions.export_log(log, sys.stdout.buffer)
        sys.stdout.flush()
        return Answer(())
    with new_file(Path(options.file)) as draft, draft.open('wb') as file:
        count = chain_actions.export_log(log, file)
    return Answer([f'{count} records in {options.file}'], {'records': count, 'file': options.file})


def _verify(options: argparse.Namespace) -> Answer:
    _, _, store = _camera(options)
    if options.file is None and store is None and not options.chain_only:
        raise NotDone(
            'there is no store of this camera here: name an exported log, or --chain-only'
        )
    log = _fetched(options)
    own = (None, None) if options.chain_only else (store, options.file)
    return chain_actions.verify_log(log, *own)


def _fetched(options: argparse.Namespace) -> chain_actions.ChainLog:
    address, _, _ = _camera(options)
    return with_chain(
        _tools(options, options.program), lambda tools: chain_actions.fetch_log(tools, address)
    )


def _cost(options: argparse.Namespace) -> Answer:
    use = chain_estimate.Use(
        options.visits, options.records_per_visit, options.records, options.at_once,
        options.flush_after_s, Mode[options.mode.upper()],
    )  # fmt: skip
    asker = WalletKey.demo().public
    # What it costs may be asked before there is a program.
    prices = with_chain(
        _tools(options, None),
        lambda tools: chain_estimate.ask(tools, asker, program_build.program()),
    )
    told = chain_estimate.estimate(use, prices)
    deployment = asdict(prices.deployment)
    values = {
        'use': {**asdict(use), 'mode': options.mode},
        'lamports': asdict(told),
        'instructions': [asdict(row) for row in prices.rows],
        'deployment': deployment,
    }
    lines = [
        f'{"instruction":24} {"units at most":>14} {"fee":>8} {"rent":>11}   lamports',
        *(_of_row(row) for row in prices.rows),
        '',
        f'a record of the log: {told.record_in_full_batch} to {told.record_alone} lamports, '
        'by how many go together',
        f'a visit, {options.mode}: {told.visit} lamports in fees',
        f'a day with {use.visits_a_day} visits and {use.records_a_day} records: '
        f'{sol(told.day)} SOL in fees, {told.transactions_a_day} transactions for the log',
        f'while the chain is busy at most {sol(told.day_priority_at_most)} SOL a day more',
        f'locked, and given back: {sol(told.locked_camera)} SOL for the camera, '
        f'{sol(told.locked_visits)} SOL while {use.at_once} people are checked in',
        f'the program: {sol(deployment["fee_lamports"])} SOL in fees, '
        f'{sol(deployment["rent_lamports"])} SOL locked, once for all cameras',
    ]
    return Answer(lines, values)


def _of_row(row: Row) -> str:
    return f'{row.name:24} {row.most_units:14,} {row.fee_lamports:8,} {row.rent_lamports:11,}'


def _deploy(options: argparse.Namespace) -> Answer:
    payer, is_demo = _wallet(options.payer)
    content = (
        program_build.program()
        if options.program_file is None
        else options.program_file.read_bytes()
    )
    key = None if options.program_key is None else WalletKey.load(options.program_key)
    program = options.program if key is None else key.public
    if unfit_program(options.cluster, program):
        raise NotDone(
            f'--program-key: name the key of the address that the program is to have on '
            f'{options.cluster}: everybody knows that of dev chains (--program ADDRESS for a new '
            'version of one that is there)'
        )

    async def work(tools: ChainTools) -> Answer:
        signer = key
        if is_demo:
            await _require_dev_chain(tools)
        if signer is None and program == program_build.PROGRAM_ID and await tools.is_dev_chain():
            signer = WalletKey.of_seed(program_build.DEVELOPMENT_SEED)
        if is_demo and not options.dry_run:
            await tools.provide(payer.public, DEMO_DEPLOY_LAMPORTS)
        delivery = Delivery(tools, payer, program, content)
        situation = await delivery.look()
        if options.dry_run or situation.kind is Kind.NOTHING:
            return _of_situation(program, situation, is_done=situation.kind is Kind.NOTHING)
        await tools.require(payer.public, situation.needs_lamports)
        with _progress(sys.stderr.isatty()) as progress:
            _, count = await delivery.run(signer, progress)
        values = {'program': wallet_text(program), 'kind': situation.kind.value, 'is_done': True}
        lines = [f'{situation.kind.value}: done at {values["program"]}, {count} transactions']
        return Answer(lines, {**values, 'transactions': count})

    return with_chain(_tools(options, program), work)


def _of_situation(program: bytes, situation: Situation, *, is_done: bool) -> Answer:
    values = {
        'program': wallet_text(program),
        'kind': situation.kind.value,
        'is_done': is_done,
        'transactions': situation.transactions,
        'parts': situation.parts,
        'parts_missing': len(situation.missing),
        'needs_lamports': situation.needs_lamports,
    }
    if is_done:
        return Answer([f'this very program is at {values["program"]} already'], values)
    lines = [
        f'{situation.kind.value} at {values["program"]}: {situation.transactions} transactions, '
        f'{sol(situation.needs_lamports)} SOL',
        f'parts written already: {situation.parts - len(situation.missing)} of {situation.parts}',
    ]
    return Answer(lines, values)


# --- what they are given --------------------------------------------------------------------------


def _tools(options: argparse.Namespace, program: bytes | None) -> Callable[[], ChainTools]:
    """program: that is worked with; None: none is."""
    if program is not None and (unfit := unfit_program(options.cluster, program)):
        raise NotDone(f'--program: {unfit}')
    urls = read_addresses(options.rpc, options.rpc_file, SERVERS[options.cluster])
    if not options.json:
        print(f'chain: {", ".join(shown(url) for url in urls)}', file=sys.stderr)
    pool = PoolSettings(cluster=options.cluster)
    return lambda: ChainTools(urls, program or options.program, pool=pool)


def _wallet(text: str) -> tuple[WalletKey, bool]:
    """The key that was named, and whether it is the one that everybody knows."""
    if text == DEMO:
        return WalletKey.demo(), True
    return WalletKey.load(Path(text)), False


async def _require_dev_chain(tools: ChainTools) -> None:
    if not await tools.is_dev_chain():
        raise NotDone('everybody knows the demo key: it is for a dev chain of this machine only')


def _home(options: argparse.Namespace) -> CameraHome:
    """Where the camera's data are. Makes nothing: a name that was mistyped is no new camera."""
    given = options.data_folder
    environ = {**os.environ, FOLDER_VARIABLE: str(given)} if given else os.environ
    home = CameraHome(camera_folder(options.namespace, environ))
    if not home.keys.exists():
        raise DeviceKeyError(
            f'there are no keys in {home.keys}: name the camera (--namespace) or where its data are '
            '(--data-folder); it makes its keys when it first starts'
        )
    return home


def _camera(options: argparse.Namespace) -> tuple[bytes, bytes | None, Path | None]:
    """Address of the camera; its key and its store where it is one of here."""
    if options.camera is not None:
        return options.camera, None, None
    home = _home(options)
    with SigningKey.load(home.keys) as key:
        # The address stays with the first key.
        first = key.statements[0].old if key.statements else key.public
        store = home.store if home.store.exists() else None
        return camera_address(options.program, first), key.public, store


@contextlib.contextmanager
def _progress(is_terminal: bool) -> Iterator[Callable[[int, int], None]]:
    def tell(done: int, of: int) -> None:
        print(f'{done} of {of} transactions', end='\r' if is_terminal else '\n', file=sys.stderr)

    try:
        yield tell
    finally:
        if is_terminal:
            print(file=sys.stderr)


if __name__ == '__main__':
    harden_process()
    sys.exit(main())
