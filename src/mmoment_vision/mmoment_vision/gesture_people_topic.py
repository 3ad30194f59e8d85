"""The topic `people`: rights of those who are checked in, as long as somebody vouches for them."""

from __future__ import annotations

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


class PeopleRights:
    """Listens to `people` until `close`; `current` may be called from another thread.

    Rights end with who gave them: they count only as long as every publisher that was there when
    they came is still there. A successor has to publish first. A publisher that is killed is gone
    once the middleware has noticed.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        self._rights: dict[str, frozenset[str]] = {}
        # None: not known yet, for discovery may lag behind the first message.
        self._givers: Publishers | None = None
        self._subscription = node.create_subscription(
            PersonArray, PEOPLE_TOPIC, self._on_people, PEOPLE_QOS
        )

    def current(self) -> dict[str, frozenset[str]]:
        """Rights by identity; empty if nobody has published them or a publisher is gone."""
        rights, givers = self._rights, self._givers
        if not rights:
            return {}
        present = self._publishers()
        if givers is None:
            givers = self._givers = present or None
        if not givers or not givers <= present:
            self._rights = {}
            return {}
        return rights

    def close(self) -> None:
        """Stop listening and forget all rights."""
        self._rights = {}
        self._node.destroy_subscription(self._subscription)

    def _on_people(self, message: PersonArray) -> None:
        self._givers = self._publishers() or None
        self._rights = {
            person.identity: frozenset(person.rights)
            for person in message.people
            if person.identity
        }

    def _publishers(self) -> Publishers:
        found = self._node.get_publishers_info_by_topic(PEOPLE_TOPIC)
        return frozenset(bytes(one.endpoint_gid) for one in found)
