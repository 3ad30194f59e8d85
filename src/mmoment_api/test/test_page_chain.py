"""The card of the chain in a real browser: what is signed there are real transactions, and a node
that plays chain_node checks every signature.
"""

import base64

import pytest
from page_camera import PeopleCamera, sign
from page_scripts import WALLET
from played_chain_node import PlayedChainNode
from served_camera import served, until

from tests.browser import CHROMIUM, DRIVER

pytestmark = pytest.mark.graph

if not CHROMIUM or not DRIVER:
    pytest.skip('there is no Chromium with its driver', allow_module_level=True)

# What the console says of answers that are refused here on purpose, and of streams that ended.
KNOWN = ('401', '404', '409', '422', '503', 'WebSocket')

KEPT_AND_FORGOTTEN = """
    const done = arguments[0];
    const body = (wallet) => JSON.stringify({ wallet_address: wallet });
    const headers = { 'Content-Type': 'application/json' };
    fetch('/api/face/template').then((answer) => answer.json()).then((kept) => {
      fetch('/api/face', { method: 'DELETE', headers, body: body(kept.wallet_address) })
        .then(() => done(kept));
    });
"""


@pytest.fixture(scope='module')
def camera(tmp_path_factory):
    with served(PeopleCamera, tmp_path_factory.mktemp, "gates:=['capture face']") as running:
        running.chain = running.add(PlayedChainNode(running))
        yield running


def is_severe(item):
    return item['level'] == 'SEVERE'


def test_the_owner_registers_the_camera(camera):
    camera.driver.get(camera.links()[0])
    until(lambda: camera.shows('chain-register-form'))
    assert 'not registered on localnet' in camera.text('chain-summary')
    until(lambda: '9 of 12 records' in camera.text('chain-facts'))
    assert '2.5 SOL' in camera.text('chain-facts')
    until(lambda: 'Demo key' in camera.find('chain-wallet').text)
    camera.find('chain-name').send_keys('Garden')
    camera.find('chain-register').click()
    until(lambda: camera.shows('chain-review'))
    assert '0.00001 SOL' in camera.text('chain-review-cost')
    camera.picture('chain-review')
    camera.find('chain-cancel').click()
    until(lambda: camera.text('chain-message') == 'Nothing was signed')
    assert camera.chain.confirmed == []
    camera.find('chain-register').click()
    sign(camera, 'register_camera')
    until(lambda: 'Confirmed by the chain' in camera.text('chain-message'))
    until(lambda: 'Registered on localnet' in camera.text('chain-summary'))
    assert not camera.shows('chain-register-form')
    kind, wallet, values = camera.chain.asked[-1]
    assert (kind, values) == ('register_camera', {'name': 'Garden', 'mode': 'private'})
    assert camera.chain.owner == wallet


def test_somebody_puts_their_face_there_in_two_steps(camera):
    camera.find('sign-out').click()
    camera.open_check_in()
    camera.check_in()
    until(lambda: 'not on the chain' in camera.text('face-state'))
    assert not camera.shows('chain-group')
    assert camera.text('chain-facts') == ''
    withheld = camera.text('session-withheld')
    assert 'Not yours here: capture.' in withheld
    assert 'no face NFT' in withheld
    # The chain does not say at once, and the second transaction comes too late, once.
    camera.chain.refusals = ['undecided']
    camera.find('face-mint').click()
    sign(camera, 'Step 1 of 2')
    until(lambda: camera.shows('chain-review') and 'Step 2' in camera.text('chain-review-lines'))
    camera.chain.refusals = ['expired']
    sign(camera, 'Step 2 of 2')
    until(lambda: not camera.chain.refusals)
    sign(camera, 'Step 2 of 2')
    until(lambda: 'Confirmed by the chain' in camera.text('chain-message'))
    assert 'is on the chain' in camera.text('face-state')
    assert len(camera.chain.holders) == 1
    camera.picture('chain-face')


def test_a_camera_that_keeps_no_face_takes_it_from_the_chain(camera):
    camera.find('consent-switch').click()
    camera.find('consent-enrol').click()
    until(lambda: 'is kept' in camera.text('session-message'))
    kept = camera.driver.execute_async_script(KEPT_AND_FORGOTTEN)
    envelope = base64.b64decode(kept['envelope'])
    camera.chain.face = (envelope, kept['model_id'], kept['record_id'])
    camera.driver.refresh()
    until(lambda: 'no template' in camera.text('template-state'))
    until(lambda: camera.shows('face-fetch'))
    del camera.faces.opened[:]
    camera.find('face-fetch').click()
    assert camera.text('session-message') == ''
    camera.find('consent-switch').click()
    camera.find('face-fetch').click()
    until(lambda: camera.faces.opened)
    until(lambda: 'recognises you' in camera.text('template-state'))
    # What is sealed to somebody else is not kept.
    camera.chain.face = (envelope, kept['model_id'], 'another record')
    until(lambda: camera.shows('face-fetch'))
    camera.find('consent-switch').click()
    camera.find('face-fetch').click()
    until(lambda: 'another key' in camera.text('session-message'))


def test_and_takes_it_off_again(camera):
    camera.find('face-burn').click()
    sign(camera, 'burn_face')
    until(lambda: 'not on the chain' in camera.text('face-state'))
    assert camera.chain.holders == set()


def test_a_wallet_that_sends_what_it_signs_puts_a_face_there(camera):
    camera.find('check-out-button').click()
    until(lambda: camera.is_at('/check-in'))
    with camera.script(WALLET):
        camera.driver.refresh()
        camera.check_in_with_odd_wallet()
        until(lambda: camera.shows('face-mint'))
        tell = camera.driver.execute_script
        tell("sessionStorage.setItem('does', 'decline')")
        camera.find('face-mint').click()
        sign(camera, 'Step 1 of 2')
        until(lambda: 'declined' in camera.text('chain-message'))
        assert not camera.shows('face-drop')
        # It may have sent what nobody hears of.
        tell("sessionStorage.setItem('does', 'send silently')")
        camera.find('face-mint').click()
        sign(camera, 'Step 1 of 2')
        until(lambda: 'Waiting for the wallet' in camera.text('chain-message'))
        camera.driver.refresh()
        until(lambda: 'if the chain has taken that' in camera.text('face-state'))
        assert camera.chain.sent_by_wallets == []
        camera.chain.build_refusals = ['would_fail']
        camera.find('face-finish').click()
        until(lambda: 'exists already. Take off' in camera.text('chain-message'))
        until(lambda: camera.find('face-finish').is_enabled())
        tell("sessionStorage.setItem('does', 'decline')")
        camera.find('face-finish').click()
        sign(camera, 'Step 1 of 2')
        until(lambda: 'declined' in camera.text('chain-message'))
        until(lambda: camera.shows('face-finish') and camera.find('face-finish').is_enabled())
        tell("sessionStorage.setItem('does', 'send')")
        camera.find('face-finish').click()
        sign(camera, 'Step 1 of 2')
        until(
            lambda: camera.shows('chain-review') and 'Step 2' in camera.text('chain-review-lines')
        )
        # Of a message that its wallet has changed nobody waits long for each answer.
        camera.chain.refusals = ['undecided'] * 7 + ['unknown_signature']
        sign(camera, 'Step 2 of 2')
        until(lambda: not camera.chain.refusals)
        sign(camera, 'Step 2 of 2')
        until(lambda: 'is on the chain' in camera.text('face-state'))
        first, *more = camera.chain.sent_by_wallets
        assert camera.chain.confirmed[-2:] == [first, more[-1]]
        assert not camera.shows('face-finish')
        # What the camera has to sign as well, such a wallet cannot send.
        camera.chain.mode = 'public'
        until(lambda: camera.shows('visit-tell'))
        camera.find('visit-tell').click()
        until(lambda: 'sends what it signs by itself' in camera.text('chain-message'))
        camera.chain.mode = 'private'
        camera.chain.holders.clear()
        camera.find('check-out-button').click()
        until(lambda: camera.is_at('/check-in'))
    camera.open_check_in()
    camera.check_in()
    until(lambda: 'not on the chain' in camera.text('face-state'))


def test_only_at_a_public_camera_visits_are_told(camera):
    assert not camera.shows('visit-tell')
    camera.chain.mode = 'public'
    until(lambda: camera.shows('visit-tell'))
    assert 'who checks in is public' in camera.text('chain-summary')
    camera.find('visit-tell').click()
    sign(camera, 'check_in')
    until(lambda: 'The chain knows that you are here' in camera.text('chain-message'))
    assert camera.chain.asked[-1][0] == 'check_in'


def test_a_refusal_is_said(camera):
    camera.chain.refusals = ['refused']
    camera.find('face-mint').click()
    sign(camera, 'mint_face')
    until(lambda: camera.text('chain-message') == 'Not now')
    assert camera.find('face-mint').is_enabled()
    assert camera.chain.holders == set()
    # Where money is, a key of the browser neither signs nor is offered.
    camera.chain.refusals = []
    camera.chain.cluster = 'mainnet'
    until(lambda: 'Registered on mainnet' in camera.text('chain-summary'))
    camera.find('face-mint').click()
    until(lambda: camera.shows('chain-review'))
    asked = len(camera.chain.confirmed)
    camera.find('chain-sign').click()
    until(lambda: 'for trying only' in camera.text('chain-message'))
    assert len(camera.chain.confirmed) == asked
    assert not camera.shows('face-drop')
    camera.find('check-out-button').click()
    until(lambda: camera.is_at('/check-in'))
    camera.driver.refresh()
    wait = 'setTimeout(arguments[0], 1500)'
    camera.driver.execute_async_script(wait)
    assert 'Demo key' not in camera.find('wallet-choice').text
    told = [item['message'] for item in camera.driver.get_log('browser') if is_severe(item)]
    assert not [text for text in told if not any(known in text for known in KNOWN)]
