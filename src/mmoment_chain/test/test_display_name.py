import pytest

from mmoment_chain.display_name import LONGEST_NAME, display_name


@pytest.mark.parametrize(
    ('given', 'kept'),
    [
        ('Anna', 'Anna'),
        ('  Anna \t B.\n', 'Anna B.'),
        ('', ''),
        ('\x00\x1b[31mred', '[31mred'),
        ('Zoe\u0308', 'Zo\u00eb'),
        ('\u202egnirts', 'gnirts'),
        ('two\u2028lines', 'two lines'),
        ('\U0001f469\u200d\U0001f680', '\U0001f469\u200d\U0001f680'),
        ("Robert'); DROP TABLE sessions;--", "Robert'); DROP TABLE sessions;--"),
        ('\udc80half', 'half'),
        ('x' * 500, 'x' * LONGEST_NAME),
    ],
)
def test_a_name_is_one_plain_line(given, kept):
    assert display_name(given) == kept
