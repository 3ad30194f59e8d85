"""Calls of `chain_node`, and its messages as what the web side works with."""

from __future__ import annotations

from typing import Any

from mmoment_api.chain_control import (
    CHAIN,
    BuiltTransaction,
    ChainStatus,
    ConfirmedTransaction,
    FaceOnChain,
    NftVerdict,
    TransactionWish,
    refused_by_chain,
)
from mmoment_api.conversions import CONNECTIONS
from mmoment_api.service_calls import ServiceCalls
from mmoment_interfaces import msg
from mmoment_interfaces.srv import BuildTransaction, FetchFace, SubmitTransaction, VerifyNft

SERVICES = {
    'build_transaction': BuildTransaction,
    'submit_transaction': SubmitTransaction,
    'verify_nft': VerifyNft,
    'fetch_face': FetchFace,
}
# Longer than it waits itself for session_node and for the chain.
BUILD_WAIT_S = 40.0
SUBMIT_WAIT_S = 35.0
LOOK_WAIT_S = 25.0


class ChainCalls(ServiceCalls):
    """See `ChainControl`."""

    PART = CHAIN
    SERVICES = SERVICES

    async def build(self, wish: TransactionWish) -> BuiltTransaction:
        """See `ChainControl`."""
        request = BuildTransaction.Request(
            kind=wish.kind,
            wallet=wish.wallet,
            session_id=wish.session_id,
            names=[name for name, _ in wish.values],
            values=[value for _, value in wish.values],
        )
        answer = await self._ask('build_transaction', request, BUILD_WAIT_S)
        return BuiltTransaction(
            build_id=answer.id,
            transaction=answer.transaction,
            can_be_sent=answer.wallet_can_send,
            accounts=tuple(answer.accounts),
            summary=tuple(answer.summary),
            number=answer.number,
            count=answer.count,
            fee_lamports=answer.fee_lamports,
            rent_lamports=answer.rent_lamports,
            last_valid_height=answer.last_valid_height,
            message=answer.message,
        )

    async def submit(self, build_id: str, transaction: str) -> ConfirmedTransaction:
        """See `ChainControl`."""
        return await self._decided(SubmitTransaction.Request(id=build_id, transaction=transaction))

    async def confirm(self, build_id: str, signature: str) -> ConfirmedTransaction:
        """See `ChainControl`."""
        return await self._decided(SubmitTransaction.Request(id=build_id, signature=signature))

    async def _decided(self, request: SubmitTransaction.Request) -> ConfirmedTransaction:
        answer = await self._ask('submit_transaction', request, SUBMIT_WAIT_S)
        return ConfirmedTransaction(
            answer.signature, answer.slot, tuple(answer.accounts), answer.message
        )

    async def verify(self, wallet: str, rule: str, is_fresh: bool) -> NftVerdict:
        """See `ChainControl`."""
        request = VerifyNft.Request(wallet=wallet, rule=rule, fresh=is_fresh)
        answer = await self._ask('verify_nft', request, LOOK_WAIT_S)
        return NftVerdict(answer.holds, answer.reason, answer.mint, answer.slot, answer.message)

    async def face(self, wallet: str) -> FaceOnChain:
        """See `ChainControl`."""
        answer = await self._ask('fetch_face', FetchFace.Request(wallet=wallet), LOOK_WAIT_S)
        return FaceOnChain(bytes(answer.envelope), answer.model_id, answer.record_id, answer.mint)

    async def _ask(self, name: str, request: Any, wait_s: float) -> Any:
        answer = await self.ask(name, request, wait_s)
        if not answer.success:
            raise refused_by_chain(answer.error_code, answer.message)
        return answer


def chain_status(message: msg.ChainStatus) -> ChainStatus:
    """How the camera is on the chain."""
    return ChainStatus(
        connection=CONNECTIONS.get(message.connection.state, 'unknown'),
        retries=message.connection.retries,
        cluster=message.cluster,
        endpoint=message.endpoint,
        slot=message.slot,
        program_id=message.program_id,
        camera_address=message.camera_address,
        device=message.device,
        owner=message.owner,
        registered=message.registered,
        active=message.active,
        mode=message.mode,
        balance_lamports=message.balance_lamports,
        balance_is_low=message.balance_is_low,
        log_here=message.log_here,
        log_there=message.log_there,
        visits_waiting=message.visits_waiting,
        held_back=message.held_back,
        spent_lamports=message.spent_lamports,
        budget_lamports=message.budget_lamports,
        last_signature=message.last_signature,
        last_error=message.last_error,
    )
