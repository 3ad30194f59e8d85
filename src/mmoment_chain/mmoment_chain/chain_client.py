"""Has chain_node let go of what it remembers of somebody who is forgotten."""

from __future__ import annotations

import threading
from typing import Any

from mmoment_chain.chain_forgetting import ChainForgetting
from mmoment_chain.service_client import ServiceClient
from mmoment_interfaces.srv import ForgetFace
from mmoment_node.managed_node import ManagedNode

SERVICE = 'forget_wallet'
ANSWER_PATIENCE_S = 2.0
AGAIN_S = 1.0
# Of whoever asked to be forgotten; it goes on after that.
PATIENCE_S = 1.0
LATER = 'What was built for the chain is let go of as soon as the part that built it answers.'


class ChainClient:
    """Tells it of those in `forgetting`, in a thread of its own, until `close`."""

    def __init__(self, node: ManagedNode[Any], forgetting: ChainForgetting) -> None:
        self._forgetting = forgetting
        self._client = ServiceClient(node, ForgetFace, SERVICE)
        self._ending = threading.Event()
        self._wake = threading.Event()
        self._moved = threading.Condition()
        self._thread = node.spawn(self._work, 'forgetting on the chain')

    def close(self) -> None:
        """Tell no more."""
        self._ending.set()
        self._wake.set()
        self._client.close()
        self._thread.join()

    def forget(self, wallet: str) -> list[str]:
        """Have somebody let go of: nothing of theirs goes to the chain from here any more.

        Returns what is to be said of it: nothing if it is done, or nobody is there to do it.
        """
        self._forgetting.add(wallet)
        self._wake.set()
        with self._moved:
            is_done = self._moved.wait_for(
                lambda: wallet not in self._forgetting.waiting() or not self._client.is_ready,
                PATIENCE_S,
            )
        return [] if is_done else [LATER]

    def _work(self) -> None:
        while not self._ending.is_set():
            self._wake.clear()
            self._tell()
            with self._moved:
                self._moved.notify_all()
            self._wake.wait(AGAIN_S)

    def _tell(self) -> None:
        waiting = self._forgetting.waiting()
        if not waiting:
            return
        if not self._client.is_ready:
            self._forgetting.is_away()
            return
        requests = [ForgetFace.Request(identity=wallet) for wallet in waiting]
        answers = self._client.ask_all(requests, ANSWER_PATIENCE_S)
        for (wallet, since_s), answer in zip(waiting.items(), answers, strict=True):
            if answer is not None and answer.success:
                self._forgetting.done(wallet, since_s)
