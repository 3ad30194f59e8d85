"""Asks chain_node what people hold on the chain, at their check-in and now and then while they stay."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mmoment_chain.nft_gate import AWAY, Finding, NftGate
from mmoment_chain.service_client import ServiceClient
from mmoment_interfaces.srv import VerifyNft
from mmoment_node.managed_node import ManagedNode

# Of a check-in, which also waits for face_node; whoever checks in waits for 10 s in all.
ANSWER_PATIENCE_S = 4.0
LOOK_S = 1.0
NODE_AWAY = 'The part that asks the chain does not run'
_NOBODY_KNOWS = Finding(False, AWAY, is_known=False)
_NODE_AWAY = Finding(False, NODE_AWAY, is_known=False)


class GateClient:
    """Keeps `gate` up to date; without gates it asks nothing.

    here: wallets of who is checked in. every_s: how often they are asked about, 0 for never.
    changed: called with a wallet whose rights are others than before, from a thread of its own.
    """

    def __init__(
        self,
        node: ManagedNode[Any],
        gate: NftGate,
        here: Callable[[], Iterable[str]],
        every_s: Callable[[], float],
        changed: Callable[[str], None],
    ) -> None:
        self._gate = gate
        self._here = here
        self._every_s = every_s
        self._changed = changed
        self._ending = threading.Event()
        self._client: ServiceClient | None = None
        self._thread: threading.Thread | None = None
        if gate.gates:
            self._client = ServiceClient(node, VerifyNft, 'verify_nft')
            self._thread = node.spawn(self._work, 'gates')

    def close(self) -> None:
        """Ask no more."""
        self._ending.set()
        if self._client is not None:
            self._client.close()
        if self._thread is not None:
            self._thread.join()

    def check(self, wallet: str) -> bool:
        """Ask about somebody who is about to check in; what cannot be known is withheld.

        Returns whether other rights are withheld than before.
        """
        if not self._gate.gates:
            return False
        findings = self._findings(wallet, is_fresh=True)
        return self._gate.judge(wallet, findings, is_check_in=True)

    def _work(self) -> None:
        while not self._ending.wait(LOOK_S):
            for wallet in self._gate.due(set(self._here()), self._every_s()):
                if self._ending.is_set():
                    return
                findings = self._findings(wallet, is_fresh=False)
                if self._gate.judge(wallet, findings, is_check_in=False):
                    self._changed(wallet)

    def _findings(self, wallet: str, *, is_fresh: bool) -> Mapping[str, Finding]:
        assert self._client is not None
        rules = self._gate.rules
        requests = [VerifyNft.Request(wallet=wallet, rule=rule, fresh=is_fresh) for rule in rules]
        answers = self._client.ask_all(requests, ANSWER_PATIENCE_S)
        # Without an answer though it is there, it waits for the chain itself.
        missing = _NOBODY_KNOWS if self._client.is_ready else _NODE_AWAY
        return {
            rule: missing if answer is None else _finding(answer)
            for rule, answer in zip(rules, answers, strict=True)
        }


def _finding(answer: VerifyNft.Response) -> Finding:
    return Finding(answer.holds, answer.message) if answer.success else _NOBODY_KNOWS
