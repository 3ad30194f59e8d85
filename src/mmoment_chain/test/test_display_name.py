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


@pytest.mark.parametrize(
    'unseen',
    [
        '\u200b',
        '\u200c',
        '\u200d',
        '\u2060',
        '\ufeff',
        '\u00ad',
        '\u180e',
        '\u061c',
        '\U000e0041\U000e007f',
        '\ufe0f',
        '\U000e0101',
        '\u034f',
        '\u115f',
        '\u3164',
        '\u2800',
        '\u200d\ufe0f\u200d',
    ],
)
def test_a_name_that_looks_like_another_is_the_other(unseen):
    assert display_name(f'{unseen}An{unseen}na{unseen}') == 'Anna'
    assert display_name(f'Zoe{unseen}\u0308') == 'Zo\u00eb'
    assert display_name(unseen * 100) == ''


@pytest.mark.parametrize(
    'name',
    [
        # Persian and Sinhala are not written without joiners, nor are families and hearts on fire.
        '\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645',
        '\u0dc1\u0dca\u200d\u0dbb\u0dd3',
        '\U0001f469\U0001f3fd\u200d\U0001f680',
        '\u2764\ufe0f\u200d\U0001f525',
        '\u65e5\u672c\u8a9e \u540d\u524d',
    ],
)
def test_joiners_that_change_what_is_seen_are_kept(name):
    assert display_name(name) == name


def test_a_name_that_is_cut_does_not_end_in_what_nobody_sees():
    name = 'x' * (LONGEST_NAME - 2) + '\U0001f469\u200d\U0001f680'
    assert display_name(name) == name[: LONGEST_NAME - 1]
