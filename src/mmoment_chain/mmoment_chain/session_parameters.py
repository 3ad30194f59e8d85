"""Parameters of session_node."""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_chain import rights
from mmoment_chain.challenges import (
    ANSWER_LIMIT,
    LIFETIME_S,
    SOURCE_LIMIT,
    WALLET_LIMIT,
    ChallengeSettings,
)
from mmoment_chain.errors import Refused
from mmoment_chain.nft_gate import Gate, parse_gates
from mmoment_chain.rate_limit import RateLimit
from mmoment_chain.session_settings import SessionSettings
from mmoment_chain.sign_in_text import ANY_PORT, IS_CAMERA_ID
from mmoment_chain.siws import CHAIN_IDS
from mmoment_chain.wallet import parse_wallet
from mmoment_node.parameters import parameter

# In capitals: no domain has any.
PORT_WORD = 'PORT'
HTTP_PORT = 80
_MINUTES_AT_MOST = LIFETIME_S / 60


def _burst(limit: RateLimit, description: str) -> int:
    return parameter(limit.burst, description, minimum=1, maximum=100_000, read_only=True)


def _refill(limit: RateLimit) -> float:
    return parameter(
        limit.refill_s,
        'Then one in this time',
        unit='s',
        minimum=0.0001,
        maximum=3600.0,
        read_only=True,
    )


@dataclass(frozen=True, slots=True)
class SessionParameters:
    """How people check in at this camera, for how long, and what they may do."""

    owner_wallet: str = parameter(
        '', 'Wallet (base58) that has every right here; empty: none', read_only=True
    )
    domains: tuple[str, ...] = parameter(
        (f'127.0.0.1:{PORT_WORD}', f'localhost:{PORT_WORD}'),
        'Where people sign in, as the address bar of their browser shows it: HOST or HOST:PORT, '
        'with https:// or http:// in front if needed; a signed text is good for these only. The '
        f'word {PORT_WORD} stands for the parameter port',
        read_only=True,
    )
    port: int = parameter(
        5002,
        'TCP port of the web page, as api_node has it; 0: a free one, so that people sign in at '
        'any port of this machine',
        minimum=0,
        maximum=65535,
        read_only=True,
    )
    chain_id: str = parameter(
        'devnet', 'Chain that the signed text names', choices=tuple(CHAIN_IDS), read_only=True
    )
    camera_id: str = parameter(
        '',
        'Name of this camera in signed texts: letters, digits, dots, dashes, underscores; empty: '
        'by the key of the device. Another name ends all sessions',
        read_only=True,
    )
    data_folder: str = parameter(
        '',
        'Folder under which store and keys lie; empty: $MMOMENT_DATA, else mmoment in the data of '
        'this user',
        read_only=True,
    )
    session_hours: float = parameter(
        12.0,
        'How long a session lasts; renewing it begins anew',
        unit='h',
        minimum=0.02,
        maximum=24.0,
    )
    absent_minutes: float = parameter(
        30.0,
        'Who was not seen and did nothing for so long is checked out',
        unit='min',
        minimum=0.05,
        maximum=1440.0,
    )
    sessions_at_most: int = parameter(
        32, 'Sessions at once; nobody is sent away for another', minimum=1, maximum=1000
    )
    sessions_per_wallet: int = parameter(
        3, 'Sessions of one person at once; the oldest makes room', minimum=1, maximum=20
    )
    keep_people_days: float = parameter(
        30.0,
        'How long ended sessions and old events name people; 0: for ever. Templates, consents and '
        'grants stay until they are withdrawn',
        unit='d',
        minimum=0.0,
        maximum=3650.0,
    )
    default_rights: tuple[str, ...] = parameter(
        rights.DEFAULT_RIGHTS,
        f'Rights of everybody who checks in, of: {", ".join(rights.RIGHTS)}',
    )
    gates: tuple[str, ...] = parameter(
        (),
        'Rights that need something on the chain, as chain_node tells: RIGHT face, RIGHT '
        'collection:GROUP, RIGHT token:MINT[:AMOUNT] or RIGHT grant:RIGHT',
        read_only=True,
    )
    gate_minutes: float = parameter(
        10.0,
        'How often it is asked for again while somebody stays; 0: only when they check in',
        unit='min',
        minimum=0.0,
        maximum=1440.0,
    )
    challenge_minutes: float = parameter(
        _MINUTES_AT_MOST,
        'Time to sign',
        unit='min',
        minimum=0.2,
        maximum=_MINUTES_AT_MOST,
        read_only=True,
    )
    allow_legacy_sign_in: bool = parameter(
        False,
        'Also take the old text WALLET|MS|NONCE, which names neither site nor camera: whoever has '
        'it signed elsewhere could use it here',
        read_only=True,
    )
    source_burst: int = _burst(
        SOURCE_LIMIT,
        'Challenges that one address gets at once; of IPv6 a /64, a /56 three times, a /48 12 times '
        'as many',
    )
    source_refill_s: float = _refill(SOURCE_LIMIT)
    wallet_burst: int = _burst(WALLET_LIMIT, 'Challenges for one wallet at once, at one address')
    wallet_refill_s: float = _refill(WALLET_LIMIT)
    answer_burst: int = _burst(
        ANSWER_LIMIT, 'Check-ins that one address may try at once; of IPv6 as above'
    )
    answer_refill_s: float = _refill(ANSWER_LIMIT)


def sign_in_domains(parameters: SessionParameters) -> tuple[str, ...]:
    """Where people sign in, with the port put in; any port of this machine if it is not known."""
    port = f':{parameters.port or ANY_PORT}'
    if parameters.port == HTTP_PORT:
        # As browsers write it.
        port = ''
    return tuple(domain.replace(f':{PORT_WORD}', port) for domain in parameters.domains)


def session_settings(parameters: SessionParameters) -> SessionSettings:
    """How sessions are given out. Raises ValueError with the parameter that is wrong."""
    try:
        if parameters.owner_wallet:
            parse_wallet(parameters.owner_wallet)
    except Refused as refusal:
        raise ValueError(f'owner_wallet: {refusal.text}') from None
    try:
        default_rights = rights.combined(rights.checked(parameters.default_rights))
    except Refused as refusal:
        raise ValueError(f'default_rights: {refusal.text}') from None
    return SessionSettings(
        owner_wallet=parameters.owner_wallet,
        session_s=parameters.session_hours * 3600,
        absent_s=parameters.absent_minutes * 60,
        at_most=parameters.sessions_at_most,
        per_wallet=parameters.sessions_per_wallet,
        default_rights=default_rights,
    )


def gates_of(parameters: SessionParameters) -> tuple[Gate, ...]:
    """Rights that need something on the chain. Raises ValueError."""
    try:
        return parse_gates(parameters.gates)
    except Refused as refusal:
        raise ValueError(f'gates: {refusal.text}') from None


def challenge_settings(parameters: SessionParameters) -> ChallengeSettings:
    """How challenges are given out. Raises ValueError."""
    if parameters.camera_id and not IS_CAMERA_ID.fullmatch(parameters.camera_id):
        raise ValueError(
            f'camera_id {parameters.camera_id!r}: 1 to 64 letters, digits, dots, dashes and '
            'underscores, the first a letter or digit'
        )
    return ChallengeSettings(
        lifetime_s=parameters.challenge_minutes * 60,
        chain_id=parameters.chain_id,
        source_limit=RateLimit(parameters.source_burst, parameters.source_refill_s),
        wallet_limit=RateLimit(parameters.wallet_burst, parameters.wallet_refill_s),
        answer_limit=RateLimit(parameters.answer_burst, parameters.answer_refill_s),
        owner_wallet=parameters.owner_wallet,
        old_text_enabled=parameters.allow_legacy_sign_in,
    )
