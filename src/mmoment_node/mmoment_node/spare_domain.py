"""ROS domains for tests and benchmarks, which must not meet each other or a camera in use."""

from __future__ import annotations

import itertools
import os

# Above the numbers that people choose by hand, and below those whose ports Linux gives to clients,
# which are taken now and then (ROS 2 documentation, "The ROS_DOMAIN_ID").
DOMAINS = range(30, 101)

_numbers = itertools.count(os.getpid())


def spare_domain() -> int:
    """Another domain with every call, beginning elsewhere in every process."""
    return DOMAINS[next(_numbers) % len(DOMAINS)]
