"""Forgets people when somebody asks for it or their time is over: always, also while no pictures are
looked at.
"""

from __future__ import annotations

from typing import Any

from mmoment_chain.clock import SystemClock
from mmoment_interfaces.srv import ForgetFace
from mmoment_node.managed_node import ManagedNode
from mmoment_vision.admission_requests import AdmissionRequests
from mmoment_vision.enrolment_requests import EnrolmentRequests
from mmoment_vision.face_recognition import FaceRecognizer
from mmoment_vision.face_vault import FaceVault

# A key that is over may be used so much longer.
OVERDUE_PERIOD_S = 1.0


class KeepingRequests:
    """Serves `forget_face` for as long as the recognizer knows anybody.

    `enrolment`: what may be learning a face at the moment, if the node is active.
    """

    def __init__(
        self, node: ManagedNode[Any], recognizer: FaceRecognizer, vault: FaceVault
    ) -> None:
        self.admission = AdmissionRequests(recognizer, vault, SystemClock())
        self.enrolment: EnrolmentRequests | None = None
        self._node = node
        self._recognizer = recognizer
        self._overdue = node.create_timer(OVERDUE_PERIOD_S, self.admission.end_overdue)
        # Only takes a lock, and must be answered however busy the others are.
        self._service = node.create_service(ForgetFace, 'forget_face', self._forget)

    def close(self) -> None:
        """Serve no more; nobody is known any more."""
        self._node.destroy_timer(self._overdue)
        self._node.destroy_service(self._service)

    def _forget(
        self, request: ForgetFace.Request, answer: ForgetFace.Response
    ) -> ForgetFace.Response:
        self.admission.drop(request.identity)
        # Read once: the node may be stopped meanwhile.
        learning = self.enrolment or self._recognizer
        return forgotten(answer, learning.forget(request.identity))


def forgotten(answer: ForgetFace.Response, templates: int) -> ForgetFace.Response:
    """The answer to whoever wanted somebody forgotten."""
    answer.success, answer.templates = True, templates
    answer.message = 'Forgotten.' if templates else 'Nothing was known of this person.'
    return answer
