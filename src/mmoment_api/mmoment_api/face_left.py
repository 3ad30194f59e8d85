"""A face on the chain outlasts what a camera forgets: only its owner can burn it, so they are told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mmoment_api.access import Principal
from mmoment_api.chain_control import FACE_RULE
from mmoment_api.errors import ApiError
from mmoment_api.services import Services

# Nobody waits long for the chain to be told that they are forgotten here.
WAIT_S = 4.0
NOT_ASKED = 'Whether a sealed face is still on the chain could not be asked now'
STILL_THERE = (
    'A sealed face is still on the chain, as {mint}: only its owner can take it off. Check in with '
    'that wallet, and burn it (`burn_face`)'
)


@dataclass(frozen=True, slots=True)
class FaceLeft:
    """mint: of the face NFT that is still there; None: none, or nobody could be asked."""

    mint: str | None = None
    text: str = ''

    def after(self, message: str) -> str:
        """A message, and what is to be said of the chain."""
        return f'{message.rstrip(".")}. {self.text}' if self.text else message


async def face_left(services: Services, principal: Principal | None, wallet: str) -> FaceLeft:
    """Whether a wallet's sealed face is still on the chain; never fails, nor takes long."""
    if services.state.chain.now() is None:
        return FaceLeft()
    try:
        with services.chain_turns.entered(principal):
            asked = services.chain.verify(wallet, FACE_RULE, True)
            verdict = await asyncio.wait_for(asked, WAIT_S)
    except (ApiError, asyncio.TimeoutError):
        return FaceLeft(text=NOT_ASKED)
    if not verdict.mint:
        return FaceLeft()
    return FaceLeft(verdict.mint, STILL_THERE.format(mint=verdict.mint))
