"""A Livepeer Studio of the tests, and what speaks to it."""

import asyncio
import contextlib
import threading

from mmoment_stream.livepeer_client import LivepeerClient
from mmoment_stream.livepeer_http import StudioHttp
from mmoment_stream.livepeer_models import LivepeerOptions
from mmoment_stream.livepeer_provider import LivepeerProvider
from mmoment_stream.push_target import LIVEPEER, PushTarget
from tests.standins.livepeer_studio import LivepeerStudio

KEY_FILE = 'livepeer.key'
NAME = 'mmoment gym-1 studio'
NEVER = threading.Event()


def key_file(folder, text, name=KEY_FILE):
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return path


class World:
    """One studio, a camera's folder, and as many providers as a test wants."""

    def __init__(self, folder, **account):
        self.folder = folder
        self.studio = LivepeerStudio(**account)
        self.account = self.studio.account
        self.memory = folder / 'memory.json'
        self._providers = []
        key_file(folder, self.studio.api_key + '\n')

    def close(self):
        for provider in self._providers:
            provider.close()
        self.studio.close()

    def provider(self, *, name=NAME, stream_id='', memory=True, clock=None, **options):
        """Another one, as after a restart of the camera."""
        target = PushTarget('studio', LIVEPEER, key_file=KEY_FILE, stream_id=stream_id)
        clocks = {} if clock is None else {'monotonic': clock, 'wall_clock': clock}
        provider = LivepeerProvider(
            target,
            self.folder,
            stream_name=name,
            memory=self.memory if memory else None,
            options=LivepeerOptions(**{'base_url': self.studio.base_url, **options}),
            **clocks,
        )
        self._providers.append(provider)
        return provider

    def client(self, **arguments):
        """For `calling`."""
        return client(self.studio, **arguments)

    @property
    def streams(self):
        """Those that are not deleted."""
        return [stream for stream in self.account.streams.values() if not stream['deleted']]


@contextlib.contextmanager
def world(folder, **account):
    made = World(folder, **account)
    try:
        yield made
    finally:
        made.close()


def client(studio, *, base_url='', api_key='', **arguments):
    http = StudioHttp(base_url or studio.base_url, lambda: api_key or studio.api_key, **arguments)
    return LivepeerClient(http)


def calling(made, work):
    """What the work with this client comes to."""

    async def call():
        try:
            return await work(made)
        finally:
            await made.close()

    return asyncio.run(call())
