import pytest

from mmoment_chain.canonical_json import canonical, parsed


@pytest.mark.parametrize(
    ('value', 'text'),
    [
        ({'b': 1, 'a': [True, False, None]}, '{"a":[true,false,null],"b":1}'),
        ({'a': {'z': -1, 'y': 0}}, '{"a":{"y":0,"z":-1}}'),
        ('Zoë €', '"Zoë €"'),
        # Control signs, quote and backslash are escaped, in the short form where there is one.
        ('\x00\x1f\b\t\n\f\r"\\/\x7f', '"\\u0000\\u001f\\b\\t\\n\\f\\r\\"\\\\/\x7f"'),
        ((1, 2), '[1,2]'),
        (2**53 - 1, '9007199254740991'),
    ],
)
def test_equal_values_have_one_text(value, text):
    assert canonical(value) == text


def test_names_are_ordered_by_utf_16_units():
    # By code points the face would come last; its first unit is 0xD83D.
    assert canonical({'\ufb33': 1, '\U0001f600': 2, 'é': 3, '1': 4, '\r': 5}) == (
        '{"\\r":5,"1":4,"é":3,"\U0001f600":2,"\ufb33":1}'
    )


@pytest.mark.parametrize(
    'value', [1.5, float('nan'), 2**53, -(2**53), b'x', {1: 'x'}, {'a': {'b': {2}}}, '\ud800']
)
def test_what_has_no_one_text_is_refused(value):
    with pytest.raises(ValueError):
        canonical(value)


@pytest.mark.parametrize(
    'text', ['', '[]', '1', '{"a":1,"a":2}', '{"a":{"b":1,"b":1}}', '{"a":', '[' * 100_000]
)
def test_what_is_no_plain_object_is_refused(text):
    with pytest.raises(ValueError):
        parsed(text)


def test_what_was_written_is_read():
    value = {'a': [1, {'b': 'Zoë'}], 'c': None}
    assert parsed(canonical(value)) == value
