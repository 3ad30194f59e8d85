"""Made-up scenes with known truth: heads cut out of real pictures walk over a real background.

Faces cross, meet and turn back, pass behind things, leave and come back, are replaced by others
behind a pillar. Who is where, and how much of each face can be seen, is known for every picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from mmoment_vision.face_boxes import Boxes, Picture

WIDTH, HEIGHT = 1280, 720
SCENE_HZ = 30.0
# Height of a face box at size 1, pixels: somebody two to three metres away.
FACE_PX = 120.0
# A head is this ellipse around the face box, in widths and heights of it.
HEAD_WIDTHS, HEAD_HEIGHTS, HEAD_LIFT = 0.80, 0.85, 0.10
STANDING_Y = 330.0
# People stand and are named before something happens, and are watched for as long after it.
BEFORE_S, AFTER_S = 1.2, 1.6
# No two pictures of a person are alike: sway, turn, light and noise.
SWAY_PX, TURN_DEGREES, LIGHT_SHARE, NOISE = 1.5, 2.5, 0.06, 2.0
NOISES = 4

Place = tuple[float, float, float]
"""Middle of a face in pixels, and its size."""
Path = Callable[[float], Place | None]
"""Where somebody is at a time of the scene; None: not there."""


@dataclass(frozen=True, slots=True)
class Head:
    """One view of a person: picture, how much of each pixel belongs to the head, and the face."""

    picture: np.ndarray  # (H, W, 3) float32
    mask: np.ndarray  # (H, W) float32, 0..1
    box: Boxes  # (4,): face box in it, FACE_PX high


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who walks; `person` is empty for a thing that hides faces."""

    person: str
    views: Sequence[Head]
    path: Path


@dataclass(frozen=True, slots=True)
class Seen:
    """Truth about one face in one picture."""

    person: str
    box: Boxes  # (4,)
    visible: float  # share of the box that can be seen


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens; actors from front to back."""

    name: str
    actors: tuple[Actor, ...]
    seconds: float

    def pictures(self, background: Picture, seed: int) -> Iterator[tuple[Picture, list[Seen]]]:
        """Yield each picture with the truth about it."""
        random = np.random.default_rng(seed)
        phases = random.uniform(0, 6.28, (len(self.actors), 4))
        noises = random.normal(0, NOISE, (NOISES, HEIGHT, WIDTH, 3)).astype(np.int16)
        for number in range(round(self.seconds * SCENE_HZ)):
            time_s = number / SCENE_HZ
            canvas = background.copy()
            taken = np.zeros((HEIGHT, WIDTH), bool)
            drawn: list[_Placed] = []
            truth: list[Seen] = []
            for actor, phase in zip(self.actors, phases, strict=True):
                place = actor.path(time_s)
                if place is None:
                    continue
                view = actor.views[_to_and_fro(number, len(actor.views))]
                placed = _place(view, place, time_s, phase if actor.person else None)
                drawn.append(placed)
                if actor.person:
                    truth.append(Seen(actor.person, placed.box, _visible(placed.box, taken)))
                placed.cover(taken)
            for placed in reversed(drawn):
                placed.paint(canvas)
            noise = noises[random.integers(NOISES)]
            yield cv2.add(canvas, noise, dtype=cv2.CV_8U), truth


def head(picture: Picture, box: Boxes) -> Head:
    """Cut out the head around a face box, scaled so that the box is FACE_PX high."""
    scale = FACE_PX / float(box[3] - box[1])
    width = float(box[2] - box[0]) * scale
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    size = np.array([2 * HEAD_WIDTHS * width + 8, 2 * HEAD_HEIGHTS * FACE_PX + 8]).astype(int)
    centre = size / 2 + [0, HEAD_LIFT * FACE_PX]
    matrix = np.array(
        [[scale, 0, centre[0] - scale * middle[0]], [0, scale, centre[1] - scale * middle[1]]]
    )
    # Halved first, or large pictures would come out full of jags.
    while scale < 0.5:
        picture = cv2.pyrDown(picture)
        scale *= 2
        matrix[:, :2] *= 2
    cut = cv2.warpAffine(picture, matrix, tuple(size.tolist()), borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((size[1], size[0]), np.float32)
    axes = (int(HEAD_WIDTHS * width), int(HEAD_HEIGHTS * FACE_PX))
    cv2.ellipse(mask, tuple((size // 2).tolist()), axes, 0, 0, 360, 1.0, -1)
    half = np.array([width, FACE_PX]) / 2
    face = np.concatenate([centre - half, centre + half]).astype(np.float32)
    return Head(cut.astype(np.float32), cv2.GaussianBlur(mask, (9, 9), 0), face)


def thing(width: int, height: int, texture: Picture) -> Head:
    """Something that hides faces: a board of that size."""
    board = cv2.resize(texture, (width, height)).astype(np.float32)
    return Head(board, np.ones((height, width), np.float32), np.zeros(4, np.float32))


def standing(x: float, y: float = STANDING_Y, size: float = 1.0) -> Path:
    """Somebody who stays where they are."""
    return lambda _: (x, y, size)


def walking(points: Sequence[tuple[float, float, float]], size: float = 1.0) -> Path:
    """Somebody who is at (x, y) at the given times (s, x, y), evenly in between; absent outside."""
    times = [point[0] for point in points]

    def path(time_s: float) -> Place | None:
        if not times[0] <= time_s <= times[-1]:
            return None
        x, y = (np.interp(time_s, times, [point[axis] for point in points]) for axis in (1, 2))
        return float(x), float(y), size

    return path


def crossing(
    front: Actor, behind: Actor, walk_s: float, offset_px: float = 0.0, sizes: Place = (1, 1, 0)
) -> Scene:
    """Two people change places; one passes in front of the other."""
    end_s = BEFORE_S + walk_s + AFTER_S
    left, right = 380.0, 900.0
    ways = [(front, left, right, sizes[0], 0.0), (behind, right, left, sizes[1], offset_px)]
    actors = tuple(
        replace(
            actor,
            path=walking(
                [
                    (0, start, STANDING_Y + offset),
                    (BEFORE_S, start, STANDING_Y + offset),
                    (BEFORE_S + walk_s, end, STANDING_Y + offset),
                    (end_s, end, STANDING_Y + offset),
                ],
                size,
            ),
        )
        for actor, start, end, size, offset in ways
    )
    return Scene(f'{front.person} crosses before {behind.person}', actors, end_s)


def turning_back(front: Actor, behind: Actor, walk_s: float, gap_px: float) -> Scene:
    """Two people walk up to each other until their middles are `gap_px` apart, and back."""
    end_s = BEFORE_S + 2 * walk_s + AFTER_S
    actors = tuple(
        replace(
            actor,
            path=walking(
                [
                    (time_s, 640 + side * away, STANDING_Y)
                    for time_s, away in (
                        (0, 260.0),
                        (BEFORE_S, 260.0),
                        (BEFORE_S + walk_s, gap_px / 2),
                        (BEFORE_S + 2 * walk_s, 260.0),
                        (end_s, 260.0),
                    )
                ]
            ),
        )
        for actor, side in ((front, -1), (behind, 1))
    )
    return Scene(f'{front.person} meets {behind.person} and turns back', actors, end_s)


def hidden(actor: Actor, board: Head, passing_s: float) -> Scene:
    """A board passes before somebody who stands there."""
    end_s = BEFORE_S + passing_s + AFTER_S
    way = walking([(BEFORE_S, -300, STANDING_Y), (BEFORE_S + passing_s, WIDTH + 300, STANDING_Y)])
    actors = (Actor('', [board], way), replace(actor, path=standing(600)))
    return Scene(f'something passes before {actor.person}', actors, end_s)


def behind_pillar(
    goes: Actor, comes: Actor, board: Head, hidden_s: float, bystander: Actor | None = None
) -> Scene:
    """Somebody walks behind a pillar; the same or another comes out on the other side."""
    walk_s, half = 1.0, board.picture.shape[1] / 2
    out_s = BEFORE_S + walk_s + hidden_s
    way_in = [(0, 330, STANDING_Y), (BEFORE_S, 330, STANDING_Y)]
    way_out = [(out_s + walk_s, 950, STANDING_Y), (out_s + walk_s + AFTER_S, 950, STANDING_Y)]
    first = walking([*way_in, (BEFORE_S + walk_s, 640 - half * 0.2, STANDING_Y)])
    second = walking([(out_s, 640 + half * 0.2, STANDING_Y), *way_out])
    actors = [Actor('', [board], standing(640, 300)), replace(goes, path=first)]
    actors.append(replace(comes, path=second))
    if bystander is not None:
        actors.append(replace(bystander, path=standing(1140, 420, 0.8)))
    name = f'{goes.person} goes behind a pillar, {comes.person} comes out'
    return Scene(name, tuple(actors), out_s + walk_s + AFTER_S)


def leaving(actor: Actor, other: Actor, away_s: float, walk_s: float = 1.0) -> Scene:
    """Somebody leaves the picture and comes back from the other side, past somebody who stays."""
    left_s = BEFORE_S + walk_s
    back_s = left_s + away_s
    low = STANDING_Y + 160
    there = walking([(0, 300, low), (BEFORE_S, 300, low), (left_s, -150, low)])
    back = walking(
        [(back_s, WIDTH + 150, low), (back_s + walk_s, 900, low), (back_s + walk_s + 2.0, 900, low)]
    )
    actors = (
        replace(actor, path=lambda time_s: there(time_s) or back(time_s)),
        replace(other, path=standing(600, 250)),
    )
    return Scene(f'{actor.person} leaves and returns', actors, back_s + walk_s + 2.0)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A view as it lies on the picture."""

    picture: np.ndarray
    mask: np.ndarray
    left: int
    top: int
    box: Boxes  # (4,): face box in the picture

    def cover(self, taken: np.ndarray) -> None:
        """Mark the pixels that it hides."""
        here, there = self._part()
        taken[there] |= self.mask[here] > 0.5

    def paint(self, canvas: Picture) -> None:
        """Put it on the picture."""
        here, there = self._part()
        below = canvas[there].astype(np.float32)
        below += self.mask[here][..., None] * (self.picture[here] - below)
        canvas[there] = np.clip(below, 0, 255).astype(np.uint8)

    def _part(self) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Rows and columns in it, and in the picture, of what lies inside the picture."""
        height, width = self.mask.shape
        left, top = max(0, self.left), max(0, self.top)
        right = max(left, min(WIDTH, self.left + width))
        bottom = max(top, min(HEIGHT, self.top + height))
        rows, columns = slice(top, bottom), slice(left, right)
        return (
            (slice(top - self.top, bottom - self.top), slice(left - self.left, right - self.left)),
            (rows, columns),
        )


def _place(view: Head, place: Place, time_s: float, phase: np.ndarray | None) -> _Placed:
    """Lay a view on the picture; who has a phase sways."""
    x, y, size = place
    turn, light = 0.0, 1.0
    if phase is not None:
        sway = np.sin(np.array([2.1, 1.7, 1.3, 0.9]) * time_s * 2 + phase)
        x, y = x + SWAY_PX * sway[0], y + SWAY_PX * sway[1]
        turn, light = TURN_DEGREES * float(sway[2]), 1 + LIGHT_SHARE * float(sway[3])
    height, width = view.mask.shape
    room = round(float(np.hypot(width, height)) * size * 0.55) * 2 if phase is not None else 0
    room_x, room_y = (room, room) if room else (width, height)
    left, top = int(np.floor(x - room_x / 2)), int(np.floor(y - room_y / 2))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, size)
    matrix[:, 2] += x - left - width / 2, y - top - height / 2
    picture = cv2.warpAffine(view.picture, matrix, (room_x, room_y)) * np.float32(light)
    mask = cv2.warpAffine(view.mask, matrix, (room_x, room_y))
    middle = matrix @ [*((view.box[:2] + view.box[2:]) / 2), 1.0] + [left, top]
    half = (view.box[2:] - view.box[:2]) / 2 * size
    box = np.concatenate([middle - half, middle + half]).astype(np.float32)
    return _Placed(picture, mask, left, top, box)


def _visible(box: Boxes, taken: np.ndarray) -> float:
    """Share of a face box that is in the picture and that nothing in front hides."""
    area = float((box[2] - box[0]) * (box[3] - box[1]))
    left, top = (max(0, round(float(edge))) for edge in box[:2])
    right, bottom = (max(0, round(float(edge))) for edge in box[2:])
    part = taken[top:bottom, left:right]
    return float(part.size - part.sum()) / area


def _to_and_fro(number: int, count: int) -> int:
    """Index that runs up and down through `count` views."""
    if count == 1:
        return 0
    step = number % (2 * count - 2)
    return step if step < count else 2 * count - 2 - step
