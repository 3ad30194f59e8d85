"""The calls of sessions that the README shows are made as they stand there, one after the other."""

import importlib
import re
import secrets
from pathlib import Path

import pytest
import yaml
from rosidl_parser.definition import AbstractSequence
from solders.keypair import Keypair

from mmoment_chain import vault
from mmoment_chain.envelope import Envelope, Record
from mmoment_chain.sealing import public_of
from mmoment_chain.secret_bytes import SecretBytes
from mmoment_chain.vault import CameraKey
from mmoment_interfaces.srv import ListSessions
from mmoment_vision.face_template import FaceTemplate
from mmoment_vision.face_vault import FaceVault
from tests.graph import Graph, Listener

pytestmark = pytest.mark.graph

README = (Path(__file__).parent.parent / 'README.md').read_text()
CALL = re.compile(
    r'^ros2 service call /mmoment/(\w+) (\w+)/srv/(\w+)(?: "(\{.*\})")?$', re.MULTILINE
)
MODEL, CONSENT = 'dlib-resnet-2017', '2026-11-1'
HOUR_MS = 3_600_000


def calls():
    block = README.split('<!-- calls:begin -->')[1].split('<!-- calls:end -->')[0]
    found = CALL.findall(block)
    assert len(found) == block.count('ros2 service call')
    return found


class Person:
    """A wallet, a key for the vault, and what the camera has answered until now."""

    def __init__(self):
        self.keypair = Keypair()
        self.private = SecretBytes.random(32)
        self.words = {'WALLET': str(self.keypair.pubkey()), 'CONSENT': CONSENT}

    def fields(self, text):
        """Fields of a call as YAML has them, with this person's words in place of the README's."""
        fields = yaml.safe_load(text) if text else {}
        return {name: self.words.get(str(value), value) for name, value in fields.items()}

    def hear(self, service, answer):
        """Learn from an answer what the next calls need."""
        if service == 'create_challenge':
            signature = self.keypair.sign_message(answer.text.encode())
            self.words |= {'TEXT': answer.text, 'SIGNATURE': str(signature)}
        if service == 'check_in':
            self.words['TOKEN'] = answer.token
        if service == 'get_template':
            record = Record(self.words['WALLET'], answer.model_id, answer.record_id)
            envelope = Envelope.from_bytes(bytes(answer.envelope))
            camera = CameraKey(answer.camera_id, bytes(answer.camera_key))
            # From here on as a person's own client does it.
            until_ms = self.until_ms
            wrapped = vault.rewrap(envelope, record, self.private, camera, until_ms)
            self.words['KEY'] = list(wrapped.to_bytes())


def request(kind, fields):
    """A request with these fields, which must be those of the service."""
    made = kind.Request()
    types = dict(zip(made.get_fields_and_field_types(), made.SLOT_TYPES, strict=True))
    for name, value in fields.items():
        is_list = isinstance(types[name], AbstractSequence)
        setattr(made, name, list(value) if is_list else type(getattr(made, name))(value))
    return made


def test_the_calls_work_as_they_stand_there(tmp_path):
    person = Person()
    template = FaceTemplate.quantised(MODEL, [secrets.randbelow(1000) - 500 for _ in range(128)])
    sealed = FaceVault(tmp_path / 'none').seal(
        template, person.words['WALLET'], public_of(person.private)
    )
    person.words |= {'RECORD': sealed.record_id, 'ENVELOPE': list(sealed.envelope)}
    with Graph('pattern') as graph, Listener(graph) as listener:
        graph.wait_until_ready()
        now = listener.node.get_clock().now().nanoseconds // 10**6
        person.until_ms = now + HOUR_MS
        shown = calls()
        # Who has checked out checks in once more, to be sent away.
        again = next(at for at, (service, *_) in enumerate(shown) if service == 'revoke_session')
        for service, package, name, text in [*shown[:again], *shown[:2], *shown[again:]]:
            kind = getattr(importlib.import_module(f'{package}.srv'), name)
            fields = person.fields(text)
            if service == 'check_in':
                assert fields['signature'] == person.words['SIGNATURE']
            answer = listener.call(kind, service, request(kind, fields))
            assert answer.success, (service, answer)
            person.hear(service, answer)
            if service == 'list_sessions':
                assert [one.identity for one in answer.sessions] == [person.words['WALLET']]
        left = listener.call(ListSessions, 'list_sessions', ListSessions.Request())
        assert left.success
        assert left.sessions == []


def test_every_service_of_sessions_is_shown():
    folder = Path(__file__).parent.parent / 'src' / 'mmoment_interfaces' / 'srv'
    of_faces = {'ForgetFace', 'RecognizeFace', 'SetSource'}
    of_media = {path.stem for path in folder.glob('*Media.srv')} | {'CapturePhoto', 'StopRecording'}
    of_stream = {path.stem for path in folder.glob('*Stream.srv')}
    of_chain = {'BuildTransaction', 'FetchFace', 'SubmitTransaction', 'VerifyNft'}
    others = of_faces | of_media | of_stream | of_chain
    kinds = {path.stem for path in folder.glob('*.srv')} - others
    assert kinds == {name for _, _, name, _ in calls()}
