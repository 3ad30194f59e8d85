"""Servers that answer from a chain in this process, and what asks them."""

from mmoment_chain.chain_reading import FACE, NftChecks
from mmoment_chain.nft_rules import parse_rule


class Value:
    """An answer, as solana-py's objects look."""

    def __init__(self, value, slot=7):
        self.value = value
        self.context = type('Context', (), {'slot': slot})


class Client:
    """Answers from a world."""

    def __init__(self, world, last=b''):
        """last: a mint of which tokens are named after all others."""
        self._world = world
        self._last = last
        self.questions = 0

    async def get_account_info(self, key, commitment=None):
        return Value(self._world.account(bytes(key)))

    async def get_balance(self, key):
        return Value(self._world.balance(bytes(key)))

    async def get_multiple_accounts(self, keys):
        self.questions += 1
        return Value([self._world.account(bytes(key)) for key in keys])

    async def get_minimum_balance_for_rent_exemption(self, size):
        return Value(self._world.minimum(size))

    async def get_token_accounts_by_owner(self, owner, options):
        rule = FACE if options.program_id else parse_rule(f'token:{options.mint}')
        found = self._world.answer(rule, bytes(owner))
        found.sort(key=lambda each: each.data[:32] == self._last)
        return Value([_Keyed(each.address, self._world.account(each.address)) for each in found])


class _Keyed:
    def __init__(self, address, account):
        self.pubkey, self.account = address, account


class Pool:
    def __init__(self, client):
        self._client = client

    async def read(self, question, timeout_s=None):
        return await question(self._client)


def checks(world, client, clock, cache_s=30.0):
    return NftChecks(Pool(client), world.trusted(), lambda wallet: wallet, clock, cache_s)
