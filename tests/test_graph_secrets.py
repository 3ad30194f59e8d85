"""A full run of the graph leaves no secret where others may read: everything is searched for them.

What is searched: all that the nodes print, every message of every topic, every parameter, the
command lines, every file of the data folder, and what the graph has in shared memory; in the middle
of the run and after it. So that a search that finds nothing means something, markers that are no
secrets are planted: the name of a person, their wallet or the name of the clip must be found in each
of these places.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import math
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError

import cv2
import numpy as np
import pytest
import rclpy
from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage
from solders.keypair import Keypair

from bench.api_process import Signed
from mmoment_bringup.leftovers import SHARED_MEMORY
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
from mmoment_vision.face_template import FaceTemplate
from tests.graph import (
    PATIENCE_S,
    Graph,
    Listener,
    mapped_segments,
    wait_until,
)
from tests.people_clip import write_people_clip

pytestmark = pytest.mark.graph

HEIGHT_PX = 480
HOUR_MS = 3_600_000
# A part of a template that is shorter says nothing of anybody.
WINDOW_BYTES = 32
PAGE = bytes(4096)
# Raw pictures are a megabyte each; everything else is kept whole.
PICTURE_BYTES = 1 << 16
PICTURES_KEPT = 3
KINDS = ('output', 'topic', 'parameter', 'command line', 'file', 'shared memory')
HARDENED = ('face_node', 'session_node', 'chain_node')
# Runs a command without what only root may, also if this test is run by root: as people should.
WITHOUT_PRIVILEGES = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAPABILITIES = 24, 64
for number in range(CAPABILITIES):
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
PREFIX = (sys.executable, '-c', WITHOUT_PRIVILEGES)


# --- what is searched for -------------------------------------------------------------------------


def spellings(content: bytes) -> list[bytes]:
    """Bytes as they are and as programs write them."""
    codes = (content.hex(), repr(content)[2:-1], str(list(content))[1:-1])
    texts = {base64.b64encode(content), base64.urlsafe_b64encode(content).rstrip(b'=')}
    return [content, *texts, *(code.encode() for code in codes)]


def windows(content: bytes) -> list[bytes]:
    """Whoever has WINDOW_BYTES in a row of `content` has one of these in it."""
    step = WINDOW_BYTES // 2
    return [content[begin : begin + step] for begin in range(0, len(content) - step + 1, step)]


@dataclass
class Markers:
    """Byte strings to search for, by the name of what they give away."""

    patterns: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    def token(self, text):
        self.patterns['token'] += [text.encode(), base64.urlsafe_b64decode(text + '=')]

    def nonce(self, text):
        self.patterns['nonce'].append(re.search(r'\nNonce: (\w+)\n', text)[1].encode())

    def signature(self, signature):
        self.patterns['signature'] += [str(signature).encode(), *spellings(bytes(signature))]

    def key(self, name, secret):
        self.patterns[name] += spellings(bytes(secret.view))

    def template(self, content):
        template = FaceTemplate.from_bytes(content.view)
        values, unit = template.values, template.embedding()
        parts = [values, unit, unit.astype(np.float64), values * np.float32(template.scale)]
        for part in parts:
            self.patterns['template'] += windows(part.tobytes())
        numbers = [str(list(values[:8]))[1:-1], ','.join(map(str, values[:8]))]
        self.patterns['template'] += [text.encode() for text in numbers]

    def found(self, content):
        return {name for name, all_of in self.patterns.items() if any(x in content for x in all_of)}


def without_empty_pages(content: bytes) -> bytes:
    """Most of a segment was never written to."""
    pages = (content[at : at + len(PAGE)] for at in range(0, len(content), len(PAGE)))
    return b''.join(page for page in pages if page != PAGE)


# --- where it is searched -------------------------------------------------------------------------


class Tap:
    """Takes every message of every topic of the graph as the bytes that came."""

    def __init__(self, graph: Graph) -> None:
        self.messages: dict[str, list[bytes]] = {}
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=graph.domain)
        self.node = rclpy.create_node('tap', namespace=graph.namespace, context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.node.create_timer(0.25, self._take_new_topics)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)

    def __enter__(self) -> Tap:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._executor.wake()
        self._thread.join(PATIENCE_S)
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def _spin(self) -> None:
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=0.5)

    def _take_new_topics(self) -> None:
        for topic, kinds in self.node.get_topic_names_and_types():
            publishers = self.node.get_publishers_info_by_topic(topic)
            if topic in self.messages or not publishers:
                continue
            self.messages[topic] = []
            qos = QoSProfile(
                depth=100,
                reliability=publishers[0].qos_profile.reliability,
                durability=publishers[0].qos_profile.durability,
            )
            self.node.create_subscription(
                message_class(kinds[0]), topic, self._keeper(self.messages[topic]), qos, raw=True
            )

    @staticmethod
    def _keeper(kept: list[bytes]):
        def keep(content: bytes) -> None:
            if len(content) > PICTURE_BYTES:
                del kept[: len(kept) + 1 - PICTURES_KEPT]
            kept.append(bytes(content))

        return keep


def message_class(kind: str) -> type:
    """Class of a type as the graph names it; actions publish messages that have no module."""
    package, folder, name = kind.split('/')
    module = importlib.import_module(f'{package}.{folder}')
    if folder == 'action':
        return getattr(module, name.removesuffix('_FeedbackMessage')).Impl.FeedbackMessage
    return getattr(module, name)


def parameters_of(listener: Listener) -> dict[str, bytes]:
    """What `ros2 param dump` shows of every node that has parameters."""
    found = {}
    ending = '/list_parameters'
    for service, _ in listener.node.get_service_names_and_types():
        if not service.endswith(ending):
            continue
        name = service.removesuffix(ending)
        listed = listener.call(ListParameters, service, ListParameters.Request())
        names = list(listed.result.names)
        request = GetParameters.Request(names=names)
        values = listener.call(GetParameters, f'{name}/get_parameters', request).values
        found[name] = repr(list(zip(names, values, strict=True))).encode()
    return found


def segments_made_by(pid: int) -> set[str]:
    """Names of the segments that a process made, if one may know: it keeps their lock files open."""
    names = set()
    folder = f'/proc/{pid}/fd'
    with contextlib.suppress(PermissionError):
        for number in os.listdir(folder):
            # Other threads open and close files meanwhile.
            with contextlib.suppress(FileNotFoundError):
                names.add(os.path.basename(os.readlink(f'{folder}/{number}')))
    return {name.removesuffix('_el') for name in names if name.endswith('_el')}


def shared_memory_of(graph: Graph) -> dict[str, bytes]:
    """Picture rings, and what the middleware of the nodes (not of this test) has written."""
    segments = mapped_segments(os.getpid()).union(*map(mapped_segments, graph.pids.values()))
    made_by = {node: segments_made_by(pid) for node, pid in graph.pids.items()}
    rings = {name for name in os.listdir(SHARED_MEMORY) if f'.{graph.namespace}.' in name}
    found = {}
    for name in (segments - segments_made_by(os.getpid())) | rings:
        path = Path(SHARED_MEMORY, name)
        if path.is_file() and os.access(path, os.R_OK):
            owners = [node for node, names in made_by.items() if name in names] or ['picture ring']
            label = f'{name} of {owners[0]}, mode {path.stat().st_mode & 0o777:04o}'
            found[label] = without_empty_pages(path.read_bytes())
    return found


@dataclass
class Evidence:
    """What the run has left, by kind and name of the place, and what is searched for in it."""

    secrets: Markers = field(default_factory=Markers)
    planted: Markers = field(default_factory=Markers)
    places: dict[str, dict[str, bytes]] = field(default_factory=lambda: defaultdict(dict))
    limits: dict[str, str] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    readable: dict[str, bool] = field(default_factory=dict)

    def look(self, moment, graph, listener, folder):
        """Take down all places but topics and output, which lose nothing."""
        for name, content in parameters_of(listener).items():
            self.places['parameter'][f'{name} {moment}'] = content
        for path in folder.rglob('*'):
            if path.is_file():
                self.places['file'][f'{path.relative_to(folder)} {moment}'] = path.read_bytes()
        for name, content in shared_memory_of(graph).items():
            self.places['shared memory'][f'{name} {moment}'] = content
        for name, pid in graph.pids.items():
            command = Path(f'/proc/{pid}/cmdline').read_bytes()
            self.places['command line'][f'{name} {moment}'] = command

    def ask_system(self, graph):
        """What the system says of each process."""
        for name, pid in graph.pids.items():
            self.limits[name] = Path(f'/proc/{pid}/limits').read_text(encoding='utf-8')
            self.status[name] = Path(f'/proc/{pid}/status').read_text(encoding='utf-8')
            reader = [*PREFIX, 'head', '-c', '1', f'/proc/{pid}/environ']
            self.readable[name] = not subprocess.run(reader, capture_output=True).returncode

    def found(self, kind, markers):
        return [
            f'{name}: {", ".join(sorted(found))}'
            for name, content in sorted(self.places[kind].items())
            if (found := markers.found(content))
        ]


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


def secret_template():
    embedding = np.random.default_rng(1).standard_normal(128).astype(np.float32)
    template = FaceTemplate.quantised('model', embedding)
    secret = SecretBytes.taken_from(template.to_bytes())
    markers = Markers()
    markers.template(secret)
    return template, markers


@pytest.mark.parametrize('begin', range(0, 128 - WINDOW_BYTES + 1, 7))
def test_any_part_of_a_template_is_found(begin):
    template, markers = secret_template()
    part = template.values[begin : begin + WINDOW_BYTES].tobytes()
    assert markers.found(math.pi.hex().encode() + part + b'rest') == {'template'}


def test_a_template_is_found_in_every_form_that_programs_give_it():
    template, markers = secret_template()
    unit = template.embedding()
    for form in (
        unit,
        unit.astype(np.float64),
        template.values.astype(np.float32) * template.scale,
    ):
        assert markers.found(b'x' + form[9:40].tobytes()) == {'template'}
    assert markers.found(str(template.values.tolist()).encode()) == {'template'}
    assert markers.found(bytes(4096) + bytes(range(256))) == set()


def test_a_key_is_found_in_every_spelling():
    markers = Markers()
    with SecretBytes.random(32) as secret:
        markers.key('key', secret)
        content = bytes(secret.view)
    for text in (content.hex(), base64.b64encode(content).decode(), repr(content)):
        assert markers.found(f'the key is {text}!'.encode()) == {'key'}
    assert markers.found(without_empty_pages(PAGE * 3 + b'x' + content + PAGE)) == {'key'}
