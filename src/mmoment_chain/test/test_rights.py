import pytest

from mmoment_chain import rights
from mmoment_chain.errors import Refused


def test_admin_has_all():
    assert rights.combined({'view'}, {'admin'}) == frozenset(rights.RIGHTS)
    assert rights.combined({'view'}, {'stream'}) == {'view', 'stream'}
    assert rights.combined() == frozenset()


def test_guests_may_neither_stream_nor_rule():
    assert {'stream', 'admin'}.isdisjoint(rights.DEFAULT_RIGHTS)


@pytest.mark.parametrize('name', ['', 'fly', 'VIEW', "view'; DROP TABLE grants; --"])
def test_there_are_no_others(name):
    with pytest.raises(Refused) as caught:
        rights.checked(['view', name])
    assert caught.value.code == 'unknown_right'
    assert 'recognize' in caught.value.text


def test_what_is_required_must_be_there():
    rights.require({'view'}, 'view')
    rights.require({'admin'}, 'stream')
    for right, code in (('capture', 'missing_right'), ('fly', 'unknown_right')):
        with pytest.raises(Refused) as caught:
            rights.require({'view'}, right)
        assert caught.value.code == code


def test_lists_have_one_order():
    assert rights.in_order({'admin', 'view', 'record'}) == ['view', 'record', 'admin']
