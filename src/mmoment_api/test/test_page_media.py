"""The card for photos and clips, in a real browser against the real api_node and session_node; the
part that takes and keeps them is played, with real files."""

import json

import pytest
from played_capture_node import PlayedCaptureNode
from served_camera import ServedCamera, served, until

from mmoment_interfaces.msg import MediaEvent, MediaItem
from tests.browser import CHROMIUM, DRIVER

pytestmark = pytest.mark.graph
if not CHROMIUM or not DRIVER:
    pytest.skip('there is no Chromium with its driver', allow_module_level=True)

TILES = '.media-grid li'
# What the page sends outlives the page.
NOTE_FORGETTING = """
const real = window.fetch;
window.fetch = (path, options) => {
  if (path === '/api/person/forget') sessionStorage.setItem('forgetting', options.body);
  return real(path, options);
};
"""


class MediaCamera(ServedCamera):
    """Its photos and clips are files of the folder beside that of the data."""

    NAME = 'media'

    def __init__(self, folder, driver, stack):
        super().__init__(folder, driver, stack)
        media = folder.parent / 'media'
        media.mkdir()
        self.capture = self.add(PlayedCaptureNode(self.context, self.namespace, media))

    def tiles(self):
        return self.driver.find_elements('css selector', TILES)

    def open_tile(self, place):
        self.tiles()[place].find_element('css selector', 'button').click()
        until(lambda: self.shows('viewer'))

    def close_viewer(self):
        self.find('viewer-close').click()
        until(lambda: not self.shows('viewer'))


@pytest.fixture(scope='module')
def camera(tmp_path_factory):
    with served(MediaCamera, tmp_path_factory.mktemp) as running:
        yield running


def shortened(wallet):
    """As the page writes it."""
    return f'{wallet[:4]}…{wallet[-4:]}'


def test_the_owner_sees_an_empty_card(camera):
    camera.driver.get(camera.links()[0])
    until(lambda: camera.shows('media-empty'))
    assert camera.tiles() == []
    for button in ('take-photo', 'record'):
        assert camera.shows(button)
    assert not camera.shows('media-more')
    assert not camera.shows('rec-badge')


def test_a_photo_is_taken_and_shown(camera):
    camera.find('photo-annotated').click()
    camera.find('take-photo').click()
    until(lambda: camera.text('media-message') == 'Photo kept')
    (item,) = camera.capture.items
    assert item.annotated
    # Told by the answer and by an event, but it is one.
    until(lambda: 'Photo kept' in camera.text('log'))
    assert len(camera.tiles()) == 1
    assert camera.text('media-count') == '1'
    thumbnail = camera.tiles()[0].find_element('css selector', 'img')
    until(lambda: thumbnail.get_property('naturalWidth') == 160)
    camera.open_tile(0)
    shown = camera.find('viewer-content').find_element('css selector', 'img')
    until(lambda: shown.get_property('naturalWidth') == 320)
    assert 'with overlay' in camera.text('viewer-facts')
    camera.picture('photo')
    camera.close_viewer()


def test_a_clip_is_recorded_and_plays(camera):
    camera.find('record').click()
    until(lambda: camera.text('record') == 'Stop')
    assert camera.shows('rec-badge')
    first = camera.text('rec-badge')
    until(lambda: camera.text('rec-badge') != first)
    assert 'Recording' in camera.text('recordings')
    camera.picture('recording')
    camera.find('record').click()
    until(lambda: camera.text('record') == 'Record')
    until(lambda: camera.text('media-message') == 'Clip kept')
    until(lambda: not camera.shows('rec-badge'))
    assert len(camera.tiles()) == 2
    place = next(n for n, tile in enumerate(camera.tiles()) if '▶ 0:04' in tile.text)
    camera.open_tile(place)
    video = camera.find('viewer-content').find_element('css selector', 'video')

    def of(name):
        return video.get_property(name)

    until(lambda: of('readyState') >= 2)
    until(lambda: of('currentTime') > 0.5)
    assert camera.driver.execute_script('return arguments[0].error', video) is None
    assert (of('videoWidth'), of('videoHeight')) == (320, 180)
    assert abs(of('duration') - 4.0) < 0.2
    assert of('controls')
    camera.picture('clip')
    # Forward and back, by parts of the file.
    camera.driver.execute_script('arguments[0].currentTime = 3.5', video)
    until(lambda: of('ended'))
    camera.close_viewer()
    assert camera.find('viewer-content').find_elements('css selector', 'video') == []


def test_a_favourite_is_one_for_the_camera_too(camera):
    camera.open_tile(0)
    assert camera.find('viewer-favourite').get_attribute('aria-pressed') == 'false'
    camera.find('viewer-favourite').click()
    until(lambda: camera.find('viewer-favourite').get_attribute('aria-pressed') == 'true')
    assert sum(item.favourite for item in camera.capture.items) == 1
    camera.close_viewer()
    assert 'favourite' in camera.tiles()[0].find_element('css selector', 'button').accessible_name
    assert camera.tiles()[0].find_element('css selector', '.tile-star').is_displayed()


def test_it_can_be_saved(camera, tmp_path):
    camera.driver.execute_cdp_cmd(
        'Page.setDownloadBehavior', {'behavior': 'allow', 'downloadPath': str(tmp_path)}
    )
    photo = next(item for item in camera.capture.items if item.kind == MediaItem.PHOTO)
    place = next(n for n, tile in enumerate(camera.tiles()) if '▶' not in tile.text)
    camera.open_tile(place)
    camera.find('viewer-save').click()
    saved = tmp_path / photo.filename
    until(lambda: saved.is_file() and saved.stat().st_size == photo.bytes)
    camera.close_viewer()


def test_two_clicks_delete_and_one_does_not(camera):
    camera.open_tile(0)
    camera.find('viewer-delete').click()
    assert camera.text('viewer-delete') == 'Really delete?'
    # What was nearly deleted was this one, and not the next that is opened.
    camera.close_viewer()
    camera.open_tile(1)
    assert camera.text('viewer-delete') == 'Delete'
    camera.find('viewer-delete').click()
    assert len(camera.capture.items) == 2
    camera.find('viewer-delete').click()
    until(lambda: not camera.shows('viewer'))
    until(lambda: len(camera.tiles()) == 1)
    assert len(camera.capture.items) == 1
    assert camera.text('media-count') == '1'


def test_what_happens_elsewhere_appears_by_itself(camera):
    item = camera.capture.keep(MediaItem.PHOTO, identity='a-wallet-of-somebody')
    until(lambda: len(camera.tiles()) == 2)
    assert shortened(item.identity) in camera.tiles()[0].text
    camera.capture.tell(MediaEvent.DELETED, item, reason='retention')
    until(lambda: len(camera.tiles()) == 1)
    assert 'retention' in camera.text('log')
    camera.capture.items.remove(item)
    camera.capture.tell(
        MediaEvent.FAILED, MediaItem(kind=MediaItem.CLIP), 'disk_full', 'There is no room left'
    )
    until(lambda: 'There is no room left' in camera.text('media-message'))


def test_a_refusal_is_said(camera):
    camera.capture.refusal = 'disk_full'
    try:
        for button in ('take-photo', 'record'):
            camera.find(button).click()
            until(lambda: camera.text('media-message') == 'Because of disk_full')
            until(camera.find(button).is_enabled)
    finally:
        camera.capture.refusal = ''


def test_more_on_demand(camera):
    for _ in range(26):
        camera.capture.keep(MediaItem.PHOTO)
    until(lambda: camera.text('media-count') == '27')
    camera.driver.refresh()
    until(lambda: len(camera.tiles()) == 24)
    assert camera.text('media-count') == '27'
    camera.picture('grid')
    camera.find('media-more').click()
    until(lambda: len(camera.tiles()) == 27)
    until(lambda: not camera.shows('media-more'))
    names = [
        tile.find_element('css selector', 'img').get_attribute('src').split('/')[-2]
        for tile in camera.tiles()
    ]
    newest_first = sorted(
        camera.capture.items, key=lambda item: item.started.sec + item.started.nanosec / 1e9
    )
    assert names == [item.filename for item in reversed(newest_first)]


def test_somebody_else_sees_their_own_and_that_something_is_recorded(camera):
    owner = camera.signed()
    owners = camera.capture.items[-1]
    _, began = owner.send('POST', '/api/record', {'action': 'start'})
    camera.become_somebody()
    until(lambda: camera.shows('media-empty'))
    assert camera.tiles() == []
    until(lambda: camera.text('rec-badge') == '● recording')
    assert camera.text('record') == 'Record'
    assert not camera.shows('recordings')
    camera.find('take-photo').click()
    until(lambda: len(camera.tiles()) == 1)
    own = camera.signed()
    wallet = own.get('/api/session')['wallet_address']
    assert camera.capture.items[-1].identity == wallet
    assert own.get('/api/photos')['total'] == 1
    path = f'/api/photos/{owners.filename}'
    for other in (path, f'{path}/thumbnail'):
        assert own.send('GET', other, {})[0] == 404
    assert own.send('DELETE', path, {})[0] == 404
    stop = {'action': 'stop', 'id': began['id']}
    assert own.send('POST', '/api/record', stop)[0] == 404
    camera.picture('person')
    # What the owner takes meanwhile is none of their business.
    assert owner.send('POST', '/api/capture', {})[0] == 200
    assert owner.send('POST', '/api/record', stop)[0] == 200
    until(lambda: not camera.shows('rec-badge'))
    assert len(camera.tiles()) == 1
    assert camera.text('log').count('kept') == 1


@pytest.mark.parametrize('is_wished', [False, True])
def test_who_is_forgotten_takes_their_photos_along_if_they_wish(camera, is_wished):
    camera.driver.execute_script(NOTE_FORGETTING)
    assert not camera.find('forget-media').is_selected()
    if is_wished:
        camera.find('forget-media').click()
    camera.find('forget-me').click()
    camera.find('forget-me').click()
    until(lambda: camera.driver.current_url.endswith('/check-in'))
    sent = camera.driver.execute_script("return sessionStorage.getItem('forgetting')")
    assert json.loads(sent) == {'confirm_media': is_wished}
    camera.become_somebody()


def test_the_owner_stops_what_somebody_else_records(camera):
    camera.find('record').click()
    until(lambda: camera.text('record') == 'Stop')
    person = camera.signed()
    (clip,) = camera.capture.running.values()
    camera.driver.delete_all_cookies()
    camera.driver.get(camera.new_link())
    until(lambda: camera.shows('recordings'))
    assert camera.text('record') == 'Record'
    row = camera.find('recordings').find_element('css selector', 'li')
    assert shortened(clip.identity) in row.text
    camera.picture('recording-of-a-person')
    row.find_element('css selector', 'button').click()
    until(lambda: not camera.shows('recordings'))
    assert clip.item.identity == person.get('/api/session')['wallet_address']
    until(lambda: any(shortened(clip.identity) in tile.text for tile in camera.tiles()))


def test_nothing_was_refused_by_the_policy_and_nothing_thrown(camera):
    assert camera.faults() == []
