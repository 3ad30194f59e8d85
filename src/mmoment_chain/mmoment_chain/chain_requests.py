"""The services of chain_node. Those that wait for the chain are answered beside the node."""

from __future__ import annotations

import base64
import binascii
import traceback
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from mmoment_chain.chain_messages import signature_text
from mmoment_chain.chain_work import ChainWork
from mmoment_chain.errors import ChainError, Refused, StoreError
from mmoment_chain.nft_rules import SENTENCES, parse_rule
from mmoment_chain.rpc_errors import RpcError
from mmoment_chain.service_client import ServiceClient
from mmoment_chain.transaction_desk import Order
from mmoment_chain.transaction_kinds import Stay
from mmoment_chain.transaction_sending import Outcome
from mmoment_chain.transaction_values import paired
from mmoment_chain.wallet import parse_signature, parse_wallet, wallet_text
from mmoment_interfaces.srv import (
    BuildTransaction,
    FetchFace,
    ForgetFace,
    GetSession,
    SubmitTransaction,
    VerifyNft,
)
from mmoment_node.async_thread import AsyncThread, Cancelled, TooLate
from mmoment_node.managed_node import ManagedNode
from mmoment_node.request_desk import RequestDesk

# Each may wait for the chain; a check-in with several gates asks several at once.
THREADS = 16
SESSION_PATIENCE_S = 5.0
BUILD_PATIENCE_S = 30.0
LOOK_PATIENCE_S = 20.0
FORGET_PATIENCE_S = 0.5
# What is under way goes on after that: submitted again, it answers what has become of it.
SUBMIT_PATIENCE_S = 30.0
LONGEST_TRANSACTION = 1644  # of 1232 bytes in base64
UNDECIDED = 'undecided'
UNDECIDED_TEXT = 'The chain has not decided yet: submit the same again to hear of it'
EITHER = 'Give the signed transaction or, where the wallet has sent it, its signature'
CODES = {Outcome.REFUSED: 'refused', Outcome.EXPIRED: 'expired', Outcome.UNKNOWN: UNDECIDED}
INTERNAL = 'internal'
INTERNAL_TEXT = 'The camera made a mistake: its log says more'


class ChainRequests:
    """Answers until `close`. given_work: what works on the chain; None: it is not there yet."""

    def __init__(
        self,
        node: ManagedNode[Any],
        thread: AsyncThread,
        given_work: Callable[[], ChainWork | None],
    ) -> None:
        self._node = node
        self._thread = thread
        self._given_work = given_work
        self._sessions = ServiceClient(node, GetSession, 'get_session')
        self._desk = RequestDesk(node, THREADS)
        for kind, name, answer in (
            (BuildTransaction, 'build_transaction', self._build),
            (SubmitTransaction, 'submit_transaction', self._submit),
            (VerifyNft, 'verify_nft', self._verify),
            (FetchFace, 'fetch_face', self._fetch),
        ):
            self._desk.serve(kind, name, self._guarded(answer))
        self._desk.open()
        # By the node itself: it takes no time, and waits behind nobody who waits for the chain.
        self._forgetting = node.create_service(ForgetFace, 'forget_wallet', self._forget)

    def close(self) -> None:
        """Answer no more; end what runs in the thread first."""
        self._sessions.close()
        self._desk.close()
        self._node.destroy_service(self._forgetting)

    def _guarded(self, answer_to: Callable[[Any, Any], None]) -> Callable[[Any, Any], Any]:
        """A callback that tells refusals and faults by their codes."""

        def callback(request: Any, answer: Any) -> Any:
            try:
                answer_to(request, answer)
                answer.success = not answer.error_code
            except (Refused, RpcError) as error:
                answer.error_code, answer.message = error.code, error.text
            except (Cancelled, TooLate) as error:
                answer.error_code, answer.message = 'chain_away', f'The chain is slow: {error}'
            except StoreError as error:
                self._node.get_logger().error(str(error))
                answer.error_code, answer.message = 'not_kept', str(error)
            except ChainError as error:
                answer.error_code, answer.message = 'damaged', str(error)
            except Exception as error:
                # One request that we did not foresee does not end the work of all.
                place = ''.join(traceback.format_tb(error.__traceback__))
                told = f'a request was answered with {INTERNAL}: {type(error).__name__}\n{place}'
                self._node.get_logger().error(told)
                answer = type(answer)(error_code=INTERNAL, message=INTERNAL_TEXT)
            return answer

        return callback

    def _work(self) -> ChainWork:
        work = self._given_work()
        if work is None:
            raise Refused('not_ready', 'The part that keeps the store and the keys has not begun')
        return work

    def _wait(self, work: Callable[[], Coroutine[Any, Any, Any]], patience_s: float) -> Any:
        return self._thread.call(work, patience_s)

    def _build(self, request: BuildTransaction.Request, answer: BuildTransaction.Response) -> None:
        work, wallet = self._work(), parse_wallet(request.wallet)
        values = paired(request.names, request.values)
        order = Order(request.kind, wallet, self._stay(request), values)
        pending = self._wait(lambda: work.desk.build(order), BUILD_PATIENCE_S)
        built = pending.built
        offered = base64.b64encode(work.desk.offered(pending)).decode('ascii')
        answer.id, answer.transaction, answer.summary = pending.id, offered, built.summary
        answer.wallet_can_send = work.desk.is_wallets_to_send(pending)
        answer.accounts = [wallet_text(account) for account in pending.row.accounts]
        answer.number, answer.count = pending.number + 1, len(pending.row.plans)
        answer.fee_lamports, answer.rent_lamports = built.fee_lamports, built.rent_lamports
        answer.last_valid_height = built.last_valid_height
        answer.message = 'Sign this in your wallet, then submit it.'

    def _stay(self, request: BuildTransaction.Request) -> Stay | None:
        """The session in which somebody asks; None: it is the owner of the camera."""
        if not request.session_id:
            return None
        found = self._sessions.ask(
            GetSession.Request(session_id=request.session_id), SESSION_PATIENCE_S
        )
        if found is None:
            raise Refused('session_node_away', 'Nobody can tell who you are: try again')
        if not found.success:
            raise Refused(found.error_code, found.message)
        session = found.session
        if session.identity != request.wallet:
            raise Refused('wrong_wallet', 'This session is of another wallet')
        return Stay(
            id=session.session_id,
            wallet=parse_wallet(session.identity),
            rights=frozenset(session.rights),
            created_s=session.created.sec,
            expires_s=session.expires.sec,
        )

    def _submit(
        self, request: SubmitTransaction.Request, answer: SubmitTransaction.Response
    ) -> None:
        desk = self._work().desk
        if bool(request.transaction) == bool(request.signature):
            raise Refused('bad_value', EITHER)
        pending = desk.get(request.id)
        if request.signature:
            work = partial(desk.confirm, request.id, parse_signature(request.signature))
        else:
            work = partial(desk.submit, request.id, _transaction(request.transaction))
        try:
            sent = self._wait(work, SUBMIT_PATIENCE_S)
        except (Cancelled, TooLate):
            answer.error_code, answer.message = UNDECIDED, UNDECIDED_TEXT
            return
        answer.signature, answer.slot = signature_text(sent.signature), sent.slot
        if not sent.is_confirmed:
            answer.error_code, answer.message = CODES[sent.outcome], sent.text
            return
        answer.accounts = [wallet_text(account) for account in pending.row.accounts]
        answer.message = 'It is on the chain.'
        if not pending.is_last:
            answer.message = 'It is on the chain; another one has to be signed.'

    def _verify(self, request: VerifyNft.Request, answer: VerifyNft.Response) -> None:
        work, wallet, rule = self._work(), parse_wallet(request.wallet), parse_rule(request.rule)
        verified = self._wait(
            lambda: work.checks.verify(wallet, rule, is_fresh=request.fresh), LOOK_PATIENCE_S
        )
        judgement = verified.judgement
        answer.holds, answer.reason = judgement.holds, judgement.reason.value
        answer.message, answer.slot = SENTENCES[judgement.reason], verified.slot
        answer.mint = '' if judgement.mint is None else wallet_text(judgement.mint)

    def _fetch(self, request: FetchFace.Request, answer: FetchFace.Response) -> None:
        work, wallet = self._work(), parse_wallet(request.wallet)
        face, mint = self._wait(lambda: work.checks.face(wallet), LOOK_PATIENCE_S)
        answer.envelope, answer.mint = face.envelope, wallet_text(mint)
        answer.model_id, answer.record_id = face.model_id, face.record_id
        answer.message = 'This is the sealed face of that wallet; only its owner opens it.'

    def _forget(self, request: ForgetFace.Request, answer: ForgetFace.Response) -> Any:
        """Let go of what is in memory; never waits for the chain."""
        work = self._given_work()
        try:
            if work is not None:
                wallet = parse_wallet(request.identity)
                self._wait(lambda: work.forget(wallet), FORGET_PATIENCE_S)
            answer.success = True
        except (Refused, Cancelled, TooLate) as error:
            answer.message = str(error)
        return answer


def _transaction(text: str) -> bytes:
    if len(text) > LONGEST_TRANSACTION:
        raise Refused('not_ours')
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Refused('not_ours', 'A transaction in base64 is expected') from None
