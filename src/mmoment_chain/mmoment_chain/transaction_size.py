"""How long a transaction is as it is sent, and how long it may be."""

from __future__ import annotations

from solders.message import MessageV0, to_bytes_versioned

from mmoment_chain.wallet import SIGNATURE_BYTES

WIRE_BYTES_AT_MOST = 1232
"""What fits one packet: IPv6's least MTU of 1280 bytes, less the headers."""


def signed_bytes(message: MessageV0) -> int:
    """Length of the transaction with this message, once all have signed it."""
    # In front of the signatures stands how many there are.
    signatures = message.header.num_required_signatures
    return 1 + SIGNATURE_BYTES * signatures + len(bytes(to_bytes_versioned(message)))
