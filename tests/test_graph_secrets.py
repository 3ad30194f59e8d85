"""A full run of the graph leaves no secret where others may read: everything is searched for them.

What is searched: all that the nodes print, every message of every topic, every parameter, the
command lines, every file of the data folder, and what the graph has in shared memory; in the middle
of the run and after it. So that a search that finds nothing means something, markers that are no
secrets are planted: the name of a person, their wallet or the name of the clip must be found in each
of these places.
"""

from __future__ import annotations

import re
import secrets
import socket
from urllib.error import HTTPError

import cv2
import pytest
from rclpy.action import ActionClient
from sensor_msgs.msg import CompressedImage
from solders.keypair import Keypair

from bench.api_process import Signed
from mmoment_chain import vault
from mmoment_chain.clock import SystemClock
from mmoment_chain.consent_texts import ACCEPTED
from mmoment_chain.envelope import Envelope, Record
from mmoment_chain.sealing import public_of
from mmoment_chain.secret_bytes import SecretBytes
from mmoment_chain.vault import CameraKey
from mmoment_interfaces.action import EnrollFace
from mmoment_interfaces.msg import FaceArray
from mmoment_interfaces.srv import (
    CheckIn,
    CheckOut,
    CreateChallenge,
    ForgetPerson,
    GetSession,
    GetTemplate,
    KeepTemplate,
)
from tests.graph import PATIENCE_S, Graph, Listener, wait_until
from tests.people_clip import write_people_clip
from tests.secret_places import PREFIX, Evidence, Tap

pytestmark = pytest.mark.graph

HEIGHT_PX = 480
HOUR_MS = 3_600_000
KINDS = ('output', 'topic', 'parameter', 'command line', 'file', 'shared memory')
HARDENED = ('face_node', 'session_node', 'chain_node')


# --- the run --------------------------------------------------------------------------------------


def photo(media, name):
    picture = cv2.imread(str(media / 'faces' / name))
    scale = HEIGHT_PX / picture.shape[0]
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return CompressedImage(format='jpeg', data=cv2.imencode('.jpg', picture)[1].tobytes())


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Visitor:
    """A person with a wallet and a key of their own, who keeps a list of their secrets."""

    def __init__(self, evidence, listener, port, name):
        self.markers = evidence.secrets
        self.listener = listener
        self.name = name
        self.keypair = Keypair()
        self.wallet = str(self.keypair.pubkey())
        self.own = SecretBytes.random(32)
        self.markers.key('key of the owner', self.own)
        self.web = Signed(port, '')
        self.token = ''

    def call(self, kind, service, **fields):
        answer = self.listener.call(kind, service, kind.Request(**fields))
        assert answer.success, f'{service}: {answer.message}'
        return answer

    def sign(self, text):
        self.markers.nonce(text)
        signature = self.keypair.sign_message(text.encode())
        self.markers.signature(signature)
        return str(signature)

    def hold(self, token):
        self.token = token
        self.markers.token(token)

    def ask_by_web(self):
        answers = []

        def ask():
            try:
                path = f'/api/session/challenge?wallet_address={self.wallet}'
                answers.append(self.web.get(path))
            except HTTPError as refusal:
                # The web node has not found the other one yet.
                if refusal.code != 503:
                    raise
            return answers

        wait_until(ask, 'a challenge')
        return answers[0]

    def check_in_by_web(self):
        asked = self.ask_by_web()
        status, answer = self.web.send(
            'POST',
            '/api/session/connect',
            {
                'wallet_address': self.wallet,
                'message': asked['message'],
                'signature': self.sign(asked['message']),
                'display_name': self.name,
            },
        )
        assert status == 200, answer
        self.hold(answer['session_id'])

    def check_in(self, wrapped_key):
        text = self.call(CreateChallenge, 'create_challenge', wallet=self.wallet).text
        answer = self.call(
            CheckIn,
            'check_in',
            wallet=self.wallet,
            message=text,
            signature=self.sign(text),
            display_name=self.name,
            wrapped_key=wrapped_key,
        )
        self.hold(answer.token)
        assert answer.session.face_known, answer.message

    def renew(self):
        self.hold(self.call(GetSession, 'get_session', token=self.token, renew=True).new_token)

    def enrol(self, pictures):
        """Have the face learnt, and the sealed template kept."""
        client = ActionClient(self.listener.node, EnrollFace, 'enroll_face')
        assert client.wait_for_server(PATIENCE_S)
        goal = EnrollFace.Goal(
            identity=self.wallet, pictures=pictures, owner_key=public_of(self.own)
        )
        sent = client.send_goal_async(goal)
        wait_until(sent.done, 'an answer to the goal')
        ended = sent.result().get_result_async()
        wait_until(ended.done, 'the enrolment')
        learnt = ended.result().result
        assert learnt.success, learnt.message
        self.call(
            KeepTemplate,
            'keep_template',
            token=self.token,
            envelope=learnt.envelope,
            record_id=learnt.record_id,
            model_id=learnt.model_id,
            custody='user',
            consent_version=ACCEPTED['user'][-1],
        )

    def wrapped_key(self):
        """What lets the camera open the kept template; lists what is in it on the way."""
        given = self.call(GetTemplate, 'get_template', wallet=self.wallet)
        envelope = Envelope.from_bytes(bytes(given.envelope))
        record = Record(self.wallet, given.model_id, given.record_id)
        with vault.open_own(envelope, record, self.own) as content:
            self.markers.template(content)
        with vault._own_data_key(envelope, record, self.own) as data_key:
            self.markers.key('data key', data_key)
        camera = CameraKey(given.camera_id, bytes(given.camera_key))
        ends_ms = SystemClock().utc_ms() + HOUR_MS
        return vault.rewrap(envelope, record, self.own, camera, ends_ms).to_bytes()


@pytest.fixture(scope='module')
def evidence(media, tmp_path_factory):
    evidence = Evidence()
    name, clip_name = secrets.token_hex(12), secrets.token_hex(12)
    evidence.planted.patterns = {'name': [name.encode()], 'clip': [clip_name.encode()]}
    folder, data = tmp_path_factory.mktemp('run'), tmp_path_factory.mktemp('data')
    clip, parameters, port = folder / f'{clip_name}.mkv', folder / 'mine.yaml', free_port()
    write_people_clip(clip, media / 'faces' / 'obama-3.jpg', media / 'faces' / 'biden-2.jpg')
    parameters.write_text(
        f"/**/session_node:\n  ros__parameters:\n    domains: ['127.0.0.1:{port}']\n",
        encoding='utf-8',
    )
    arguments = {'params_file': str(parameters), 'data_folder': str(data), 'log_level': 'debug'}
    with Graph(str(clip), port=port, prefix=PREFIX, **arguments) as graph:
        graph.wait_until_ready()
        with Tap(graph) as tap, Listener(graph) as listener:
            wait_until(lambda: len(tap.messages) > 15, 'the topics')
            visitor = Visitor(evidence, listener, port, name)
            evidence.planted.patterns['wallet'] = [visitor.wallet.encode()]
            faces = listener.subscribe(FaceArray, 'faces')
            visitor.check_in_by_web()
            visitor.enrol([photo(media, name) for name in ('obama-1.jpg', 'obama-2.jpg')])
            visitor.renew()
            wrapped_key = visitor.wrapped_key()
            visitor.call(CheckOut, 'check_out', token=visitor.token)
            visitor.check_in(wrapped_key)
            faces.clear()
            faces.wait_for(lambda message: any(face.identity for face in message.faces))
            visitor.renew()
            evidence.ask_system(graph)
            evidence.look('in the middle', graph, listener, data)
            visitor.call(ForgetPerson, 'forget_person', token=visitor.token)
            evidence.look('afterwards', graph, listener, data)
            for topic, messages in tap.messages.items():
                evidence.places['topic'][topic] = b'\0'.join(messages)
        graph.stop()
        evidence.places['output']['output'] = graph.text.encode()
        evidence.places['output']['errors'] = '\n'.join(graph.error_lines).encode()
    return evidence


# --- the tests ------------------------------------------------------------------------------------


@pytest.mark.parametrize('kind', KINDS)
def test_no_secret_is_in(evidence, kind):
    assert set(evidence.secrets.patterns) == {
        'token', 'nonce', 'signature', 'key of the owner', 'data key', 'template'
    }  # fmt: skip
    assert evidence.found(kind, evidence.secrets) == []


@pytest.mark.parametrize('kind', KINDS)
def test_what_is_planted_is_found_in(evidence, kind):
    assert evidence.found(kind, evidence.planted)


def test_all_nodes_and_the_topics_of_a_run_were_looked_at(evidence):
    nodes = {name.split()[0].rsplit('/', 1)[-1] for name in evidence.places['parameter']}
    assert {'camera_node', 'face_node', 'session_node', 'api_node', 'overlay_node'} <= nodes
    topics = {topic.split('/', 2)[-1] for topic in evidence.places['topic']}
    assert {'faces', 'sessions', 'session_events', 'people', 'enrollment'} <= topics
    assert 'enroll_face/_action/feedback' in topics
    files = {name.rsplit('/', 1)[-1].split()[0] for name in evidence.places['file']}
    assert {'store.sqlite3', 'store.sqlite3-wal'} <= files


@pytest.mark.parametrize('node', HARDENED)
def test_no_core_dump_is_written(evidence, node):
    assert re.search(r'Max core file size +0 +0 ', evidence.limits[node])


@pytest.mark.parametrize('node', HARDENED)
def test_no_other_process_of_the_user_looks_into_its_memory(evidence, node):
    if not evidence.readable['camera_node']:
        pytest.skip('this system lets no process look into another one')
    assert not evidence.readable[node]


def test_templates_are_kept_from_the_swap_space(evidence):
    locked = re.search(r'VmLck:\s+(\d+) kB', evidence.status['face_node'])
    if 'Max locked memory         0 ' in evidence.limits['face_node']:
        pytest.skip('no memory may be locked here (RLIMIT_MEMLOCK)')
    assert int(locked[1]) > 0
