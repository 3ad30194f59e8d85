"""Looks at the chain: accounts, rents, and what a wallet holds, remembered for a moment."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from solders.pubkey import Pubkey

from mmoment_chain.clock import Clock
from mmoment_chain.errors import Refused
from mmoment_chain.face_fields import SealedFace
from mmoment_chain.face_nft import face_of
from mmoment_chain.mint_memory import MintMemory
from mmoment_chain.nft_rules import (
    SENTENCES,
    Account,
    Asked,
    Judgement,
    Question,
    Rule,
    RuleKind,
    TokensOf,
    Trusted,
    first_question,
    judge,
    second_questions,
)
from mmoment_chain.outbox_sending import AccountAt, account_at
from mmoment_chain.program_layout import LayoutError
from mmoment_chain.rpc_client import TokenAccountOpts
from mmoment_chain.rpc_errors import NodeBehind
from mmoment_chain.rpc_pool import RpcPool

# Two sizes tell the price of a byte; the chain has no question for it.
RENT_SIZES = (0, 1000)
REMEMBERED_AT_MOST = 1000
FACE = Rule(RuleKind.FACE)


@dataclass(frozen=True, slots=True)
class Verified:
    """What the chain says of a wallet and a rule."""

    judgement: Judgement
    slot: int  # as of


class Reader:
    """See `transaction_kinds.ChainReader`. Belongs to one event loop."""

    def __init__(self, pool: RpcPool, program: bytes) -> None:
        self._pool = pool
        self._program = program

    async def account(self, address: bytes) -> AccountAt:
        """An account of the camera registry. Raises RpcError."""
        return await account_at(self._pool, self._program, address)

    async def any_account(self, address: bytes, least_slot: int = 0) -> Account | None:
        """An account of whatever program. Raises RpcError.

        least_slot: a server that knows the chain up to there only may say that there is none.
        """
        key = Pubkey.from_bytes(address)
        answer = await self._pool.read(lambda client: client.get_account_info(key))
        found = answer.value
        if found is not None:
            return Account(address, bytes(found.owner), bytes(found.data))
        # Told here, not to the pool: the slot is the word of whoever asks, and no fault of a server.
        if answer.context.slot < least_slot:
            raise NodeBehind(f'Whom the camera asks does not know slot {least_slot} yet: ask again')
        return None

    async def lamports(self, address: bytes) -> int:
        """What is there. Raises RpcError."""
        key = Pubkey.from_bytes(address)
        return int((await self._pool.read(lambda client: client.get_balance(key))).value)

    async def rent(self) -> Callable[[int], int]:
        """Lamports that an account has to hold, by its bytes; never too few. Raises RpcError."""
        at = []
        for size in RENT_SIZES:
            question = _rent_question(size)
            at.append(int((await self._pool.read(question)).value))
        begin, end = RENT_SIZES
        first, more = at[0], at[1] - at[0]
        return lambda size: first + math.ceil(size * more / (end - begin))


class NftChecks:
    """Answers what wallets hold. Belongs to one event loop."""

    def __init__(
        self,
        pool: RpcPool,
        trusted: Trusted,
        subject: Callable[[bytes], bytes],
        clock: Clock,
        cache_s: float,
    ) -> None:
        """subject: by which a grant at this camera names a wallet."""
        self._pool = pool
        self._trusted = trusted
        self._subject = subject
        self._clock = clock
        self._cache_s = cache_s
        self._known: dict[tuple[bytes, Rule], tuple[float, Verified]] = {}
        self._mints = MintMemory(clock)
        self._erasures = 0

    async def verify(self, wallet: bytes, rule: Rule, *, is_fresh: bool = False) -> Verified:
        """Whether a rule holds; without `is_fresh` also as it was a moment ago. Raises RpcError."""
        now_s = self._clock.elapsed_s()
        known = self._known.get((wallet, rule))
        if known is not None and not is_fresh and now_s - known[0] < self._cache_s:
            return known[1]
        erasures = self._erasures
        verified, _ = await self._look(wallet, rule)
        if erasures == self._erasures:
            self._known.pop((wallet, rule), None)
            self._known[wallet, rule] = now_s, verified
        self._let_go(now_s)
        return verified

    def forget(self, wallet: bytes) -> None:
        """Whatever was known of a wallet: it has just done something."""
        for key in [key for key in self._known if key[0] == wallet]:
            del self._known[key]

    def erase(self, wallet: bytes) -> None:
        """Keep nothing of somebody who is to be forgotten, nor of what is being looked at."""
        self._erasures += 1
        self.forget(wallet)
        self._mints.forget(wallet)

    def tidy(self) -> None:
        """Let go of what is too old."""
        self._let_go(self._clock.elapsed_s())
        self._mints.tidy()

    def _let_go(self, now_s: float) -> None:
        """Of what is too old, and of the oldest if it is too much; they stand in order."""
        for key, (asked_s, _) in list(self._known.items()):
            if now_s - asked_s < self._cache_s and len(self._known) <= REMEMBERED_AT_MOST:
                return
            del self._known[key]

    async def face(self, wallet: bytes) -> tuple[SealedFace, bytes]:
        """The sealed face in the NFT of a wallet, and the mint of that.

        Refused by the codes of `nft_rules.Reason` where it has no NFT that counts; RpcError.
        """
        verified, accounts = await self._look(wallet, FACE)
        judgement = verified.judgement
        if not judgement.holds or judgement.mint is None:
            raise Refused(judgement.reason.value, SENTENCES[judgement.reason])
        try:
            return face_of(accounts[judgement.mint].data), judgement.mint
        except LayoutError as error:
            raise Refused('damaged', f'The face in this NFT cannot be read: {error}') from None

    async def _look(self, wallet: bytes, rule: Rule) -> tuple[Verified, dict[bytes, Account]]:
        asked = Asked(wallet, self._subject(wallet), self._clock.utc_ms() / 1000)
        erasures, first = self._erasures, first_question(rule)
        tokens = [] if first is None else await self._tokens(wallet, first)
        best: tuple[Verified, dict[bytes, Account]] | None = None
        for question in second_questions(
            rule, self._trusted, asked, tokens, lambda mint: self._mints.place(rule, wallet, mint)
        ):
            verified, accounts = await self._judged(rule, asked, question)
            judgement = verified.judgement
            is_noted = rule.kind in (RuleKind.FACE, RuleKind.COLLECTION)
            if is_noted and erasures == self._erasures:
                self._mints.note(rule, wallet, question.addresses[1:], judgement)
            if best is None or judgement.nearness > best[0].judgement.nearness:
                best = verified, accounts
            if judgement.holds:
                break
        assert best is not None  # there is always a question
        return best

    async def _judged(
        self, rule: Rule, asked: Asked, question: Question
    ) -> tuple[Verified, dict[bytes, Account]]:
        keys = [Pubkey.from_bytes(address) for address in question.addresses]
        answer = await self._pool.read(lambda client: client.get_multiple_accounts(keys))
        accounts = {
            address: Account(address, bytes(each.owner), bytes(each.data))
            for address, each in zip(question.addresses, answer.value, strict=True)
            if each is not None
        }
        judgement = judge(rule, self._trusted, asked, question.tokens, accounts)
        return Verified(judgement, int(answer.context.slot)), accounts

    async def _tokens(self, wallet: bytes, question: TokensOf) -> list[Account]:
        owner = Pubkey.from_bytes(wallet)
        if question.mint is not None:
            options = TokenAccountOpts(mint=Pubkey.from_bytes(question.mint))
        else:
            assert question.program is not None
            options = TokenAccountOpts(program_id=Pubkey.from_bytes(question.program))
        answer = await self._pool.read(
            lambda client: client.get_token_accounts_by_owner(owner, options)
        )
        return [
            Account(bytes(each.pubkey), bytes(each.account.owner), bytes(each.account.data))
            for each in answer.value
        ]


def _rent_question(size: int):  # type: ignore[no-untyped-def]
    return lambda client: client.get_minimum_balance_for_rent_exemption(size)
