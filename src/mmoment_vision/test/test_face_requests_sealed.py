"""Sealed templates are known again for as long as their owner lets them."""

import time

import pytest
from face_requests_world import ANNA, BEN, Enrolment, as_message, call, read, wait_until
from rclpy.lifecycle import TransitionCallbackReturn
from ros_world import RosWorld

from mmoment_chain import device_keys, vault
from mmoment_chain.device_keys import SigningKey, UnsealingKeys
from mmoment_chain.envelope import Envelope, Record
from mmoment_chain.places import camera_folder
from mmoment_chain.sealing import public_of
from mmoment_chain.secret_bytes import SecretBytes
from mmoment_chain.vault import CameraKey
from mmoment_interfaces.srv import AdmitFace, ForgetFace, RecognizeFace
from mmoment_vision.face_node import FaceNode

pytestmark = pytest.mark.graph


@pytest.fixture
def world():
    world = RosWorld()
    yield world
    world.close()


class Owner:
    """A person with a key of their own, and the camera's keys."""

    def __init__(self, folder, namespace):
        self.keys = camera_folder(f'/{namespace}', {'MMOMENT_DATA': str(folder)}) / 'keys'
        self.keys.parent.mkdir(parents=True, mode=0o700)
        self.now_ms = int(time.time() * 1000)
        device_keys.create_missing(self.keys, self.now_ms)
        self.private = SecretBytes.random(32)

    def wrapped(self, result, for_ms=60_000):
        record = Record(ANNA, result.model_id, result.record_id)
        with UnsealingKeys.load(self.keys) as keys, SigningKey.load(self.keys) as signing:
            camera = CameraKey(signing.camera_id, keys.public)
        envelope = Envelope.from_bytes(bytes(result.envelope))
        until_ms = int(time.time() * 1000) + for_ms
        return vault.rewrap(envelope, record, self.private, camera, until_ms).to_bytes()


def admit(world, result, key, **changes):
    fields = {
        'identity': ANNA,
        'envelope': list(result.envelope),
        'record_id': result.record_id,
        'model_id': result.model_id,
        'wrapped_key': list(key),
    }
    return call(world, AdmitFace, 'admit_face', **{**fields, **changes})


def test_a_sealed_template_is_known_again_for_as_long_as_its_owner_lets_it(world, media, tmp_path):
    owner = Owner(tmp_path, world.namespace)
    node = world.start(FaceNode, embedder='dlib', data_folder=str(tmp_path))
    picture = as_message(read(media, 'obama-1.jpg'))
    key = list(public_of(owner.private))
    result = Enrolment(world, identity=ANNA, pictures=[picture], owner_key=key).result()
    assert result.success
    assert result.record_id

    def names():
        answer = call(world, RecognizeFace, 'recognize_face', picture=picture)
        return [face.identity for face in answer.faces]

    assert call(world, ForgetFace, 'forget_face', identity=ANNA).templates == 1
    assert names() == ['']
    assert admit(world, result, owner.wrapped(result)).success
    assert names() == [ANNA]
    assert admit(world, result, owner.wrapped(result)).success
    assert node._recognizer.counts().templates == 1
    # As long as its owner said, and no longer.
    assert admit(world, result, owner.wrapped(result, for_ms=1500)).success
    wait_until(lambda: names() == [''], 'the end of the key')
    for changes, code in (
        ({'identity': BEN}, 'bad_envelope'),
        ({'record_id': 'other'}, 'bad_envelope'),
        ({'wrapped_key': []}, 'bad_envelope'),
        ({'identity': 'nobody'}, 'bad_record'),
        ({'envelope': [1, 2, 3]}, 'bad_envelope'),
    ):
        answer = admit(world, result, owner.wrapped(result), **changes)
        assert (answer.success, answer.error_code) == (False, code), changes
    assert names() == ['']
    assert node.fault is None


def test_a_node_that_is_not_active_forgets_all_the_same(world, media, tmp_path):
    owner = Owner(tmp_path, world.namespace)
    node = world.start(FaceNode, embedder='dlib', data_folder=str(tmp_path))
    picture = as_message(read(media, 'obama-1.jpg'))
    key = list(public_of(owner.private))
    result = Enrolment(world, identity=ANNA, pictures=[picture], owner_key=key).result()
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert call(world, ForgetFace, 'forget_face', identity=ANNA).templates == 1
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    # The time of a key goes on while nothing is looked at, and afterwards.
    assert admit(world, result, owner.wrapped(result, for_ms=2500)).success
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert node._recognizer.counts().templates == 1
    wait_until(lambda: not node._recognizer.counts().templates, 'the end of the key')
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    assert admit(world, result, owner.wrapped(result, for_ms=2500)).success
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    wait_until(lambda: not node._recognizer.counts().templates, 'the end of the key')


def test_an_owner_key_that_is_none_is_refused_and_nothing_is_learnt(world, media):
    node = world.start(FaceNode, embedder='dlib')
    picture = as_message(read(media, 'obama-1.jpg'))
    result = Enrolment(world, identity=ANNA, pictures=[picture], owner_key=[0] * 32).result()
    assert result.error_code == 'bad_key'
    assert node._recognizer.counts().templates == 0
