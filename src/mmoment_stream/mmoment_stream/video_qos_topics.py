"""How video, limits of it and what is latched pass between nodes: one choice for both ends."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

# A packet that is missing makes those after it worthless. A second of them, for who is held up.
VIDEO_QOS = QoSProfile(depth=30, reliability=ReliabilityPolicy.RELIABLE)
LATCHED_QOS = QoSProfile(
    depth=1,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    reliability=ReliabilityPolicy.RELIABLE,
)
LIMIT_QOS = QoSProfile(depth=10)
