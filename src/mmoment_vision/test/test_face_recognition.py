import threading

import numpy as np
import pytest

from mmoment_vision.face_embedding import OpenSet
from mmoment_vision.face_recognition import (
    MOST_AT_ONCE,
    MOST_TEMPLATES,
    FaceRecognizer,
    RecognizerClosed,
)
from mmoment_vision.face_template import FaceTemplate, TemplateError
from mmoment_vision.face_tracking import TrackedFace

WAIT_S = 10.0
RATE_HZ = 30.0
DIMENSION = 16
PICTURE = np.full((240, 320, 3), 128, np.uint8)


def direction(number):
    row = np.zeros(DIMENSION, np.float32)
    row[number] = 1
    return row


class GreyEmbedder:
    """Tells people apart by the grey of the pixel at their nose."""

    model_id, name, dimension, decision = 'grey', 'grey', DIMENSION, OpenSet(0.6, 0.1)

    def __init__(self):
        self.go = threading.Event()
        self.go.set()
        self.batches = []
        self.fault = None

    def embed(self, picture, landmarks):
        assert self.go.wait(WAIT_S)
        if self.fault is not None:
            raise self.fault
        self.batches.append(len(landmarks))
        noses = landmarks[:, 2].astype(int)
        return np.stack([direction(picture[y, x, 0] // 16) for x, y in noses])


def face(track_id, x, y=100.0, width=60.0):
    points = np.array([[15, 25], [45, 25], [30, 40], [20, 55], [40, 55]], np.float32)
    return TrackedFace(
        track_id,
        np.array([x, y, x + width, y + 80], np.float32),
        points + np.array([x, y], np.float32),
        score=0.99,
        detected_now=True,
        age_s=1.0,
        undetected_s=0.0,
    )


def scene(*people):
    """A picture with a patch of each person's grey; `people` are (face, number of the person)."""
    picture = PICTURE.copy()
    for seen, number in people:
        left, top, right, bottom = seen.box.astype(int)
        picture[top:bottom, left:right] = number * 16 + 8
    return picture


@pytest.fixture
def embedder():
    return GreyEmbedder()


@pytest.fixture
def recognizer(embedder):
    recognizer = FaceRecognizer(embedder)
    recognizer.start()
    yield recognizer
    embedder.go.set()
    recognizer.stop()


def show(recognizer, picture, faces, now_s):
    recognizer.hear(faces, now_s)
    return recognizer.name_faces(picture, faces, now_s)


def watch(recognizer, *people, pictures=30, begin_s=0.0):
    """Names after so many pictures of the same scene, each looked at to the end."""
    names = {}
    for number in range(pictures):
        names = show(
            recognizer, scene(*people), [seen for seen, _ in people], begin_s + number / RATE_HZ
        )
        recognizer._worker.wait(WAIT_S)
    return {track_id: name.identity for track_id, name in names.items()}


def template(number):
    return FaceTemplate.quantised('grey', direction(number))


def test_people_who_are_known_are_named_and_strangers_are_not(recognizer):
    recognizer.admit('anna', template(3))
    recognizer.admit('ben', template(5))
    people = (face(1, 20), 3), (face(2, 120), 5), (face(3, 220), 9)
    assert watch(recognizer, *people) == {1: 'anna', 2: 'ben'}


def test_nobody_is_embedded_while_nobody_is_known(recognizer, embedder):
    assert watch(recognizer, (face(1, 20), 3)) == {}
    assert embedder.batches == []


def test_a_forgotten_person_has_no_name_in_the_next_picture(recognizer, embedder):
    recognizer.admit('anna', template(3))
    assert watch(recognizer, (face(1, 20), 3)) == {1: 'anna'}
    # A look that has begun before must not bring the name back.
    embedder.go.clear()
    show(recognizer, scene((face(1, 20), 3)), [face(1, 20)], 10.0)
    assert recognizer.forget('anna') == 1
    embedder.go.set()
    assert watch(recognizer, (face(1, 20), 3), pictures=1, begin_s=10.1) == {}
    assert watch(recognizer, (face(1, 20), 3), begin_s=10.2) == {}
    assert recognizer.counts().templates == 0


def test_whoever_checks_in_later_is_named_soon(recognizer):
    recognizer.admit('ben', template(5))
    assert watch(recognizer, (face(1, 20), 3), pictures=300) == {}
    recognizer.admit('anna', template(3))
    assert watch(recognizer, (face(1, 20), 3), pictures=30, begin_s=10.0) == {1: 'anna'}


def test_pictures_do_not_wait_for_the_embedder(recognizer, embedder):
    recognizer.admit('anna', template(3))
    embedder.go.clear()
    for number in range(20):
        assert show(recognizer, PICTURE, [face(1, 20)], number / RATE_HZ) == {}


def test_many_faces_are_looked_at_in_parts(recognizer, embedder):
    recognizer.admit('anna', template(3))
    crowd = [(face(1 + number, 5 + 50 * number, width=44.0), 9) for number in range(6)]
    watch(recognizer, *crowd, pictures=2)
    assert embedder.batches[0] == MOST_AT_ONCE
    assert embedder.batches[1] >= 6 - MOST_AT_ONCE


def test_a_person_is_known_by_the_newest_few_templates(recognizer):
    for number in range(3, 3 + MOST_TEMPLATES + 1):
        recognizer.admit('anna', template(number))
    counts = recognizer.counts()
    assert (counts.people, counts.templates) == (1, MOST_TEMPLATES)
    assert watch(recognizer, (face(1, 20), 3)) == {}
    assert watch(recognizer, (face(2, 20), 4), begin_s=10.0) == {2: 'anna'}
    assert recognizer.forget('anna') == MOST_TEMPLATES


def test_a_template_of_another_model_changes_nothing(recognizer):
    recognizer.admit('anna', template(3))
    with pytest.raises(TemplateError, match='enrol again'):
        recognizer.admit('anna', FaceTemplate.quantised('other', direction(3)))
    assert watch(recognizer, (face(1, 20), 3)) == {1: 'anna'}


def test_one_face_can_be_embedded_for_an_enrolment(recognizer, embedder):
    taken = []
    seen = face(1, 20)
    picture = scene((seen, 7))
    embedder.go.clear()
    recognizer.hear([seen], 2.5)
    assert recognizer.look_at(picture, seen.landmarks, taken.append)
    assert not recognizer.look_at(picture, seen.landmarks, taken.append)
    picture[:] = 0
    embedder.go.set()
    assert recognizer._worker.wait(WAIT_S)
    recognizer.hear([seen], 2.6)
    (embedding,) = taken
    assert embedding.tolist() == [direction(7).tolist()]


def test_a_fault_of_the_embedder_comes_out(recognizer, embedder):
    recognizer.admit('anna', template(3))
    embedder.fault = RuntimeError('model broke')
    with pytest.raises(RuntimeError, match='model broke'):
        watch(recognizer, (face(1, 20), 3), pictures=3)


def test_a_stream_can_end_and_begin_again_with_the_same_people(recognizer):
    recognizer.admit('anna', template(3))
    assert watch(recognizer, (face(1, 20), 3)) == {1: 'anna'}
    recognizer.stop()
    recognizer.start()
    assert watch(recognizer, (face(1, 20), 3), pictures=1, begin_s=5.0) == {}
    assert watch(recognizer, (face(1, 20), 3), begin_s=5.1) == {1: 'anna'}
    recognizer.close()
    assert watch(recognizer, (face(1, 20), 3), begin_s=9.0) == {}
    with pytest.raises(RecognizerClosed):
        recognizer.admit('anna', template(3))
    assert recognizer.counts().templates == 0


def test_a_picture_can_be_asked_about_without_a_trace(recognizer):
    recognizer.admit('anna', template(3))
    seen = [face(1, 20), face(2, 120)]
    picture = scene((seen[0], 3), (seen[1], 9))
    matches = recognizer.identify(picture, np.stack([one.landmarks for one in seen]))
    assert [match.identity for match in matches] == ['anna', '']
    assert recognizer.counts().keeper.sightings == 0
