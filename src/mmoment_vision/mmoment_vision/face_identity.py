"""Who each followed face is, over time: names from several sightings, and names taken back.

A sighting is what the gallery says of one picture of a face. It costs as much as many pictures of
following do, so faces are looked at when something is to be learnt: fast while they are new or
doubtful, seldom when they are named, ever more seldom when nobody knows them. All of that goes by
time, not by pictures.

A name belongs to a track, and no two tracks carry one name. A track whose face may have become
another's (it met a face, vanished for a moment or jumped) is doubtful: it is looked at again at
once, what was seen before no longer counts for it, and one good look that says otherwise takes its
name. Where it may well be another's, because one of two faces that met has vanished, it is not
named until that look.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmoment_vision.face_boxes import Boxes, empty_boxes
from mmoment_vision.face_doubt import beside, has_jumped, touching
from mmoment_vision.face_gallery import NOBODY, Match
from mmoment_vision.face_sightings import WEIGHT_OF_NOBODY, SeenTrack, Sighting
from mmoment_vision.face_tracking import TrackedFace

# Times are sums of fractions: what is due now must not slip to the next picture by rounding.
ROUNDING_S = 1e-6

# Share of all that was seen that must speak for a name: more sightings of that person than of
# nobody, and more than twice as many as of others.
SHARE_TO_NAME = 0.7

# Two tracks in view that seem to be one person are compared by `agreement`. The name goes to the
# other only if that is this much better: more than it varies for one face, less than a look-alike
# lacks.
LEAD_OVER_HOLDER = 0.03


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """When faces are looked at, named and no longer named."""

    # Naming: three good sightings, or more if they are poor. One may be wrong.
    fewest_sightings: int = 3
    votes_to_name: float = 2.0  # sum of their weights
    # Two, if a track with that name was lost from view a moment ago: it is expected back.
    fewest_sightings_expected: int = 2
    votes_to_name_expected: float = 1.2
    most_sightings: int = 8  # that are remembered: what was seen earlier has been overtaken
    # Taking back, by sum of weights since the last sighting that agreed. Two good looks at another
    # person or three at nobody; of a doubtful track one good look at another person, or two.
    votes_to_withdraw: float = 1.4
    votes_to_withdraw_doubtful: float = 0.9
    votes_to_clear: float = 1.2  # two good looks end the doubt
    # Looking. New faces are decided within half a second if they can be; six looks in a row see
    # some change of expression and light.
    fast_interval_s: float = 0.1
    fast_looks: int = 6
    burst_interval_s: float = 2.0  # a surprise makes it fast again no sooner than this
    doubtful_interval_s: float = 0.5  # when the fast looks are spent
    named_interval_s: float = 2.0  # a wrong name that nothing hinted at lives no longer than this
    unknown_interval_s: float = 2.0  # who is unknown now may turn to the camera
    interval_growth: float = 1.5
    compare_s: float = 6.0  # time to compare two tracks that seem to be one person
    # Doubt.
    gap_s: float = 0.2  # a face unseen so long may come back as another
    touching_s: float = 0.3  # faces must be apart so long to count as apart
    # Longer than the tracker keeps a face that it does not see (1 s): ids do not return after it.
    keep_unseen_s: float = 5.0
    freshest_s: float = 0.3  # landmarks that were only followed for longer are off the face


@dataclass(frozen=True, slots=True)
class NamedFace:
    """Whose face a track is."""

    identity: str
    similarity: float  # at the last sighting that agreed


@dataclass(frozen=True, slots=True)
class KeeperCounts:
    """For diagnostics. Tracks as of now, the rest since the start."""

    tracks: int
    named: int
    doubtful: int
    sightings: int
    names_given: int
    names_withdrawn: int


class IdentityKeeper:
    """Names of the tracks of one stream of pictures. For one thread.

    Times are those of the pictures, in seconds. For each picture: `advance`, then look at the
    first of `wanted` as time allows, then tell by `saw`, which may be some pictures later.
    """

    def __init__(self, settings: IdentitySettings | None = None) -> None:
        self.settings = settings or IdentitySettings()
        self._tracks: dict[int, SeenTrack] = {}
        self._now_s = float('-inf')
        self._sightings = self._given = self._withdrawn = 0

    def advance(self, faces: Sequence[TrackedFace], now_s: float) -> None:
        """Take in who is in view in the picture of `now_s`. A time before the last starts anew."""
        if now_s < self._now_s:
            self.clear()
        before_s, self._now_s = self._now_s, now_s
        boxes = np.array([face.box for face in faces], np.float32).reshape(-1, 4)
        vanished = self._vanished(faces, before_s)
        for face, touches, is_beside in zip(
            faces, touching(boxes), beside(boxes, vanished), strict=True
        ):
            track = self._tracks.get(face.track_id)
            if track is None:
                track = self._tracks[face.track_id] = self._new_track(face)
            elif is_beside or self._may_be_another(track, face, before_s):
                self._doubt(track)
                track.is_withheld = True
            was_touching = self._is_touching(track)
            if touches:
                track.touched_s = now_s
            if self._is_touching(track) != was_touching:
                self._doubt(track)
            track.box, track.seen_s = face.box.copy(), now_s
        self._tracks = {
            track_id: track
            for track_id, track in self._tracks.items()
            if now_s - track.seen_s <= self.settings.keep_unseen_s
        }

    def wanted(self, faces: Sequence[TrackedFace], now_s: float) -> list[int]:
        """Ids of the tracks to look at in the picture of `now_s`, most urgent first.

        A track is wanted until `saw` is called for it; if no look is possible, call it with
        weight 0.
        """
        late: list[tuple[bool, float, int]] = []
        for face in faces:
            track = self._tracks.get(face.track_id)
            if track is None or face.undetected_s > self.settings.freshest_s:
                continue
            if face.landmarks.any() and track.next_look_s <= now_s + ROUNDING_S:
                # Late by the measure of its own pace: nobody waits for ever.
                pace_s = self.settings.fast_interval_s if track.fast_left else track.interval_s
                lateness = (now_s - track.next_look_s) / pace_s
                late.append((not (track.name and track.is_withheld), -lateness, face.track_id))
        return [track_id for _, _, track_id in sorted(late)]

    def saw(self, track_id: int, match: Match, taken_s: float, weight: float = 1.0) -> None:
        """Take in one sighting, in the picture of `taken_s`; `weight` 0..1: how good a view."""
        track = self._tracks.get(track_id)
        if track is None:
            return
        self._sightings += 1
        if track.doubted_s is not None and taken_s < track.doubted_s:
            # Seen before the doubt arose: it says nothing about the face that is there now.
            return
        sighting = Sighting(match.identity, match.similarity, min(max(weight, 0.0), 1.0), taken_s)
        if sighting.weight > 0:
            track.sightings.append(sighting)
            if track.name:
                self._judge(track, sighting)
            if not track.name:
                self._try_to_name(track, match)
        self._plan(track, sighting)

    def name_of(self, track_id: int) -> NamedFace | None:
        """Name of a track, or None while nobody knows."""
        track = self._tracks.get(track_id)
        if track is None or not track.name or track.is_withheld:
            return None
        return NamedFace(track.name, track.similarity)

    def forget(self, identity: str) -> None:
        """Take a name away at once, and all that was seen in its favour."""
        for track in self._tracks.values():
            if track.name == identity:
                self._withdraw(track)
            self._drop_sightings(track, identity)

    def gallery_changed(self) -> None:
        """Look at everybody again soon: somebody has checked in."""
        for track in self._tracks.values():
            track.next_look_s = min(track.next_look_s, self._now_s)
            if not track.name:
                # Whoever was nobody until now may be somebody.
                self._drop_sightings(track, NOBODY)
                self._hurry(track)

    def clear(self) -> None:
        """Forget all tracks, as at a change of the source."""
        self._tracks.clear()
        self._now_s = float('-inf')

    def counts(self) -> KeeperCounts:
        """Figures for diagnostics."""
        tracks = self._tracks.values()
        return KeeperCounts(
            tracks=len(tracks),
            named=sum(bool(track.name) for track in tracks),
            doubtful=sum(bool(track.name) and track.doubted_s is not None for track in tracks),
            sightings=self._sightings,
            names_given=self._given,
            names_withdrawn=self._withdrawn,
        )

    def _new_track(self, face: TrackedFace) -> SeenTrack:
        settings = self.settings
        return SeenTrack(
            face.box.copy(),
            self._now_s,
            next_look_s=self._now_s,
            interval_s=settings.fast_interval_s,
            fast_left=settings.fast_looks,
            sightings=deque(maxlen=settings.most_sightings),
        )

    def _vanished(self, faces: Sequence[TrackedFace], before_s: float) -> Boxes:
        """Boxes (N, 4) of the faces that were in view in the picture of `before_s` only."""
        here = {face.track_id for face in faces}
        gone = [
            track.box
            for track_id, track in self._tracks.items()
            if track.seen_s == before_s and track_id not in here
        ]
        return np.stack(gone) if gone else empty_boxes()

    def _may_be_another(self, track: SeenTrack, face: TrackedFace, before_s: float) -> bool:
        """Whether the face was away or jumped since the picture of `before_s`."""
        away_s = self._now_s - track.seen_s
        was_away = track.seen_s < before_s and away_s > self.settings.gap_s
        return was_away or has_jumped(track.box, face.box, away_s)

    def _is_touching(self, track: SeenTrack) -> bool:
        return self._now_s - track.touched_s < self.settings.touching_s

    def _doubt(self, track: SeenTrack) -> None:
        """From now on, only what is seen from now on counts."""
        track.sightings.clear()
        track.doubted_s, track.cleared, track.against = self._now_s, 0.0, 0.0
        if track.name:
            self._hurry(track)
        else:
            self._hurry(track, self.settings.fewest_sightings)

    def _hurry(self, track: SeenTrack, looks: int | None = None) -> None:
        """Look at a track fast for a while, from now on."""
        track.next_look_s = min(track.next_look_s, self._now_s)
        track.fast_left = max(track.fast_left, looks or self.settings.fast_looks)

    def _hurry_by_sighting(self, track: SeenTrack, taken_s: float) -> None:
        """The same because of what was seen; not again and again, or faces that are hard to tell
        would be looked at all the time."""
        if taken_s - track.burst_s >= self.settings.burst_interval_s and not track.fast_left:
            track.burst_s = taken_s
            track.fast_left = self.settings.fewest_sightings

    def _judge(self, track: SeenTrack, sighting: Sighting) -> None:
        """Hold a sighting against the name of its track."""
        settings = self.settings
        is_doubtful = track.doubted_s is not None
        if sighting.identity == track.name:
            if track.against:
                track.fast_left = 0
            track.against, track.similarity = 0.0, sighting.similarity
            track.is_withheld = False
            track.cleared += sighting.weight
            is_cleared = track.cleared >= settings.votes_to_clear
            if is_doubtful and is_cleared and not self._is_touching(track):
                track.doubted_s, track.fast_left = None, 0
            return
        self._hurry_by_sighting(track, sighting.taken_s)
        track.against += sighting.weight * (1.0 if sighting.identity else WEIGHT_OF_NOBODY)
        limit = settings.votes_to_withdraw_doubtful if is_doubtful else settings.votes_to_withdraw
        if track.against + ROUNDING_S >= limit:
            self._withdraw(track)

    def _withdraw(self, track: SeenTrack) -> None:
        self._drop_sightings(track, track.name)
        track.name, track.similarity, track.against = NOBODY, 0.0, 0.0
        track.doubted_s, track.is_withheld = None, False
        self._withdrawn += 1
        self._hurry(track)

    def _drop_sightings(self, track: SeenTrack, identity: str) -> None:
        kept = [sighting for sighting in track.sightings if sighting.identity != identity]
        track.sightings = deque(kept, self.settings.most_sightings)

    def _try_to_name(self, track: SeenTrack, match: Match) -> None:
        """Name a track if its sightings suffice and nobody else has a better claim."""
        identity, settings = match.identity, self.settings
        agreeing = [s.weight for s in track.sightings if s.identity == identity]
        votes, evidence = sum(agreeing), track.evidence(identity)
        holder = next((other for other in self._tracks.values() if other.name == identity), None)
        is_expected = holder is not None and holder.seen_s < self._now_s
        fewest, least = settings.fewest_sightings, settings.votes_to_name
        if is_expected:
            fewest, least = settings.fewest_sightings_expected, settings.votes_to_name_expected
        if (
            not identity
            or len(agreeing) < fewest
            or votes + ROUNDING_S < least
            or votes < SHARE_TO_NAME * (2 * votes - evidence)
        ):
            return
        if holder is not None:
            if not self._gives_way(holder, track):
                return
            self._withdraw(holder)
        track.name, track.similarity = identity, match.similarity
        track.doubted_s = track.asked_s = None
        track.against, track.fast_left, track.is_withheld = 0.0, 0, False
        track.interval_s = settings.doubtful_interval_s
        self._given += 1

    def _gives_way(self, holder: SeenTrack, rival: SeenTrack) -> bool:
        """Whether the track that has a name leaves it to another that has earned it as well."""
        if holder.seen_s < self._now_s:
            # Whoever is out of view has come back as another track.
            return True
        settings = self.settings
        if holder.asked_s is None or self._now_s - holder.asked_s > settings.compare_s:
            holder.asked_s = self._now_s
            self._hurry(holder)
        ours = holder.agreement(holder.name, holder.asked_s)
        theirs = rival.agreement(holder.name, holder.asked_s)
        return ours is not None and theirs is not None and theirs > ours + LEAD_OVER_HOLDER

    def _plan(self, track: SeenTrack, sighting: Sighting) -> None:
        """Set the time of the next look."""
        settings = self.settings
        is_sure = bool(track.name) and track.doubted_s is None and not track.against
        if not track.name and sighting.identity:
            self._hurry_by_sighting(track, sighting.taken_s)
        if track.fast_left:
            track.fast_left -= 1
            track.next_look_s = sighting.taken_s + settings.fast_interval_s
            return
        if is_sure:
            longest_s = settings.named_interval_s
        else:
            longest_s = settings.doubtful_interval_s if track.name else settings.unknown_interval_s
        track.interval_s = min(longest_s, track.interval_s * settings.interval_growth)
        track.next_look_s = sighting.taken_s + track.interval_s
