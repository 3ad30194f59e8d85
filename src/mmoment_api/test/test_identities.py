from mmoment_api.identities import as_owned_by, as_seen_by, names_in, nobody

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


def test_what_is_private_is_left_out_for_all_others():
    data = {'active': True, 'items': [{'identity': 'ann', 'id': 1}, {'identity': None, 'id': 2}]}
    anns = as_owned_by(data, 'ann'.__eq__)
    assert anns == {'active': True, 'items': [{'identity': 'ann', 'id': 1}]}
    # Without a name it is the owner's, whom only they may know by no name.
    assert as_owned_by(data, lambda name: name in ('ann', '')) == data
    assert as_owned_by(data, nobody) == {'active': True, 'items': []}
    assert as_owned_by({'identity': 'ann', 'id': 1}, 'bob'.__eq__) is None
    assert as_owned_by({'identity': '', 'id': 1}, 'bob'.__eq__) is None
