import pytest

from mmoment_api.chain_control import TransactionWish, refused_by_chain


@pytest.mark.parametrize(
    ('code', 'status', 'told'),
    [
        ('missing_right', 403, 'missing_right'),
        ('not_owner', 403, 'not_owner'),
        ('no_template', 404, 'no_template'),
        ('none', 404, 'none'),
        ('would_fail', 409, 'would_fail'),
        ('expired', 409, 'expired'),
        ('undecided', 409, 'undecided'),
        ('frozen', 409, 'frozen'),
        ('bad_value', 422, 'bad_value'),
        ('not_ours', 422, 'not_ours'),
        ('too_many_open', 429, 'too_many_open'),
        ('internal', 500, 'internal'),
        ('session_over', 401, 'not_signed_in'),
        ('session_node_away', 503, 'session_node_away'),
        ('chain_away', 503, 'chain_away'),
        ('budget', 503, 'budget'),
        ('something_new', 503, 'something_new'),
        ('', 503, 'part_not_running'),
    ],
)
def test_refusals_have_a_status(code, status, told):
    error = refused_by_chain(code, 'Why')
    assert (error.status, error.code) == (status, told)
    assert error.message == 'Why' or not code
    blamed = {'session_node_away': 'session_node'}.get(code, 'chain_node')
    assert error.details.get('part') == (blamed if status == 503 else None)
    assert ('Retry-After' in error.headers) == (status == 429)


def test_a_refusal_names_the_field():
    assert refused_by_chain('bad_rule', '').details == {'field': 'rule'}
    assert refused_by_chain('no_session', '').details == {'reason': 'no_session'}


def test_the_next_of_a_row_says_only_what_it_follows():
    wish = TransactionWish('mint_face', 'ann', 's1', (('record_id', 'r'),))
    assert wish.after('b1') == TransactionWish('mint_face', 'ann', 's1', (('after', 'b1'),))
