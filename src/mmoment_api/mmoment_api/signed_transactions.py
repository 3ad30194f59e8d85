"""What comes back from a wallet: what it has signed or, of what it has sent itself, the signature."""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_api.chain_control import ChainControl, ConfirmedTransaction
from mmoment_api.errors import ApiError


@dataclass(frozen=True, slots=True)
class Signed:
    """One of the two, and the other is empty."""

    transaction: str = ''
    """Base64, with all signatures."""
    signature: str = ''
    """Base58."""

    @classmethod
    def given(cls, field: str, transaction: str | None, signature: str | None) -> Signed:
        """As a body has them; raises `ApiError` 422. field: that of the transaction."""
        if bool(transaction) == bool(signature):
            message = (
                f'Send {field} or, of what the wallet has sent itself, signature: one of the two'
            )
            raise ApiError(422, 'invalid', message, field=field)
        return cls(transaction or '', signature or '')

    async def decided_by(self, chain: ChainControl, build_id: str) -> ConfirmedTransaction:
        """What the chain has confirmed of what was built with this id; raises `ApiError`."""
        if self.signature:
            return await chain.confirm(build_id, self.signature)
        return await chain.submit(build_id, self.transaction)
