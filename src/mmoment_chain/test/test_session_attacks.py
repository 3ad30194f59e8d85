"""What somebody may try against a camera, through its services: refused, and nothing secret told."""

import base64
import hashlib

import pytest
import small_order
from fake_clock import FakeClock
from rclpy.logging import LoggingSeverity
from session_world import NodeOnFakeClock, SessionWorld, Wallet

from mmoment_chain.wallet import wallet_text
from mmoment_interfaces.srv import (
    CheckIn,
    CheckOut,
    CreateChallenge,
    ForgetPerson,
    GetSession,
    GrantRights,
    ListSessions,
    RevokeSession,
)

pytestmark = pytest.mark.graph

HOUR_MS = 3_600_000
MANY = {'source_burst': 10_000, 'wallet_burst': 10_000, 'answer_burst': 10_000}


@pytest.fixture
def clock():
    NodeOnFakeClock.fake = FakeClock()
    return NodeOnFakeClock.fake


@pytest.fixture
def world(tmp_path, clock):
    world = SessionWorld(tmp_path)
    yield world
    world.close()


@pytest.fixture
def node(world):
    return world.start(NodeOnFakeClock, **MANY)


def answered(world, wallet, text, signer=None, signature=None):
    """The code for a check-in with this text."""
    signature = (signer or wallet).sign(text) if signature is None else signature
    answer = world.call(
        CheckIn,
        'check_in',
        wallet=getattr(wallet, 'address', wallet),
        message=text,
        signature=signature,
    )
    assert answer.success == (not answer.error_code)
    assert bool(answer.token) == answer.success
    return answer.error_code


def text_for(world, wallet, **fields):
    return world.challenge(wallet, **fields).text


def test_a_replay(world, node, anna):
    text = text_for(world, anna)
    assert answered(world, anna, text) == ''
    assert answered(world, anna, text) == 'used_nonce'
    assert len(world.call(ListSessions, 'list_sessions').sessions) == 1


def test_a_replay_after_a_restart(world, node, anna):
    text = text_for(world, anna)
    assert answered(world, anna, text) == ''
    world.end(node)
    world.start(NodeOnFakeClock, **MANY)
    assert answered(world, anna, text) == 'used_nonce'


def test_the_challenge_of_another_camera(world, node, anna, tmp_path):
    other = SessionWorld(tmp_path / 'other')
    try:
        other.start(NodeOnFakeClock, **MANY)
        text = text_for(other, anna)
    finally:
        other.close()
    assert answered(world, anna, text) == 'wrong_camera'


def test_the_nonce_of_another_camera_of_the_same_name(world, anna, tmp_path):
    world.start(NodeOnFakeClock, camera_id='lobby', **MANY)
    other = SessionWorld(tmp_path / 'other')
    try:
        other.start(NodeOnFakeClock, camera_id='lobby', **MANY)
        text = text_for(other, anna)
    finally:
        other.close()
    assert answered(world, anna, text) == 'unknown_nonce'


def test_another_domain(world, node, anna):
    text = text_for(world, anna).replace('127.0.0.1:5002', 'evil.example')
    assert answered(world, anna, text) == 'wrong_domain'
    # Another of ours, but not the one it was asked for at.
    text = text_for(world, anna).replace('127.0.0.1:5002', 'localhost:5002')
    assert answered(world, anna, text) == 'wrong_domain'
    refused = world.challenge(anna, domain='evil.example')
    assert refused.error_code == 'wrong_domain'


def test_an_expired_challenge(world, node, anna, clock):
    text = text_for(world, anna)
    clock.advance(301)
    assert answered(world, anna, text) == 'expired'


def test_a_clock_set_back_does_not_bring_it_back(world, node, anna, clock):
    text, used = text_for(world, anna), text_for(world, anna)
    assert answered(world, anna, used) == ''
    clock.advance(301)
    clock.set_wall(clock.utc_ms() - 301_000)
    assert answered(world, anna, text) == 'expired'
    assert answered(world, anna, used) == 'used_nonce'


def test_a_clock_set_back_gives_no_session_more_time(world, node, anna, clock):
    opened = world.check_in(anna)
    for _ in range(13):
        clock.advance(3600)
        clock.set_wall(clock.utc_ms() - HOUR_MS)
    answer = world.call(GetSession, 'get_session', token=opened.token)
    assert answer.error_code in ('session_over', 'bad_token')


def test_a_challenge_of_the_future(world, node, anna, clock):
    text = text_for(world, anna)
    clock.set_wall(clock.utc_ms() - HOUR_MS)
    assert answered(world, anna, text) == 'not_yet_valid'


@pytest.mark.parametrize(
    ('part', 'instead', 'code'),
    [
        ('Check in at', 'Give all your money to', 'malformed'),
        ('Version: 1', 'Version: 2', 'malformed'),
        ('Chain ID: devnet', 'Chain ID: mainnet', 'wrong_chain'),
        ('URI: http://127.0.0.1:5002', 'URI: http://127.0.0.1:5002/evil', 'wrong_uri'),
        ('Nonce: ', 'Nonce: x', 'unknown_nonce'),
        ('urn:mmoment:camera:', 'urn:mmoment:camera:x', 'wrong_camera'),
        ('\n\n', '\n', 'malformed'),
    ],
)
def test_a_tampered_text(world, node, anna, part, instead, code):
    text = text_for(world, anna)
    assert part in text
    tampered = text.replace(part, instead, 1)
    # Signed anew by the right wallet, and with the signature of what was asked for.
    assert answered(world, anna, tampered) == code
    assert answered(world, anna, tampered, signature=anna.sign(text)) == code
    assert answered(world, anna, text) == ''


def test_a_signature_of_another_text_or_wallet(world, node, anna):
    text, mallory = text_for(world, anna), Wallet()
    assert answered(world, anna, text, signature=anna.sign(text + ' ')) == 'bad_signature'
    assert answered(world, anna, text, signer=mallory) == 'bad_signature'
    assert answered(world, mallory, text) == 'wrong_wallet'
    for signature in ('', 'x', '1' * 64, base64.b64encode(bytes(64)).decode()):
        assert answered(world, anna, text, signature=signature) == 'bad_signature'
    # The text with the wallet exchanged: that wallet did not ask.
    stolen = text.replace(anna.address, mallory.address)
    assert answered(world, mallory, stolen) == 'wrong_wallet'


def test_a_key_of_small_order(world, node):
    for key, order in small_order.KEYS:
        address = wallet_text(key)
        challenge = world.call(CreateChallenge, 'create_challenge', wallet=address)
        forged = small_order.forged(key, order, challenge.text.encode())
        signature = base64.b64encode(forged).decode()
        code = answered(world, address, challenge.text, signature=signature)
        assert code == 'bad_signature'


def test_a_stolen_token_after_check_out_revocation_and_forgetting(world, node):
    for end in (
        lambda who, opened: world.call(CheckOut, 'check_out', token=opened.token),
        lambda who, opened: world.call(
            RevokeSession, 'revoke_session', session_id=opened.session.session_id
        ),
        lambda who, opened: world.call(ForgetPerson, 'forget_person', wallet=who.address),
    ):
        who = Wallet()
        opened = world.check_in(who)
        renewed = world.call(GetSession, 'get_session', token=opened.token, renew=True)
        assert end(who, opened).success
        for token in (opened.token, renewed.new_token):
            for fields in ({}, {'renew': True}):
                answer = world.call(GetSession, 'get_session', token=token, **fields)
                assert answer.error_code == 'bad_token'
            assert world.call(CheckOut, 'check_out', token=token).error_code == 'bad_token'


def test_a_thousand_challenges_from_one_source(world, anna):
    world.start(NodeOnFakeClock)
    answers = [
        world.call(
            CreateChallenge, 'create_challenge', wallet=Wallet().address, source='203.0.113.7'
        )
        for _ in range(1000)
    ]
    given = [one for one in answers if one.success]
    refused = [one for one in answers if not one.success]
    assert len(given) == 20
    assert {one.error_code for one in refused} == {'too_many'}
    assert all(one.retry_after_s > 0 for one in refused)
    assert not [one for one in refused if one.text or one.nonce]
    # Others are not kept from signing in.
    assert world.challenge(anna, source='198.51.100.9').success


def test_answers_are_limited_as_well(world, anna):
    world.start(NodeOnFakeClock)
    codes = [answered(world, anna, 'x', signature=anna.sign('x')) for _ in range(100)]
    assert codes[:60] == ['malformed'] * 60
    assert set(codes[60:]) == {'too_many'}


NASTY = [
    "'; DROP TABLE sessions; --",
    "' OR '1'='1",
    '\u202e\u0000\u2028',
    '\U0001f4f7' * 500,
    '%s%n{}',
    '../../etc/passwd',
    '\x1b]0;title\x07',
]


@pytest.mark.parametrize('text', NASTY)
def test_sql_and_unicode_are_names_and_nothing_else(world, node, anna, text):
    text = text.replace('\0', '')
    opened = world.check_in(anna, display_name=text, source=text)
    assert opened.success
    assert len(opened.session.display_name) <= 64
    assert world.challenge(anna, source=text).success
    for kind, service, fields in (
        (CreateChallenge, 'create_challenge', {'wallet': text}),
        (CreateChallenge, 'create_challenge', {'wallet': anna.address, 'domain': text}),
        (CheckIn, 'check_in', {'wallet': text, 'message': text, 'signature': text}),
        (
            CheckIn,
            'check_in',
            {'wallet': anna.address, 'message': text, 'signature': anna.sign(text)},
        ),
        (GetSession, 'get_session', {'token': text}),
        (GetSession, 'get_session', {'token': opened.token, 'right': text}),
        (CheckOut, 'check_out', {'session_id': text}),
        (GrantRights, 'grant_rights', {'wallet': anna.address, 'rights': [text]}),
        (RevokeSession, 'revoke_session', {'identity': text}),
        (ForgetPerson, 'forget_person', {'wallet': text}),
    ):
        answer = world.call(kind, service, **fields)
        assert not answer.success, (service, fields)
        assert answer.error_code
    assert world.call(ListSessions, 'list_sessions', identity=text).sessions == []
    assert world.call(GetSession, 'get_session', token=opened.token).success
    assert node.fault is None


def test_nothing_secret_is_logged_stored_or_published(world, node, anna, capfd):
    """Every refusal and every success, at the level that says most."""
    node.get_logger().set_level(LoggingSeverity.DEBUG)
    heard = [world.sessions(), world.events()]
    challenge = world.challenge(anna, with_memo=True)
    secrets = [challenge.nonce, challenge.text]
    signature = anna.sign(challenge.text)
    wrong = Wallet().sign(challenge.text)
    assert answered(world, anna, challenge.text, signature=wrong) == 'bad_signature'
    opened = world.call(
        CheckIn,
        'check_in',
        wallet=anna.address,
        message=challenge.text,
        signature=signature,
        wrapped_key=b'no key at all, but secret all the same',
    )
    assert opened.success
    assert answered(world, anna, challenge.text) == 'used_nonce'
    signed = anna.sign_transaction(world.challenge(anna, with_memo=True).memo_transaction)
    by_memo = world.call(CheckIn, 'check_in', wallet=anna.address, memo_transaction=signed)
    renewed = world.call(GetSession, 'get_session', token=opened.token, renew=True)
    world.call(GetSession, 'get_session', token=opened.token, right='admin')
    world.call(CheckOut, 'check_out', token=by_memo.token)
    world.call(CheckOut, 'check_out', token=by_memo.token)
    listed = world.call(ListSessions, 'list_sessions')
    secrets += [signature, wrong, opened.token, by_memo.token, renewed.new_token, signed]
    secrets += ['no key at all']
    folder = world.folder
    world.end(node)
    told = capfd.readouterr()
    log = told.out + told.err
    assert 'checked in' in log
    published = str((heard, listed))
    kept = b''.join(path.read_bytes() for path in folder.rglob('*') if path.is_file())
    for secret in secrets:
        assert secret not in log
        assert secret not in published
        assert secret.encode() not in kept
    # Plain digests of tokens would tell whether a stolen one was ours.
    for token in (opened.token, renewed.new_token):
        assert hashlib.sha256(token.encode()).digest() not in kept
    assert anna.address not in log
