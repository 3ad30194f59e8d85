"""A note that the signing key of a camera is in use on a chain: whoever would replace it is warned.

The chain knows the camera by that key, SOL lies at its address, and the group of its face NFTs was
made with it. The note names the key, so that it means nothing for the one after.
"""

from __future__ import annotations

from pathlib import Path

from mmoment_chain.wallet import wallet_text
from mmoment_node.durable_files import keep

FILE = 'used-on-chain'


def note(folder: Path, key: bytes) -> None:
    """Note in the folder of the camera that this public key is in use. Raises OSError."""
    if not is_noted(folder, key):
        keep(folder / FILE, f'{wallet_text(key)}\n'.encode('ascii'))


def is_noted(folder: Path, key: bytes) -> bool:
    """Whether it was noted of this key. Raises OSError."""
    try:
        return (folder / FILE).read_bytes().strip() == wallet_text(key).encode()
    except FileNotFoundError:
        return False
