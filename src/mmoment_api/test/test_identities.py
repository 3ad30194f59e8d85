from mmoment_api.identities import as_seen_by, names_in, nobody

DATA = {
    'identity': 'ann',
    'similarity': 0.9,
    'inner': [{'identity': 'ben', 'deep': {'identity': None}}, {'other': 1}],
}


def test_names_are_found_however_deep():
    assert names_in(DATA) == {'ann', 'ben'}
    assert names_in({'faces': []}) == frozenset()


def test_what_may_not_be_known_is_removed_and_the_original_kept():
    seen = as_seen_by(DATA, lambda identity: identity == 'ben')
    assert seen == {
        'identity': None,
        'similarity': None,
        'inner': [{'identity': 'ben', 'deep': {'identity': None}}, {'other': 1}],
    }
    assert DATA['identity'] == 'ann'
    assert names_in(as_seen_by(DATA, nobody)) == frozenset()
