"""What is told about one push: the fields of mmoment_interfaces/StreamTargetStatus, in plain types."""

from __future__ import annotations

from dataclasses import dataclass, field

from mmoment_node.recovery import RecoverySnapshot
from mmoment_stream.push_target import Playback


@dataclass(frozen=True, slots=True)
class PushReport:
    """One target at one moment. No text in it holds a key or a password.

    Rates are of the last seconds; counts are of all connections that shared the figures.
    """

    name: str
    provider: str
    address: str  # of the server, without key and credentials; empty until it is known
    enabled: bool
    push: RecoverySnapshot  # state, since, last error, retries, next try
    error_code: str = ''  # of PUSH_ERRORS, to push.last_error; empty: none since the start
    bytes_sent: int = 0
    packets_sent: int = 0
    dropped: int = 0  # pictures that were not sent because network or server are slow
    reconnects: int = 0  # how often it was live again after a loss
    fps: float = 0.0
    kbps: float = 0.0
    target_kbps: float = 0.0  # what the encoder is asked for because of this network; 0: no limit
    queued_bytes: int = 0  # encoded, but not yet taken by the network
    slate: bool = False  # a picture that says the camera is away is sent
    playback: Playback = field(default_factory=Playback)
    provider_known: bool = False  # the provider was asked, and the next fields are what it said
    provider_active: bool = False
    provider_healthy: bool = False
    provider_issues: tuple[str, ...] = ()
    provider_error: str = ''  # why it could not be asked the last time; empty: it could
    provider_checked_s: float = 0.0  # since 1970; 0: never
