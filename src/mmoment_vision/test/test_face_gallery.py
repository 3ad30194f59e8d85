import numpy as np
import pytest

from mmoment_vision import face_gallery
from mmoment_vision.face_embedding import OpenSet
from mmoment_vision.face_gallery import MANY, NO_MATCH, NOBODY, FaceGallery
from mmoment_vision.face_template import FaceTemplate, TemplateError

MODEL = 'model-1'


def gallery(dimension=4, threshold=0.6, margin=0.05):
    return FaceGallery(MODEL, dimension, OpenSet(threshold, margin))


def template(embedding, model=MODEL):
    return FaceTemplate.quantised(model, embedding)


def leaning(cosine, dimension=4, axis=1):
    """A direction whose cosine with the first axis is given."""
    row = np.zeros(dimension, np.float32)
    row[0], row[axis] = cosine, np.sqrt(1 - cosine**2)
    return row


AHEAD = leaning(1.0)


def random_rows(count, dimension, seed=0):
    rows = np.random.default_rng(seed).standard_normal((count, dimension))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_nobody_is_found_in_an_empty_gallery():
    assert gallery().search([AHEAD]) == [NO_MATCH]
    assert NO_MATCH.identity == NOBODY


def test_the_nearest_person_is_named_with_similarity_and_margin():
    people = gallery()
    people.add('ann', template(leaning(0.9)))
    people.add('bob', template(leaning(0.5, axis=2)))
    (match,) = people.search([AHEAD])
    assert (match.identity, match.best) == ('ann', 'ann')
    assert match.similarity == pytest.approx(0.9, abs=2e-3)
    assert match.margin == pytest.approx(0.4, abs=4e-3)


def test_below_the_threshold_it_is_nobody_but_the_nearest_is_told():
    people = gallery(threshold=0.6)
    people.add('ann', template(leaning(0.55)))
    (match,) = people.search([AHEAD])
    assert (match.identity, match.best) == (NOBODY, 'ann')
    assert match.similarity == pytest.approx(0.55, abs=2e-3)
    people.decision = OpenSet(0.5, 0.05)
    assert people.search([AHEAD])[0].identity == 'ann'


def test_between_two_equally_near_people_it_is_nobody():
    people = gallery(margin=0.05)
    people.add('ann', template(leaning(0.90)))
    people.add('bob', template(leaning(0.88, axis=2)))
    (match,) = people.search([AHEAD])
    assert (match.identity, match.best) == (NOBODY, 'ann')
    people.remove('bob')
    assert people.search([AHEAD])[0].identity == 'ann'


def test_a_second_template_of_a_person_is_no_rival():
    people = gallery(margin=0.05)
    people.add('ann', template(leaning(0.90)))
    people.add('ann', template(leaning(0.89, axis=2)))
    people.add('bob', template(leaning(0.30, axis=3)))
    (match,) = people.search([AHEAD])
    assert match.identity == 'ann'
    assert match.margin == pytest.approx(0.6, abs=4e-3)


def test_each_face_gets_its_own_answer():
    people = gallery()
    people.add('ann', template(AHEAD))
    people.add('bob', template(leaning(0.0)))
    found = people.search([AHEAD, leaning(0.0), leaning(0.0, axis=3)])
    assert [match.identity for match in found] == ['ann', 'bob', NOBODY]


@pytest.mark.parametrize('row', [[0.0] * 4, [np.nan] * 4, [np.inf, 0.0, 0.0, 0.0]])
def test_an_embedding_without_direction_is_nobody(row):
    people = gallery(threshold=-1.0)
    people.add('ann', template(AHEAD))
    assert people.search([row]) == [NO_MATCH]


def test_length_of_the_query_does_not_matter():
    people = gallery()
    people.add('ann', template(leaning(0.9)))
    assert people.search([10 * AHEAD])[0].similarity == pytest.approx(0.9, abs=2e-3)


def test_templates_of_other_models_and_dimensions_are_refused():
    people = gallery()
    with pytest.raises(TemplateError, match='enrol again'):
        people.add('ann', template(AHEAD, model='model-2'))
    with pytest.raises(TemplateError, match='dimensions'):
        people.add('ann', template(leaning(1.0, dimension=5)))
    with pytest.raises(TemplateError, match='somebody'):
        people.add(NOBODY, template(AHEAD))
    with pytest.raises(TemplateError, match='rows of 4'):
        people.search([leaning(1.0, dimension=5)])
    assert (len(people), people.identities()) == (0, [])


@pytest.mark.parametrize('dimension', [128, 512])
@pytest.mark.parametrize('count', [100, MANY + 321])
@pytest.mark.parametrize('with_library', [True, False])
def test_the_two_nearest_people_are_those_of_a_full_comparison(
    dimension, count, with_library, monkeypatch
):
    if not with_library:
        monkeypatch.setattr(face_gallery, 'simsimd', None)
    people = gallery(dimension, threshold=0.5, margin=0.0)
    templates = [template(row) for row in random_rows(count, dimension)]
    owners = [f'person {number % (count // 2)}' for number in range(count)]
    for owner, kept in zip(owners, templates, strict=True):
        people.add(owner, kept)
    # Strangers, whose nearest people are nearly equally far, and people who are there.
    queries = [*random_rows(20, dimension, seed=7)]
    queries += [kept.embedding() + 0.3 * queries[0] for kept in templates[:20]]
    values = np.array([kept.values for kept in templates], np.float64)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    for query, match in zip(queries, people.search(queries), strict=True):
        similarities = values @ (query / np.linalg.norm(query))
        order = np.argsort(-similarities)
        second = next(row for row in order if owners[row] != owners[order[0]])
        assert match.best == owners[order[0]]
        assert match.similarity == pytest.approx(similarities[order[0]], abs=1e-9)
        margin = similarities[order[0]] - similarities[second]
        assert match.margin == pytest.approx(margin, abs=1e-9)


def test_many_templates_of_one_person_are_no_rivals_either():
    people = gallery(64)
    for row in random_rows(MANY + 1, 64):
        people.add('ann', template(row))
    (match,) = people.search(random_rows(1, 64))
    assert (match.identity, match.margin) == ('ann', pytest.approx(2.0, abs=1e-3))


def test_removed_people_are_not_found_and_others_still_are():
    people = gallery(64)
    rows = random_rows(60, 64)
    for number, row in enumerate(rows):
        people.add(f'person {number % 20}', template(row))
    assert people.remove('person 3') == 3
    assert people.remove('person 19') == 3
    assert people.remove('person 19') == 0
    assert len(people) == 54
    gone = {'person 3', 'person 19'}
    assert not gone & set(people.identities())
    for number, match in enumerate(people.search(rows)):
        owner = f'person {number % 20}'
        assert match.identity == (NOBODY if owner in gone else owner)
        assert match.best not in gone


def buffers(people):
    """Every array in which a gallery keeps something of a template."""
    return [value for value in vars(people).values() if isinstance(value, np.ndarray)]


def test_removing_the_last_person_leaves_nothing_in_memory():
    people = gallery(64)
    for row in random_rows(5, 64):
        people.add('ann', template(row))
    people.search(random_rows(1, 64))
    held = buffers(people)
    assert len(held) == 4
    assert all(array.any() for array in held)
    people.remove('ann')
    assert not any(array.any() for array in held)


def test_removal_overwrites_the_rows_of_that_person_only():
    people = gallery(64)
    kept, gone = template(random_rows(1, 64)[0]), template(random_rows(2, 64)[1])
    people.add('ann', gone)
    people.add('bob', kept)
    people.search(random_rows(1, 64))
    rows = people._rows
    people.remove('ann')
    assert rows.any(axis=1).sum() == 1
    assert (rows[0] == kept.values).all()
    assert not people._chosen.any()
    assert not people._wide.any()


def test_growing_leaves_nothing_in_the_old_memory():
    people = gallery(64)
    old = buffers(people)
    for number, row in enumerate(random_rows(2000, 64)):
        people.add(f'person {number}', template(row))
        if people._rows is not old[0]:
            assert not old[0].any()
            assert not old[1].any()
            old = buffers(people)
    assert len(people._rows) == 2048


def test_clearing_leaves_nothing():
    people = gallery(64)
    for number, row in enumerate(random_rows(40, 64)):
        people.add(f'person {number}', template(row))
    people.search(random_rows(1, 64))
    held = buffers(people)
    people.clear()
    assert not any(array.any() for array in held)
    assert (len(people), people.identities()) == (0, [])
    assert people.search(random_rows(1, 64)) == [NO_MATCH]


def test_the_callers_template_may_be_wiped_after_adding():
    people = gallery()
    given = template(AHEAD)
    people.add('ann', given)
    given.wipe()
    assert people.search([AHEAD])[0].identity == 'ann'


def test_no_text_shows_templates():
    people = gallery()
    people.add('ann', template(AHEAD))
    assert repr(people) == "FaceGallery('model-1', 1 templates)"
