"""The scene of the footprint benchmark: six real faces and two real hands, each moving by itself.

Heads and hands are cut out of the test media and sway over a real background. Every movement is
back where it began after the last picture, so that the clip plays over and over without a jump.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from bench.media import clip_pictures
from mmoment_vision.face_boxes import Boxes, Picture, areas
from mmoment_vision.face_detection import FaceDetector, open_detector
from mmoment_vision.hand_landmarks import HandLandmarker

WIDTH, HEIGHT, FPS = 1280, 720, 30
PICTURES = 120
BITS_PER_S = 8_000_000
FACES, HANDS = 6, 2
# Four of a group are strangers, by place from the left: whose hand is at his face is left out. The
# other two are learnt from pictures they are not shown in.
GROUP, STRANGERS = 'multiface.jpg', [0, 2, 3, 5]
SHOWN = {'obama': 'obama-3.jpg', 'biden': 'biden-1.jpg'}
# And how much of the width: in the left half of one there is nobody else.
LEARNT_FROM = {
    'obama': (('obama-1.jpg', 1.0), ('obama-2.jpg', 1.0)),
    'biden': (('biden-2.jpg', 1.0), ('obama-and-biden.jpg', 0.51)),
}
HANDS_SHOWN = ('5-fingers-08.jpg', '2-fingers-05.jpg')
# Somebody two to three metres away, and a hand held out.
FACE_PX, HAND_PX = 130.0, 190.0
# A sensor's noise, grey levels; without it nothing of the background would ever change.
NOISE, NOISES = 2.0, 4
SEED = 20_263
# Pictures in which everything must be found, or it is not the scene it claims to be: faces in each
# one by itself, hands by following them, as in the graph.
FACES_CHECKED_EVERY = 40
HANDS_CHECKED, HANDS_FOUND_AFTER = 60, 15


@dataclass(frozen=True, slots=True)
class Shape:
    """Half axes and lift of the ellipse that belongs to a thing, in widths and heights of its box."""

    half_width: float
    half_height: float
    lift: float


HEAD = Shape(0.80, 0.85, 0.10)
# Wide enough for fingers in the corners of a square box.
HAND = Shape(0.73, 0.73, 0.0)


@dataclass(frozen=True, slots=True)
class Cutout:
    """A head or hand: picture (H, W, 3) float32, and how much of each pixel belongs to it, 0..1."""

    picture: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True, slots=True)
class Sway:
    """Where the middle of something is: around (x, y), so many times there and back in the clip."""

    x: float
    y: float
    reach_x: float
    reach_y: float
    turn_degrees: float
    rounds: int
    phase: float

    def at(self, number: int) -> tuple[float, float, float]:
        """Middle in pixels and turn in degrees, in picture `number` of the clip."""
        angle = math.tau * number / PICTURES
        return (
            self.x + self.reach_x * math.sin(self.rounds * angle + self.phase),
            self.y + self.reach_y * math.sin((self.rounds + 1) * angle + 2 * self.phase),
            self.turn_degrees * math.sin(self.rounds * angle + 3 * self.phase),
        )


@dataclass(frozen=True, slots=True)
class Stage:
    """Who and what is in the picture."""

    background: Picture
    cast: tuple[tuple[Cutout, Sway], ...]

    def pictures(self) -> Iterator[Picture]:
        """Yield the pictures of the clip, uint8 BGR."""
        random = np.random.default_rng(SEED)
        noises = random.normal(0, NOISE, (NOISES, HEIGHT, WIDTH, 3)).astype(np.int16)
        for number in range(PICTURES):
            canvas = self.background.copy()
            for cutout, sway in self.cast:
                _paint(canvas, cutout, sway.at(number))
            noise = noises[random.integers(NOISES)]
            yield np.asarray(cv2.add(canvas, noise, dtype=cv2.CV_8U), np.uint8)


def write_scene(media: Path, path: Path) -> None:
    """Compose the clip.

    Raises FileNotFoundError if a picture is missing, RuntimeError if the detectors do not see in
    the clip what was put into it.
    """
    detector = open_detector('mtcnn', 'cpu')
    write_clip(path, set_up(media, detector).pictures())
    check(path, detector)


def learnt_from(media: Path) -> dict[str, list[bytes]]:
    """JPEG files to learn people from, by name; FileNotFoundError if a picture is missing."""
    files: dict[str, list[bytes]] = {}
    for name, sources in LEARNT_FROM.items():
        for file, share in sources:
            photo = _read(media / 'faces' / file)
            part = photo[:, : round(photo.shape[1] * share)]
            files.setdefault(name, []).append(cv2.imencode('.jpg', part)[1].tobytes())
    return files


def set_up(media: Path, detector: FaceDetector) -> Stage:
    """Cut out heads and hands and give each its place."""
    heads = _heads(media / 'faces', detector)
    held_out = _hands(media / 'hands')
    places = [(x, y) for y in (205.0, 490.0) for x in (380.0, 640.0, 900.0)]
    sways = [
        Sway(x, y, 22.0, 10.0, 4.0, 1 + number % 2, 0.9 * number)
        for number, (x, y) in enumerate(places)
    ]
    sways += [Sway(x, y, 45.0, 50.0, 12.0, 3, x) for x, y in ((155.0, 420.0), (1135.0, 330.0))]
    street = next(clip_pictures(media / 'clips' / 'crowd-1080p.mp4'))
    # The upper part shows an arcade and nobody.
    background = cv2.resize(street[:480], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return Stage(background, tuple(zip([*heads, *held_out], sways, strict=True)))


def check(path: Path, detector: FaceDetector) -> None:
    """RuntimeError unless all faces and hands are found in the clip, and no others."""
    faces, hands = [], []
    with closing(HandLandmarker(maximum_hands=HANDS)) as landmarker:
        for number, picture in enumerate(clip_pictures(path)):
            if number % FACES_CHECKED_EVERY == 0:
                faces.append(len(detector.detect(picture)))
            if number < HANDS_CHECKED:
                hands.append(len(landmarker.detect(picture)))
    if {*faces} != {FACES} or {*hands[HANDS_FOUND_AFTER:]} != {HANDS}:
        raise RuntimeError(
            f'the composed scene has {FACES} faces and {HANDS} hands, and the detectors see '
            f'{faces} faces and {hands} hands in its pictures: are these the test media that '
            'this benchmark was made for?'
        )


def write_clip(path: Path, pictures: Iterator[Picture]) -> None:
    """Write pictures as an MPEG-4 clip."""
    with av.open(str(path), 'w') as container:
        # An encoder that every build of FFmpeg has
        stream = container.add_stream('mpeg4', rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, 'yuv420p'
        stream.bit_rate = BITS_PER_S
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format='bgr24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _heads(folder: Path, detector: FaceDetector) -> list[Cutout]:
    group = _read(folder / GROUP)
    found = detector.detect(group)
    people = found.boxes[np.argsort(found.boxes[:, 0])][STRANGERS]
    heads = [_cut(group, box, FACE_PX, HEAD) for box in people]
    for name in SHOWN.values():
        photo = _read(folder / name)
        boxes = detector.detect(photo).boxes
        if not len(boxes):
            raise RuntimeError(f'no face is found in {folder / name}')
        heads.append(_cut(photo, boxes[areas(boxes).argmax()], FACE_PX, HEAD))
    return heads


def _hands(folder: Path) -> list[Cutout]:
    cutouts = []
    with closing(HandLandmarker(is_stream=False)) as landmarker:
        for name in HANDS_SHOWN:
            photo = _read(folder / name)
            found = landmarker.detect(photo)
            if not found:
                raise RuntimeError(f'no hand is found in {folder / name}')
            left, top, width, height = found[0].box
            middle = np.array([left + width / 2, top + height / 2])
            half = max(width, height) / 2
            box = np.concatenate([middle - half, middle + half]).astype(np.float32)
            cutouts.append(_cut(photo, box, HAND_PX, HAND))
    return cutouts


def _cut(photo: Picture, box: Boxes, box_px: float, shape: Shape) -> Cutout:
    """What is around a box, scaled so that the box is `box_px` high."""
    scale = box_px / float(box[3] - box[1])
    axes = np.array([shape.half_width * (box[2] - box[0]) * scale, shape.half_height * box_px])
    size = (2 * axes + 12).astype(int)
    middle = (box[:2] + box[2:]) / 2 - np.array([0, shape.lift * (box[3] - box[1])])
    # Halved first, or large pictures would come out full of jags.
    while scale < 0.5:
        photo, scale, middle = cv2.pyrDown(photo), 2 * scale, middle / 2
    matrix = np.array(
        [
            [scale, 0, size[0] / 2 - scale * middle[0]],
            [0, scale, size[1] / 2 - scale * middle[1]],
        ]
    )
    picture = cv2.warpAffine(photo, matrix, tuple(size.tolist()), borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((size[1], size[0]), np.float32)
    cv2.ellipse(
        mask, tuple((size // 2).tolist()), tuple(axes.astype(int).tolist()), 0, 0, 360, 1.0, -1
    )
    return Cutout(picture.astype(np.float32), cv2.GaussianBlur(mask, (9, 9), 0))


def _paint(canvas: Picture, cutout: Cutout, place: tuple[float, float, float]) -> None:
    """Blend a cutout into the canvas, its middle at `place`."""
    x, y, degrees = place
    height, width = cutout.mask.shape
    # A square that holds it however it is turned, cut at the edges of the canvas.
    half = math.ceil(math.hypot(width, height) / 2) + 1
    left, top = max(0, int(x) - half), max(0, int(y) - half)
    right, bottom = min(WIDTH, int(x) + half), min(HEIGHT, int(y) + half)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    matrix[:, 2] += [x - left - width / 2, y - top - height / 2]
    size = (right - left, bottom - top)
    share = cv2.warpAffine(cutout.mask, matrix, size)[..., None]
    moved = cv2.warpAffine(cutout.picture, matrix, size)
    part = canvas[top:bottom, left:right]
    part[:] = (part * (1 - share) + moved * share + 0.5).astype(np.uint8)


def _read(path: Path) -> Picture:
    picture = cv2.imread(str(path))
    if picture is None:
        raise FileNotFoundError(f'{path} is no picture that OpenCV can read')
    return np.asarray(picture, np.uint8)
