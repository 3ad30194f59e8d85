"""The faucet helps on a dev chain of this machine, and is asked nowhere else."""

import asyncio
from types import SimpleNamespace

import pytest

from mmoment_chain.faucet import GIFT_LAMPORTS, Faucet

LOCAL = 'http://127.0.0.1:8899'
WALLET = bytes([3]) * 32


class Chain:
    """Stands in for a pool and for the server behind it."""

    def __init__(self, feature_set=0, lamports=0):
        self.feature_set, self.lamports, self.gifts = feature_set, lamports, []

    async def read(self, question):
        return SimpleNamespace(value=await question(self))

    async def get_version(self):
        return SimpleNamespace(feature_set=self.feature_set)

    async def get_balance(self, key):
        return self.lamports

    async def request_airdrop(self, key, lamports):
        self.gifts.append((bytes(key), lamports))
        self.lamports += lamports


def helped(chain, *urls, times=1):
    async def work():
        faucet = Faucet(chain, urls or [LOCAL])
        results = []
        for _ in range(times):
            results.append(await faucet.help_once(WALLET))
            chain.lamports = 0 if results[-1] else chain.lamports
        return results

    return asyncio.run(work())


def test_who_has_nothing_gets_something_once():
    chain = Chain()
    assert helped(chain, times=3) == [True, False, False]
    assert chain.gifts == [(WALLET, GIFT_LAMPORTS)]


def test_who_has_something_gets_nothing():
    chain = Chain(lamports=1)
    assert helped(chain) == [False]
    assert chain.gifts == []


@pytest.mark.parametrize(
    ('feature_set', 'urls'),
    [(0, [LOCAL, 'https://rpc.test']), (0, ['https://rpc.test']), (4192065167, [LOCAL])],
)
def test_no_other_chain_is_asked(feature_set, urls):
    chain = Chain(feature_set)
    assert helped(chain, *urls) == [False]
    assert chain.gifts == []
