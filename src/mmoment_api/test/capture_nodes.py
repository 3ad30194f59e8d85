"""The web node's side of media, spun as in the product, and a capture_node that does as it is told."""

import threading
from functools import partial

from builtin_interfaces.msg import Time
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor
from two_nodes import LATCHED, PartNodes

from mmoment_api.media_control import PHOTO, Asker, MediaRecord
from mmoment_api.media_messages import ACTION, SERVICES
from mmoment_api.media_topics import MediaTopics
from mmoment_interfaces.action import RecordClip
from mmoment_interfaces.msg import MediaEvent, MediaItem, Recording, RecordingArray

try:
    from rclpy.experimental import EventsExecutor as ProductExecutor
except ImportError:
    from rclpy.executors import SingleThreadedExecutor as ProductExecutor

ANN = 'So11111111111111111111111111111111111111112'
ASKER = Asker('s1', ANN)
NOW_S = 1_700_000_000


def photo_item(**changes):
    message = MediaItem(
        media_id='a' * 32,
        kind=MediaItem.PHOTO,
        filename='a.jpg',
        path='/data/a.jpg',
        thumbnail_path='/data/t.jpg',
        identity=ANN,
        session_id='s1',
        started=Time(sec=NOW_S, nanosec=250_000_000),
        bytes=2**33,
        width=1280,
        height=720,
        mime_type='image/jpeg',
        trigger='gesture',
        gesture='peace',
        people=[ANN, 'bob'],
        annotated=True,
        favourite=True,
        uploaded=True,
        sha256='ab',
    )
    for name, value in changes.items():
        setattr(message, name, value)
    return message


RECORD = MediaRecord(
    media_id='a' * 32,
    kind=PHOTO,
    filename='a.jpg',
    path='/data/a.jpg',
    thumbnail_path='/data/t.jpg',
    identity=ANN,
    session_id='s1',
    taken_s=NOW_S + 0.25,
    size_bytes=2**33,
    width=1280,
    height=720,
    mime_type='image/jpeg',
    trigger='gesture',
    gesture='peace',
    people=(ANN, 'bob'),
    annotated=True,
    favourite=True,
    uploaded=True,
    sha256='ab',
)


class CaptureNodes(PartNodes):
    """The web node's side, and a capture_node: its action refuses, says nothing, or records until
    it may end.
    """

    PART, SERVICES, CALLS = 'capture_node', SERVICES, 'media_calls'
    SERVICE_OF = {'stop_clips': 'stop_recording'}
    OWN_EXECUTOR = staticmethod(ProductExecutor)
    # Several clips are recorded at once, and services answer meanwhile.
    OTHER_EXECUTOR = staticmethod(partial(MultiThreadedExecutor, 4))

    def play(self):
        super().play()
        self.goals, self.takes, self.says = [], True, 'a' * 32
        self.result = RecordClip.Result(success=True)
        self.may_end, self.ended = threading.Event(), threading.Event()
        self.cancelled = threading.Event()
        action = ActionServer(
            self.other,
            RecordClip,
            ACTION,
            self._record,
            callback_group=ReentrantCallbackGroup(),
            goal_callback=lambda _: GoalResponse.ACCEPT if self.takes else GoalResponse.REJECT,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        self.closing.callback(action.destroy)
        self.recordings = self.other.create_publisher(RecordingArray, 'recordings', LATCHED)
        self.events = self.other.create_publisher(MediaEvent, 'media_events', 10)
        # Said before anybody listens.
        self.recordings.publish(RecordingArray(recordings=[Recording(media_id='f' * 32)]))

    def hear(self):
        self.listen_by(MediaTopics(self.own, self.state.recordings, self.hub))

    def _record(self, handle):
        self.goals.append(handle.request)
        while not self.may_end.wait(0.02):
            if handle.is_cancel_requested:
                handle.canceled()
                self.cancelled.set()
                return RecordClip.Result(error_code='cancelled')
            if self.says:
                handle.publish_feedback(RecordClip.Feedback(media_id=self.says))
        if self.result.success:
            handle.succeed()
        else:
            handle.abort()
        self.ended.set()
        return self.result

    def close(self):
        self.may_end.set()
        super().close()
