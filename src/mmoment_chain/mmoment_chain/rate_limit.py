"""How often somebody may ask: token buckets by key, in a bounded number.

A bucket that would have to be forgotten early would let its owner start afresh. Thus only buckets
that are full again are forgotten; while there is none, keys not seen before share one bucket.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from mmoment_chain.clock import Clock
from mmoment_chain.errors import Refused

# About 200 bytes each.
KEYS_AT_MOST = 4096

# Whoever has an IPv6 address usually has all addresses with these leading bits.
IPV6_BITS_OF_ONE_OWNER = 64
# Homes and companies are given more: the leading bits of what one owner may have, and how many
# times as much as an address such a network gets, all its addresses together. The widest first.
IPV6_WIDER = ((48, 12), (56, 3))
LONGEST_KEY = 64


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`burst` requests at once, then one every `refill_s` seconds."""

    burst: int
    refill_s: float

    def __post_init__(self) -> None:
        if self.burst < 1 or not 0 < self.refill_s < math.inf:
            raise ValueError('a rate limit has a burst of at least 1 and a refill time above 0 s')


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class RateLimiter:
    """Buckets of one limit. Safe to use from several threads; memory is bounded by `keys_at_most`."""

    def __init__(self, limit: RateLimit, clock: Clock, keys_at_most: int = KEYS_AT_MOST) -> None:
        self._limit = limit
        self._clock = clock
        self._keys_at_most = keys_at_most
        # Those asked for longest ago come first.
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._shared = _Bucket(limit.burst, clock.elapsed_s())
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str) -> None:
        """Let one request of `key` through. Raises Refused 'too_many' with `retry_after_s`."""
        with self._lock:
            now_s = self._clock.elapsed_s()
            bucket = self._bucket(_short(key), now_s)
            bucket.tokens = self._tokens(bucket, now_s)
            bucket.at_s = now_s
            if bucket.tokens >= 1:
                bucket.tokens -= 1
                return
        raise self._refusal(bucket.tokens)

    def require(self, key: str) -> None:
        """Raise what `take` would raise now; takes nothing and keeps no bucket."""
        with self._lock:
            now_s = self._clock.elapsed_s()
            known = self._buckets.get(_short(key))
            if known is None and self._has_room(now_s):
                return
            tokens = self._tokens(known or self._shared, now_s)
        if tokens < 1:
            raise self._refusal(tokens)

    def _tokens(self, bucket: _Bucket, now_s: float) -> float:
        refilled = (now_s - bucket.at_s) / self._limit.refill_s
        return min(self._limit.burst, bucket.tokens + refilled)

    def _refusal(self, tokens: float) -> Refused:
        retry_after_s = (1 - tokens) * self._limit.refill_s
        wait_s = math.ceil(retry_after_s)
        return Refused(
            'too_many', f'Too many requests: try again in {wait_s} s', retry_after_s=retry_after_s
        )

    def _has_room(self, now_s: float) -> bool:
        if len(self._buckets) < self._keys_at_most:
            return True
        oldest = next(iter(self._buckets.values()))
        return (now_s - oldest.at_s) >= self._limit.burst * self._limit.refill_s

    def _bucket(self, key: str, now_s: float) -> _Bucket:
        known = self._buckets.get(key)
        if known is not None:
            self._buckets.move_to_end(key)
            return known
        if not self._has_room(now_s):
            return self._shared
        if len(self._buckets) >= self._keys_at_most:
            self._buckets.popitem(last=False)
        created = self._buckets[key] = _Bucket(self._limit.burst, now_s)
        return created


class SourceLimiter:
    """Buckets by where requests come from; an IPv6 address counts for each network it is in.

    Without the wider networks, whoever has a usual prefix would ask from thousands of addresses.
    """

    def __init__(self, limit: RateLimit, clock: Clock, keys_at_most: int = KEYS_AT_MOST) -> None:
        limits = [RateLimit(limit.burst * times, limit.refill_s / times) for _, times in IPV6_WIDER]
        self._limiters = [RateLimiter(each, clock, keys_at_most) for each in (*limits, limit)]
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return sum(len(limiter) for limiter in self._limiters)

    def take(self, source: str) -> None:
        """Let one request of `source` through. Raises Refused 'too_many' with `retry_after_s`."""
        keys = source_keys(source)
        pairs = list(zip(self._limiters[-len(keys) :], keys, strict=True))
        with self._lock:
            # All before any: what is refused uses up nothing of what others have in the network,
            # and leaves no bucket.
            for limiter, key in pairs:
                limiter.require(key)
            for limiter, key in pairs:
                limiter.take(key)


def source_keys(source: str) -> tuple[str, ...]:
    """What a source is counted as, the narrowest last.

    An IPv4 address, the networks of an IPv6 address, or the text itself.
    """
    try:
        address: IPv4Address | IPv6Address = ip_address(source)
    except ValueError:
        return (source,)
    if isinstance(address, IPv4Address):
        return (str(address),)
    if address.ipv4_mapped is not None:
        return (str(address.ipv4_mapped),)
    lengths = (*(bits for bits, _ in IPV6_WIDER), IPV6_BITS_OF_ONE_OWNER)
    return tuple(
        f'{IPv6Address(int(address) >> (128 - bits) << (128 - bits))}/{bits}' for bits in lengths
    )


def _short(key: str) -> str:
    if len(key) <= LONGEST_KEY:
        return key
    return hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()
