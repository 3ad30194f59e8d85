import random

import cv2
import numpy as np
import pytest
from drawn_face import MODEL_ID, Face, World, person, picture_of, someone_like

from mmoment_vision.face_detection import open_detector
from mmoment_vision.face_embedding import open_embedder
from mmoment_vision.face_enrolment import (
    CANCELLED,
    KNOWN_AS_SOMEBODY_ELSE,
    NOT_THE_SAME_PERSON,
    TIMED_OUT,
    EnrolmentRefused,
    Recognition,
)
from mmoment_vision.face_gallery import FaceGallery
from mmoment_vision.face_liveness import (
    HOLD,
    OTHER_FACE,
    RAISE_CHIN,
    TOO_LATE,
    TURN_BACK,
    TURN_LEFT,
    LivenessChallenge,
    LivenessSettings,
)
from mmoment_vision.face_pipeline import FacePipeline, SearchSettings
from mmoment_vision.face_template import FaceTemplate
from mmoment_vision.face_tracking import TrackingSettings
from mmoment_vision.live_enrolment import CHECK, LOOK, EnrolmentSettings, LiveEnrolment

PERIOD_S = 0.1
SETTINGS = EnrolmentSettings(views=3, spacing_s=0.4, patience_s=1.0, timeout_s=20.0)


class Session:
    """An enrolment before a camera with 10 pictures a second."""

    def __init__(self, liveness=None, settings=SETTINGS, identity='anna'):
        self.world = World()
        self.now_s = 100.0
        self.enrolment = LiveEnrolment(
            identity, self.world.recognition, self.now_s, settings, liveness
        )
        self.embeds = True
        self.taken_s = []
        self.steps = []

    def shows(self, *faces, seconds=PERIOD_S, is_detected=True):
        for _ in range(round(seconds / PERIOD_S)):
            picture = picture_of(*faces)
            tracked = [face.tracked(is_detected) for face in faces]
            step = self.enrolment.look(picture, tracked, self.now_s)
            self.steps.append(step)
            if step.view is not None and self.embeds:
                self.taken_s.append(self.now_s)
                embedding = self.world.embed(picture, step.view.landmarks[None])
                self.enrolment.embedded(step.view, embedding)
            self.now_s += PERIOD_S
        return step

    def refusal(self, *faces, seconds=100.0):
        with pytest.raises(EnrolmentRefused) as refused:
            self.shows(*faces, seconds=seconds)
        return refused.value

    @property
    def is_wiped(self):
        return not any(embedding.any() for embedding in self.world.given)


def test_views_over_time_become_a_template():
    session = Session()
    step = session.shows(Face(), seconds=4.0)
    assert (step.name, step.progress, step.track_id) == (CHECK, 0.95, 1)
    assert session.enrolment.is_complete
    result = session.enrolment.finish()
    assert (result.views, result.reasons, result.liveness_passed) == (3, (), False)
    assert result.template.model_id == MODEL_ID
    assert float(result.template.embedding() @ person(0)[0]) > 0.95
    assert session.is_wiped
    progress = [step.progress for step in session.steps]
    assert progress == sorted(progress)


def test_the_same_pose_is_taken_seldom_and_a_new_one_soon():
    still = Session()
    still.shows(Face(), seconds=4.0)
    assert np.diff(still.taken_s) == pytest.approx([1.0, 1.0], abs=0.11)
    moving = Session()
    for yaw in range(0, 24, 2):
        moving.shows(Face(yaw=yaw))
    assert np.diff(moving.taken_s) == pytest.approx([0.4, 0.4], abs=0.11)


def test_person_is_told_what_is_wrong_and_nothing_is_taken():
    session = Session()
    step = session.shows(Face(eyes_px=18), seconds=2.0)
    assert (step.name, step.reasons, step.view) == (LOOK, ('too_small',), None)
    assert step.instruction == 'The face is too small: come closer to the camera.'
    step = session.shows()
    assert (step.name, step.reasons, step.track_id) == (LOOK, ('no_face',), 0)
    assert session.world.given == []
    assert session.enrolment.reasons == ('too_small', 'no_face')


def test_followed_but_not_detected_face_is_not_taken():
    session = Session()
    session.shows(Face(), seconds=3.0, is_detected=False)
    assert session.taken_s == []


def test_second_person_of_like_size_stops_it_and_one_behind_does_not():
    session = Session()
    step = session.shows(Face(), Face(2, x=400, eyes_px=30), seconds=2.0)
    assert (step.name, step.reasons, step.track_id) == (LOOK, ('several_faces',), 0)
    assert session.taken_s == []
    session.shows(Face(), Face(2, x=400, eyes_px=15), seconds=4.0)
    assert session.enrolment.finish().views == 3


def test_timeout_says_what_was_wrong_most_often():
    session = Session()
    session.shows(Face(eyes_px=18), seconds=4.0)
    session.shows(Face(yaw=50), seconds=6.0)
    refused = session.refusal()
    assert refused.code == TIMED_OUT
    assert refused.reasons == ('no_face', 'turned_away', 'too_small')
    assert 'No face can be seen' in str(refused)
    assert 'turned away' in str(refused)


def test_views_before_a_timeout_are_wiped():
    session = Session()
    session.shows(Face(), seconds=1.5)
    assert len(session.taken_s) == 2
    session.refusal()
    assert session.is_wiped


def test_another_track_starts_over():
    session = Session()
    session.shows(Face(), seconds=1.5)
    assert len(session.taken_s) == 2
    step = session.shows(Face(2))
    assert step.track_id == 2
    session.shows(Face(2), seconds=1.5)
    assert not session.enrolment.is_complete
    session.shows(Face(2), seconds=2.0)
    assert session.enrolment.finish().views == 3
    assert len(session.taken_s) == 5


def test_view_of_an_earlier_track_that_comes_late_does_not_count():
    session = Session()
    session.embeds = False
    old = session.shows(Face()).view
    session.shows(Face(2))
    embedding = person(0)
    session.enrolment.embedded(old, embedding)
    assert not embedding.any()
    session.embeds = True
    session.shows(Face(2), seconds=4.0)
    assert session.enrolment.finish().views == 3
    assert len(session.taken_s) == 3


def test_view_is_offered_until_it_is_embedded_and_taken_once():
    session = Session()
    session.embeds = False
    views = [session.shows(Face()).view for _ in range(3)]
    assert all(view is not None for view in views)
    for view in views:
        session.enrolment.embedded(view, person(0))
    assert session.shows(Face()).progress == pytest.approx(0.95 / 3)


def test_face_that_looks_like_somebody_else_is_refused():
    session = Session()
    session.shows(Face(), seconds=1.5)
    session.world.who = 1
    session.shows(Face(), seconds=1.0)  # contradicts: starts over, with the other person
    session.world.who = 2
    refused = session.refusal(Face())
    assert refused.code == NOT_THE_SAME_PERSON
    assert session.is_wiped


def test_one_bad_view_only_starts_over():
    session = Session()
    session.shows(Face())
    session.world.who = 1
    session.shows(Face(), seconds=1.0)
    session.world.who = 0
    session.shows(Face(), seconds=4.0)
    result = session.enrolment.finish()
    assert result.views == 3
    assert float(result.template.embedding() @ person(0)[0]) > 0.95


def test_known_as_somebody_else():
    session = Session()
    template = FaceTemplate.quantised(MODEL_ID, someone_like(0)[0])
    session.world.gallery.add('bert-wallet', template)
    session.shows(Face(), seconds=4.0)
    with pytest.raises(EnrolmentRefused) as refused:
        session.enrolment.finish()
    assert refused.value.code == KNOWN_AS_SOMEBODY_ELSE
    assert 'bert' not in str(refused.value)
    assert session.is_wiped


def test_closed_enrolment_is_wiped_and_takes_nothing_more():
    session = Session()
    session.shows(Face(), seconds=1.5)
    session.embeds = False
    view = session.shows(Face(yaw=20), seconds=0.5).view
    session.enrolment.close()
    assert session.is_wiped
    embedding = person(0)
    session.enrolment.embedded(view, embedding)
    assert not embedding.any()
    assert session.refusal(Face()).code == CANCELLED
    with pytest.raises(EnrolmentRefused):
        session.enrolment.finish()


def test_finish_needs_all_views():
    session = Session()
    session.shows(Face())
    with pytest.raises(EnrolmentRefused):
        session.enrolment.finish()
    assert session.is_wiped


def challenged(*movements, settings=SETTINGS):
    challenge = LivenessChallenge(LivenessSettings(), random.Random(1))
    challenge.movements = movements
    return Session(challenge, settings)


def moves(session, yaw, pitch, track_id=1):
    for share in (0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0, 0, 0, 0):
        step = session.shows(Face(track_id, yaw=yaw * share, pitch=pitch * share))
    return step


def test_views_are_taken_between_the_movements():
    session = challenged(TURN_LEFT, RAISE_CHIN)
    assert session.shows(Face(eyes_px=18)).name == LOOK
    assert session.shows(Face()).name == HOLD
    assert session.shows(Face(), seconds=1.0).name == TURN_LEFT
    moves(session, 35, 0)
    assert len(session.taken_s) > 3
    assert not session.enrolment.is_complete
    moves(session, 0, 28)
    assert session.enrolment.is_complete
    result = session.enrolment.finish()
    assert result.views > 3
    assert result.liveness_passed
    assert TURN_BACK in [step.name for step in session.steps]
    progress = [step.progress for step in session.steps]
    assert progress == sorted(progress)


def test_without_the_movements_nothing_is_learnt():
    session = challenged(TURN_LEFT, RAISE_CHIN)
    assert session.refusal(Face()).code == TOO_LATE
    assert session.taken_s
    assert session.is_wiped


@pytest.mark.parametrize('is_after', [False, True])
def test_another_face_during_or_after_the_movements_is_refused(is_after):
    many = EnrolmentSettings(views=50, spacing_s=0.4)
    session = challenged(TURN_LEFT, RAISE_CHIN, settings=many)
    session.shows(Face(), seconds=1.0)
    if is_after:
        moves(session, 35, 0)
        moves(session, 0, 28)
    refused = session.refusal(Face(2))
    assert refused.code == OTHER_FACE
    assert session.is_wiped


@pytest.mark.parametrize('is_after', [False, True])
def test_whoever_makes_the_movements_must_be_who_is_learnt(is_after):
    many = EnrolmentSettings(views=50, spacing_s=0.4)
    session = challenged(TURN_LEFT, RAISE_CHIN, settings=many)
    session.shows(Face(), seconds=1.0)
    moves(session, 35, 0)
    if is_after:
        moves(session, 0, 28)
    # The same track: a picture of somebody else slid before the face.
    session.world.who = 1
    refused = session.refusal(Face())
    assert refused.code == OTHER_FACE
    assert session.is_wiped


def test_movements_have_a_time_of_their_own():
    short = EnrolmentSettings(views=8, spacing_s=0.4, patience_s=0.4, timeout_s=2.0)
    session = challenged(TURN_LEFT, RAISE_CHIN, settings=short)
    session.embeds = False
    session.shows(Face(), seconds=1.0)
    moves(session, 35, 0)
    moves(session, 0, 28)
    session.embeds = True
    began_s = session.now_s
    assert session.refusal(Face()).code == TIMED_OUT
    assert session.now_s - began_s == pytest.approx(2.0, abs=0.4)


@pytest.mark.parametrize('name', ['yes', 'milk'])
def test_signer_is_learnt_from_a_clip(media, name):
    """Some two seconds of a real person, through the pipeline, with a real embedder."""
    embedder = open_embedder('dlib', 'cpu')
    gallery = FaceGallery(embedder.model_id, embedder.dimension, embedder.decision)
    known = Recognition(embedder.model_id, embedder.decision, embedder.embed, gallery.search)
    settings = EnrolmentSettings(views=4, spacing_s=0.2, patience_s=0.3)
    enrolment = LiveEnrolment('signer', known, 0.0, settings)
    pipeline = FacePipeline(open_detector('mtcnn', 'cpu'), SearchSettings(), TrackingSettings())
    clip = cv2.VideoCapture(str(media / 'clips' / f'{name}.mkv'))
    number = 0
    while not enrolment.is_complete and (read := clip.read())[0]:
        now_s = number / 30
        faces = pipeline.process(read[1], number + 1, now_s)
        pipeline.wait(10.0)
        step = enrolment.look(read[1], faces, now_s)
        if step.view is not None:
            enrolment.embedded(step.view, embedder.embed(read[1], step.view.landmarks[None]))
        number += 1
    pipeline.close()
    result = enrolment.finish()
    assert result.views == 4
    assert set(result.reasons) <= {'no_face'}
    gallery.add('signer', result.template)
    clip.set(cv2.CAP_PROP_POS_FRAMES, 40)
    picture = clip.read()[1]
    landmarks = open_detector('mtcnn', 'cpu').detect(picture).landmarks[:1]
    assert gallery.search(embedder.embed(picture, landmarks))[0].identity == 'signer'
