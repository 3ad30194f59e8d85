"""The text of Sign-In With Solana, written and read to the letter of its published grammar.

Grammar: github.com/phantom/sign-in-with-solana, section "ABNF Message Format"; URIs after RFC 3986,
times after RFC 3339. Only ASCII, lines end with LF, and nothing follows the last one.

Stricter than the grammar in three places, so that a text has one reading only: a statement does not
begin like a field, a line feed never ends the text, and the domain is not empty.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction
from ipaddress import AddressValueError, IPv6Address

from mmoment_chain.errors import Refused

# Ours have about 400 characters. What is longer was not asked for by anybody.
LONGEST_TEXT = 4096

FIRST_LINE_ENDING = ' wants you to sign in with your Solana account:'
CHAIN_IDS = (
    'mainnet', 'testnet', 'devnet', 'localnet', 'solana:mainnet', 'solana:testnet', 'solana:devnet'
)  # fmt: skip
RESOURCES_LINE = 'Resources:'
# In the order of the text: what a line begins with, and which attribute follows.
KEYS = (
    ('URI: ', 'uri'),
    ('Version: ', 'version'),
    ('Chain ID: ', 'chain_id'),
    ('Nonce: ', 'nonce'),
    ('Issued At: ', 'issued_at'),
    ('Expiration Time: ', 'expiration_time'),
    ('Not Before: ', 'not_before'),
    ('Request ID: ', 'request_id'),
)

# Parts of RFC 3986.
UNRESERVED = r'A-Za-z0-9\-._~'
SUB_DELIMS = r"!$&'()*+,;="
PERCENT = '%[0-9A-Fa-f]{2}'
PCHAR = f'(?:[{UNRESERVED}{SUB_DELIMS}:@]|{PERCENT})'
AUTHORITY = (
    f'(?:(?:[{UNRESERVED}{SUB_DELIMS}:]|{PERCENT})*@)?'
    rf'(?P<host>\[[^\[\]]*\]|(?:[{UNRESERVED}{SUB_DELIMS}]|{PERCENT})*)'
    '(?::[0-9]*)?'
)
PATH = f'(?://{AUTHORITY}(?:/{PCHAR}*)*|/(?:{PCHAR}+(?:/{PCHAR}*)*)?|{PCHAR}+(?:/{PCHAR}*)*|)'
QUERY = f'(?:{PCHAR}|[/?])*'

IS_AUTHORITY = re.compile(AUTHORITY)
IS_URI = re.compile(rf'[A-Za-z][A-Za-z0-9+\-.]*:{PATH}(?:\?{QUERY})?(?:#{QUERY})?')
IS_FUTURE_ADDRESS = re.compile(rf'[vV][0-9A-Fa-f]+\.[{UNRESERVED}{SUB_DELIMS}:]+')
IS_ADDRESS = re.compile('[1-9A-HJ-NP-Za-km-z]{32,44}')
IS_STATEMENT = re.compile(rf'[{UNRESERVED}{SUB_DELIMS}:/?#\[\]@ ]+')
IS_NONCE = re.compile('[A-Za-z0-9]{8,}')
IS_REQUEST_ID = re.compile(f'{PCHAR}*')
IS_TIME = re.compile(
    r'(\d{4}-\d\d-\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))', re.ASCII
)
UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class SignInMessage:
    """What a wallet is asked to sign. Raises Refused 'malformed' for what the grammar forbids.

    `resources` may be empty, which writes their heading alone; None leaves the heading out.
    """

    domain: str
    address: str
    statement: str | None = None
    uri: str | None = None
    version: str | None = None
    chain_id: str | None = None
    nonce: str | None = field(default=None, repr=False)
    issued_at: str | None = None
    expiration_time: str | None = None
    not_before: str | None = None
    request_id: str | None = field(default=None, repr=False)
    resources: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _require(is_authority(self.domain), 'domain')
        _require(_fits(IS_ADDRESS, self.address), 'address')
        if self.statement is not None:
            _require(_fits(IS_STATEMENT, self.statement), 'statement')
            _require(not _begins_like_a_field(self.statement), 'statement')
        _require(self.uri is None or is_uri(self.uri), 'URI')
        _require(self.version in (None, '1'), 'version')
        _require(self.chain_id is None or self.chain_id in CHAIN_IDS, 'chain id')
        _require(self.nonce is None or _fits(IS_NONCE, self.nonce), 'nonce')
        for time in (self.issued_at, self.expiration_time, self.not_before):
            if time is not None:
                time_ms(time)
        _require(self.request_id is None or _fits(IS_REQUEST_ID, self.request_id), 'request id')
        _require(all(map(is_uri, self.resources or ())), 'list of resources')
        _require(len(self.text()) <= LONGEST_TEXT, 'length')

    def text(self) -> str:
        """The text as a wallet shows and signs it."""
        lines = [f'{self.domain}{FIRST_LINE_ENDING}', self.address]
        if self.statement is not None:
            lines += ['', self.statement]
        values = [(key, getattr(self, name)) for key, name in KEYS]
        fields = [f'{key}{value}' for key, value in values if value is not None]
        if self.resources is not None:
            fields += [RESOURCES_LINE, *(f'- {resource}' for resource in self.resources)]
        if fields:
            lines += ['', *fields]
        return '\n'.join(lines)


def parse(text: str) -> SignInMessage:
    """The message that this text is; its `text()` is the same text again.

    Raises Refused 'malformed' for anything else. The reason names a part, never what it holds.
    """
    _require(len(text) <= LONGEST_TEXT, 'length')
    lines = text.split('\n')
    _require(len(lines) >= 2 and lines[0].endswith(FIRST_LINE_ENDING), 'first line')
    domain, address = lines[0].removesuffix(FIRST_LINE_ENDING), lines[1]
    rest = lines[2:]
    statement = None
    if rest:
        rest = _after_blank(rest)
        if not _begins_like_a_field(rest[0]):
            statement = rest[0]
            rest = _after_blank(rest[1:]) if rest[1:] else []
    values: dict[str, str] = {}
    for key, name in KEYS:
        if rest and rest[0].startswith(key):
            values[name] = rest.pop(0).removeprefix(key)
    resources = None
    if rest and rest[0] == RESOURCES_LINE:
        _require(all(line.startswith('- ') for line in rest[1:]), 'list of resources')
        resources = tuple(line.removeprefix('- ') for line in rest[1:])
        rest = []
    _require(not rest, 'order of fields')
    return SignInMessage(domain, address, statement, resources=resources, **values)


def is_authority(text: str) -> bool:
    """Whether this names a host as RFC 3986 writes it: `[user@]host[:port]`, the host not empty."""
    found = IS_AUTHORITY.fullmatch(text)
    return found is not None and found['host'] != '' and _is_host(found['host'])


def is_uri(text: str) -> bool:
    """Whether this is a URI after RFC 3986, with its scheme."""
    found = IS_URI.fullmatch(text)
    return found is not None and _is_host(found['host'] or '')


def time_ms(text: str) -> Fraction:
    """Milliseconds since 1970 of a time after RFC 3339, exactly. Raises Refused 'malformed'."""
    found = IS_TIME.fullmatch(text)
    _require(found is not None, 'time')
    assert found is not None
    day, hours, minutes, seconds, fraction, sign, off_hours, off_minutes = found.groups()
    # 60 is a leap second.
    in_range = int(hours) <= 23 and int(minutes) <= 59 and int(seconds) <= 60
    _require(in_range and int(off_hours or 0) <= 23 and int(off_minutes or 0) <= 59, 'time')
    try:
        days = (date.fromisoformat(day) - UNIX_EPOCH.date()).days
        part_s = Fraction(int(fraction or 0), 10 ** len(fraction or ''))
    except ValueError:  # no such day, or thousands of digits
        raise _malformed('time') from None
    offset_s = int(off_hours or 0) * 3600 + int(off_minutes or 0) * 60
    clock_s = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    whole_s = days * 86_400 + clock_s + (offset_s if sign == '-' else -offset_s)
    return 1000 * (whole_s + part_s)


def time_text(utc_ms: int) -> str:
    """Time after RFC 3339 in UTC, with milliseconds: as browsers write it, too."""
    moment = UNIX_EPOCH + timedelta(milliseconds=utc_ms)
    return f'{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z'


def _after_blank(lines: list[str]) -> list[str]:
    _require(len(lines) >= 2 and lines[0] == '', 'blank line')
    return lines[1:]


def _begins_like_a_field(line: str) -> bool:
    return line == RESOURCES_LINE or line.startswith(tuple(key for key, _ in KEYS))


def _is_host(host: str) -> bool:
    if not host.startswith('['):
        return True
    inner = host[1:-1]
    if IS_FUTURE_ADDRESS.fullmatch(inner):
        return True
    try:
        # Zones (`%eth0`) are no part of RFC 3986.
        return '%' not in inner and bool(IPv6Address(inner).packed)
    except AddressValueError:
        return False


def _fits(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.fullmatch(text) is not None


def _require(holds: bool, part: str) -> None:
    if not holds:
        raise _malformed(part)


def _malformed(part: str) -> Refused:
    return Refused('malformed', f'This is no Sign-In With Solana text: wrong {part}')
