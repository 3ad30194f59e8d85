"""The browser's modules vault.js and siws.js, run by Node.js: alone, and together with our side."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fake_clock import FakeClock
from vault_vectors import FILE, OTHER_WALLET, fixed

from mmoment_chain import consent_texts, vault
from mmoment_chain.challenges import ChallengeBook, ChallengeSettings
from mmoment_chain.device_keys import SigningKey, UnsealingKeys, create_missing
from mmoment_chain.envelope import Custody, Envelope, Record, WrappedKey, new_record_id
from mmoment_chain.errors import Refused
from mmoment_chain.key_custody import KEY_TEXT, key_from_signatures, make_backup, open_backup
from mmoment_chain.sealing import public_of
from mmoment_chain.secret_bytes import SecretBytes
from mmoment_chain.store import Store
from mmoment_chain.wallet import parse_signature, wallet_text

JS = Path(__file__).parent / 'js'
WEB = Path(__file__).parents[2] / 'mmoment_api' / 'mmoment_api' / 'web'
MODULES = ('vault.js', 'siws.js', 'consent.js')
# The first with X25519 and Ed25519 in its WebCrypto and a test runner of this kind.
OLDEST_NODE = 20

SEED = fixed('wallet')
PERSON = Ed25519PrivateKey.from_private_bytes(SEED)
WALLET = wallet_text(PERSON.public_key().public_bytes_raw())
TEMPLATE = fixed('a template', 540)
DOMAIN = 'camera.example'
PASSPHRASE = 'Grüße aus der Küche'


def why_not():
    """Why these tests cannot run; empty: they can."""
    if shutil.which('node') is None:
        return f'Node.js {OLDEST_NODE} or newer is not installed'
    version = subprocess.run(
        ['node', '--version'], capture_output=True, text=True, check=True
    ).stdout
    major = re.match(r'v(\d+)\.', version)
    if major is None or int(major[1]) < OLDEST_NODE:
        return f'Node.js {version.strip()} is installed; {OLDEST_NODE} or newer is needed'
    return ''


REASON = why_not()
pytestmark = pytest.mark.skipif(bool(REASON) and not os.environ.get('CI'), reason=REASON)


def text(data):
    return base64.b64encode(data).decode('ascii')


def data(text):
    return base64.b64decode(text, validate=True)


def opened(secret):
    with secret as content:
        return bytes(content.view)


@pytest.fixture(scope='module')
def run_node(tmp_path_factory):
    """Runs Node.js with our modules as ES modules, which in a browser the page says they are."""
    web = tmp_path_factory.mktemp('web')
    for path in (*(WEB / name for name in MODULES), JS / 'test-wallet.js'):
        shutil.copy(path, web / path.name)
    (web / 'package.json').write_text('{"type": "module"}')
    env = {**os.environ, 'MMOMENT_WEB': web.as_uri(), 'MMOMENT_VECTORS': str(FILE.parent)}

    def run(*words, given=''):
        return subprocess.run(
            ['node', '--no-warnings', *map(str, words)],
            input=given,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope='module')
def ask(run_node):
    """Has the browser's side do something."""

    def asked(action, **request):
        answer = run_node(JS / 'peer.mjs', given=json.dumps({'action': action, **request}))
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    return asked


@pytest.fixture
def device(tmp_path):
    create_missing(tmp_path / 'keys', 1)
    return tmp_path / 'keys'


def as_dict(record):
    names = ('wallet', 'model_id', 'record_id')
    return {name: getattr(record, name) for name in names}


def new_record():
    return Record(WALLET, 'facenet-vggface2', new_record_id())


def test_where_tests_are_relied_on_none_of_these_is_skipped():
    """With CI set, which services that run tests do: an old Node.js there fails here."""
    assert REASON == ''


@pytest.mark.parametrize('name', sorted(path.name for path in JS.glob('*.test.mjs')))
def test_the_modules_alone(run_node, name):
    answer = run_node('--test', '--test-reporter=tap', JS / name)
    assert answer.returncode == 0, answer.stdout
    assert int(re.search(r'^# pass (\d+)$', answer.stdout, re.MULTILINE)[1]) > 10


@pytest.mark.parametrize('name', MODULES)
def test_they_need_nothing_but_the_browser(name):
    source = (WEB / name).read_text(encoding='utf-8')
    assert not re.search(r'\b(import|require|eval|Function|innerHTML|document)\b', code_of(source))
    assert 'http' not in code_of(source)


def test_signing_in_holds_no_key():
    """What signs is the wallet; demo-wallet.js has the one key that a page makes."""
    source = code_of((WEB / 'siws.js').read_text(encoding='utf-8'))
    assert not re.search(r'pkcs8|importKey|generateKey|exportKey', source)
    assert "generateKey(ALGORITHM, false, ['sign', 'verify'])" in (
        WEB / 'demo-wallet.js'
    ).read_text(encoding='utf-8')


def code_of(source):
    """A script without its comments."""
    return re.sub(r'^\s*//.*$', '', source, flags=re.MULTILINE)


def test_a_visit_from_enrolment_to_check_in(ask, device):
    """Camera and browser, with nothing but what passes between them."""
    record, now_ms = new_record(), 1_800_000_000_000
    person = ask('visit', seed=text(SEED))
    assert person['wallet'] == WALLET
    envelope = vault.seal(TEMPLATE, data(person['public_key']), record).to_bytes()

    with SigningKey.load(device) as signing, UnsealingKeys.load(device) as keys:
        camera_id = signing.camera_id
        camera = {'camera_id': camera_id, 'public_key': text(keys.public)}
        request = {'seed': text(SEED), 'envelope': text(envelope), 'camera': camera}
        visit = ask('visit', record=as_dict(record), expires_ms=now_ms + 1000, **request)
        assert data(visit['template']) == TEMPLATE

        sealed = Envelope.from_bytes(envelope)
        wrapped = WrappedKey.from_bytes(data(visit['wrapped_key']))
        assert (
            opened(vault.open_wrapped(sealed, wrapped, record, camera_id, keys, now_ms)) == TEMPLATE
        )
        with pytest.raises(Refused, match='expired'):
            vault.open_wrapped(sealed, wrapped, record, camera_id, keys, now_ms + 1000)
        with pytest.raises(Refused, match='bad_envelope'):
            vault.open_wrapped(sealed, wrapped, record, 'another', keys, now_ms)

        other = {**as_dict(record), 'wallet': OTHER_WALLET}
        assert ask('visit', record=other, expires_ms=1, **request) == {'refused': 'bad_envelope'}
        request['seed'] = text(fixed('another wallet'))
        assert ask('visit', record=as_dict(record), expires_ms=1, **request) == {
            'refused': 'wrong_key'
        }


def test_both_make_the_same_key_of_a_wallet(ask):
    signature = PERSON.sign(KEY_TEXT.encode('ascii'))
    with key_from_signatures(signature, signature, WALLET) as private:
        assert data(ask('visit', seed=text(SEED))['public_key']) == public_of(private)


def test_what_the_browser_seals_opens_here(ask, device):
    record = new_record()
    request = {'template': text(TEMPLATE), 'record': as_dict(record)}
    with SecretBytes.random(32) as private:
        answer = ask('seal', recipient=text(public_of(private)), custody='user', **request)
        sealed = Envelope.from_bytes(data(answer['envelope']))
        assert sealed.custody is Custody.USER
        assert opened(vault.open_own(sealed, record, private)) == TEMPLATE
    with UnsealingKeys.load(device) as keys:
        answer = ask('seal', recipient=text(keys.public), custody='camera', **request)
        sealed = Envelope.from_bytes(data(answer['envelope']))
        assert opened(vault.open_in_custody(sealed, record, keys)) == TEMPLATE


def test_a_backup_made_on_one_side_opens_on_the_other(ask):
    made = ask('new_key', passphrase=PASSPHRASE, wallet=WALLET)
    wallet, private = open_backup(made['backup'], PASSPHRASE)
    with private:
        assert (wallet, public_of(private)) == (WALLET, data(made['public_key']))
        backup = make_backup(private, PASSPHRASE, WALLET)
    made['wallet'] = made.pop('backup') and WALLET
    assert ask('open_backup', backup=backup, passphrase=PASSPHRASE) == made
    wrong = ask('open_backup', backup=backup, passphrase=PASSPHRASE + '!')
    assert wrong == {'refused': 'wrong_passphrase'}


@pytest.fixture
def book(tmp_path):
    clock = FakeClock()
    with Store(tmp_path / 'camera.db', clock) as store:
        yield ChallengeBook(store, 'lobby', [f'https://{DOMAIN}'], ChallengeSettings(), clock)


def challenge_for(book):
    challenge = book.issue(WALLET, DOMAIN, '203.0.113.7')
    return {'message': challenge.text, 'memo_transaction': challenge.memo_transaction}


def test_a_wallet_in_the_browser_signs_in(ask, book):
    request = {'seed': text(SEED), 'domain': DOMAIN, 'challenge': challenge_for(book)}
    signed = ask('sign_in', **request)
    assert signed['wallet_address'] == WALLET
    message, signature = signed['message'].encode(), parse_signature(signed['signature'])
    book.redeem(WALLET, message, signature, '203.0.113.7')
    with pytest.raises(Refused, match='used_nonce'):
        book.redeem(WALLET, message, signature, '203.0.113.7')


def test_a_hardware_wallet_signs_in_by_a_transaction(ask, book):
    request = {'seed': text(SEED), 'domain': DOMAIN, 'challenge': challenge_for(book)}
    signed = ask('sign_in', hardware=True, **request)
    book.redeem_memo(signed['wallet_address'], data(signed['transaction']), '203.0.113.7')


def test_a_challenge_of_another_site_is_not_signed(ask, book):
    request = {'seed': text(SEED), 'challenge': challenge_for(book)}
    assert ask('sign_in', domain='evil.example', **request) == {'refused': 'wrong_domain'}


def test_the_page_shows_the_texts_that_are_accepted(ask):
    shown = ask('consents')
    newest = {custody: versions[-1] for custody, versions in consent_texts.ACCEPTED.items()}
    assert {custody: consent['version'] for custody, consent in shown.items()} == newest
    for consent in shown.values():
        digest = hashlib.sha256('\n'.join(consent['text']).encode()).hexdigest()
        assert digest == consent_texts.DIGESTS[consent['version']], 'another text needs a version'
