"""`sign_in_link`: asks the running api_node for a new link, which appears on *its* terminal."""

from __future__ import annotations

import argparse
import sys

import rclpy
from std_srvs.srv import Trigger

from mmoment_api.access import link_service

SERVICE_WAIT_S = 5.0


def main(arguments: list[str] | None = None) -> None:
    """Ask, say what came of it; exit code 1 if nobody answers."""
    parser = argparse.ArgumentParser(prog='sign_in_link', description=__doc__)
    parser.add_argument('--namespace', default='mmoment', help='of the camera (default: mmoment)')
    options = parser.parse_args(arguments)
    rclpy.init(args=[])
    node = rclpy.create_node('sign_in_link')
    try:
        client = node.create_client(Trigger, link_service(f'/{options.namespace.strip("/")}'))
        answer = None
        if client.wait_for_service(SERVICE_WAIT_S):
            pending = client.call_async(Trigger.Request())
            rclpy.spin_until_future_complete(node, pending, timeout_sec=SERVICE_WAIT_S)
            answer = pending.result()
    finally:
        node.destroy_node()
        rclpy.shutdown()
    if answer is None:
        sys.exit(f'error: no api_node answers in the namespace {options.namespace}')
    if not answer.success:
        sys.exit(f'error: {answer.message}')
    print(answer.message)


if __name__ == '__main__':
    main()
