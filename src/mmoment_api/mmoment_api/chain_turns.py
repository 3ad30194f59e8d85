"""Who may ask the chain now: so much at a time, each person so often, and a place for the owner."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

from mmoment_api.access import Principal
from mmoment_api.errors import ApiError
from mmoment_api.face_requests import Gate
from mmoment_chain.clock import Clock, SystemClock
from mmoment_chain.errors import Refused
from mmoment_chain.rate_limit import RateLimit, RateLimiter

# As many as `chain_node` answers at a time, but for what other parts ask it.
REQUESTS_AT_MOST = 12
PLACES_OF_OWNER = 2
# Whoever puts a face there and takes it off again, at a chain that is slow to confirm, asks less often.
PERSON_LIMIT = RateLimit(burst=30, refill_s=1.0)
ENOUGH = 'The camera asks the chain as much as it can'


class ChainTurns:
    """Belongs to the thread of the web server."""

    def __init__(self, clock: Clock | None = None, at_most: int = REQUESTS_AT_MOST) -> None:
        self._people = Gate(max(0, at_most - PLACES_OF_OWNER), ENOUGH)
        self._everybody = Gate(at_most, ENOUGH)
        self._limiter = RateLimiter(PERSON_LIMIT, clock or SystemClock())

    @contextlib.contextmanager
    def entered(self, principal: Principal | None) -> Iterator[None]:
        """Be one of those who ask; raises `ApiError` 429 for who asks too often, or without room."""
        with contextlib.ExitStack() as stack:
            if principal is None or not principal.is_owner:
                self._take(principal.name if principal is not None else '')
                stack.enter_context(self._people.entered())
            stack.enter_context(self._everybody.entered())
            yield

    def _take(self, identity: str) -> None:
        try:
            self._limiter.take(identity)
        except Refused as refusal:
            wait_s = max(1, math.ceil(refusal.retry_after_s))
            raise ApiError(
                429,
                'too_many_requests',
                f'You ask the chain too often; try again in {wait_s} s',
                {'Retry-After': str(wait_s)},
            ) from None
