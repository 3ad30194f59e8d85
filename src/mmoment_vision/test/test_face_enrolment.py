import cv2
import numpy as np
import pytest
from drawn_face import MODEL_ID, Face, World, found, person, picture_of

from mmoment_vision.face_detection import open_detector
from mmoment_vision.face_embedding import open_embedder
from mmoment_vision.face_enrolment import (
    CANCELLED,
    ERRORS,
    KNOWN_AS_SOMEBODY_ELSE,
    NO_GOOD_VIEW,
    NOT_THE_SAME_PERSON,
    SEVERAL_FACES,
    TOO_MANY_PICTURES,
    EnrolmentRefused,
    Recognition,
    enrol_pictures,
    picture_quality,
)
from mmoment_vision.face_gallery import FaceGallery
from mmoment_vision.face_quality import FAIR, GOOD
from mmoment_vision.face_template import FaceTemplate


@pytest.fixture
def world():
    return World()


def enrol(world, *scenes, identity='anna', **options):
    """Enrol from drawn pictures, each with the faces of a scene."""
    pictures = [picture_of(*faces) for faces in scenes]
    seen = {id(picture): found(*faces) for picture, faces in zip(pictures, scenes, strict=True)}
    return enrol_pictures(
        identity, pictures, lambda picture: seen[id(picture)], world.recognition, **options
    )


def refusal(world, *scenes, **options):
    with pytest.raises(EnrolmentRefused) as refused:
        enrol(world, *scenes, **options)
    return refused.value


def test_mean_of_good_pictures_becomes_the_template(world):
    result = enrol(world, [Face()], [Face(yaw=10)], [Face(pitch=5)])
    assert (result.views, result.reasons, result.liveness_passed) == (3, (), False)
    assert result.quality_rating in (FAIR, GOOD)
    assert 0.4 <= result.quality <= 1
    assert result.template.model_id == MODEL_ID
    assert float(result.template.embedding() @ person(0)[0]) > 0.95


def test_embeddings_are_overwritten(world):
    enrol(world, [Face()], [Face(yaw=10)])
    assert len(world.given) == 2
    assert not any(embedding.any() for embedding in world.given)


def test_picture_that_is_not_good_enough_is_left_out(world):
    result = enrol(world, [Face()], [Face(yaw=50)], [Face(eyes_px=18)], [])
    assert result.views == 1
    assert set(result.reasons) == {'turned_away', 'too_small', 'no_face'}


def test_no_good_picture(world):
    refused = refusal(world, [Face(yaw=50)], [Face(yaw=-50)], [])
    assert refused.code == NO_GOOD_VIEW
    assert refused.reasons == ('turned_away', 'no_face')
    assert 'look straight into the camera' in str(refused)
    assert refusal(world).code == NO_GOOD_VIEW


def test_picture_of_two_people_is_refused(world):
    refused = refusal(world, [Face()], [Face(), Face(2, x=400, eyes_px=25)])
    assert (refused.code, refused.reasons) == (SEVERAL_FACES, ('several_faces',))
    assert 'Picture 2' in str(refused)
    # Somebody far behind, or what is hardly a face
    assert enrol(world, [Face(), Face(2, x=400, eyes_px=8)]).views == 1
    assert enrol(world, [Face(), Face(2, x=400, score=0.7)]).views == 1


def test_pictures_of_different_people_are_refused(world):
    def embed(picture, landmarks):
        world.who += 1
        return World.embed(world, picture, landmarks)

    world.recognition = Recognition(MODEL_ID, world.gallery.decision, embed, world.gallery.search)
    assert refusal(world, [Face()], [Face()]).code == NOT_THE_SAME_PERSON
    assert not any(embedding.any() for embedding in world.given)


def test_face_that_is_known_as_somebody_else_is_refused_without_saying_whom(world):
    world.gallery.add('bert-wallet', FaceTemplate.quantised(MODEL_ID, person(0)[0]))
    refused = refusal(world, [Face()], identity='anna')
    assert refused.code == KNOWN_AS_SOMEBODY_ELSE
    assert 'bert' not in str(refused) + repr(refused)
    assert not any(embedding.any() for embedding in world.given)
    # The same identity learns again, and another face is another face.
    assert enrol(world, [Face()], identity='bert-wallet').views == 1
    world.who = 3
    assert enrol(world, [Face()], identity='anna').views == 1


def test_duplicate_is_found_although_two_people_have_that_face(world):
    for identity in ('bert', 'carl'):
        world.gallery.add(identity, FaceTemplate.quantised(MODEL_ID, person(0)[0]))
    assert refusal(world, [Face()]).code == KNOWN_AS_SOMEBODY_ELSE


def test_cancelled(world):
    assert refusal(world, [Face()], is_cancelled=lambda: True).code == CANCELLED


def test_too_many_pictures(world):
    assert refusal(world, *[[Face()]] * 11).code == TOO_MANY_PICTURES
    assert world.given == []


def test_every_error_has_a_sentence():
    assert all(sentence.endswith('.') for sentence in ERRORS.values())
    assert str(EnrolmentRefused(CANCELLED)) == ERRORS[CANCELLED]


@pytest.fixture(scope='module')
def detector():
    return open_detector('mtcnn', 'cpu')


@pytest.fixture(scope='module')
def embedder():
    return open_embedder('dlib', 'cpu')


def read(media, *names):
    return [cv2.imread(str(media / 'faces' / f'{name}.jpg')) for name in names]


def recognising(embedder):
    gallery = FaceGallery(embedder.model_id, embedder.dimension, embedder.decision)
    known = Recognition(embedder.model_id, embedder.decision, embedder.embed, gallery.search)
    return gallery, known


def test_real_pictures_of_one_person_are_learnt(media, detector, embedder):
    gallery, known = recognising(embedder)
    result = enrol_pictures('o', read(media, 'obama-1', 'obama-2'), detector.detect, known)
    assert (result.views, result.quality_rating) == (2, GOOD)
    gallery.add('o', result.template)
    with pytest.raises(EnrolmentRefused) as refused:
        enrol_pictures('p', read(media, 'obama-3'), detector.detect, known)
    assert refused.value.code == KNOWN_AS_SOMEBODY_ELSE
    assert enrol_pictures('b', read(media, 'biden-1', 'biden-2'), detector.detect, known).views == 2


def test_real_pictures_of_two_people_are_refused(media, detector, embedder):
    _, known = recognising(embedder)
    for name in ('two-people', 'obama-and-biden', 'multiface'):
        with pytest.raises(EnrolmentRefused) as refused:
            enrol_pictures('o', read(media, name), detector.detect, known)
        assert (refused.value.code, refused.value.reasons) == (SEVERAL_FACES, ('several_faces',))
    with pytest.raises(EnrolmentRefused) as refused:
        enrol_pictures('o', read(media, 'obama-1', 'biden-1'), detector.detect, known)
    assert refused.value.code == NOT_THE_SAME_PERSON


def test_small_doubtful_face_in_the_background_is_no_second_person(media, detector):
    picture = read(media, 'obama-1')[0]
    faces = detector.detect(picture)
    assert len(faces) == 2
    landmarks, quality = picture_quality(picture, faces)
    assert quality.reasons == ()
    assert np.array_equal(landmarks, faces.landmarks[0])
