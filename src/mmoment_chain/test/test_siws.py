import random
import string
from fractions import Fraction

import pytest

from mmoment_chain.errors import Refused
from mmoment_chain.siws import CHAIN_IDS, SignInMessage, is_uri, parse, time_ms, time_text

ADDRESS = 'FpcgbzMvN7UfVzWLhPxQYYMvrKqTx6G7Qf1hhdGQUHqd'
# Every field, as the published template orders them.
WHOLE = f"""\
camera.example:5002 wants you to sign in with your Solana account:
{ADDRESS}

Check in. It's free, isn't it?

URI: https://camera.example:5002/login?a=1#top
Version: 1
Chain ID: solana:devnet
Nonce: oBbLoEldZs
Issued At: 2026-01-02T03:04:05.678Z
Expiration Time: 2026-01-02T03:09:05.678Z
Not Before: 2026-01-02T03:04:05Z
Request ID: a-b_c~1!$&'()*+,;=:@%20
Resources:
- urn:mmoment:camera:lobby
- https://camera.example/terms"""
FIELDS = {
    'domain': 'camera.example:5002',
    'address': ADDRESS,
    'statement': "Check in. It's free, isn't it?",
    'uri': 'https://camera.example:5002/login?a=1#top',
    'version': '1',
    'chain_id': 'solana:devnet',
    'nonce': 'oBbLoEldZs',
    'issued_at': '2026-01-02T03:04:05.678Z',
    'expiration_time': '2026-01-02T03:09:05.678Z',
    'not_before': '2026-01-02T03:04:05Z',
    'request_id': "a-b_c~1!$&'()*+,;=:@%20",
    'resources': ('urn:mmoment:camera:lobby', 'https://camera.example/terms'),
}
OPTIONAL = [name for name in FIELDS if name not in ('domain', 'address')]


def refusal(function, *arguments, **named):
    with pytest.raises(Refused) as caught:
        function(*arguments, **named)
    assert caught.value.code == 'malformed'
    return caught.value


def test_the_whole_text_is_the_published_one():
    assert SignInMessage(**FIELDS).text() == WHOLE
    assert parse(WHOLE) == SignInMessage(**FIELDS)


def test_the_smallest_text_is_the_published_one():
    smallest = SignInMessage('camera.example', ADDRESS)
    assert smallest.text() == (
        f'camera.example wants you to sign in with your Solana account:\n{ADDRESS}'
    )
    assert parse(smallest.text()) == smallest


def test_every_choice_of_fields_is_read_as_it_was_written():
    for choice in range(2 ** len(OPTIONAL)):
        chosen = {name for bit, name in enumerate(OPTIONAL) if choice >> bit & 1}
        message = SignInMessage(
            **{key: value for key, value in FIELDS.items() if key not in OPTIONAL or key in chosen}
        )
        assert parse(message.text()) == message


def test_without_a_statement_one_blank_line_stands_before_the_fields():
    message = SignInMessage('camera.example', ADDRESS, version='1')
    assert message.text().endswith(f'{ADDRESS}\n\nVersion: 1')


def test_a_heading_without_resources_is_kept():
    message = SignInMessage('camera.example', ADDRESS, resources=())
    assert message.text().endswith('\n\nResources:')
    assert parse(message.text()) == message


def test_secrets_are_not_shown():
    assert 'oBbLoEldZs' not in repr(parse(WHOLE))
    assert 'c~1' not in repr(parse(WHOLE))


@pytest.mark.parametrize(
    ('part', 'value'),
    [
        ('domain', ''),
        ('domain', ':5002'),
        ('domain', 'a b'),
        ('domain', 'camera.example/path'),
        ('domain', 'https://camera.example'),
        ('domain', 'bücher.example'),
        ('domain', 'camera.example\nevil.example'),
        ('domain', 'camera.example:port'),
        ('domain', '[::1'),
        ('domain', '[::g]'),
        ('domain', '[fe80::1%25eth0]'),
        ('domain', '%zz'),
        ('address', ADDRESS[:31]),
        ('address', ADDRESS + 'x'),
        ('address', '0' + ADDRESS[1:]),
        ('address', ADDRESS + '\n'),
        ('statement', ''),
        ('statement', 'two\nlines'),
        ('statement', 'with "quotes"'),
        ('statement', '100%'),
        ('statement', 'Grüße'),
        ('statement', 'a\tb'),
        ('statement', 'a\rb'),
        ('statement', 'URI: https://other.example'),
        ('statement', 'Nonce: 12345678'),
        ('statement', 'Resources:'),
        ('uri', ''),
        ('uri', 'camera.example'),
        ('uri', '//camera.example'),
        ('uri', 'https://a b'),
        ('uri', 'https://[::g]/'),
        ('uri', 'https://x/%g0'),
        ('uri', 'https://x\n'),
        ('version', '2'),
        ('version', ''),
        ('version', '１'),
        ('chain_id', 'solana:localnet'),
        ('chain_id', 'Devnet'),
        ('chain_id', ''),
        ('nonce', '1234567'),
        ('nonce', '1234567-'),
        ('nonce', '1234567é'),
        ('nonce', '12345678\n'),
        ('issued_at', '2026-01-02'),
        ('issued_at', '2026-01-02 03:04:05Z'),
        ('issued_at', '2026-01-02T03:04:05'),
        ('issued_at', '2026-13-02T03:04:05Z'),
        ('issued_at', '2026-02-30T03:04:05Z'),
        ('issued_at', '0000-01-01T00:00:00Z'),
        ('issued_at', '2026-01-02T24:04:05Z'),
        ('issued_at', '2026-01-02T03:60:05Z'),
        ('issued_at', '2026-01-02T03:04:61Z'),
        ('issued_at', '2026-01-02T03:04:05.Z'),
        ('issued_at', '2026-01-02T03:04:05+0100'),
        ('issued_at', '2026-01-02T03:04:05+24:00'),
        ('issued_at', '２026-01-02T03:04:05Z'),
        ('issued_at', '2026-01-02T03:04:05Z\n'),
        ('expiration_time', 'never'),
        ('not_before', '1'),
        ('request_id', 'a/b'),
        ('request_id', 'a b'),
        ('request_id', '%'),
        ('resources', ('not a uri',)),
        ('resources', ('urn:a', '')),
        ('resources', ('urn:a\n- urn:b',)),
        ('resources', ('urn:' + 'a' * 5000,)),
    ],
)
def test_what_the_grammar_forbids_is_not_written(part, value):
    refused = refusal(SignInMessage, **{**FIELDS, part: value})
    assert not value or str(value) not in str(refused)


@pytest.mark.parametrize(
    'domain',
    [
        'localhost',
        'a.b:80',
        '192.168.1.2:5002',
        '[::1]:5002',
        '[v1.a:b]',
        'x:',
        'u@h',
        'a%20b',
        "!$&'",
    ],
)
def test_an_authority_is_one_after_rfc_3986(domain):
    message = SignInMessage(domain, ADDRESS)
    assert parse(message.text()) == message


@pytest.mark.parametrize(
    'uri',
    ['https://a', 'http://[::1]:80/x?y#z', 'urn:mmoment:camera:a', 'a:', 'mailto:x@y', 'a:/', 'a:/b//c',
     'file:///etc/hosts', 'x+y-z.1://u:p@h:1/%20;a=b?c/d?#e/?f', 'a:?b', 'a:#'],
)  # fmt: skip
def test_uris_after_rfc_3986(uri):
    assert is_uri(uri)


@pytest.mark.parametrize(
    'uri',
    ['', 'a', ':a', '1a:b', 'a:b c', 'a:[b]', 'a:"', 'a:%1', 'a:b#c#d', 'http://[]', 'http://a:b'],
)
def test_other_text_is_no_uri(uri):
    assert not is_uri(uri)


@pytest.mark.parametrize(
    'text',
    [
        '',
        '\n',
        ADDRESS,
        WHOLE + '\n',
        WHOLE + '\n- ',
        WHOLE + '\nMore: fields',
        WHOLE.replace('\n', '\r\n'),
        '\ufeff' + WHOLE,
        WHOLE.replace('Solana', 'Ethereum'),
        WHOLE.replace('wants you', 'wants  you'),
        WHOLE.replace('\n\nURI', '\nURI'),
        WHOLE.replace('\n\nURI', '\n\n\nURI'),
        WHOLE.replace(f'{ADDRESS}\n\n', f'{ADDRESS}\n'),
        WHOLE.replace('Version: 1', 'version: 1'),
        WHOLE.replace('Version: 1', 'Version:1'),
        WHOLE.replace('Version: 1', 'Version: 1 '),
        WHOLE.replace('Version: 1', 'Version: 1\nVersion: 1'),
        WHOLE.replace('Version: 1\nChain ID: solana:devnet', 'Chain ID: solana:devnet\nVersion: 1'),
        WHOLE.replace('Resources:', 'Resources: '),
        WHOLE.replace('- urn', '-urn'),
        WHOLE.replace('- urn', '* urn'),
        f'camera.example wants you to sign in with your Solana account:\n{ADDRESS}\n',
        f'camera.example wants you to sign in with your Solana account:\n{ADDRESS}\n\n',
        f'camera.example wants you to sign in with your Solana account:\n{ADDRESS}\n\nHello\n\n',
        f'camera.example wants you to sign in with your Solana account:\n{ADDRESS}\n\n\nVersion: 1',
        # Ethereum's standard has a second blank line where there is no statement.
        f'camera.example wants you to sign in with your Solana account:\n{ADDRESS}\n\n\n\nURI: a:b',
        'x' * 100_000,
        '\n' * 4000,
        '\0',
        '\ud800',
    ],
)
def test_other_texts_are_refused_without_being_repeated(text):
    refused = refusal(parse, text)
    assert 'oBbLoEldZs' not in f'{refused!r} {refused}'


def test_a_second_domain_cannot_hide_in_front_of_the_first_line():
    ending = ' wants you to sign in with your Solana account:'
    refusal(parse, f'evil.example{ending}{WHOLE}')


@pytest.mark.parametrize(
    ('text', 'ms'),
    [
        ('1970-01-01T00:00:00Z', 0),
        ('2026-01-01T00:00:00Z', 1_767_225_600_000),
        ('2026-01-01T01:30:00+01:30', 1_767_225_600_000),
        ('2025-12-31T18:30:00.250-05:30', 1_767_225_600_250),
        ('2026-01-01t00:00:00.5z', 1_767_225_600_500),
        ('2026-01-01T00:00:00.500000000000Z', 1_767_225_600_500),
        ('2026-01-01T00:00:00.0001Z', 1_767_225_600_000 + Fraction(1, 10)),
        ('2016-12-31T23:59:60Z', 1_483_228_800_000),
        ('1969-12-31T23:59:59Z', -1000),
        ('9999-12-31T23:59:59-23:59', 253_402_387_139_000),
    ],
)
def test_times_are_moments(text, ms):
    assert time_ms(text) == ms


def test_times_are_written_as_browsers_write_them():
    assert time_text(1_767_225_600_007) == '2026-01-01T00:00:00.007Z'
    for ms in (0, 1, 999, 1_767_225_599_999, 4_102_444_800_123):
        assert time_ms(time_text(ms)) == ms


def test_a_time_with_thousands_of_digits_is_refused():
    refusal(time_ms, f'2026-01-01T00:00:00.{"1" * 5000}Z')


def parsed_or_code(text):
    try:
        return parse(text)
    except Refused as refused:
        return refused.code


def random_text(chance, signs, fewest, most):
    return ''.join(chance.choice(signs) for _ in range(chance.randint(fewest, most)))


def test_random_messages_are_read_as_they_were_written():
    chance = random.Random(1)
    unreserved = string.ascii_letters + string.digits + '-._~'
    statement = unreserved + ":/?#[]@!$&'()*+,;= "
    for _ in range(2000):
        values = {
            'domain': random_text(chance, unreserved, 1, 30),
            'address': random_text(chance, '123456789ABCDEFGHJKLMNPQRSTUVWXYZabz', 32, 44),
            'statement': 'S' + random_text(chance, statement, 0, 60),
            'uri': f'https://{random_text(chance, unreserved, 1, 9)}/{random_text(chance, unreserved, 0, 9)}',
            'version': '1',
            'chain_id': chance.choice(CHAIN_IDS),
            'nonce': random_text(chance, string.ascii_letters + string.digits, 8, 40),
            'issued_at': time_text(chance.randrange(4_000_000_000_000)),
            'expiration_time': time_text(chance.randrange(4_000_000_000_000)),
            'not_before': time_text(chance.randrange(4_000_000_000_000)),
            'request_id': random_text(chance, unreserved, 0, 9),
            'resources': tuple(
                f'urn:x:{random_text(chance, unreserved, 1, 9)}' for _ in range(chance.randrange(4))
            ),
        }
        for name in OPTIONAL:
            if chance.random() < 0.3:
                del values[name]
        message = SignInMessage(**values)
        assert parse(message.text()) == message


def test_damaged_texts_are_the_same_again_or_refused():
    """Random changes of a valid text: never another exception, never another text."""
    chance = random.Random(2)
    signs = string.printable + '\0éß\u2028\ud800\U0001f511'
    lines = WHOLE.split('\n')
    read = 0
    for _ in range(20_000):
        text = WHOLE
        for _ in range(chance.randint(1, 3)):
            at, to = sorted(chance.randrange(len(text) + 1) for _ in range(2))
            way = chance.randrange(6)
            if way == 0:
                text = text[:at] + chance.choice(signs) + text[at + 1 :]
            elif way == 1:
                text = text[:at] + chance.choice(signs) + text[at:]
            elif way == 2:
                text = text[:at] + text[at + 1 :]
            elif way == 3:
                text = text[:at] + text[to:]
            elif way == 4:
                text = text[:at] + '\n' + chance.choice(lines) + '\n' + text[at:]
            else:
                kept = text.split('\n')
                chance.shuffle(kept)
                text = '\n'.join(kept[: chance.randint(1, len(kept))])
        message = parsed_or_code(text)
        assert message == 'malformed' or message.text() == text
        read += message != 'malformed'
    # Both happen often enough to mean something.
    assert 1000 < read < 19_000
