import base64

import pytest
from program_world import PROGRAM_ID

from mmoment_chain.program_events import AccessRevoked, DeviceRotated, discriminator, events
from mmoment_chain.wallet import wallet_text

US, OTHER = wallet_text(PROGRAM_ID), wallet_text(b'o' * 32)
A, B = b'a' * 32, b'b' * 32
BODY = discriminator(AccessRevoked) + A + B


def logged(content):
    return 'Program data: ' + base64.b64encode(content).decode()


def begun(program, depth=1):
    return f'Program {program} invoke [{depth}]'


def ended(program, how='success'):
    return f'Program {program} {how}'


def test_what_the_program_says_itself_is_read():
    logs = [
        begun(US),
        logged(BODY),
        f'Program {US} consumed 900 of 200000 compute units',
        ended(US),
        begun(OTHER),
        begun(US, 2),
        logged(discriminator(DeviceRotated) + B + A),
        ended(US),
        ended(OTHER),
    ]
    assert events(logs, PROGRAM_ID) == [AccessRevoked(A, B), DeviceRotated(B, A)]


@pytest.mark.parametrize(
    'logs',
    [
        [logged(BODY)],
        [begun(OTHER), logged(BODY), ended(OTHER)],
        # Before and after, around and below a call of ours.
        [begun(OTHER), logged(BODY), begun(US, 2), ended(US), logged(BODY), ended(OTHER)],
        [begun(US), begun(OTHER, 2), logged(BODY), ended(OTHER), ended(US)],
        [begun(US), begun(OTHER, 2), logged(BODY), ended(OTHER, 'failed: custom'), ended(US)],
        # What a program writes stands behind 'Program log: '.
        [begun(OTHER), f'Program log: {begun(US)}', logged(BODY), ended(OTHER)],
        [begun(OTHER), f'Program log: x\n{begun(US)}', logged(BODY), ended(OTHER)],
        [begun(US), ended(US), logged(BODY)],
        [begun(US), ended(US), 'Program log: invoke [1]', logged(BODY)],
    ],
)
def test_what_others_say_is_not(logs):
    assert events(logs, PROGRAM_ID) == []


@pytest.mark.parametrize('content', [b'', BODY[:-1], BODY + b'\0', b'\0' * 8 + A + B, BODY[:7]])
def test_other_data_is_no_event(content):
    assert events([begun(US), logged(content), ended(US)], PROGRAM_ID) == []


def test_what_others_write_does_not_hide_it():
    logs = [begun(OTHER), 'Program log: invoke [1]', f'Program log: {US} success', begun(US, 2)]
    logs += [f'Program log: {US} success', logged(BODY), ended(US), ended(OTHER)]
    assert events(logs, PROGRAM_ID) == [AccessRevoked(A, B)]


def test_a_line_that_is_no_base64():
    assert events([begun(US), 'Program data: ?', ended(US)], PROGRAM_ID) == []
