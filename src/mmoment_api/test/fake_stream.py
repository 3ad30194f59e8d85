"""A stream_node as the routes see it: what it is told to be, and every question remembered."""

from dataclasses import asdict, replace

from mmoment_api.errors import part_not_running
from mmoment_api.stream_control import (
    PushState,
    StreamSettings,
    StreamStatus,
    TargetSettings,
    TargetStatus,
)

SINCE_MS = 1_700_000_000_250
MAIN = TargetStatus(
    name='main',
    provider='rtmp',
    address='rtmps://media.example.org/live',
    wanted=True,
    push=PushState('waiting_to_retry', SINCE_MS, 'The server does not answer', 3, 4.5),
    error_code='timed_out',
    bytes_sent=7,
    reconnects=2,
)
STUDIO = TargetStatus(
    name='studio',
    provider='livepeer',
    address='rtmp://rtmp.example.org/live',
    wanted=True,
    push=PushState('live', SINCE_MS),
    bytes_sent=2**33,
    packets_sent=900,
    dropped=5,
    fps=29.987,
    kbps=2480.04,
    target_kbps=2500.0,
    queued_bytes=512,
    playback_id='abcd1234efgh5678',
    hls_url='https://play.example.org/hls/abcd1234efgh5678/index.m3u8',
    webrtc_url='https://play.example.org/webrtc/abcd1234efgh5678',
    provider_known=True,
    provider_active=True,
    provider_issues=('low bitrate',),
    provider_checked_ms=SINCE_MS + 9000,
)
IDLE = StreamStatus(channel='public', schedule='always', bitrate_kbps=2500)
ON_AIR = replace(
    IDLE, wanted=True, live=True, push=PushState('live', SINCE_MS), targets=(MAIN, STUDIO)
)
SETTINGS = StreamSettings(
    channel='public',
    schedule='always',
    bitrate_kbps=2500,
    targets=(TargetSettings('main', 'rtmp', 'rtmps://media.example.org/live', 'main.key'),),
    key_folder='/home/camera/stream',
)


class FakeStream:
    """See `StreamControl`."""

    def __init__(self):
        self.is_away = False
        self.refusal = None
        self.asked = []
        self.settings = SETTINGS

    async def start_stream(self, asker, target=''):
        self._ask('start_stream', asker, target)
        return ON_AIR

    async def stop_stream(self, asker, target=''):
        self._ask('stop_stream', asker, target)
        return IDLE

    async def stream_settings(self):
        self._ask('stream_settings')
        return self.settings

    async def change_stream(self, change):
        self._ask('change_stream', change)
        given = {name: value for name, value in asdict(change).items() if value is not None}
        if change.targets is not None:
            given['targets'] = change.targets
        self.settings = replace(self.settings, **given)
        return self.settings

    async def forget_stream_settings(self):
        self._ask('forget_stream_settings')
        self.settings = SETTINGS
        return self.settings

    async def refresh_stream(self):
        self._ask('refresh_stream')

    def _ask(self, *question):
        self.asked.append(question)
        if self.is_away:
            raise part_not_running('stream_node')
        if self.refusal:
            raise self.refusal
