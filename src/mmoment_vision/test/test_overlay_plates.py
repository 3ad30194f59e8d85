import numpy as np
import pytest

from mmoment_vision.overlay_plates import draw_plate, plain, plate_size, text_size, wrapped

SENTENCE = 'Come a little closer and look straight at the camera, please'


@pytest.mark.parametrize(
    ('text', 'drawn'),
    [
        ('Anna 0.87', 'Anna 0.87'),
        ('Zoë Ångström', 'Zoe Angstrom'),
        ('“hold” – still…', '"hold" - still...'),
        ('don’t', "don't"),
        ('日本', '?'),
        ('a 日本 b', 'a ? b'),
        ('smile 😀', 'smile ?'),
    ],
)
def test_signs_that_the_font_lacks_are_replaced_by_the_nearest(text, drawn):
    assert plain(text) == drawn


@pytest.mark.parametrize('scale', [0.62, 1.0, 1.5])
def test_lines_are_no_wider_than_asked_for_and_hold_every_word(scale):
    lines = wrapped(SENTENCE, scale, 300, most_lines=9)
    assert len(lines) > 1
    assert max(text_size(line, scale)[0] for line in lines) <= 300
    assert ' '.join(lines) == SENTENCE


def test_a_sentence_that_fits_is_one_line_and_none_is_none():
    assert wrapped('look here', 1.0, 600, most_lines=3) == ['look here']
    assert wrapped('  ', 1.0, 600, most_lines=3) == []


def test_what_is_too_much_ends_in_dots():
    lines = wrapped(SENTENCE, 1.0, 200, most_lines=2)
    assert len(lines) == 2
    assert lines[1].endswith('...')
    assert text_size(lines[1], 1.0)[0] <= 200


def test_a_word_wider_than_a_line_is_cut():
    lines = wrapped('W' * 60, 1.0, 200, most_lines=20)
    assert len(lines) > 1
    assert ''.join(lines) == 'W' * 60


def test_a_plate_is_as_large_as_told_and_within_the_picture():
    picture = np.full((200, 300, 3), 100, np.uint8)
    edges = draw_plate(picture, ['one', 'another line'], (400, 400), 1.0, (255,) * 3, above=False)
    left, top, right, bottom = edges
    assert (right - left, bottom - top) == plate_size(['one', 'another line'], 1.0)
    assert (right, bottom) == (300, 200)
    rows, columns = np.nonzero((picture != 100).any(axis=2))
    assert (columns.min(), rows.min()) >= (left, top)


def test_room_before_the_text_stays_free():
    pictures = [np.full((60, 300, 3), 100, np.uint8) for _ in range(2)]
    for picture, text in zip(pictures, ('text', ''), strict=True):
        draw_plate(picture, text, (10, 10), 1.0, (255, 255, 255), above=False, room=80)
    columns = np.nonzero((pictures[0][:, :90] != pictures[1][:, :90]).any(axis=2))[1]
    assert columns.size == 0
