"""Knowing people who have checked in, by the sealed template that they let this camera open."""

from __future__ import annotations

import threading

from mmoment_chain.clock import Clock
from mmoment_chain.device_key_files import DeviceKeyError
from mmoment_chain.envelope import Record
from mmoment_chain.errors import Refused
from mmoment_interfaces.srv import AdmitFace
from mmoment_vision.face_recognition import FaceRecognizer, RecognizerClosed
from mmoment_vision.face_template import TemplateError
from mmoment_vision.face_vault import NO_END_MS, FaceVault
from mmoment_vision.request_errors import BAD_RECORD, NO_KEYS, REQUEST_ERRORS, STOPPING

MS_PER_S = 1000.0


class AdmissionRequests:
    """Answers `admit_face`. A person is known until their key is over or somebody forgets them.

    Safe to use from several threads.
    """

    def __init__(self, recognizer: FaceRecognizer, vault: FaceVault, clock: Clock) -> None:
        self._recognizer = recognizer
        self._vault = vault
        self._clock = clock
        self._lock = threading.Lock()
        self._ends_s: dict[str, float] = {}

    def answer(self, request: AdmitFace.Request, answer: AdmitFace.Response) -> AdmitFace.Response:
        """Open the template in this process and know whose it is."""
        try:
            record = Record(request.identity, request.model_id, request.record_id)
            self._admit(record, bytes(request.envelope), bytes(request.wrapped_key))
        except Refused as refusal:
            answer.error_code, answer.message = refusal.code, refusal.text
        except TemplateError as error:
            answer.error_code, answer.message = 'wrong_model', str(error)
        except ValueError as error:
            answer.error_code, answer.message = BAD_RECORD, str(error)
        except DeviceKeyError as error:
            answer.error_code, answer.message = NO_KEYS, str(error)
        except RecognizerClosed:
            answer.error_code, answer.message = STOPPING, REQUEST_ERRORS[STOPPING]
        else:
            answer.success = True
        return answer

    def drop(self, identity: str) -> None:
        """Somebody has been forgotten: nothing of theirs has to end any more."""
        with self._lock:
            self._ends_s.pop(identity, None)

    def end_overdue(self) -> None:
        """Forget everybody whose key is over. By a clock that nobody sets."""
        with self._lock:
            now_s = self._clock.elapsed_s()
            for identity in [who for who, ends_s in self._ends_s.items() if ends_s <= now_s]:
                del self._ends_s[identity]
                self._recognizer.forget(identity)

    def _admit(self, record: Record, envelope: bytes, wrapped_key: bytes) -> None:
        now_ms = self._clock.utc_ms()
        opened = self._vault.open(envelope, wrapped_key, record, now_ms)
        try:
            with self._lock:
                self._recognizer.admit_alone(record.wallet, opened.template)
                self._ends_s.pop(record.wallet, None)
                if opened.ends_ms != NO_END_MS:
                    left_s = (opened.ends_ms - now_ms) / MS_PER_S
                    self._ends_s[record.wallet] = self._clock.elapsed_s() + left_s
        finally:
            opened.template.wipe()
