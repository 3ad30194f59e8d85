"""What a wallet has to hold: rules as text, and whether what the chain has satisfies them.

    face                    a face NFT of this camera's group
    collection:ADDRESS      a token of a mint that is a member of that group (Token-2022)
    token:MINT[:AMOUNT]     that many tokens, as people count them; without an amount, any at all
    grant:RIGHT             a grant of this right by the owner of the camera, in the registry

Nothing is asked here: `first_question` and then `second_questions` say what has to be fetched, and
`judge` looks at the bytes that came. Anybody may send tokens to anybody, so there are as many
second questions as it takes to look at all that a wallet has, the likeliest first; the answer to
each is judged by itself, and where none holds, the nearest counts.

Names and texts of a token prove nothing: anybody may write any. A group proves its members, since
its authority signs for each; so it is the group's own account that counts, at its address, and not
what a member says of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from mmoment_chain import rights
from mmoment_chain.errors import Refused
from mmoment_chain.face_fields import face_in
from mmoment_chain.program_addresses import grant_address
from mmoment_chain.program_layout import Grant, LayoutError
from mmoment_chain.token_2022 import CLASSIC_TOKEN, TOKEN_2022
from mmoment_chain.token_accounts import Extension, Mint, TokenAccount
from mmoment_chain.wallet import parse_wallet

MINTS_AT_ONCE = 99
"""Mints in one question: with the group, as many accounts as a server tells at once."""
MOST_MINTS = 200 * MINTS_AT_ONCE
"""Mints that are asked for in one look. Who sends so many worthless ones to somebody leaves 80 SOL
of rent in them (2026), and those that were left out come first the next time."""
AMOUNT = re.compile(r'[0-9]{1,20}(\.[0-9]{1,18})?')


class RuleKind(Enum):
    """Kinds of rules; the values are the words of the texts."""

    FACE = 'face'
    COLLECTION = 'collection'
    TOKEN = 'token'
    GRANT = 'grant'


class Reason(Enum):
    """Why a rule is satisfied, or what is missing; the values are codes that do not change.

    In this order: of several tokens that do not satisfy a rule, the one that comes nearest counts.
    """

    NONE = 'none'
    FOREIGN_GROUP = 'foreign_group'
    DAMAGED = 'damaged'
    MISSING_RIGHT = 'missing_right'
    EXPIRED = 'expired'
    NOT_ENOUGH = 'not_enough'
    TRANSFERABLE = 'transferable'
    NOT_SINGLE = 'not_single'
    NOT_THEIRS = 'not_theirs'
    FROZEN = 'frozen'
    INCOMPLETE = 'incomplete'
    HOLDS = 'holds'


SENTENCES = {
    Reason.NONE: 'This wallet does not hold what is asked for',
    Reason.FOREIGN_GROUP: 'What this wallet holds is not of the group that is asked for',
    Reason.DAMAGED: 'What this wallet holds cannot be read',
    Reason.MISSING_RIGHT: 'The grant of this wallet does not give this right',
    Reason.EXPIRED: 'The grant of this wallet is over',
    Reason.NOT_ENOUGH: 'This wallet does not hold enough of it',
    Reason.TRANSFERABLE: 'This NFT can be handed on, so it says nothing of who holds it',
    Reason.NOT_SINGLE: 'There can be more than one of this NFT',
    Reason.NOT_THEIRS: 'This NFT is in the power of somebody else',
    Reason.FROZEN: 'What this wallet holds is frozen',
    Reason.INCOMPLETE: 'The face in this NFT is not complete: write it again',
    Reason.HOLDS: 'This wallet holds what is asked for',
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a wallet has to hold."""

    kind: RuleKind
    address: bytes = b''  # of the group or the mint
    amount: Fraction | None = None  # of tokens; None: any at all
    right: str = ''


@dataclass(frozen=True, slots=True)
class Trusted:
    """What makes things genuine here."""

    group: bytes  # mint of the group of face NFTs
    group_authority: bytes  # must be the one that admits its members
    program: bytes  # the camera registry
    camera: bytes  # account of the camera there


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a rule is asked of."""

    wallet: bytes
    subject: bytes  # by which a grant at this camera names them
    now_s: float  # since 1970


@dataclass(frozen=True, slots=True)
class TokensOf:
    """First question: the token accounts of the wallet, of one token program or of one mint."""

    program: bytes | None = None
    mint: bytes | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the chain has it."""

    address: bytes
    program: bytes  # whose account it is
    data: bytes


@dataclass(frozen=True, slots=True)
class Question:
    """Second question: accounts to be fetched at once, and what is judged by them."""

    addresses: tuple[bytes, ...]  # at most 100
    tokens: tuple[Account, ...] = ()  # token accounts of the wallet


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a rule is satisfied."""

    reason: Reason
    mint: bytes | None = None  # that satisfies it, or comes nearest

    @property
    def nearness(self) -> int:
        """The greater of two comes nearer to what is asked for."""
        return _NEARNESS[self.reason]

    @property
    def holds(self) -> bool:
        """Whether it is."""
        return self.reason is Reason.HOLDS


def parse_rule(text: str) -> Rule:
    """Rule that this text writes. Refused 'bad_rule' for any other text."""
    word, *values = text.split(':')
    try:
        match word, values:
            case 'face', []:
                return Rule(RuleKind.FACE)
            case 'collection', [address]:
                return Rule(RuleKind.COLLECTION, parse_wallet(address))
            case 'token', [mint]:
                return Rule(RuleKind.TOKEN, parse_wallet(mint))
            case 'token', [mint, amount] if AMOUNT.fullmatch(amount) and Fraction(amount):
                return Rule(RuleKind.TOKEN, parse_wallet(mint), Fraction(amount))
            case 'grant', [right] if right in rights.RIGHTS:
                return Rule(RuleKind.GRANT, right=right)
    except Refused:
        pass
    raise Refused(
        'bad_rule',
        'A rule is face, collection:ADDRESS, token:MINT, token:MINT:AMOUNT or grant:RIGHT, with '
        f'addresses in base58 and one of these rights: {", ".join(rights.RIGHTS)}',
    )


def first_question(rule: Rule) -> TokensOf | None:
    """Whose token accounts are to be fetched; None: none are."""
    match rule.kind:
        case RuleKind.FACE | RuleKind.COLLECTION:
            return TokensOf(program=TOKEN_2022)
        case RuleKind.TOKEN:
            return TokensOf(mint=rule.address)
        case RuleKind.GRANT:
            return None


def second_questions(
    rule: Rule,
    trusted: Trusted,
    asked: Asked,
    answer: Iterable[Account],
    place: Callable[[bytes], int] = lambda mint: 0,
) -> Sequence[Question]:
    """What is to be fetched once the first question is answered: to be asked until something holds.

    place: of a mint among others, by what was seen of it before; the smaller goes first.
    """
    match rule.kind:
        case RuleKind.TOKEN:
            return [Question((rule.address,), tuple(answer))]
        case RuleKind.GRANT:
            return [Question((grant_address(trusted.program, trusted.camera, asked.subject),))]
        case RuleKind.FACE | RuleKind.COLLECTION:
            by_mint = _by_mint(asked.wallet, answer, place)
            mints, group = list(by_mint)[:MOST_MINTS], _group_of(rule, trusted)
            parts = [
                mints[begin : begin + MINTS_AT_ONCE]
                for begin in range(0, len(mints), MINTS_AT_ONCE)
            ]
            # The group is in each, so that what is judged together is of one moment.
            return [
                Question((group, *part), tuple(each for mint in part for each in by_mint[mint]))
                for part in parts or [[]]
            ]


def judge(
    rule: Rule,
    trusted: Trusted,
    asked: Asked,
    answer: Iterable[Account],
    accounts: Mapping[bytes, Account],
) -> Judgement:
    """Whether the rule is satisfied; never raises.

    answer: to the first question, or the part of it that a second one is about. accounts: the
    answer to that, by address.
    """
    if rule.kind is RuleKind.GRANT:
        address = grant_address(trusted.program, trusted.camera, asked.subject)
        return Judgement(_grant(rule, trusted, asked, accounts.get(address)))
    tokens = [token for _, token in _of(asked.wallet, answer)]
    if rule.kind is RuleKind.TOKEN:
        return _token(rule, tokens, accounts.get(rule.address))
    group = _genuine_group(rule, trusted, accounts)
    judgements = [
        Judgement(_member(rule, group, asked, each, accounts.get(each.mint)), each.mint)
        for each in tokens
        if each.amount
    ]
    return max(judgements, key=lambda each: each.nearness, default=Judgement(Reason.NONE))


_NEARNESS = {reason: place for place, reason in enumerate(Reason)}


def _group_of(rule: Rule, trusted: Trusted) -> bytes:
    return trusted.group if rule.kind is RuleKind.FACE else rule.address


def _genuine_group(rule: Rule, trusted: Trusted, accounts: Mapping[bytes, Account]) -> bytes | None:
    """Address of the group, if there is one in its account, with the authority it must have."""
    address = _group_of(rule, trusted)
    mint = _mint(accounts.get(address), TOKEN_2022)
    try:
        group = mint.group() if mint else None
        points_to = mint.points_to(Extension.GROUP_POINTER) if mint else None
    except LayoutError:
        return None
    if group is None or not group.mint == points_to == address:
        return None
    if rule.kind is RuleKind.FACE and group.authority != trusted.group_authority:
        return None
    return address


def _member(
    rule: Rule, group: bytes | None, asked: Asked, held: TokenAccount, account: Account | None
) -> Reason:
    """What a token proves, of which the wallet has some."""
    mint = _mint(account, TOKEN_2022)
    if mint is None:
        return Reason.NONE
    try:
        member = mint.member()
        if member is None:
            return Reason.NONE
        points_to = mint.points_to(Extension.MEMBER_POINTER)
        if group is None or member.group != group or not member.mint == points_to == held.mint:
            return Reason.FOREIGN_GROUP
        if rule.kind is RuleKind.FACE and (reason := _face_fault(mint, held, asked)):
            return reason
    except LayoutError:
        return Reason.DAMAGED
    return Reason.FROZEN if held.is_frozen else Reason.HOLDS


def _face_fault(mint: Mint, held: TokenAccount, asked: Asked) -> Reason | None:
    """Why a member of the group of face NFTs is none. Raises LayoutError."""
    if mint.is_transferable:
        return Reason.TRANSFERABLE
    if (mint.supply, mint.decimals, mint.authority, held.amount) != (1, 0, None, 1):
        return Reason.NOT_SINGLE
    metadata = mint.metadata()
    if metadata is None:
        return Reason.INCOMPLETE
    if not metadata.authority == mint.permanent_delegate == asked.wallet:
        return Reason.NOT_THEIRS
    if held.is_frozen:
        return Reason.FROZEN
    try:
        face_in(metadata.fields)
    except Refused:
        return Reason.INCOMPLETE
    return None


def _token(rule: Rule, tokens: Sequence[TokenAccount], account: Account | None) -> Judgement:
    mint = _mint(account, TOKEN_2022, CLASSIC_TOKEN)
    if mint is None:
        return Judgement(Reason.NONE)
    mine = [each for each in tokens if each.mint == rule.address]
    needed = Fraction(1) if rule.amount is None else rule.amount * 10**mint.decimals
    free = sum(each.amount for each in mine if not each.is_frozen)
    if free >= needed:
        return Judgement(Reason.HOLDS, rule.address)
    held = sum(each.amount for each in mine)
    if not held:
        return Judgement(Reason.NONE)
    return Judgement(Reason.FROZEN if held >= needed else Reason.NOT_ENOUGH, rule.address)


def _grant(rule: Rule, trusted: Trusted, asked: Asked, account: Account | None) -> Reason:
    # One that was revoked is not there any more.
    if account is None or account.program != trusted.program:
        return Reason.NONE
    try:
        grant = Grant.from_bytes(account.data)
    except LayoutError:
        return Reason.DAMAGED
    if (grant.camera, grant.subject) != (trusted.camera, asked.subject):
        return Reason.NONE
    if rule.right not in rights.combined(grant.rights):
        return Reason.MISSING_RIGHT
    return Reason.HOLDS if grant.holds(asked.now_s) else Reason.EXPIRED


def _of(wallet: bytes, answer: Iterable[Account]) -> list[tuple[Account, TokenAccount]]:
    """Token accounts of this wallet, whatever else the answer has."""
    found = []
    for account in answer:
        if account.program in (TOKEN_2022, CLASSIC_TOKEN):
            try:
                token = TokenAccount.from_bytes(account.data)
            except LayoutError:
                continue
            if token.owner == wallet:
                found.append((account, token))
    return found


def _by_mint(
    wallet: bytes, answer: Iterable[Account], place: Callable[[bytes], int]
) -> dict[bytes, list[Account]]:
    """Token accounts that are not empty, by mint: the likeliest to satisfy a rule first."""
    held = [(account, token) for account, token in _of(wallet, answer) if token.amount]
    held.sort(key=lambda each: (place(each[1].mint), *_unlikeliness(each[1])))
    by_mint: dict[bytes, list[Account]] = {}
    for account, token in held:
        by_mint.setdefault(token.mint, []).append(account)
    return by_mint


def _unlikeliness(token: TokenAccount) -> tuple[bool, bool, bool]:
    is_transferable = Extension.NON_TRANSFERABLE_ACCOUNT not in token.extensions
    return is_transferable, token.is_frozen, token.amount != 1


def _mint(account: Account | None, *programs: bytes) -> Mint | None:
    if account is None or account.program not in programs:
        return None
    try:
        return Mint.from_bytes(account.data)
    except LayoutError:
        return None
