import threading

import pytest
from fake_clock import FakeClock

from mmoment_chain.errors import Refused
from mmoment_chain.rate_limit import RateLimit, RateLimiter, SourceLimiter, source_keys


def limiter(burst=3, refill_s=10.0, keys_at_most=100):
    clock = FakeClock()
    return RateLimiter(RateLimit(burst, refill_s), clock, keys_at_most), clock


def allowed(limited, key, asked=1000):
    """How many of `asked` requests get through."""
    through = 0
    for _ in range(asked):
        try:
            limited.take(key)
        except Refused:
            continue
        through += 1
    return through


def test_a_burst_passes_then_one_at_a_time():
    limited, clock = limiter()
    assert allowed(limited, 'a') == 3
    clock.advance(9.9)
    assert allowed(limited, 'a') == 0
    clock.advance(0.2)
    assert allowed(limited, 'a') == 1
    clock.advance(20)
    assert allowed(limited, 'a') == 2
    clock.advance(10_000)
    assert allowed(limited, 'a') == 3


def test_a_refusal_says_when_to_ask_again():
    limited, clock = limiter()
    allowed(limited, 'a')
    clock.advance(3.5)
    with pytest.raises(Refused) as caught:
        limited.take('a')
    assert caught.value.code == 'too_many'
    assert caught.value.retry_after_s == pytest.approx(6.5)
    assert 'in 7 s' in caught.value.text
    clock.advance(caught.value.retry_after_s + 0.001)
    limited.take('a')


def test_one_key_does_not_use_up_anothers():
    limited, _ = limiter()
    allowed(limited, 'a')
    assert allowed(limited, 'b') == 3


def test_setting_the_wall_clock_gives_nobody_more():
    limited, clock = limiter()
    allowed(limited, 'a')
    for utc_ms in (0, 4_000_000_000_000):
        clock.set_wall(utc_ms)
        assert allowed(limited, 'a') == 0


def test_asking_under_many_names_is_bounded_in_memory_and_in_number():
    limited, _ = limiter(keys_at_most=50)
    through = sum(allowed(limited, f'name {number}', asked=3) for number in range(10_000))
    assert len(limited) == 50
    # Those that have a bucket, and one more for all others together.
    assert through == 50 * 3 + 3


def test_nobody_starts_afresh_by_pushing_the_own_bucket_out():
    limited, clock = limiter(keys_at_most=50)
    assert allowed(limited, 'a') == 3
    for number in range(10_000):
        allowed(limited, f'name {number}', asked=1)
    clock.advance(1)
    assert allowed(limited, 'a') == 0


def test_full_buckets_make_room():
    limited, clock = limiter(keys_at_most=50)
    for number in range(50):
        allowed(limited, f'name {number}')
    clock.advance(30)
    assert allowed(limited, 'new') == 3
    assert allowed(limited, 'newer') == 3
    assert len(limited) == 50


def test_long_keys_take_no_room():
    limited, _ = limiter()
    assert allowed(limited, 'x' * 1_000_000) == 3
    assert all(len(key) <= 64 for key in limited._buckets)
    assert allowed(limited, 'x' * 1_000_001) == 3
    assert allowed(limited, '\ud800' * 100) == 3


def test_many_threads_get_no_more_than_one():
    limited, _ = limiter(burst=100)
    through = []
    threads = [
        threading.Thread(target=lambda: through.append(allowed(limited, 'a', 200)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(through) == 100


@pytest.mark.parametrize(
    ('source', 'keys'),
    [
        ('203.0.113.7', ['203.0.113.7']),
        ('::ffff:203.0.113.7', ['203.0.113.7']),
        (
            '2001:db8:1:2:3:4:5:6',
            ['2001:db8:1::/48', '2001:db8:1::/56', '2001:db8:1:2::/64'],
        ),
        (
            '2001:0db8:0001:0302:ffff::1',
            ['2001:db8:1::/48', '2001:db8:1:300::/56', '2001:db8:1:302::/64'],
        ),
        ('ros', ['ros']),
        ("'; DROP TABLE challenges; --", ["'; DROP TABLE challenges; --"]),
        ('', ['']),
    ],
)
def test_a_source_is_its_owner(source, keys):
    assert source_keys(source) == tuple(keys)


def of_sources(keys_at_most=1000):
    clock = FakeClock()
    return SourceLimiter(RateLimit(10, 6.0), clock, keys_at_most), clock


def home(number, network='2001:db8:1'):
    return f'{network}:{number:x}::1'


def test_a_home_gets_a_little_more_than_one_address_whatever_its_addresses():
    limited, clock = of_sources()
    assert allowed(limited, home(0)) == 10
    # A /56 has 256 networks, a /48 65536.
    assert sum(allowed(limited, home(number), 20) for number in range(1, 256)) == 20
    assert sum(allowed(limited, home(number), 20) for number in range(256, 5000, 16)) == 90
    assert allowed(limited, home(0, '2001:db8:2')) == 10
    assert allowed(limited, '203.0.113.7') == 10
    clock.advance(6)
    assert sum(allowed(limited, home(number), 20) for number in range(0, 5000, 16)) == 12


def test_a_neighbour_in_the_network_who_asks_without_end_takes_nothing_from_others():
    limited, _ = of_sources()
    assert allowed(limited, home(1), 10_000) == 10
    assert allowed(limited, home(2)) == 10
    with pytest.raises(Refused) as caught:
        limited.take(home(1))
    assert caught.value.retry_after_s == pytest.approx(6.0)


def test_a_home_does_not_use_up_the_buckets_that_others_need():
    limited, _ = of_sources(keys_at_most=200)
    for number in range(5000):
        allowed(limited, home(number), 1)
    assert len(limited) <= 120 + 40 + 1
    assert allowed(limited, '203.0.113.7') == 10


def test_who_shares_the_last_bucket_is_refused_before_it_is_taken_from():
    limited, clock = of_sources(keys_at_most=1)
    assert allowed(limited, 'first') == 10
    assert allowed(limited, 'second') == 10
    assert allowed(limited, 'third') == 0
    clock.advance(60)
    assert allowed(limited, 'fourth') == 10


@pytest.mark.parametrize(
    ('burst', 'refill_s'), [(0, 1.0), (1, 0.0), (1, -1.0), (1, float('inf')), (1, float('nan'))]
)
def test_limits_that_limit_nothing_are_refused(burst, refill_s):
    with pytest.raises(ValueError):
        RateLimit(burst, refill_s)
