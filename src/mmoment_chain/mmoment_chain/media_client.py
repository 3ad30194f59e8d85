"""Asks capture_node to delete what it keeps of somebody who is forgotten."""

from __future__ import annotations

import threading
from typing import Any

from mmoment_interfaces.srv import EraseMedia
from mmoment_node.managed_node import ManagedNode

# Many files take long on a slow disk; whoever asks waits for the erasure of everything else too.
ANSWER_PATIENCE_S = 5.0


class MediaClient:
    """Calls capture_node from threads that may wait."""

    def __init__(self, node: ManagedNode[Any]) -> None:
        self._node = node
        # Of the node itself: its thread never waits, so answers always come through.
        self._client = node.create_client(EraseMedia, 'erase_media')

    def close(self) -> None:
        """Ask no more."""
        self._node.destroy_client(self._client)

    def erase(self, wallet: str) -> bool:
        """Have the files of this wallet deleted. False: capture_node is away, or could not.

        It then does so by itself: what is to go is noted in the store.
        """
        if not self._client.service_is_ready():
            return False
        answered = threading.Event()
        future = self._client.call_async(EraseMedia.Request(identity=wallet))
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(ANSWER_PATIENCE_S):
            self._client.remove_pending_request(future)
            return False
        return bool(future.result().success)
