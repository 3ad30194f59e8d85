"""A sealed template across processes: kept, admitted by its owner's key, wiped, forgotten."""

import cv2
import pytest
from rclpy.action import ActionClient
from sensor_msgs.msg import CompressedImage
from solders.keypair import Keypair

from mmoment_chain import vault
from mmoment_chain.clock import SystemClock
from mmoment_chain.envelope import Envelope, Record
from mmoment_chain.sealing import public_of
from mmoment_chain.secret_bytes import SecretBytes
from mmoment_chain.vault import CameraKey
from mmoment_interfaces.action import EnrollFace
from mmoment_interfaces.srv import (
    CheckIn,
    CheckOut,
    CreateChallenge,
    ForgetPerson,
    GetTemplate,
    KeepTemplate,
    RecognizeFace,
)
from tests.graph import PATIENCE_S, Graph, Listener, wait_until

pytestmark = pytest.mark.graph

HEIGHT_PX = 480
HOUR_MS = 3_600_000


@pytest.fixture
def graph():
    with Graph('pattern') as graph:
        graph.wait_until_ready()
        yield graph


def photo(media, name):
    picture = cv2.imread(str(media / 'faces' / name))
    scale = HEIGHT_PX / picture.shape[0]
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return CompressedImage(format='jpeg', data=cv2.imencode('.jpg', picture)[1].tobytes())


def checked_in(listener, keypair, **fields):
    wallet = str(keypair.pubkey())
    asked = CreateChallenge.Request(wallet=wallet)
    text = listener.call(CreateChallenge, 'create_challenge', asked).text
    signature = str(keypair.sign_message(text.encode()))
    request = CheckIn.Request(wallet=wallet, message=text, signature=signature, **fields)
    answer = listener.call(CheckIn, 'check_in', request)
    assert answer.success, answer.message
    return answer


def enrolled(listener, goal):
    client = ActionClient(listener.node, EnrollFace, 'enroll_face')
    assert client.wait_for_server(PATIENCE_S)
    sent = client.send_goal_async(goal)
    wait_until(sent.done, 'an answer to the goal')
    ended = sent.result().get_result_async()
    wait_until(ended.done, 'the enrolment')
    result = ended.result().result
    assert result.success, result.message
    return result


def test_a_face_is_known_while_its_owner_lets_it_be(graph, media):
    keypair = Keypair()
    wallet = str(keypair.pubkey())
    with Listener(graph) as listener, SecretBytes.random(32) as own:

        def recognised():
            request = RecognizeFace.Request(picture=photo(media, 'obama-3.jpg'))
            answer = listener.call(RecognizeFace, 'recognize_face', request)
            return [face.identity for face in answer.faces]

        opened = checked_in(listener, keypair)
        pictures = [photo(media, name) for name in ('obama-1.jpg', 'obama-2.jpg')]
        learnt = enrolled(
            listener,
            EnrollFace.Goal(identity=wallet, pictures=pictures, owner_key=public_of(own)),
        )
        kept = KeepTemplate.Request(
            token=opened.token,
            envelope=learnt.envelope,
            record_id=learnt.record_id,
            model_id=learnt.model_id,
            custody='user',
            consent_version='2026-11-1',
        )
        assert listener.call(KeepTemplate, 'keep_template', kept).success
        assert recognised() == [wallet]
        listener.call(CheckOut, 'check_out', CheckOut.Request(token=opened.token))
        wait_until(lambda: recognised() == [''], 'the wipe')

        given = listener.call(GetTemplate, 'get_template', GetTemplate.Request(wallet=wallet))
        wrapped = vault.rewrap(
            Envelope.from_bytes(bytes(given.envelope)),
            Record(wallet, given.model_id, given.record_id),
            own,
            CameraKey(given.camera_id, bytes(given.camera_key)),
            SystemClock().utc_ms() + HOUR_MS,
        )
        opened = checked_in(listener, keypair, wrapped_key=wrapped.to_bytes())
        assert opened.session.face_known, opened.message
        assert recognised() == [wallet]
        forget = ForgetPerson.Request(token=opened.token)
        assert listener.call(ForgetPerson, 'forget_person', forget).success
        assert recognised() == ['']
        assert not listener.call(
            GetTemplate, 'get_template', GetTemplate.Request(wallet=wallet)
        ).success
