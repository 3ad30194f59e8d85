"""The topic `people`: rights of those who are checked in, as long as somebody vouches for them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from mmoment_interfaces.msg import PersonArray

PEOPLE_TOPIC = 'people'
PEOPLE_QOS = QoSProfile(
    depth=1,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    reliability=ReliabilityPolicy.RELIABLE,
)

Publishers = frozenset[bytes]


@dataclass(frozen=True, slots=True)
class _Given:
    """`givers`: publishers there were as the rights came; None: discovery lagged behind."""

    rights: dict[str, frozenset[str]]
    givers: Publishers | None


class PeopleRights:
    """Listens to `people` until `close`; `current` may be called from another thread.

    Rights end with who gave them: they count only as long as every publisher that was there when
    they came is still there. A successor has to publish first. A publisher that is killed is gone
    once the middleware has noticed.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        # What is decided about rights must be decided about the newest ones.
        self._lock = threading.Lock()
        self._given = _Given({}, None)
        self._subscription = node.create_subscription(
            PersonArray, PEOPLE_TOPIC, self._on_people, PEOPLE_QOS
        )

    def current(self) -> dict[str, frozenset[str]]:
        """Rights by identity; empty if nobody has published them or a publisher is gone."""
        with self._lock:
            given = self._given
            if not given.rights:
                return {}
            present = self._publishers()
            givers = given.givers or present
            is_vouched_for = bool(givers) and givers <= present
            # Once gone, rights stay gone, even if the same publisher comes back to sight.
            self._given = _Given(given.rights, givers) if is_vouched_for else _Given({}, None)
            return self._given.rights

    def close(self) -> None:
        """Stop listening and forget all rights."""
        with self._lock:
            self._given = _Given({}, None)
        self._node.destroy_subscription(self._subscription)

    def _on_people(self, message: PersonArray) -> None:
        rights = {p.identity: frozenset(p.rights) for p in message.people if p.identity}
        with self._lock:
            self._given = _Given(rights, self._publishers() or None)

    def _publishers(self) -> Publishers:
        found = self._node.get_publishers_info_by_topic(PEOPLE_TOPIC)
        return frozenset(bytes(one.endpoint_gid) for one in found)
