"""Test vectors of sign-ins by transaction, for Python and JavaScript: texts in, fixed bytes out.

`python test/memo_vectors.py` writes the file anew, which is right only together with siws.js: clients
that know the old transaction would not sign the new one.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from vault_vectors import fixed

from mmoment_chain.memo_sign_in import unsigned_transaction
from mmoment_chain.transaction_size import WIRE_BYTES_AT_MOST
from mmoment_chain.wallet import parse_wallet, wallet_text

FILE = Path(__file__).parent / 'vectors' / 'memo.json'
# All but the text, where its length takes two bytes: from TWO_BYTES on.
FRAME_BYTES = 171
TWO_BYTES = 128
LONGEST = WIRE_BYTES_AT_MOST - FRAME_BYTES


def cases() -> list[tuple[str, str]]:
    """Wallets and texts: one as cameras send it, and lengths at every limit."""
    wallet, with_zeros = (wallet_text(key) for key in (fixed('wallet'), bytes(5) + fixed('x', 27)))
    sign_in = f'camera.example wants you to sign in with your Solana account:\n{wallet}'
    return [
        (wallet, f'{sign_in}\n\nNonce: 0123456789abcdef'),
        (with_zeros, 'Gr\u00fc\u00dfe \U0001f642'),
        *((wallet, 'x' * length) for length in (1, TWO_BYTES - 1, TWO_BYTES, LONGEST)),
    ]


def make() -> dict[str, Any]:
    made = []
    for wallet, text in cases():
        transaction = unsigned_transaction(parse_wallet(wallet), text)
        made.append(
            {
                'wallet': wallet,
                'text': text,
                'transaction': base64.b64encode(transaction).decode('ascii'),
            }
        )
    return {'about': 'Transactions in base64. Made by test/memo_vectors.py.', 'cases': made}


def written() -> str:
    return json.dumps(make(), indent=2, ensure_ascii=False) + '\n'


if __name__ == '__main__':
    FILE.write_text(written(), encoding='utf-8')
