import pytest

from mmoment_api.file_requests import (
    ByteRange,
    NotSatisfiable,
    asked_range,
    has_newest,
    may_continue,
)

SIZE = 100


@pytest.mark.parametrize(
    ('header', 'first', 'last'),
    [
        ('bytes=0-', 0, 99),
        ('bytes=0-0', 0, 0),
        ('bytes=10-19', 10, 19),
        ('bytes=99-', 99, 99),
        ('bytes=90-5000', 90, 99),
        ('bytes=-10', 90, 99),
        ('bytes=-5000', 0, 99),
        ('BYTES=1-2', 1, 2),
        (' bytes = 1 - 2 ', 1, 2),
        (f'bytes=0-{"9" * 30}', 0, 99),
    ],
)
def test_one_range(header, first, last):
    part = asked_range(header, SIZE)
    assert part == ByteRange(first, last)
    assert part.length == last - first + 1


@pytest.mark.parametrize(
    'header',
    [
        None,
        '',
        'bytes',
        'bytes=',
        'bytes=-',
        'bytes=a-b',
        'bytes=20-10',
        'bytes=0-1,5-6',
        'pages=0-1',
        'bytes=1.5-2',
        'bytes=٣-٤',
        f'bytes=0-{"9" * 5000}',
        'bytes=--5',
    ],
)
def test_what_is_no_single_range_means_all(header):
    assert asked_range(header, SIZE) is None


@pytest.mark.parametrize(
    'header', ['bytes=100-', 'bytes=100-200', 'bytes=-0', f'bytes={"9" * 30}-']
)
def test_a_range_behind_the_end(header):
    with pytest.raises(NotSatisfiable):
        asked_range(header, SIZE)


@pytest.mark.parametrize('header', ['bytes=0-', 'bytes=-5'])
def test_an_empty_file_has_no_part(header):
    with pytest.raises(NotSatisfiable):
        asked_range(header, 0)


@pytest.mark.parametrize('header', ['"a"', 'W/"a"', '"b", "a"', '"b",W/"a"', '*', ' "a" '])
def test_who_has_it_already(header):
    assert has_newest(header, '"a"')


@pytest.mark.parametrize('header', [None, '', '"b"', 'a', '"a', '"ab"'])
def test_who_does_not(header):
    assert not has_newest(header, '"a"')


def test_without_a_tag_nobody_has_it():
    assert not has_newest('*', '')
    assert not has_newest('""', '')


def test_a_part_goes_on_only_with_the_same_bytes():
    assert may_continue(None, '"a"')
    assert may_continue('"a"', '"a"')
    assert not may_continue('"b"', '"a"')
    # Never by a tag that may also be that of something similar, and not by a date.
    assert not may_continue('W/"a"', '"a"')
    assert not may_continue('Wed, 25 Nov 2026 10:15:00 GMT', '"a"')
    assert not may_continue('', '')
