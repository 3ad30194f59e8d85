"""`/api/chain`: how the camera is on the chain, and transactions that people sign themselves.

A transaction is built here, signed in a wallet, and sent here: keys of people stay with them.
"""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request

from mmoment_api.access import Access, Principal
from mmoment_api.chain_control import AFTER, TransactionWish
from mmoment_api.chain_models import (
    BuildRequest,
    BuiltAnswer,
    ChainAnswer,
    FaceAnswer,
    OwnerKind,
    SubmitRequest,
    SubmittedAnswer,
    VerifyAnswer,
    VerifyRequest,
    built_answer,
    chain_answer,
    submitted_answer,
)
from mmoment_api.encodings import encoded
from mmoment_api.errors import HTTP_ERRORS, ApiError
from mmoment_api.face_models import WalletAddress
from mmoment_api.media_control import Asker
from mmoment_api.routes.common import (
    PersonOf,
    PrincipalOf,
    ServicesOf,
    body_of,
    get_person_beside,
    read_model,
    require_person,
)
from mmoment_api.signed_transactions import Signed

router = APIRouter(tags=['chain'])

OWNER_KINDS = frozenset(get_args(OwnerKind))


@router.get('/api/chain/status')
async def get_chain_status(services: ServicesOf, principal: PrincipalOf) -> ChainAnswer:
    """Addresses, and whether the camera is registered; costs and the outbox for the owner only."""
    is_owner = principal is not None and principal.is_owner
    return chain_answer(services.state.chain, with_detail=is_owner)


@router.post('/api/chain/transactions', openapi_extra=body_of(BuildRequest, is_required=True))
async def post_build(request: Request, services: ServicesOf, principal: PrincipalOf) -> BuiltAnswer:
    """Build a transaction for a wallet to sign, and try it; `summary` says what signing it does.

    What concerns the camera, its owner has built, for the wallet that owns it on the chain: see
    `register_camera` and the like. What concerns a face or a visit, whoever is checked in, for their
    own wallet. What does not fit one transaction is a row: `count` says of how many, and each is
    built, with `after`, once the one before it is confirmed. Of `burn_face`, `slot` beside `mint` is
    the one in which that was confirmed: who does not know the chain so far does not say `not_there`.
    """
    body = await read_model(request, BuildRequest)
    with services.chain_turns.entered(principal):
        built = await services.chain.build(await _wish(request, principal, body))
    return built_answer(built)


@router.post(
    '/api/chain/transactions/submit', openapi_extra=body_of(SubmitRequest, is_required=True)
)
async def post_submit(
    request: Request, services: ServicesOf, principal: PrincipalOf
) -> SubmittedAnswer:
    """Send what was built and signed; answers once the chain has confirmed it.

    With `signature` instead of `transaction` nothing is sent: the wallet has done so, and the chain
    is asked what became of it. 409 `undecided`: the chain has not said yet; submit the same again, it
    is not sent twice. 409 `expired` or `unknown_signature`: the chain does not have it and takes it no
    more, so build a new one. 409 `refused`: it failed. 409 `foreign_transaction`: the chain has it, but
    it is not what was built.
    """
    body = await read_model(request, SubmitRequest)
    signed = Signed.given('transaction', body.transaction, body.signature)
    with services.chain_turns.entered(principal):
        confirmed = await signed.decided_by(services.chain, body.id)
    return submitted_answer(confirmed)


@router.post('/api/chain/nft/verify', openapi_extra=body_of(VerifyRequest, is_required=False))
async def post_verify(
    request: Request, services: ServicesOf, principal: PrincipalOf
) -> VerifyAnswer:
    """Whether a wallet holds what a rule asks for: people ask for their own, the owner for any."""
    body = await read_model(request, VerifyRequest)
    wallet = body.wallet_address or await _own_wallet(request, principal)
    if principal is None or not principal.speaks_for(wallet):
        raise ApiError(403, *HTTP_ERRORS[403])
    with services.chain_turns.entered(principal):
        verdict = await services.chain.verify(wallet, body.rule, body.fresh)
    return VerifyAnswer(
        wallet_address=wallet,
        rule=body.rule,
        holds=verdict.holds,
        reason=verdict.reason,
        mint=verdict.mint or None,
        slot=verdict.slot,
        message=verdict.message,
    )


@router.get('/api/chain/face')
async def get_chain_face(
    services: ServicesOf,
    principal: PrincipalOf,
    person: PersonOf,
    wallet_address: Annotated[
        WalletAddress | None, Query(description='Only that of the caller')
    ] = None,
) -> FaceAnswer:
    """One's own sealed face on the chain, to hand over as `PUT /api/face/template` takes it."""
    wallet = require_person(person).record.identity
    if wallet_address not in (None, wallet):
        raise ApiError(403, 'forbidden', 'Only whoever holds this wallet gets its face')
    with services.chain_turns.entered(principal):
        face = await services.chain.face(wallet)
    return FaceAnswer(
        wallet_address=wallet,
        envelope=encoded(face.envelope),
        model_id=face.model_id,
        record_id=face.record_id,
        mint=face.mint,
    )


async def _wish(
    request: Request, principal: Principal | None, body: BuildRequest
) -> TransactionWish:
    """What is asked for, if this caller may ask for it; raises `ApiError`."""
    values = ((AFTER, body.after),) if body.after else tuple(body.values.items())
    if body.kind in OWNER_KINDS:
        if principal is None or not principal.is_owner:
            raise ApiError(403, *HTTP_ERRORS[403], right=Access.OWNER.value)
        wallet = body.wallet_address or await _own_wallet(request, principal)
        return TransactionWish(body.kind, wallet, '', values)
    asker = Asker.of(require_person(await get_person_beside(request, principal)).record)
    if body.wallet_address not in (None, asker.identity):
        raise ApiError(403, 'wrong_wallet', 'You are checked in with another wallet')
    return TransactionWish(body.kind, asker.identity, asker.session_id, values)


async def _own_wallet(request: Request, principal: Principal | None) -> str:
    person = await get_person_beside(request, principal)
    if person is None:
        raise ApiError(422, 'invalid', 'wallet_address is missing', field='wallet_address')
    return person.record.identity
