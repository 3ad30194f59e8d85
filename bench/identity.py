"""Whether people keep their names: in clips and in made-up scenes, through the product's own parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice, zip_longest
from pathlib import Path

import cv2
import numpy as np

from bench.identity_cast import BIDEN, BLOND, DARK, OBAMA, SIGNERS_SHOWN_IN, Cast, hire
from bench.identity_scenes import (
    SCENE_HZ,
    Scene,
    Seen,
    behind_pillar,
    crossing,
    hidden,
    leaving,
    turning_back,
)
from bench.identity_scores import Scores
from bench.media import clip_pictures, media_folder
from bench.runner import BenchResult
from mmoment_vision.face_boxes import Picture
from mmoment_vision.face_tracking import TrackedFace

SUMMARY = 'Identity over time: switches, names kept, names found again; clips and made-up scenes'
COMPARED_WITH = {
    'model': 'what `auto` picks here',
    'switches': 'occasions on which a face has the name of another person (aim: 0)',
    'kept': 'pictures of a person in sight with the right name, from the first on (aim: 0.98)',
    'reacquire_p95_s': 'from coming back into sight to the name (aim: under 1.0)',
    'reacquired_within_1_s': 'share of the returns (aim: 0.95)',
    'naming_p95_s': 'from first coming into sight to the name',
    'followed': 'the same pictures, share in which the tracker has the face at all',
    'wrong_name_frames': 'faces in single pictures, of those enrolled and of strangers',
    'strangers_named_frames': 'those of them that belong to nobody enrolled',
    'embeds_per_face_s': 'looks for each second of a followed face; one in each picture: 30',
}

CROWD = 'crowd-1080p.mp4'
CROWD_HZ = 25.0
CROWD_QUICK = 30
# The middle of the signer's face is above this share of the height; a face printed on a shirt is
# below.
SIGNER_ABOVE = 0.33
# Longer than tracks live on without pictures.
PAUSE_S = 4.0
SEED = 20_262

Truth = Callable[[Sequence[TrackedFace]], list[Seen]]
"""Who is where, given the faces that are followed."""
Shown = Iterable[tuple[Picture, Truth]]


def run(quick: bool, progress: Callable[[str], None]) -> BenchResult:
    """Play all clips and scenes once, one after the other, as one stream."""
    progress('finding and learning faces')
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # as face_node does
    media = media_folder()
    cast = hire(media)
    clips, made_up = Scores(), Scores()
    stage = Stage(cast)
    progress('clips')
    signers = signer_clips(cast, media)
    stage.play(signers, clips, SCENE_HZ)
    stage.play(crowd(media, quick), clips, CROWD_HZ)
    stage.play(signers, clips, SCENE_HZ)
    clips.begin_scene()
    scenes = scenes_of(cast)[:: 6 if quick else 1]
    for number, scene in enumerate(scenes):
        progress(f'scene {number + 1} of {len(scenes)}: {scene.name}')
        cast.player.cut()
        made_up.begin_scene()
        before = (made_up.switches, made_up.visible - made_up.right)
        stage.play(made_up_pictures(cast, scene, SEED + number), made_up, SCENE_HZ)
        lost = (made_up.switches - before[0], made_up.visible - made_up.right - before[1])
        if any(lost):
            progress(f'    {lost[0]} switches, {lost[1]} pictures without the right name')
    made_up.begin_scene()
    cast.player.close()
    cv2.setNumThreads(threads)
    return BenchResult(figures(cast, clips, made_up), stage.pictures, notes(cast, len(scenes)))


class Stage:
    """Plays one thing after the other on one clock."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self.pictures = 0
        self._now_s = 0.0

    def play(self, shown: Shown, scores: Scores, rate_hz: float) -> None:
        """Show pictures and hold the names against the truth."""
        for picture, truth in shown:
            faces, names = self._cast.player.show(picture, self._now_s)
            scores.score(
                truth(faces), self._cast.enrolled, faces, names, self._now_s, 1.0 / rate_hz
            )
            self._now_s += 1.0 / rate_hz
            self.pictures += 1
        # As where a camera was off for a moment.
        self._now_s += PAUSE_S


def made_up_pictures(cast: Cast, scene: Scene, seed: int) -> Shown:
    """A made-up scene; the truth does not depend on what is followed."""
    for picture, seen in scene.pictures(cast.background, seed):
        yield picture, lambda _, seen=seen: seen


def signer_clips(cast: Cast, media: Path) -> list[tuple[Picture, Truth]]:
    """The clips of the signers, joined: where one ends the other stands in nearly the same place.

    Where the face is, a full detection in each picture says.
    """
    shown: list[tuple[Picture, Truth]] = []
    for name, clip in SIGNERS_SHOWN_IN.items():
        for picture in clip_pictures(media / 'clips' / clip):
            boxes = cast.detector.detect(picture).boxes
            is_face = boxes[:, 1::2].mean(axis=1) < SIGNER_ABOVE * len(picture)
            seen = [
                Seen(name if is_signer else 'print on a shirt', box, 1.0)
                for box, is_signer in zip(boxes, is_face, strict=True)
            ]
            shown.append((picture, lambda _, seen=seen: seen))
    return shown


def crowd(media: Path, quick: bool) -> Shown:
    """Strangers only."""
    pictures = islice(clip_pictures(media / 'clips' / CROWD), CROWD_QUICK if quick else None)
    for picture in pictures:
        yield picture, lambda faces: [Seen('nobody', face.box, 1.0) for face in faces]


def scenes_of(cast: Cast) -> list[Scene]:
    """All made-up scenes, so ordered that every so-manieth is a fair choice."""
    kinds = [*scenes_in_view(cast), *scenes_out_of_view(cast)]
    return [scene for row in zip_longest(*kinds) for scene in row if scene is not None]


def scenes_in_view(cast: Cast) -> tuple[list[Scene], ...]:
    """People who cover each other: as they pass, and as they turn back."""
    dark, blond = cast.actors[DARK][0], cast.actors[BLOND][0]
    obama, other_obama = cast.actors[OBAMA]
    biden = cast.actors[BIDEN][0]
    stranger, second, third = cast.strangers
    crossings = [
        crossing(front, behind, walk_s, offset, sizes)
        for front, behind, walk_s, offset, sizes in (
            (obama, biden, 1.0, 0, (1, 1, 0)),
            (biden, obama, 0.7, 20, (1, 1, 0)),
            (dark, blond, 1.5, 0, (1.1, 0.9, 0)),
            (biden, dark, 1.0, 15, (1, 1, 0)),
            (stranger, biden, 1.0, 0, (1, 1, 0)),
            (other_obama, second, 1.4, 10, (1, 1, 0)),
            (third, blond, 0.8, 30, (1.2, 0.9, 0)),
            (blond, other_obama, 2.5, 0, (1, 1, 0)),
        )
    ]
    meetings = [
        turning_back(front, behind, walk_s, gap_px)
        for front, behind, walk_s, gap_px in (
            (obama, biden, 0.7, 20),
            (blond, biden, 0.8, 60),
            (stranger, obama, 0.6, 0),
            (dark, blond, 0.5, 40),
            (other_obama, third, 1.0, 90),
        )
    ]
    return crossings, meetings


def scenes_out_of_view(cast: Cast) -> tuple[list[Scene], ...]:
    """People who are not to be seen for a while: behind a board, a pillar, outside the picture."""
    dark, blond = cast.actors[DARK][0], cast.actors[BLOND][0]
    obama, other_obama = cast.actors[OBAMA]
    biden = cast.actors[BIDEN][0]
    stranger, second, _ = cast.strangers
    board = cast.board
    hiding = [
        hidden(actor, board, passing_s)
        for actor, passing_s in ((obama, 1.2), (biden, 2.0), (dark, 2.8), (other_obama, 0.8))
    ]
    pillars = [
        behind_pillar(goes, comes, board, hidden_s)
        for goes, comes, hidden_s in (
            (obama, obama, 0.1),
            (biden, biden, 2.0),
            (obama, stranger, 0.1),
            (blond, dark, 0.2),
            (second, obama, 0.1),
            (biden, obama, 1.0),
            (dark, dark, 1.5),
            (blond, blond, 3.0),
        )
    ]
    returns = [
        leaving(actor, other, away_s)
        for actor, other, away_s in (
            (obama, biden, 1.5),
            (blond, other_obama, 2.5),
            (biden, stranger, 1.5),
            (other_obama, dark, 4.0),
            (biden, obama, 2.0),
            (dark, obama, 2.0),
            (blond, biden, 1.5),
            (obama, second, 6.0),
        )
    ]
    return hiding, pillars, returns


def figures(cast: Cast, clips: Scores, made_up: Scores) -> dict[str, float | int | str]:
    """What came out, clips and made-up scenes together unless named."""
    both = (clips, made_up)
    returns = [*clips.returning_s, *made_up.returning_s]
    namings = [*clips.naming_s, *made_up.naming_s]
    visible = sum(scores.visible for scores in both)
    faces_s = sum(scores.faces_s for scores in both)
    return {
        'model': cast.embedder.model_id,
        'switches': sum(scores.switches for scores in both),
        'kept': sum(scores.right for scores in both) / visible,
        'kept_clips': clips.right / max(1, clips.visible),
        'kept_made_up': made_up.right / max(1, made_up.visible),
        'followed': sum(scores.followed for scores in both) / visible,
        'reacquire_p95_s': float(np.quantile(returns, 0.95, method='higher')),
        'reacquired_within_1_s': float(np.mean(np.array(returns) <= 1.0)),
        'returns': len(returns),
        'naming_p95_s': float(np.quantile(namings, 0.95, method='higher')),
        'never_named': sum(scores.never_named for scores in both),
        'wrong_name_frames': sum(scores.wrong for scores in both),
        'strangers_named_frames': sum(scores.wrong_strangers for scores in both),
        'embeds_per_face_s': cast.player.worker.embedded / faces_s,
        'embed_ms': cast.embed_ms,
    }


def notes(cast: Cast, scenes: int) -> list[str]:
    """What a reader must know."""
    return [
        f'{cast.embedder.name}; threshold {cast.embedder.decision.threshold}, margin '
        f'{cast.embedder.decision.margin}; {len(cast.enrolled)} people enrolled, three of whom '
        'never come',
        'clips: two men sign, each learnt from one clip and shown in his other one, joined without '
        'a pause, then a crowd of strangers, then the two again',
        'not shown: a cut from one face to another at the very same place, which no camera makes; '
        'the name would go with the next look, after up to 2 s',
        f'{scenes} made-up scenes: heads cut out of other pictures than those learnt from cross, '
        'meet and turn back, are hidden, leave and return, and are replaced behind a pillar',
        'visible: 80 % of the face box or more; a pillar or a person before it hides the rest',
        'kept: also pictures in which the tracker has not the face count as lost; those between '
        'coming back after more than 1 s and the name do not: see reacquire_p95_s',
        'a look takes as long as measured before (embed_ms a face), its result comes that much '
        'later by time of the pictures; detection runs beside tracking by time of the pictures',
    ]
