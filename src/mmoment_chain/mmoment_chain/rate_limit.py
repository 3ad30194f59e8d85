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
            refilled = (now_s - bucket.at_s) / self._limit.refill_s
            bucket.tokens = min(self._limit.burst, bucket.tokens + refilled)
            bucket.at_s = now_s
            if bucket.tokens >= 1:
                bucket.tokens -= 1
                return
            retry_after_s = (1 - bucket.tokens) * self._limit.refill_s
        wait_s = math.ceil(retry_after_s)
        raise Refused(
            'too_many', f'Too many requests: try again in {wait_s} s', retry_after_s=retry_after_s
        )

    def _bucket(self, key: str, now_s: float) -> _Bucket:
        known = self._buckets.get(key)
        if known is not None:
            self._buckets.move_to_end(key)
            return known
        if len(self._buckets) >= self._keys_at_most:
            oldest = next(iter(self._buckets.values()))
            if (now_s - oldest.at_s) < self._limit.burst * self._limit.refill_s:
                return self._shared
            self._buckets.popitem(last=False)
        created = self._buckets[key] = _Bucket(self._limit.burst, now_s)
        return created


def source_key(source: str) -> str:
    """What a source is counted as: an IPv4 address, the network of an IPv6 address, or the text."""
    try:
        address: IPv4Address | IPv6Address = ip_address(source)
    except ValueError:
        return source
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        rest = 128 - IPV6_BITS_OF_ONE_OWNER
        return f'{IPv6Address(int(address) >> rest << rest)}/{IPV6_BITS_OF_ONE_OWNER}'
    return str(address)


def _short(key: str) -> str:
    if len(key) <= LONGEST_KEY:
        return key
    return hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()
