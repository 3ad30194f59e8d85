"""The services of session_node.

All are answered beside the node's own thread, since all touch the store: a disk that hangs must not
keep the node from noticing who is there.
"""

from __future__ import annotations

import base64
import binascii
import threading
import traceback
from collections.abc import Callable
from typing import Any

from mmoment_chain import consent
from mmoment_chain.chain_client import ChainClient
from mmoment_chain.challenges import Answer
from mmoment_chain.check_out import ASKED, REVOKED
from mmoment_chain.errors import Refused, StoreError
from mmoment_chain.face_client import FaceClient
from mmoment_chain.gate_client import GateClient
from mmoment_chain.media_client import MediaClient
from mmoment_chain.rights import ENROLL, in_order
from mmoment_chain.secret_bytes import wipe
from mmoment_chain.session_messages import session_message, time_message
from mmoment_chain.session_parts import Parts, withheld
from mmoment_chain.session_records import Session
from mmoment_chain.sessions import CheckedIn
from mmoment_chain.sign_in_text import Purpose
from mmoment_chain.template_keeping import SealedTemplate, good_for_s
from mmoment_chain.wallet import parse_signature, parse_wallet
from mmoment_interfaces.srv import (
    CheckIn,
    CheckOut,
    CreateChallenge,
    ForgetPerson,
    ForgetTemplate,
    GetSession,
    GetTemplate,
    GiveConsent,
    GrantRights,
    KeepTemplate,
    ListSessions,
    RevokeSession,
)
from mmoment_node.managed_node import ManagedNode
from mmoment_node.request_desk import THREADS, RequestDesk

# How long a check-in waits to say whether the person will be recognised, and an erasure to say
# whether they are forgotten. Both go on after that. Well below what any client waits: a check-in
# that it takes for failed has opened a session all the same.
FACE_PATIENCE_S = 1.5
# Of the threads that answer. The others stay free for what needs no face_node, if that one hangs.
WAITING_AT_MOST = 2
GATE_THREADS = 8
# base64 of the largest transaction, and far more than any name that is kept.
LONGEST_TRANSACTION = 1644
STILL_ASKED = 'The part that knows faces has not answered yet; it is asked again.'
MEDIA_GONE = 'Photos and clips are deleted, copies elsewhere as soon as these can be reached.'
MEDIA_LATER = 'The files of photos and clips are deleted as soon as the part that keeps them runs.'
NOT_KEPT = 'not_kept'
NOT_KEPT_TEXT = 'The camera could not keep this, so it was not done: its log says why'
INTERNAL = 'internal'
INTERNAL_TEXT = 'The camera made a mistake, so this may not be done: its log says more'


class SessionRequests:
    """Answers until `close`."""

    def __init__(
        self,
        node: ManagedNode[Any],
        parts: Parts,
        faces: FaceClient,
        media: MediaClient,
        gates: GateClient,
        chain: ChainClient,
    ) -> None:
        self._node = node
        self._parts = parts
        self._faces = faces
        self._media = media
        self._gates = gates
        self._chain = chain
        self._waiting = threading.BoundedSemaphore(WAITING_AT_MOST)
        # While the chain is waited for, the others answer.
        self._desk = RequestDesk(node, GATE_THREADS if parts.gate.gates else THREADS)
        for kind, name, answer in (
            (CreateChallenge, 'create_challenge', self._challenge),
            (CheckIn, 'check_in', self._check_in),
            (CheckOut, 'check_out', self._check_out),
            (GetSession, 'get_session', self._get),
            (ListSessions, 'list_sessions', self._list),
            (GrantRights, 'grant_rights', self._grant),
            (RevokeSession, 'revoke_session', self._revoke),
            (GiveConsent, 'give_consent', self._consent),
            (KeepTemplate, 'keep_template', self._keep),
            (GetTemplate, 'get_template', self._template),
            (ForgetTemplate, 'forget_template', self._forget_template),
            (ForgetPerson, 'forget_person', self._forget),
        ):
            self._desk.serve(kind, name, self._guarded(answer))
        self._desk.open()

    def close(self) -> None:
        """Answer no more."""
        self._desk.close()

    def _guarded(self, answer_to: Callable[[Any, Any], None]) -> Callable[[Any, Any], Any]:
        """A callback that tells refusals and faults by their codes; nothing secret is in them."""

        def callback(request: Any, answer: Any) -> Any:
            try:
                answer_to(request, answer)
                answer.success = True
            except Refused as refusal:
                answer.error_code, answer.message = refusal.code, refusal.text
                if hasattr(answer, 'retry_after_s'):
                    answer.retry_after_s = refusal.retry_after_s
            except StoreError as error:
                self._node.get_logger().error(str(error))
                answer.error_code, answer.message = NOT_KEPT, NOT_KEPT_TEXT
            except Exception as error:
                # One request that we did not foresee does not end the sessions of all.
                self._node.get_logger().error(_told(error))
                answer = type(answer)(error_code=INTERNAL, message=INTERNAL_TEXT)
            return answer

        return callback

    # --- signing in -------------------------------------------------------------------------------

    def _challenge(
        self, request: CreateChallenge.Request, answer: CreateChallenge.Response
    ) -> None:
        challenges = self._parts.challenges
        domain = request.domain or challenges.domains[0]
        purpose = _purpose(request.purpose)
        challenge = challenges.issue(request.wallet, domain, request.source, purpose)
        answer.text, answer.nonce = challenge.text, challenge.nonce
        if request.with_memo:
            answer.memo_transaction = challenge.memo_transaction
        answer.issued = time_message(challenge.issued_ms)
        answer.expires = time_message(challenge.expires_ms)
        answer.message = 'Have the wallet sign this text as it is.'

    def _check_in(self, request: CheckIn.Request, answer: CheckIn.Response) -> None:
        wrapped_key = bytearray(request.wrapped_key)
        wipe(memoryview(request.wrapped_key))
        try:
            proof = self._proof(request)
            way = 'siws'
            if request.memo_transaction:
                way = 'memo'
            elif proof.is_old_text:
                way = 'legacy'
            # Before there is a session: who holds nothing has these rights at no moment.
            book = self._parts.book
            is_owner = proof.wallet == book.rights.settings.owner_wallet
            if not is_owner and self._gates.check(proof.wallet) and book.is_here(proof.wallet):
                # In another session they have lost, or got, the same rights.
                book.rights.follow()
            opened = book.check_in(proof, way, request.display_name, request.replaces)
            trouble = self._let_know(opened, wrapped_key)
        finally:
            wipe(wrapped_key)
        answer.token = opened.token
        answer.session = self._message(opened.session)
        told = ['Checked in.']
        if trouble:
            told[0] = f'Checked in, but you are not recognised: {trouble}'
        for right, because in withheld(self._parts, proof.wallet).items():
            answer.withheld.append(right)
            answer.withheld_because.append(because)
            told.append(f'You do not have the right to {right}: {because}.')
        answer.message = ' '.join(told)

    def _proof(self, request: CheckIn.Request) -> Answer:
        challenges = self._parts.challenges
        if request.memo_transaction:
            transaction = _transaction(request.memo_transaction)
            return challenges.check_memo(request.wallet, transaction, request.source)
        message, signature = _signed(request)
        return challenges.check(request.wallet, message, signature, request.source)

    def _let_know(self, opened: CheckedIn, wrapped_key: bytearray) -> str:
        """Have face_node know who checked in, if they want; returns why it does not."""
        session, parts = opened.session, self._parts
        wallet, now_ms = session.wallet or '', parts.clock.utc_ms()
        try:
            record = parts.keeping.for_recognition(session, wrapped_key, now_ms)
        except Refused as refusal:
            self._forget_replaced(opened)
            return refusal.text
        if record is None:
            self._forget_replaced(opened)
            return ''
        left_s = good_for_s(wrapped_key, now_ms)
        name = session.display_name or ''
        parts.admissions.welcome(wallet, name, record.record_id, wrapped_key, left_s)
        if not parts.book.live(wallet):
            # Sent away between the check-in and here.
            parts.admissions.forget(wallet)
        self._wait_for_faces(lambda: parts.admissions.is_settled(wallet))
        return parts.admissions.refusal(wallet)

    def _forget_replaced(self, opened: CheckedIn) -> None:
        """Who was recognised in a session that this one replaced asked for it in that one only."""
        if opened.took_over:
            self._parts.admissions.forget(opened.session.wallet or '')
            self._faces.wake()

    def _check_out(self, request: CheckOut.Request, answer: CheckOut.Response) -> None:
        book = self._parts.book
        if request.token:
            session = book.session_of(request.token)
        else:
            session = book.get(request.session_id)
        book.end([session.id], ASKED)
        self._faces.wake()
        answer.message = 'Checked out.'

    # --- sessions ---------------------------------------------------------------------------------

    def _get(self, request: GetSession.Request, answer: GetSession.Response) -> None:
        book = self._parts.book
        if request.renew:
            renewed = book.renew(request.token, request.right)
            session, answer.new_token = renewed.session, renewed.token
        elif request.session_id and not request.token:
            session = book.get(request.session_id, request.right, is_action=not request.passive)
        else:
            session = book.session_of(request.token, request.right, is_action=not request.passive)
        answer.session = self._message(session)

    def _list(self, request: ListSessions.Request, answer: ListSessions.Response) -> None:
        sessions = self._parts.book.live(request.identity)
        answer.sessions = [self._message(session) for session in sessions]
        answer.message = f'Sessions: {len(sessions)}.'

    def _grant(self, request: GrantRights.Request, answer: GrantRights.Response) -> None:
        book_rights = self._parts.book.rights
        if request.revoke:
            held = book_rights.take_back(request.wallet, request.rights)
        else:
            held = book_rights.grant(request.wallet, request.rights, request.hours * 3600.0)
        answer.message = f'The rights are now: {", ".join(in_order(held)) or "none"}.'

    def _revoke(self, request: RevokeSession.Request, answer: RevokeSession.Response) -> None:
        book = self._parts.book
        if request.session_id:
            ids = [book.get(request.session_id).id]
        elif request.identity:
            parse_wallet(request.identity)
            ids = [session.id for session in book.live(request.identity)]
        else:
            ids = []
        if not ids:
            raise Refused('no_session')
        answer.sessions = book.end(ids, REVOKED)
        self._faces.wake()
        answer.message = f'Sessions ended: {answer.sessions}.'

    # --- templates, and forgetting ----------------------------------------------------------------

    def _consent(self, request: GiveConsent.Request, answer: GiveConsent.Response) -> None:
        session = self._parts.book.session_of(request.token, ENROLL)
        consent.give(self._parts.store, session, request.consent_version)
        answer.message = f'The consent to {request.consent_version} is recorded.'

    def _keep(self, request: KeepTemplate.Request, answer: KeepTemplate.Response) -> None:
        session = self._parts.book.session_of(request.token, ENROLL)
        template = SealedTemplate(
            request.record_id, request.model_id, request.custody, bytes(request.envelope)
        )
        answer.record_id = self._parts.keeping.keep(session, template, request.consent_version)
        answer.message = 'The sealed template is kept.'

    def _template(self, request: GetTemplate.Request, answer: GetTemplate.Response) -> None:
        # Said in any case: who has the envelope elsewhere wraps its key to this camera as well.
        # By the key of the device, whatever the camera is called in signed texts: the part that
        # opens the template knows no other name.
        answer.camera_id = self._parts.identity.camera_id
        answer.camera_key = self._parts.identity.unsealing_public
        record = self._parts.keeping.template_of(request.wallet)
        answer.record_id, answer.model_id = record.record_id, record.model_id
        answer.custody, answer.envelope = record.custody, record.envelope

    def _forget_template(
        self, request: ForgetTemplate.Request, answer: ForgetTemplate.Response
    ) -> None:
        wallet = self._wallet_of(request)
        withdrawn = consent.withdraw(self._parts.store, wallet)
        answer.templates, answer.consents = withdrawn.templates, withdrawn.consents
        later = self._chain.forget(wallet)
        # Also of somebody of whom no template was kept: face_node may know them all the same.
        self._parts.admissions.forget(wallet)
        answer.face_forgotten = self._wait_until_gone(wallet)
        told = [f'Templates deleted: {withdrawn.templates}; the camera does not know the face now.']
        if not answer.face_forgotten:
            told[0] = f'Templates deleted: {withdrawn.templates}.'
            told.append(STILL_ASKED)
        told += later
        answer.message = ' '.join(told)

    def _forget(self, request: ForgetPerson.Request, answer: ForgetPerson.Response) -> None:
        parts = self._parts
        wallet = self._signer_of(request) or self._wallet_of(request)
        erased = parts.erasure.forget(wallet, with_media=request.confirm_media)
        answer.erased, answer.traces_cleaned = erased.records, erased.is_scrubbed
        later = self._chain.forget(wallet)
        answer.face_forgotten = self._wait_until_gone(wallet)
        if answer.face_forgotten and not answer.traces_cleaned:
            # Until then the wallet was kept, so as to be asked for again after a kill.
            answer.traces_cleaned = self._cleaned()
        told = ['Forgotten: template, sessions, consents, grants, and the name in every event.']
        if not answer.face_forgotten:
            told.append(STILL_ASKED)
        told += later
        if not answer.traces_cleaned:
            told.append('Traces in the file of the store are cleaned as soon as nobody reads it.')
        if request.confirm_media:
            answer.media_erased = self._media.erase(wallet)
            told.append(MEDIA_GONE if answer.media_erased else MEDIA_LATER)
        answer.message = ' '.join(told)

    def _cleaned(self) -> bool:
        try:
            return self._parts.erasure.clean()
        except StoreError as error:
            self._node.get_logger().error(str(error))
            return False

    def _signer_of(self, request: ForgetPerson.Request) -> str:
        """Who signed the request; empty: it is not a signed one."""
        if request.token or not (request.message or request.signature or request.memo_transaction):
            return ''
        asked = (request.source, Purpose.FORGET_ME)
        challenges = self._parts.challenges
        if request.memo_transaction:
            transaction = _transaction(request.memo_transaction)
            challenges.redeem_memo(request.wallet, transaction, *asked)
        else:
            challenges.redeem(request.wallet, *_signed(request), *asked)
        return str(request.wallet)

    def _wallet_of(self, request: ForgetPerson.Request | ForgetTemplate.Request) -> str:
        """Whom a request is about: whoever has the token, or, without one, who is named."""
        if not request.token:
            parse_wallet(request.wallet)
            return str(request.wallet)
        own = self._parts.book.session_of(request.token).wallet or ''
        if request.wallet not in ('', own):
            raise Refused('wrong_wallet', 'This session is of another wallet')
        return own

    def _wait_until_gone(self, wallet: str) -> bool:
        return self._wait_for_faces(lambda: not self._parts.admissions.is_leaving(wallet))

    def _wait_for_faces(self, is_true: Callable[[], bool]) -> bool:
        """Wait a moment until face_node has done something, unless enough others wait already."""
        if not self._waiting.acquire(blocking=False):
            self._faces.wake()
            return is_true()
        try:
            return self._faces.wait_until(is_true, FACE_PATIENCE_S)
        finally:
            self._waiting.release()

    def _message(self, session: Session) -> Any:
        return session_message(session, self._parts.admissions.is_known(session.wallet or ''))


def _purpose(word: str) -> Purpose:
    try:
        return Purpose(word or Purpose.CHECK_IN)
    except ValueError:
        words = ', '.join(purpose.value for purpose in Purpose)
        raise Refused('malformed', f'A purpose is one of: {words}') from None


def _told(error: Exception) -> str:
    """What went wrong and where. Without the words of the fault: they may hold what was asked."""
    places = ''.join(traceback.format_tb(error.__traceback__))
    return f'a request was answered with {INTERNAL}: {type(error).__name__}\n{places}'


def _signed(request: CheckIn.Request | ForgetPerson.Request) -> tuple[bytes, bytes]:
    message = request.message.encode('utf-8', 'surrogatepass')
    return message, parse_signature(request.signature)


def _transaction(text: str) -> bytes:
    if len(text) > LONGEST_TRANSACTION:
        raise Refused('malformed')
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Refused('malformed') from None
