"""A face that the browser sealed goes from one camera to another by the chain, until it is burned.

The second camera starts when the first one is gone: it has keys of its own, and knows of the first
one which group of face NFTs it admits members to, and nothing else.
"""

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from rclpy.action import ActionClient
from solders.keypair import Keypair
from solders.message import to_bytes_versioned
from solders.transaction import VersionedTransaction

from bench.chain_world import ChainProcess
from mmoment_chain import consent_texts, face_nft
from mmoment_chain.chain_reading import Reader
from mmoment_chain.chain_tools import ChainTools, with_chain
from mmoment_chain.envelope import Record, new_record_id
from mmoment_chain.face_fields import SealedFace
from mmoment_chain.face_kinds import GROUP_NAME
from mmoment_chain.program_build import PROGRAM_ID
from mmoment_chain.transaction_building import Plan
from mmoment_chain.wallet import parse_wallet
from mmoment_chain.wallet_file import WalletKey
from mmoment_interfaces.action import EnrollFace
from mmoment_interfaces.msg import ChainStatus, FaceArray
from mmoment_interfaces.srv import (
    BuildTransaction,
    CheckIn,
    CheckOut,
    CreateChallenge,
    FetchFace,
    GetTemplate,
    KeepTemplate,
    SubmitTransaction,
    VerifyNft,
)
from tests.graph import LATCHED, PATIENCE_S, Graph, Listener, wait_until

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(shutil.which('node') is None, reason='Node.js is not installed'),
]

SOURCE = Path(__file__).parent.parent / 'src'
WEB = SOURCE / 'mmoment_api' / 'mmoment_api' / 'web'
JS = SOURCE / 'mmoment_chain' / 'test' / 'js'
BLOCK_MS, FINALIZED_AFTER = 30, 4
SOL = 10**9
HOUR_MS = 3_600_000
# Live views have to be found by models that share two cores with whatever else runs.
ENROL_PATIENCE_S = 90.0
PICTURES = 10
# No more than a face needs to go from camera to camera.
NODES = {
    'camera_node': ('mmoment_camera', {'source': 'demo', 'width': 640, 'height': 480, 'fps': 8}),
    'face_node': ('mmoment_vision', {'enroll_views': 3}),
    'session_node': ('mmoment_chain', {'gates': ['recognize face']}),
    'chain_node': ('mmoment_chain', {'flush_s': 0.2, 'check_s': 0.5}),
}


# --- people, and their browsers -------------------------------------------------------------------


class Browser:
    """Runs the modules of the web page by Node.js, as ES modules."""

    def __init__(self, folder):
        for path in (WEB / 'vault.js', WEB / 'siws.js', JS / 'test-wallet.js'):
            shutil.copy(path, folder / path.name)
        (folder / 'package.json').write_text('{"type": "module"}')
        self._environment = {**os.environ, 'MMOMENT_WEB': folder.as_uri()}

    def __call__(self, action, **request):
        done = subprocess.run(
            ['node', '--no-warnings', str(JS / 'peer.mjs')],
            input=json.dumps({'action': action, **request}),
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


class Person:
    """A wallet, and the browser in which it is used; what the browser gives is in base64."""

    def __init__(self, browser):
        self._seed = secrets.token_bytes(32)
        self._browser = browser
        self.keypair = Keypair.from_seed(self._seed)
        self.wallet = str(self.keypair.pubkey())

    def visit(self, **request):
        return self._browser('visit', seed=text_of(self._seed), **request)

    def seal(self, template, model_id):
        """The template as this person's face, sealed by the browser."""
        record = Record(self.wallet, model_id, new_record_id())
        recipient = self.visit()['public_key']
        request = {'template': template, 'recipient': recipient, 'record': asdict(record)}
        sealed = self._browser('seal', custody='user', **request)['envelope']
        return SealedFace(base64.b64decode(sealed), model_id, record.record_id, 'user')

    def opened(self, face, camera):
        """The template in the envelope, and the key of it wrapped to that camera."""
        record = asdict(Record(self.wallet, face.model_id, face.record_id))
        expires_ms = round(time.time() * 1000) + HOUR_MS
        envelope = text_of(face.envelope)
        return self.visit(envelope=envelope, record=record, camera=camera, expires_ms=expires_ms)

    def signed(self, text):
        """The transaction with this wallet's signature in its place."""
        transaction = VersionedTransaction.from_bytes(base64.b64decode(text))
        message, signatures = transaction.message, list(transaction.signatures)
        place = list(message.account_keys).index(self.keypair.pubkey())
        signatures[place] = self.keypair.sign_message(bytes(to_bytes_versioned(message)))
        return text_of(bytes(VersionedTransaction.populate(message, signatures)))


def text_of(data):
    return base64.b64encode(data).decode('ascii')


# --- cameras --------------------------------------------------------------------------------------


def launch_file(path, **chain):
    """Write the launch file of a camera; `chain`: further parameters of chain_node."""
    lines = ['launch:', '- arg: {name: namespace, description: Namespace}']
    for name, (package, parameters) in NODES.items():
        values = {**parameters, **(chain if name == 'chain_node' else {})}
        lines += ['- group:', '    children:']
        lines.append('    - push_ros_namespace: {namespace: $(var namespace)}')
        for key, value in values.items():
            lines.append(f'    - set_parameter: {{name: {key}, value: "{value}"}}')
        node = f'pkg: {package}, exec: {name}, name: {name}, output: screen'
        lines.append(f'    - node: {{{node}}}')
    path.write_text('\n'.join(lines))


class Camera:
    """A graph, and what is asked of its nodes. For `with`; ready from then on."""

    def __init__(self, chain, path, **parameters):
        launch_file(path, endpoints=[chain.url], **parameters)
        self.chain = chain
        self.graph = Graph('demo')
        self.graph.command = [
            *(sys.executable, '-m', 'mmoment_bringup.supervisor', str(path)),
            f'namespace:={self.graph.namespace}',
        ]

    def __enter__(self):
        with ExitStack() as held:
            held.enter_context(self.graph)
            self.graph.wait_until_ready()
            self.listener = held.enter_context(Listener(self.graph))
            self._statuses = self.listener.subscribe(ChainStatus, 'chain_status', LATCHED)
            self.faces = self.listener.subscribe(FaceArray, 'faces')
            self.device = self._statuses.wait_for(lambda status: status.device).device
            self._held = held.pop_all()
        return self

    def __exit__(self, *fault):
        return self._held.__exit__(*fault)

    def call(self, service, name, /, **fields):
        return self.listener.call(service, name, service.Request(**fields))

    def perform(self, kind, person, session_id='', **values):
        """Build, sign and submit, one after the other; the last answer, and how many there were."""
        built = None
        while built is None or built.number < built.count:
            given = {'after': built.id} if built else values
            built = self.call(
                BuildTransaction, 'build_transaction', kind=kind, wallet=person.wallet,
                session_id=session_id, names=list(given), values=list(given.values()),
            )  # fmt: skip
            assert built.success, (built.error_code, built.message)
            done = self.call(
                SubmitTransaction, 'submit_transaction',
                id=built.id, transaction=person.signed(built.transaction),
            )  # fmt: skip
            assert done.success, (done.error_code, done.message)
        return done, built.count

    def register(self, owner):
        fund(self.chain, self.device, owner.wallet)
        self.perform('register_camera', owner, name='Door')
        self._statuses.wait_for(lambda status: status.registered)

    def check_in(self, person, wrapped_key=''):
        asked = self.call(CreateChallenge, 'create_challenge', wallet=person.wallet)
        signature = str(person.keypair.sign_message(asked.text.encode()))
        answer = self.call(
            CheckIn, 'check_in', wallet=person.wallet, message=asked.text, signature=signature,
            wrapped_key=base64.b64decode(wrapped_key),
        )  # fmt: skip
        assert answer.success, answer.message
        return answer

    def check_out(self, opened):
        assert self.call(CheckOut, 'check_out', token=opened.token).success

    def keep(self, opened, face):
        """Hand the sealed face over."""
        kept = self.call(
            KeepTemplate, 'keep_template', token=opened.token,
            consent_version=consent_texts.ACCEPTED[face.custody][-1], **asdict(face),
        )  # fmt: skip
        assert kept.success, kept.message

    def own_key(self, person):
        """What keys are wrapped to for this camera."""
        said = self.call(GetTemplate, 'get_template', wallet=person.wallet)
        return {'camera_id': said.camera_id, 'public_key': text_of(bytes(said.camera_key))}

    def fetch(self, person):
        return self.call(FetchFace, 'fetch_face', wallet=person.wallet)

    def enrol(self, person, owner_key):
        """Learn the face in front of the camera."""
        client = ActionClient(self.listener.node, EnrollFace, 'enroll_face')
        assert client.wait_for_server(PATIENCE_S)
        goal = EnrollFace.Goal(
            identity=person.wallet, owner_key=base64.b64decode(owner_key), timeout_s=60.0
        )
        sent = client.send_goal_async(goal)
        wait_until(sent.done, 'an answer to the goal')
        ended = sent.result().get_result_async()
        wait_until(ended.done, 'the enrolment', ENROL_PATIENCE_S)
        result = ended.result().result
        assert result.success, (result.message, result.reasons)
        return SealedFace(bytes(result.envelope), result.model_id, result.record_id, 'user')

    def named(self):
        """Who is named in the next pictures with a face."""
        self.faces.clear()
        seen = []

        def is_enough(message):
            if message.faces:
                seen.append(message)
            return len(seen) > PICTURES

        self.faces.wait_for(is_enough)
        return {face.identity for message in seen for face in message.faces} - {''}


def fund(chain, *wallets):
    async def work(tools):
        for wallet in wallets:
            await tools.provide(parse_wallet(wallet), SOL)

    with_chain(lambda: ChainTools([chain.url], PROGRAM_ID), work)


def mint_look_alike(chain, person, face):
    """All that a face NFT has, in a group that its holder made and called like the real one."""
    own, group, mint = (WalletKey(pair) for pair in (person.keypair, Keypair(), Keypair()))

    async def work(tools):
        rent = await Reader(tools.pool, PROGRAM_ID).rent()
        parties = face_nft.Parties(own.public, own.public, group.public, own.public)
        for key, plan in (
            (group, face_nft.create_group(own.public, own.public, group.public, GROUP_NAME, rent)),
            (mint, face_nft.mint_face(parties, mint.public, face, rent)),
        ):
            for step in plan.steps:
                made = Plan(step.instructions, own.public, (step.says,), others=(key,))
                await tools.do(made, own)

    with_chain(lambda: ChainTools([chain.url], PROGRAM_ID), work)


# --- what is told ---------------------------------------------------------------------------------


@dataclass
class Story:
    """What there is once the first camera is gone."""

    second: Camera
    person: Person
    face: SealedFace  # of that person, on the chain
    mint: str
    template: str  # what is sealed in it
    first_key: dict  # of the camera that is gone


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    return Browser(tmp_path_factory.mktemp('browser'))


@pytest.fixture(scope='module')
def story(browser, tmp_path_factory):
    """Somebody has their face sealed and minted at one camera; then there is another camera."""
    folder = tmp_path_factory.mktemp('chain')
    owner, person = Person(browser), Person(browser)
    with ChainProcess(folder / 'chain', BLOCK_MS, FINALIZED_AFTER) as chain:
        with Camera(chain, folder / 'first.launch.yaml') as first:
            first.register(owner)
            group = first.perform('create_group', owner)[0].accounts[0]
            fund(chain, person.wallet)
            opened = first.check_in(person)
            key = first.own_key(person)
            learnt = first.enrol(person, person.visit()['public_key'])
            template = person.opened(learnt, key)['template']
            face = person.seal(template, learnt.model_id)
            minted, count = first.perform(
                'mint_face', person, opened.session.session_id,
                envelope=text_of(face.envelope), model_id=face.model_id, record_id=face.record_id,
            )  # fmt: skip
            assert count > 1
            first.check_out(opened)
        trust = {'nft_group': group, 'nft_group_authority': first.device}
        with Camera(chain, folder / 'second.launch.yaml', **trust) as second:
            second.register(owner)
            yield Story(second, person, face, minted.accounts[0], template, key)


def test_a_face_on_the_chain_is_recognised_at_another_camera_until_it_is_burned(story):
    second, person = story.second, story.person
    fetched = second.fetch(person)
    assert (fetched.success, fetched.mint) == (True, story.mint), fetched.message
    face = SealedFace(bytes(fetched.envelope), fetched.model_id, fetched.record_id, 'user')
    assert face == story.face

    key = second.own_key(person)
    assert key != story.first_key
    opened = second.check_in(person)
    assert list(opened.withheld) == []
    second.keep(opened, face)
    foreign = second.check_in(person, person.opened(face, story.first_key)['wrapped_key'])
    assert not foreign.session.face_known
    assert 'another camera' in foreign.message
    assert second.named() == set()
    visit = person.opened(face, key)
    assert visit['template'] == story.template
    known = second.check_in(person, visit['wrapped_key'])
    assert known.session.face_known, known.message
    wait_until(lambda: second.named() == {person.wallet}, 'the name')

    second.perform('burn_face', person, known.session.session_id)
    for session in (opened, foreign, known):
        second.check_out(session)
    wait_until(lambda: second.named() == set(), 'the face to be forgotten')
    after = second.check_in(person, visit['wrapped_key'])
    assert list(after.withheld) == ['recognize']
    assert 'does not hold' in after.withheld_because[0]
    assert not after.session.face_known
    assert second.named() == set()
    gone = second.fetch(person)
    assert (gone.error_code, bytes(gone.envelope)) == ('none', b'')


def test_the_same_face_in_a_group_of_the_same_name_opens_nothing(story, browser):
    second, pretender = story.second, Person(browser)
    fund(second.chain, pretender.wallet)
    face = pretender.seal(story.template, story.face.model_id)
    mint_look_alike(second.chain, pretender, face)
    verdict = second.call(VerifyNft, 'verify_nft', wallet=pretender.wallet, rule='face', fresh=True)
    assert (verdict.success, verdict.holds, verdict.reason) == (True, False, 'foreign_group')
    assert second.fetch(pretender).error_code == 'foreign_group'

    opened = second.check_in(pretender)
    second.keep(opened, face)
    wrapped = pretender.opened(face, second.own_key(pretender))['wrapped_key']
    again = second.check_in(pretender, wrapped)
    assert list(again.withheld) == ['recognize']
    assert 'not of the group' in again.withheld_because[0]
    assert not again.session.face_known
    assert pretender.wallet not in second.named()
