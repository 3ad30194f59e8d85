"""Face NFTs that were begun in a real browser and not finished: what the page notes of them, and how
they are finished or taken off.
"""

import pytest
from page_camera import PeopleCamera, sign
from page_scripts import WALLET
from played_chain_node import SLOT, PlayedChainNode
from served_camera import served, until
from solders.keypair import Keypair

from tests.browser import CHROMIUM, DRIVER

pytestmark = pytest.mark.graph

if not CHROMIUM or not DRIVER:
    pytest.skip('there is no Chromium with its driver', allow_module_level=True)

# What the page has noted of mints, made older by so many minutes.
MINTS_OF_OLD = """
    for (const name of Object.keys(localStorage)) {
      const noted = JSON.parse(localStorage.getItem(name));
      noted.forEach((each) => { each.at -= arguments[0] * 60_000; });
      localStorage.setItem(name, JSON.stringify(noted));
    }
"""
NEVER_TOLD = ['undecided'] * 1000
# A wallet that never answers, as far as the page that is open knows.
SILENT = 'SubtleCrypto.prototype.sign = () => new Promise(() => {})'


@pytest.fixture(scope='module')
def camera(tmp_path_factory):
    with served(PeopleCamera, tmp_path_factory.mktemp) as running:
        running.chain = running.add(PlayedChainNode(running))
        running.open_check_in()
        running.check_in()
        yield running


def somebody_new(camera):
    """Nobody may ask the chain as often as all these tests do."""
    until(lambda: camera.find('face-mint').is_enabled())
    camera.find('check-out-button').click()
    until(lambda: camera.is_at('/check-in'))
    camera.wipe('demo')
    camera.driver.refresh()
    camera.check_in()
    until(lambda: camera.shows('face-mint'))


def begin_mint_and_stop(camera):
    """The chain has confirmed the first transaction, and the second is not signed."""
    somebody_new(camera)
    camera.find('face-mint').click()
    sign(camera, 'Step 1 of 2')
    until(lambda: camera.shows('chain-review') and 'Step 2' in camera.text('chain-review-lines'))
    camera.find('chain-cancel').click()
    until(lambda: camera.shows('face-drop') and camera.find('face-drop').is_enabled())


def begin_mint_that_nobody_hears_of(camera):
    """The chain does not say what became of the first transaction, and the page is opened anew."""
    somebody_new(camera)
    camera.chain.refusals = list(NEVER_TOLD)
    camera.find('face-mint').click()
    sign(camera, 'Step 1 of 2')
    until(lambda: len(camera.chain.refusals) < len(NEVER_TOLD))
    camera.driver.refresh()
    until(lambda: 'if the chain has taken that' in camera.text('face-state'))
    camera.chain.refusals = []


def test_what_was_begun_and_not_signed_to_the_end_can_be_taken_off(camera):
    begin_mint_and_stop(camera)
    camera.driver.refresh()
    until(lambda: 'never finished' in camera.text('face-state'))
    assert camera.chain.holders == set()
    assert not camera.shows('face-burn')
    camera.find('face-drop').click()
    sign(camera, 'burn_face')
    until(lambda: 'What was begun is off the chain' in camera.text('chain-message'))
    assert camera.chain.asked[-1][2] == {'mint': str(camera.chain.mint), 'slot': str(SLOT)}
    assert 'never finished' not in camera.text('face-state')
    assert not camera.shows('face-drop')


def test_what_the_chain_had_not_decided_is_finished_later(camera):
    begin_mint_that_nobody_hears_of(camera)
    count = len(camera.chain.built)
    assert f'b{count - 1}' not in camera.chain.confirmed
    camera.find('face-finish').click()
    sign(camera, 'Step 2 of 2')
    until(lambda: 'Confirmed by the chain' in camera.text('chain-message'))
    # What was signed before was submitted again, and only the second one built.
    assert camera.chain.confirmed[-2] == f'b{count - 1}'
    assert len(camera.chain.built) == count + 1
    assert camera.chain.asked[-1][2] == {'after': f'b{count - 1}'}
    assert not camera.shows('face-finish')
    camera.find('face-burn').click()
    sign(camera, 'burn_face')
    until(lambda: 'not on the chain.' in camera.text('face-state'))
    assert 'never finished' not in camera.text('face-state')


def test_what_the_chain_had_not_decided_can_be_taken_off(camera):
    begin_mint_that_nobody_hears_of(camera)
    camera.find('face-drop').click()
    sign(camera, 'burn_face')
    until(lambda: 'Confirmed by the chain' in camera.text('chain-message'))
    assert camera.chain.asked[-1][2] == {'mint': str(camera.chain.mint)}
    assert not camera.shows('face-drop')


def test_what_the_chain_does_not_have_is_kept_in_mind_until_it_can_come_no_more(camera):
    begin_mint_that_nobody_hears_of(camera)
    camera.chain.lost_all = True
    camera.find('face-drop').click()
    until(lambda: 'try again in ten minutes' in camera.text('chain-message'))
    assert camera.shows('face-drop')
    camera.driver.execute_script(MINTS_OF_OLD, 9)
    camera.find('face-drop').click()
    until(lambda: 'try again in ten minutes' in camera.text('chain-message'))
    camera.driver.execute_script(MINTS_OF_OLD, 1)
    camera.find('face-drop').click()
    until(lambda: 'nothing is locked' in camera.text('chain-message'))
    until(lambda: not camera.shows('face-drop'))
    assert not camera.shows('face-finish')
    camera.chain.lost_all = False


def test_a_camera_that_has_forgotten_how_it_was_begun_says_so(camera):
    begin_mint_that_nobody_hears_of(camera)
    camera.chain.refusals = ['not_ours']
    camera.find('face-finish').click()
    until(lambda: 'does not know any more' in camera.text('chain-message'))
    assert not camera.shows('face-finish')
    camera.find('face-drop').click()
    sign(camera, 'burn_face')
    until(lambda: not camera.shows('face-drop'))


def test_what_was_begun_and_a_face_that_is_there_are_two_things(camera):
    begin_mint_and_stop(camera)
    begun, wallet = str(camera.chain.mint), camera.chain.asked[-1][1]
    camera.chain.mint = Keypair().pubkey()
    camera.chain.holders.add(wallet)
    camera.driver.refresh()
    until(lambda: 'Another was begun' in camera.text('face-state'))
    assert 'may finish' not in camera.text('face-state')
    assert camera.shows('face-burn')
    camera.find('face-drop').click()
    sign(camera, 'burn_face')
    until(lambda: 'What was begun is off the chain' in camera.text('chain-message'))
    assert camera.chain.asked[-1][2] == {'mint': begun, 'slot': str(SLOT)}
    assert 'is on the chain' in camera.text('face-state')
    assert not camera.shows('face-drop')
    camera.find('face-burn').click()
    sign(camera, 'burn_face')
    until(lambda: 'Your face is off the chain' in camera.text('chain-message'))
    assert camera.chain.asked[-1][2] == {}
    assert 'not on the chain' in camera.text('face-state')


def test_what_the_chain_has_confirmed_is_not_forgotten_on_the_word_of_one_server(camera):
    begin_mint_and_stop(camera)
    camera.chain.lost_all = True
    for minutes in (0, 9):
        camera.driver.execute_script(MINTS_OF_OLD, minutes)
        until(lambda: camera.find('face-drop').is_enabled())
        camera.find('face-drop').click()
        until(lambda: 'does not know it yet' in camera.text('chain-message'))
        assert camera.shows('face-drop')
    camera.driver.execute_script(MINTS_OF_OLD, 1)
    until(lambda: camera.find('face-drop').is_enabled())
    camera.find('face-drop').click()
    until(lambda: 'nothing is locked' in camera.text('chain-message'))
    until(lambda: not camera.shows('face-drop'))
    camera.chain.lost_all = False


def test_what_was_begun_on_one_chain_is_not_looked_for_on_another(camera):
    begin_mint_and_stop(camera)
    camera.chain.cluster = 'devnet'
    until(lambda: 'devnet' in camera.text('chain-summary'))
    assert 'never finished' not in camera.text('face-state')
    assert not camera.shows('face-drop')
    camera.chain.cluster = 'localnet'
    until(lambda: 'never finished' in camera.text('face-state'))
    assert camera.shows('face-drop')


def test_it_is_noted_before_a_wallet_has_it_that_only_signs(camera):
    somebody_new(camera)
    camera.driver.execute_script(SILENT)
    camera.find('face-mint').click()
    sign(camera, 'Step 1 of 2')
    until(lambda: 'Waiting for the wallet' in camera.text('chain-message'))
    camera.driver.refresh()
    until(lambda: 'if the chain has taken that' in camera.text('face-state'))
    assert camera.shows('face-drop')


def test_that_a_copy_may_be_there_is_said_of_what_was_just_signed(camera):
    somebody_new(camera)
    camera.chain.refusals = ['unknown_signature']
    camera.chain.build_refusals = ['would_fail']
    camera.find('face-mint').click()
    sign(camera, 'Step 1 of 2')
    until(lambda: 'exists already. Take off what was begun' in camera.text('chain-message'))
    assert camera.shows('face-drop')


def test_another_signature_is_asked_for_after_one_of_something_else(camera):
    somebody_new(camera)
    camera.chain.refusals = ['foreign_transaction']
    camera.find('face-mint').click()
    sign(camera, 'Step 1 of 2')
    until(lambda: 'leaves what it signs as it is. Or take' in camera.text('chain-message'))
    until(lambda: camera.find('face-finish').is_enabled())
    count = len(camera.chain.built)
    camera.find('face-finish').click()
    sign(camera, 'Step 1 of 2')
    sign(camera, 'Step 2 of 2')
    until(lambda: 'Confirmed by the chain' in camera.text('chain-message'))
    assert camera.chain.confirmed[-2:] == [f'b{count}', f'b{count + 1}']
    assert not camera.shows('face-finish')


def test_a_wallet_that_declines_later_may_have_sent_something_else_before(camera):
    until(lambda: camera.find('check-out-button').is_enabled())
    camera.find('check-out-button').click()
    until(lambda: camera.is_at('/check-in'))
    with camera.script(WALLET):
        camera.driver.refresh()
        camera.check_in_with_odd_wallet()
        until(lambda: camera.shows('face-mint'))
        camera.chain.refusals = ['unknown_signature']
        camera.find('face-mint').click()
        sign(camera, 'Step 1 of 2')
        until(lambda: not camera.chain.refusals and camera.shows('chain-review'))
        camera.driver.execute_script("sessionStorage.setItem('does', 'decline')")
        sign(camera, 'Step 1 of 2')
        until(lambda: 'declined' in camera.text('chain-message'))
        assert camera.shows('face-drop')
    assert not camera.faults()
