import secrets

import numpy as np
import pytest

from mmoment_chain import device_keys, vault
from mmoment_chain.device_key_files import DeviceKeyError
from mmoment_chain.device_keys import SigningKey, UnsealingKeys
from mmoment_chain.envelope import Custody, Envelope, Record
from mmoment_chain.errors import Refused
from mmoment_chain.sealing import public_of
from mmoment_chain.secret_bytes import SecretBytes
from mmoment_chain.vault import CameraKey
from mmoment_vision.face_template import FaceTemplate, TemplateError
from mmoment_vision.face_vault import NO_END_MS, FaceVault

ANNA = 'A' * 40
NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


def template(seed=1, model='dlib-resnet-2017'):
    return FaceTemplate.quantised(model, np.random.default_rng(seed).normal(size=128))


class Camera:
    def __init__(self, folder):
        self.keys = folder / 'keys'
        device_keys.create_missing(self.keys, NOW_MS)
        self.vault = FaceVault(self.keys)
        with UnsealingKeys.load(self.keys) as keys, SigningKey.load(self.keys) as signing:
            self.key = CameraKey(signing.camera_id, keys.public)


@pytest.fixture
def camera(tmp_path):
    return Camera(tmp_path)


@pytest.fixture
def owner():
    with SecretBytes.random(32) as private:
        yield private


def wrapped(sealed, record, owner, camera, until_ms=NOW_MS + HOUR_MS):
    envelope = Envelope.from_bytes(sealed.envelope)
    return vault.rewrap(envelope, record, owner, camera.key, until_ms).to_bytes()


def record_of(sealed, identity=ANNA, model='dlib-resnet-2017'):
    return Record(identity, model, sealed.record_id)


def test_only_what_the_owner_wrapped_opens_a_template_and_only_for_a_while(camera, owner):
    sealed = camera.vault.seal(template(), ANNA, public_of(owner))
    assert Envelope.from_bytes(sealed.envelope).custody is Custody.USER
    assert bytes(template().values) not in sealed.envelope
    record = record_of(sealed)
    key = wrapped(sealed, record, owner, camera)
    opened = camera.vault.open(sealed.envelope, key, record, NOW_MS)
    assert opened.ends_ms == NOW_MS + HOUR_MS
    assert np.array_equal(opened.template.values, template().values)
    with pytest.raises(Refused) as refused:
        camera.vault.open(sealed.envelope, key, record, NOW_MS + HOUR_MS)
    assert refused.value.code == 'expired'
    with pytest.raises(Refused):
        camera.vault.open(sealed.envelope, b'', record, NOW_MS)
    with pytest.raises(Refused):
        camera.vault.open(sealed.envelope, key, record_of(sealed, 'B' * 40), NOW_MS)


def test_another_camera_opens_nothing(camera, owner, tmp_path):
    other = Camera(tmp_path / 'other')
    sealed = camera.vault.seal(template(), ANNA, public_of(owner))
    record = record_of(sealed)
    with pytest.raises(Refused) as refused:
        other.vault.open(sealed.envelope, wrapped(sealed, record, owner, camera), record, NOW_MS)
    assert refused.value.code == 'wrong_camera'
    # Wrapped for it, it opens what the first camera has sealed.
    key = wrapped(sealed, record, owner, other)
    opened = other.vault.open(sealed.envelope, key, record, NOW_MS)
    assert np.array_equal(opened.template.values, template().values)


def test_a_template_in_the_keeping_of_the_camera_opens_without_its_owner(camera):
    sealed = camera.vault.seal(template(), ANNA, camera.key.public)
    assert Envelope.from_bytes(sealed.envelope).custody is Custody.CAMERA
    opened = camera.vault.open(sealed.envelope, b'', record_of(sealed), NOW_MS)
    assert opened.ends_ms == NO_END_MS
    assert np.array_equal(opened.template.values, template().values)


@pytest.mark.parametrize('key', [b'short', bytes(31), bytes(32), bytes([1]) + bytes(31)])
def test_a_key_that_is_none_is_refused(camera, key):
    with pytest.raises(Refused) as refused:
        camera.vault.seal(template(), ANNA, key)
    assert refused.value.code == 'bad_key'


def test_sealing_needs_no_keys_of_the_camera_and_opening_says_that_they_are_missing(
    tmp_path, owner
):
    bare = FaceVault(tmp_path / 'nothing')
    sealed = bare.seal(template(), ANNA, public_of(owner))
    with pytest.raises(DeviceKeyError):
        bare.open(sealed.envelope, b'', record_of(sealed), NOW_MS)


def test_a_sealed_thing_that_is_no_template_of_the_model_is_refused(camera):
    record = Record(ANNA, 'dlib-resnet-2017', 'r1')
    for content in (secrets.token_bytes(100), bytes(template(model='other').to_bytes())):
        envelope = vault.seal(content, camera.key.public, record, Custody.CAMERA).to_bytes()
        with pytest.raises(TemplateError):
            camera.vault.open(envelope, b'', record, NOW_MS)
