"""A service that does nothing, in a node like ours: `python -m bench.session_trigger NAMESPACE`."""

from __future__ import annotations

import contextlib
import sys

import rclpy
from std_srvs.srv import Trigger

from mmoment_node.managed_node import create_executor


def main() -> None:
    """Answer until interrupted."""
    rclpy.init(args=[])
    node = rclpy.create_node('bench_trigger', namespace=sys.argv[1])
    node.create_service(Trigger, 'trigger', _answer)
    executor = create_executor()
    executor.add_node(node)
    with contextlib.suppress(KeyboardInterrupt):
        while rclpy.ok():
            executor.spin_once(timeout_sec=0.5)
    rclpy.try_shutdown()


def _answer(_: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
    answer.success = True
    return answer


if __name__ == '__main__':
    main()
