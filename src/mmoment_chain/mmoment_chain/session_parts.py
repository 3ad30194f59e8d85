"""What the services of session_node work with, and what they need of several of its parts at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mmoment_chain.camera_home import CameraIdentity
from mmoment_chain.chain_forgetting import ChainForgetting
from mmoment_chain.challenges import ChallengeBook
from mmoment_chain.clock import Clock
from mmoment_chain.erasure import Erasure
from mmoment_chain.face_admissions import FaceAdmissions
from mmoment_chain.nft_gate import NftGate
from mmoment_chain.rights import in_order
from mmoment_chain.sessions import SessionBook
from mmoment_chain.store import Store
from mmoment_chain.template_keeping import TemplateKeeping


@dataclass(frozen=True, slots=True)
class Parts:
    """What the services work with."""

    store: Store
    book: SessionBook
    challenges: ChallengeBook
    keeping: TemplateKeeping
    erasure: Erasure
    admissions: FaceAdmissions
    chain_forgetting: ChainForgetting
    gate: NftGate
    identity: CameraIdentity
    clock: Clock


def welcome_kept(
    book: SessionBook, keeping: TemplateKeeping, admissions: FaceAdmissions, wallet: str = ''
) -> None:
    """Have those known again whose template the camera itself keeps: all, or this wallet.

    A key that somebody wrapped for the camera was in memory only: they sign in anew.
    """
    for session in book.live(wallet):
        record = keeping.for_recognition(session, b'', 0)
        if record is not None:
            name, key = session.display_name or '', bytearray()
            admissions.welcome(record.wallet, name, record.record_id, key, math.inf)


def withheld(parts: Parts, wallet: str) -> dict[str, str]:
    """Rights that this wallet would have but for what it lacks on the chain, and why: our sentences."""
    because = parts.gate.because(wallet)
    if not because:
        return {}
    with parts.store.reading() as query:
        missing = parts.book.rights.withheld(query, wallet)
    return {right: because[right] for right in in_order(missing) if right in because}
