"""The public chains of Solana, each known by the hash of its first block.

A server that is of another chain than the one that was configured is not used: what is built for one
chain costs real money on another, and there the development program belongs to everybody.
"""

from __future__ import annotations

from types import MappingProxyType

from mmoment_chain import program_build
from mmoment_chain.rpc_addresses import DEFAULT_URL
from mmoment_chain.wallet import wallet_text

LOCALNET = 'localnet'
GENESIS = MappingProxyType(
    {
        'mainnet': '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d',
        'testnet': '4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY',
        'devnet': 'EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG',
    }
)
CLUSTERS = (*GENESIS, LOCALNET)
SERVERS = MappingProxyType(
    {
        'mainnet': 'https://api.mainnet-beta.solana.com',
        'testnet': 'https://api.testnet.solana.com',
        'devnet': 'https://api.devnet.solana.com',
        LOCALNET: DEFAULT_URL,
    }
)
"""A server of each that answers everybody, though the public ones only a little."""
_NAMES = {genesis: name for name, genesis in GENESIS.items()}


def cluster_of(genesis: str) -> str:
    """Name of the chain with that first block (base58); every chain that is not public is localnet."""
    return _NAMES.get(genesis, LOCALNET)


def unfit_program(cluster: str, program: bytes) -> str | None:
    """Why this program may not be used there, our sentence; None: it may."""
    if cluster == LOCALNET or program != program_build.PROGRAM_ID:
        return None
    return (
        f'{wallet_text(program)} is for chains for development only, since everybody knows its key: '
        f'name the program that you deployed on {cluster}'
    )
