"""Tells face_node whom to know and whom to forget, until it has done so."""

from __future__ import annotations

import array
import threading
from collections.abc import Callable
from typing import Any

from mmoment_chain.face_admissions import Admit, Call, FaceAdmissions, Forget
from mmoment_chain.secret_bytes import wipe
from mmoment_chain.template_keeping import TemplateKeeping
from mmoment_interfaces.srv import AdmitFace, ForgetFace
from mmoment_node.managed_node import ManagedNode

FACES_TOPIC = 'faces'
ANSWER_PATIENCE_S = 5.0
IDLE_S = 0.2


class FaceClient:
    """Makes the calls that `admissions` asks for, one after another in a thread of its own.

    One after another: what is to be forgotten must not be overtaken by what was to be known.
    `changed` is called when face_node knows others than before.
    """

    def __init__(
        self,
        node: ManagedNode[Any],
        admissions: FaceAdmissions,
        keeping: TemplateKeeping,
        changed: Callable[[], None],
    ) -> None:
        self._node = node
        self._admissions = admissions
        self._keeping = keeping
        self._changed = changed
        # Of the node itself: its thread never waits, so answers always come through.
        self._admit = node.create_client(AdmitFace, 'admit_face')
        self._forget = node.create_client(ForgetFace, 'forget_face')
        self._is_wanted = True
        self._wake = threading.Event()
        self._moved = threading.Condition()
        self._thread = node.spawn(self._work, 'face calls')

    def close(self) -> None:
        """Call no more."""
        self._is_wanted = False
        self._wake.set()
        self._thread.join()
        self._node.destroy_client(self._admit)
        self._node.destroy_client(self._forget)

    def wake(self) -> None:
        """There may be something to call."""
        self._wake.set()

    def wait_until(self, is_true: Callable[[], bool], patience_s: float) -> bool:
        """Wait until calls have made something true; not in the thread of the node."""
        self.wake()
        with self._moved:
            return self._moved.wait_for(is_true, patience_s)

    def _work(self) -> None:
        while self._is_wanted:
            # A face_node that was started again publishes under another name.
            found = self._node.get_publishers_info_by_topic(FACES_TOPIC)
            has_changed = self._admissions.face_nodes_are(
                frozenset(bytes(one.endpoint_gid) for one in found)
            )
            call = self._admissions.next_call()
            if call is not None:
                has_changed = self._make(call) or has_changed
            with self._moved:
                self._moved.notify_all()
            if has_changed:
                self._changed()
            if call is None:
                self._wake.wait(IDLE_S)
                self._wake.clear()

    def _make(self, call: Call) -> bool:
        """Make a call and tell its outcome; without an answer it is made again later."""
        client: Any
        if isinstance(call, Forget):
            client, request = self._forget, ForgetFace.Request(identity=call.wallet)
        else:
            client, request = self._admit, self._admit_request(call)
            if request is None:
                return self._admissions.done(call, 'The template is not kept here any more')
        if not client.service_is_ready():
            _wipe_key(call, request)
            return False
        answered = threading.Event()
        future = client.call_async(request)
        # Written into the middleware's memory by now.
        _wipe_key(call, request)
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(ANSWER_PATIENCE_S):
            client.remove_pending_request(future)
            return False
        answer = future.result()
        if isinstance(call, Admit) and not answer.success:
            return self._admissions.done(call, answer.message or answer.error_code)
        return self._admissions.done(call)

    def _admit_request(self, call: Admit) -> AdmitFace.Request | None:
        record = self._keeping.get(call.record_id)
        if record is None or record.wallet != call.wallet:
            wipe(call.wrapped_key)
            return None
        return AdmitFace.Request(
            identity=call.wallet,
            envelope=record.envelope,
            record_id=record.record_id,
            model_id=record.model_id,
            wrapped_key=array.array('B', call.wrapped_key),
            display_name=call.display_name,
        )


def _wipe_key(call: Call, request: Any) -> None:
    if isinstance(call, Admit):
        wipe(call.wrapped_key, memoryview(request.wrapped_key))
