"""People at a running camera who take photos and clips, and what is in those."""

import av
import rclpy.action
from solders.keypair import Keypair

from mmoment_camera.pattern import read_number
from mmoment_interfaces.action import RecordClip
from mmoment_interfaces.srv import CapturePhoto, CheckIn, CheckOut, CreateChallenge, ListMedia
from tests.graph import PATIENCE_S, wait_until


class Person:
    """Somebody who is checked in, with the rights that everybody has."""

    def __init__(self, listener):
        self.listener = listener
        self.keypair = Keypair()
        self.wallet = str(self.keypair.pubkey())
        asked = CreateChallenge.Request(wallet=self.wallet)
        text = listener.call(CreateChallenge, 'create_challenge', asked).text
        signature = str(self.keypair.sign_message(text.encode()))
        signed = CheckIn.Request(wallet=self.wallet, message=text, signature=signature)
        opened = listener.call(CheckIn, 'check_in', signed)
        assert opened.success, opened.message
        self.token, self.session = opened.token, opened.session.session_id

    def call(self, kind, name, **fields):
        request = kind.Request(session_id=self.session, **fields)
        return self.listener.call(kind, name, request)

    def photo(self, **fields):
        answer = self.call(CapturePhoto, 'capture_photo', **fields)
        assert answer.success, answer.message
        return answer.media

    def listed(self):
        return [each.media_id for each in self.call(ListMedia, 'list_media').media]

    def check_out(self):
        request = CheckOut.Request(token=self.token)
        assert self.listener.call(CheckOut, 'check_out', request).success


class Recording:
    """A goal of the action, under way."""

    def __init__(self, graph, listener, session='', **fields):
        self.feedback = []
        self.client = rclpy.action.ActionClient(listener.node, RecordClip, 'record_clip')
        assert self.client.wait_for_server(PATIENCE_S)
        goal = RecordClip.Goal(session_id=session, **{'preroll_s': -1.0, **fields})
        sent = self.client.send_goal_async(
            goal, feedback_callback=lambda message: self.feedback.append(message.feedback)
        )
        wait_until(sent.done, 'an answer to the goal')
        self.handle = sent.result()
        self.ended = self.handle.get_result_async()

    def wait_until_running(self):
        wait_until(lambda: self.feedback or self.ended.done(), 'the recording')
        assert self.feedback, self.ended.result().result.message
        return self

    def result(self):
        wait_until(self.ended.done, 'the clip', 60.0)
        self.client.destroy()
        return self.ended.result().result


def numbers_in(path):
    """Numbers of the pictures of a clip, and when each is shown, in seconds."""
    with av.open(str(path)) as file:
        shown = [
            (read_number(frame.to_ndarray(format='bgr24')), float(frame.pts * frame.time_base))
            for frame in file.decode(video=0)
        ]
    return shown
