"""A camera that pushes its stream to targets; stream_node is played."""

import time

from played_stream_node import PlayedStreamNode, stamp, state
from served_camera import ServedCamera, until
from signed_hooks import SECRET

from mmoment_interfaces.msg import ComponentState, StreamTargetStatus


def two_targets():
    """One that receives it, at a provider, and one that waits after an error."""
    studio = StreamTargetStatus(
        name='studio',
        provider='livepeer',
        address='rtmp://rtmp.example.org/live',
        enabled=True,
        wanted=True,
        push=state(ComponentState.LIVE),
        bytes_sent=3 * 2**20,
        dropped=4,
        reconnects=2,
        fps=29.97,
        kbps=2387.0,
        target_kbps=2500.0,
        playback_id='abcd1234efgh5678',
        hls_url='https://play.example.org/hls/abcd1234efgh5678/index.m3u8',
        webrtc_url='https://play.example.org/webrtc/abcd1234efgh5678',
        provider_known=True,
        provider_active=True,
        provider_issues=['low bitrate'],
        provider_checked=stamp(time.time()),
        slate=True,
    )
    main = StreamTargetStatus(
        name='main',
        provider='rtmp',
        address='rtmps://media.example.org/live',
        enabled=True,
        wanted=True,
        push=state(
            ComponentState.WAITING_TO_RETRY,
            last_error='The server does not answer: media.example.org',
            retries=3,
            next_try_s=25.0,
        ),
        error_code='timed_out',
        # Of the connection before.
        provider_known=True,
        provider_checked=stamp(time.time()),
        hls_url='javascript:alert(1)',
    )
    spare = StreamTargetStatus(name='spare', provider='rtmp', push=state(ComponentState.IDLE))
    return [main, studio, spare]


class PushingCamera(ServedCamera):
    """Its provider's webhooks are signed with the secret of `signed_hooks`."""

    NAME = 'stream'

    def __init__(self, folder, driver, stack):
        secret = folder.parent / 'webhook.secret'
        secret.write_bytes(SECRET)
        secret.chmod(0o600)
        of_api = (f'livepeer_webhook_secret_file:={secret}',)
        super().__init__(folder, driver, stack, of_api=of_api)
        self.stream = self.add(PlayedStreamNode(self.context, self.namespace))

    def click(self, name):
        until(self.find(name).is_enabled)
        self.find(name).click()

    def target(self, name):
        """A row, as it is read."""
        rows = self.driver.find_elements('css selector', f'[data-target="{name}"]')
        return rows[0].text if rows else ''

    def target_buttons(self, name):
        """What can be done with a target by itself."""
        return [button.text for button in self._buttons(name)]

    def click_target(self, name, label):
        button = until(lambda: next((b for b in self._buttons(name) if b.text == label), None))
        until(button.is_enabled)
        button.click()

    def _buttons(self, name):
        found = self.driver.find_elements('css selector', f'[data-target="{name}"] button')
        return [button for button in found if button.is_displayed()]

    def forms(self):
        return self.driver.find_elements('css selector', '.target-form')

    def picture(self, name):
        super().picture(f'stream-{name}')
