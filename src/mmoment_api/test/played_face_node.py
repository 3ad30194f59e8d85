"""What a page needs of face_node: it seals what it has learnt, and opens what it is handed."""

import time

import rclpy
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup

from mmoment_chain import camera_home, vault
from mmoment_chain.device_keys import UnsealingKeys
from mmoment_chain.envelope import Custody, Envelope, Record, WrappedKey, new_record_id
from mmoment_interfaces.action import EnrollFace
from mmoment_interfaces.msg import FaceArray, StageStatus
from mmoment_interfaces.srv import AdmitFace, ForgetFace

TEMPLATE = b'a template that nobody else may read' * 10
MODEL = 'model-1'


class PlayedFaceNode:
    """Learns one template, sealed to who owns it; opens what session_node hands over."""

    def __init__(self, camera):
        self.camera = camera
        self.node = rclpy.create_node(
            'face_node', namespace=camera.namespace, context=camera.context
        )
        self.node.create_service(AdmitFace, 'admit_face', self._admit)
        self.node.create_service(ForgetFace, 'forget_face', self._forget)
        self.node.create_publisher(FaceArray, 'faces', 1)
        self.action = ActionServer(
            self.node,
            EnrollFace,
            'enroll_face',
            self._enroll,
            callback_group=ReentrantCallbackGroup(),
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
        )
        self.stage = self.node.create_publisher(StageStatus, 'stage_status', 5)
        self.node.create_timer(0.5, lambda: self.stage.publish(StageStatus(stage='face_node')))
        self.opened = []
        self.forgotten = []
        # While it is set, whoever is enrolled is looked for; then they are learnt, if they may be.
        self.is_looking = False
        self.finds_faces = True
        self.looked_for = []
        self.cancelled = []

    def close(self):
        self.action.destroy()
        self.node.destroy_node()

    def _enroll(self, handle):
        goal = handle.request
        self.looked_for.append(goal.identity)
        while self.is_looking:
            if handle.is_cancel_requested:
                self.cancelled.append(goal.identity)
                handle.canceled()
                return EnrollFace.Result(error_code='cancelled', message='Cancelled')
            time.sleep(0.02)
        if not self.finds_faces:
            handle.abort()
            return EnrollFace.Result(error_code='timeout', message='No good view was found')
        record = Record(goal.identity, MODEL, new_record_id())
        owner_key = bytes(goal.owner_key)
        with self._keys() as keys:
            custody = Custody.CAMERA if owner_key == keys.public else Custody.USER
        envelope = vault.seal(TEMPLATE, owner_key, record, custody)
        handle.succeed()
        result = EnrollFace.Result(success=True, quality=0.9, quality_rating='good', views=5)
        result.model_id, result.record_id = MODEL, record.record_id
        result.envelope = envelope.to_bytes()
        return result

    def _admit(self, request, answer):
        envelope = Envelope.from_bytes(bytes(request.envelope))
        record = Record(request.identity, request.model_id, request.record_id)
        with self._keys() as keys:
            if request.wrapped_key:
                wrapped = WrappedKey.from_bytes(bytes(request.wrapped_key))
                camera_id, now_ms = self._identity(), time.time_ns() // 1_000_000
                template = vault.open_wrapped(envelope, wrapped, record, camera_id, keys, now_ms)
            else:
                template = vault.open_in_custody(envelope, record, keys)
            with template:
                self.opened.append((request.identity, bytes(template.view)))
        answer.success = True
        return answer

    def _home(self):
        return camera_home.open_home(self.camera.namespace, str(self.camera.folder))

    def _keys(self):
        return UnsealingKeys.load(self._home().keys)

    def _identity(self):
        return camera_home.identity(self._home(), 0).camera_id

    def _forget(self, request, answer):
        self.forgotten.append(request.identity)
        answer.success = True
        return answer
