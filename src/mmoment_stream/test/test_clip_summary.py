import pytest

from mmoment_stream.clip_summary import tagged_times, time_tags, to_ns, to_ticks


def test_times_are_found_in_the_tags_exactly():
    tags = time_tags(1_700_000_000_123_456_789, 98_765_432_123_456_789)
    assert tagged_times(tags) == (1_700_000_000_123_456_789, 98_765_432_123_456_789)
    assert tags['creation_time'] == '2023-11-14T22:13:20+00:00'


@pytest.mark.parametrize('lacking', ['mmoment_first_utc_ns', 'mmoment_first_monotonic_ns'])
def test_what_lacks_a_tag_is_told(lacking):
    tags = time_tags(1, 2)
    del tags[lacking]
    with pytest.raises(ValueError, match=lacking):
        tagged_times(tags)


def test_what_is_no_time_is_told():
    with pytest.raises(ValueError):
        tagged_times({**time_tags(1, 2), 'mmoment_first_utc_ns': 'yesterday'})


@pytest.mark.parametrize(
    ('nanoseconds', 'ticks'), [(0, 0), (5_555, 0), (5_556, 1), (10**9, 90_000), (-(10**9), -90_000)]
)
def test_the_nearest_tick(nanoseconds, ticks):
    assert to_ticks(nanoseconds) == ticks


def test_ticks_survive_the_way_there_and_back():
    for ticks in range(0, 90_000 * 3600, 12_345):
        assert to_ticks(to_ns(ticks)) == ticks
