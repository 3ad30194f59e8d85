"""What a person does at Livepeer by the command line, with a studio that answers as documented."""

import json

import pytest
from livepeer_world import KEY_FILE, NEVER, key_file, world

from mmoment_stream.livepeer_command import SECRET_NAME, main
from mmoment_stream.stream_places import FOLDER_NAME, livepeer_memory
from tests.standins.livepeer_studio import await_true


class Camera:
    """A folder of a camera that has a stream at the studio, and the words for the command."""

    def __init__(self, studio_world, data, capsys):
        self.world, self.capsys = studio_world, capsys
        self.folder = studio_world.folder
        self._words = [
            f'--data-folder={data}',
            '--namespace=gym',
            f'--livepeer-url={studio_world.studio.base_url}',
        ]

    def run(self, action, *more, code=0):
        assert main([action, *self._words, *more]) == code
        told = self.capsys.readouterr()
        assert self.world.studio.api_key not in told.out + told.err
        return told.err if code else told.out

    def read(self, action, *more):
        return json.loads(self.run(action, '--json', *more))


@pytest.fixture
def camera(tmp_path, capsys):
    folder = tmp_path / 'cameras' / 'gym' / FOLDER_NAME
    folder.mkdir(parents=True, mode=0o700)
    with world(folder) as made:
        made.memory = livepeer_memory(folder, 'studio')
        made.provider().ingest(NEVER)
        yield Camera(made, tmp_path, capsys)


def publish(camera):
    (stream,) = camera.world.streams
    return camera.world.account.hook(
        'on_publish', {'name': stream['streamKey'], 'clientid': str(len(stream['publishers']))}
    )


def test_the_state_is_told_without_the_key(camera):
    (stream,) = camera.world.streams
    told = camera.read('status')
    assert (told['id'], told['is_active']) == (stream['id'], False)
    assert stream['streamKey'] not in camera.run('status')


def test_recordings_are_listed_with_their_addresses(camera):
    assert camera.run('recordings') == 'none\n'
    assert publish(camera)
    (session,) = camera.world.account.sessions.values()
    session.update(recordingStatus='ready', mp4Url='https://host.test/a.mp4')
    (told,) = camera.read('recordings')
    assert (told['recording'], told['mp4']) == ('ready', 'https://host.test/a.mp4')
    assert 'https://host.test/a.mp4' in camera.run('recordings')


def test_a_push_is_ended_and_kept_away_and_let_in_again(camera):
    kicked = []
    camera.world.account.kick = kicked.append
    assert publish(camera)
    camera.run('terminate')
    assert await_true(lambda: len(kicked) == 1)
    assert publish(camera)
    camera.run('suspend')
    assert not publish(camera)
    camera.run('resume')
    assert publish(camera)


def test_a_webhook_is_signed_with_a_secret_that_the_camera_keeps(camera):
    webhooks = camera.world.account.events.webhooks
    told = camera.run('webhook-add', 'https://gym.test/api/stream/livepeer/webhook')
    (made,) = webhooks.values()
    path = camera.folder / SECRET_NAME
    secret = path.read_text().strip()
    assert made['sharedSecret'] == secret
    assert len(secret) > 40
    assert path.stat().st_mode & 0o777 == 0o600
    assert str(path) in told
    assert secret not in told
    camera.run('webhook-add', 'https://gym.test/2')
    assert {each['sharedSecret'] for each in webhooks.values()} == {secret}
    listed = camera.read('webhooks')
    assert {each['id'] for each in listed} == set(webhooks)
    for each in listed:
        camera.run('webhook-remove', each['id'])
    assert camera.run('webhooks') == 'none\n'


def test_what_cannot_be_done_is_told_with_two(camera):
    assert 'several' not in camera.run('status', '--target=studio')
    assert 'made none yet' in camera.run('status', '--target=other', code=2)
    livepeer_memory(camera.folder, 'second').write_text('{"stream_id": "abc"}')
    assert 'give --target' in camera.run('status', code=2)
    assert 'does not know' in camera.run('status', '--stream-id=nobody', code=2)
    key_file(camera.folder, 'wrong-key', KEY_FILE)
    assert 'API key' in camera.run('webhooks', code=2)
    (camera.folder / KEY_FILE).chmod(0o644)
    assert 'chmod 600' in camera.run('webhooks', code=2)
