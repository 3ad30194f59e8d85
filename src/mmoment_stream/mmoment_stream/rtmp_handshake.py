"""The first bytes of an RTMP connection (Adobe RTMP specification 1.0, section 5.2)."""

from __future__ import annotations

import os

from mmoment_stream.push_target import PushError

VERSION = 3
PACKET_BYTES = 1536
# The version, the server's packet, and its answer to ours.
SERVER_BYTES = 1 + 2 * PACKET_BYTES
NO_DIGEST = bytes(8)


def hello() -> bytes:
    """What the client sends at once. Times are 0, and so is the version that would ask for digests."""
    return bytes((VERSION,)) + NO_DIGEST + os.urandom(PACKET_BYTES - len(NO_DIGEST))


def check_version(first: int) -> None:
    """Refuse a server by its first byte. Raises PushError with the code protocol."""
    if first != VERSION:
        raise PushError('protocol', 'its first byte is not that of RTMP')


def answer(server: bytes) -> bytes:
    """What the client sends once the SERVER_BYTES are there."""
    check_version(server[0])
    return server[1 : 1 + PACKET_BYTES]
