"""Clients of a face node that runs, and pictures for it."""

import threading
import time

import cv2
from rclpy.action import ActionClient
from sensor_msgs.msg import CompressedImage

from mmoment_interfaces.action import EnrollFace

WAIT_S = 30.0
ANNA = 'A' * 40
BEN = 'B' * 40


def read(media, name, height=480):
    picture = cv2.imread(str(media / 'faces' / name))
    scale = height / picture.shape[0]
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def as_message(picture):
    return CompressedImage(format='jpeg', data=cv2.imencode('.jpg', picture)[1].tobytes())


def wait_until(is_true, what='it'):
    end = time.monotonic() + WAIT_S
    while not is_true():
        assert time.monotonic() < end, f'waited in vain for {what}'
        time.sleep(0.02)


def call(world, kind, service, **fields):
    client = world.tester.create_client(kind, service)
    assert client.wait_for_service(WAIT_S)
    answer = client.call_async(kind.Request(**fields))
    wait_until(answer.done, service)
    return answer.result()


class Enrolment:
    """A goal under way."""

    def __init__(self, world, **fields):
        self.feedback = []
        self.client = ActionClient(world.tester, EnrollFace, 'enroll_face')
        assert self.client.wait_for_server(WAIT_S)
        sent = self.client.send_goal_async(
            EnrollFace.Goal(**fields), lambda message: self.feedback.append(message.feedback)
        )
        wait_until(sent.done, 'an answer to the goal')
        self.handle = sent.result()
        self.outcome = self.handle.get_result_async()

    def result(self):
        wait_until(self.outcome.done, 'the result')
        return self.outcome.result().result


class Camera:
    """Shows a picture all the time, in a thread."""

    def __init__(self, world, picture, live=True):
        self.world = world
        self.picture = picture
        self.live = live
        self._is_wanted = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._is_wanted = False
        self._thread.join(WAIT_S)

    def _run(self):
        while self._is_wanted:
            self.world.show(self.picture, until=lambda: True, live=self.live)
