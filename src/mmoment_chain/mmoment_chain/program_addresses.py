"""Where the camera registry keeps its accounts: addresses that follow from keys (PDAs)."""

from __future__ import annotations

from solders.pubkey import Pubkey


def camera_address(program: bytes, first_device: bytes) -> bytes:
    """Of the camera that was registered with that device key."""
    return _found(program, b'camera', first_device)


def session_address(program: bytes, camera: bytes, subject: bytes) -> bytes:
    """Of the visits of that subject to the camera at that address."""
    return _found(program, b'session', camera, subject)


def grant_address(program: bytes, camera: bytes, subject: bytes) -> bytes:
    """Of what that subject may do at the camera at that address."""
    return _found(program, b'grant', camera, subject)


def face_address(program: bytes, wallet: bytes, number: int) -> bytes:
    """Of face template `number` (0 to 255) of that wallet."""
    return _found(program, b'face', wallet, bytes([number]))


def _found(program: bytes, *seeds: bytes) -> bytes:
    return bytes(Pubkey.find_program_address(list(seeds), Pubkey.from_bytes(program))[0])
