"""Parameters of chain_node."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmoment_chain import program_build, rpc_addresses
from mmoment_chain.chain_work import ChainSettings
from mmoment_chain.clusters import CLUSTERS, LOCALNET, SERVERS, unfit_program
from mmoment_chain.errors import Refused
from mmoment_chain.outbox import OutboxSettings
from mmoment_chain.program_layout import RECORDS_AT_MOST
from mmoment_chain.rpc_pool import PoolSettings
from mmoment_chain.transaction_building import BuildSettings
from mmoment_chain.transaction_desk import KINDS
from mmoment_chain.transaction_kinds import MODES
from mmoment_chain.wallet import parse_wallet
from mmoment_node.parameters import parameter

LAMPORTS_PER_SOL = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ChainParameters:
    """Which chain this camera tells of what it does, how, and for how much."""

    endpoints: tuple[str, ...] = parameter(
        (),
        'RPC servers of the chain, the preferred one first; none, here and in endpoints_file: the '
        'one of the cluster that answers everybody. No keys: an address with a key in it belongs '
        'into endpoints_file',
        read_only=True,
    )
    endpoints_file: str = parameter(
        '',
        'File with further RPC servers, one a line, which are asked before the others; its owner '
        'alone may read it',
        read_only=True,
    )
    cluster: str = parameter(
        LOCALNET,
        'Which chain that is; a server of another is not used. localnet: any that is not public',
        choices=CLUSTERS,
        read_only=True,
    )
    program_id: str = parameter(
        '',
        'Address of the camera registry (base58); empty: where chains for development have it, '
        'which is for localnet only',
        read_only=True,
    )
    mode: str = parameter(
        'private',
        'How a camera is registered that says nothing else: private shows how many came and when, '
        'public also who. What was registered stays',
        choices=tuple(MODES),
        read_only=True,
    )
    data_folder: str = parameter(
        '',
        "Folder under which each camera has its own, as session_node has it; empty: the user's data",
        read_only=True,
    )
    flush_records: int = parameter(
        RECORDS_AT_MOST,
        'So many events that wait are sent at once',
        minimum=1,
        maximum=10_000,
        read_only=True,
    )
    flush_s: float = parameter(
        10.0,
        'Fewer are sent so long after the first of them; less costs more',
        unit='s',
        minimum=0.0,
        maximum=86_400.0,
        read_only=True,
    )
    budget_sol_per_day: float = parameter(
        0.1,
        'At most so much is spent in 24 hours, by whatever the device pays for; what does not fit '
        'waits. 0: no limit',
        unit='SOL',
        minimum=0.0,
        maximum=1000.0,
    )
    low_balance_sol: float = parameter(
        0.05,
        'With less left, a person is told; 0: never',
        unit='SOL',
        minimum=0.0,
        maximum=1000.0,
        read_only=True,
    )
    priority_fee_at_most: int = parameter(
        200_000,
        'Millionths of a lamport paid for a compute unit where the chain is busy; 0: nothing',
        minimum=0,
        maximum=1_000_000_000,
        read_only=True,
    )
    device_pays_for: tuple[str, ...] = parameter(
        ('check_in',),
        'Transactions of people whose fee and rent the device pays. With mint_face or update_face '
        'a single person can use up the budget of each day. Of: ' + ', '.join(KINDS),
        read_only=True,
    )
    nft_group: str = parameter(
        '',
        'Group of face NFTs that count here (base58 of its mint); empty: the group of this camera',
        read_only=True,
    )
    nft_group_authority: str = parameter(
        '',
        'Device key of the camera that admits members to that group (base58); empty: this one',
        read_only=True,
    )
    cache_s: float = parameter(
        45.0,
        'What a wallet holds is remembered so long; a check-in asks anew',
        unit='s',
        minimum=0.0,
        maximum=3600.0,
        read_only=True,
    )
    timeout_s: float = parameter(
        10.0,
        'Of one question to one server',
        unit='s',
        minimum=0.1,
        maximum=120.0,
        read_only=True,
    )
    check_s: float = parameter(
        15.0,
        'How often servers and balance are looked at',
        unit='s',
        minimum=0.1,
        maximum=600.0,
        read_only=True,
    )


def chain_settings(parameters: ChainParameters) -> ChainSettings:
    """How the chain is worked with. Raises ValueError with the parameter that is wrong.

    RpcAddressError for endpoints, or a file of them, that cannot be used.
    """
    if unknown := sorted(set(parameters.device_pays_for) - set(KINDS)):
        raise ValueError(f'device_pays_for: there is no kind {unknown[0]!r}: {", ".join(KINDS)}')
    group = _address('nft_group', parameters.nft_group)
    authority = _address('nft_group_authority', parameters.nft_group_authority)
    if group is None and authority is not None:
        raise ValueError('nft_group_authority: name the group as well')
    file = Path(parameters.endpoints_file) if parameters.endpoints_file else None
    program = _address('program_id', parameters.program_id) or program_build.PROGRAM_ID
    if unfit := unfit_program(parameters.cluster, program):
        raise ValueError(f'program_id: {unfit}')
    return ChainSettings(
        urls=rpc_addresses.read_addresses(parameters.endpoints, file, SERVERS[parameters.cluster]),
        cluster=parameters.cluster,
        program=program,
        mode=MODES[parameters.mode],
        low_lamports=lamports(parameters.low_balance_sol),
        device_pays_for=frozenset(parameters.device_pays_for),
        group=group,
        group_authority=authority,
        cache_s=parameters.cache_s,
        check_s=parameters.check_s,
        pool=PoolSettings(
            timeout_s=parameters.timeout_s,
            check_every_s=parameters.check_s,
            cluster=parameters.cluster,
        ),
        building=BuildSettings(price_at_most=parameters.priority_fee_at_most),
        outbox=OutboxSettings(
            flush_records=parameters.flush_records,
            flush_after_s=parameters.flush_s,
            budget_lamports=lamports(parameters.budget_sol_per_day),
        ),
    )


def lamports(sol: float) -> int:
    """An amount of SOL, as people configure it."""
    return round(sol * LAMPORTS_PER_SOL)


def _address(name: str, text: str) -> bytes | None:
    if not text:
        return None
    try:
        return parse_wallet(text)
    except Refused:
        raise ValueError(f'{name} {text!r}: an address in base58 is expected') from None
