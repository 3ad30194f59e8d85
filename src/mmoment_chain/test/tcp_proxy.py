"""A second address of a server, that can be taken away while it is used."""

import asyncio


class TcpProxy:
    """Passes bytes on to a port of this machine; belongs to one event loop."""

    def __init__(self, port):
        self._port = port
        self._server = None
        self._writers = set()
        self.connections = 0

    async def start(self):
        port = 0 if self._server is None else self._address[1]
        self._server = await asyncio.start_server(self._serve, '127.0.0.1', port)
        self._address = self._server.sockets[0].getsockname()

    @property
    def url(self):
        return f'http://127.0.0.1:{self._address[1]}/SECRET'

    async def kill(self):
        """Close the port, and every connection in the middle of what it says."""
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader, writer):
        self.connections += 1
        there, onward = await asyncio.open_connection('127.0.0.1', self._port)
        self._writers |= {writer, onward}
        try:
            await asyncio.gather(_pump(reader, onward), _pump(there, writer))
        finally:
            for each in (writer, onward):
                each.close()
            self._writers -= {writer, onward}


async def _pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
