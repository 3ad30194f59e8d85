"""Calls of the app without a server."""

import asyncio

import httpx

from mmoment_api.app import create_app, guarded

BASE_URL = 'http://127.0.0.1:5002'


class Caller:
    """Calls the app as a client would; `cookie` is sent when set."""

    def __init__(self, services):
        self.services = services
        self.app = create_app(services)
        self.cookie = None

    def __call__(self, method, path, headers=None, **arguments):
        headers = {**({'Cookie': self.cookie} if self.cookie else {}), **(headers or {})}

        async def call():
            transport = httpx.ASGITransport(guarded(self.app), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
                return await client.request(method, path, headers=headers, **arguments)

        return asyncio.run(call())

    def get(self, path, **arguments):
        return self('GET', path, **arguments)

    def post(self, path, **arguments):
        return self('POST', path, **arguments)

    def signed_in(self):
        """The same caller with the owner's cookie."""
        value = self.services.sign_in.exchange(self.services.sign_in.new_token(), 'test')
        self.cookie = f'{self.services.settings.cookie_name}={value}'
        return self

    def checked_in(self, opened):
        """The same caller with the cookie of a person's session."""
        self.cookie = f'{self.services.settings.person_cookie_name}={opened.token}'
        return self
