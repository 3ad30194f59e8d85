from mmoment_stream.people_seen import PeopleSeen

S = 1_000_000_000


def test_who_was_named_meanwhile():
    seen = PeopleSeen(keep_s=60.0)
    seen.note(1 * S, ['ann', ''])
    seen.note(2 * S, [''])
    seen.note(3 * S, ['cyd', 'ben'])
    assert seen.between(1 * S, 3 * S) == ('ann', 'ben', 'cyd')
    assert seen.between(2 * S, 3 * S) == ('ben', 'cyd')
    assert seen.between(2 * S, 2 * S) == ()


def test_it_is_forgotten_after_a_while():
    seen = PeopleSeen(keep_s=10.0)
    seen.note(1 * S, ['ann'])
    seen.note(11 * S, ['ben'])
    assert seen.between(0, 20 * S) == ('ann', 'ben')
    seen.note(12 * S, [])
    assert seen.between(0, 20 * S) == ('ben',)


def test_somebody_who_is_forgotten_was_not_there():
    seen = PeopleSeen(keep_s=10.0)
    seen.note(1 * S, ['ann', 'ben'])
    seen.forget('ann')
    assert seen.between(0, 2 * S) == ('ben',)
    seen.clear()
    assert seen.between(0, 2 * S) == ()


def test_how_long_it_remembers_may_change():
    seen = PeopleSeen(keep_s=1.0)
    seen.note(1 * S, ['ann'])
    seen.keep(10.0)
    seen.note(9 * S, ['ben'])
    assert seen.between(0, 9 * S) == ('ann', 'ben')
    seen.keep(1.0)
    seen.note(10 * S, [])
    assert seen.between(0, 10 * S) == ('ben',)
