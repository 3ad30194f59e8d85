"""An overlay node, what it draws of, and its pictures."""

import numpy as np
from geometry_msgs.msg import Point32
from hand_shapes import detected
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_world import grey

from mmoment_camera.frame_topic import FrameSubscriber
from mmoment_interfaces.msg import Face, FaceArray, Hand, HandArray

FACE = Face(track_id=7, x=100.0, y=80.0, width=60.0, height=80.0, score=0.9)
ONLY_FACES = {'show_status': False}
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
WALLET = '7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU'
NAMED = Face(track_id=8, x=220.0, y=80.0, width=60.0, height=80.0, identity=WALLET, similarity=0.87)
HAND_POINTS = detected((160, 100), 40).landmarks


def publish_face(world, *faces):
    def publish(notice):
        world.faces.publish(
            FaceArray(
                header=notice.header,
                monotonic_ns=notice.monotonic_ns,
                width=notice.width,
                height=notice.height,
                faces=faces or [FACE],
            )
        )

    return publish


def publish_hand(world, **fields):
    """A publisher of one hand that shows what `fields` say."""
    hands = world.tester.create_publisher(HandArray, 'hands', 2)
    points = [Point32(x=float(x), y=float(y)) for x, y, *_ in HAND_POINTS]

    def publish(notice):
        hand = Hand(track_id=3, landmarks=points, **fields)
        hands.publish(
            HandArray(header=notice.header, monotonic_ns=notice.monotonic_ns, hands=[hand])
        )

    return publish


def watch(world, topic='overlay/frames'):
    """The pictures of a channel, newest last, as (picture, live)."""
    seen = []
    FrameSubscriber(world.tester, topic, lambda frame: seen.append((frame.copy(), frame.live)))
    return seen


def noise():
    return np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)


def fine_detail(picture):
    return np.abs(np.diff(picture.astype(int), axis=1)).mean()


def part(seen, face):
    """The face in the newest picture."""
    x, y, width, height = (int(side) for side in (face.x, face.y, face.width, face.height))
    return seen[-1][0][y : y + height, x : x + width]


def is_sharp(seen, face):
    return bool(seen) and fine_detail(part(seen, face)) > 0.8 * fine_detail(noise())


def is_hidden(seen, face):
    return bool(seen) and fine_detail(part(seen, face)) < 0.1 * fine_detail(noise())


def whole_is_hidden(seen):
    return bool(seen) and fine_detail(seen[-1][0]) < 0.1 * fine_detail(noise())


def lower_part_is_drawn(seen):
    return bool(seen) and bool((seen[-1][0][180:] != grey()[180:]).any())


def is_drawn(seen):
    return bool(seen) and bool((seen[-1][0] != grey()).any())
