"""Calls of `session_node`'s services, and its messages as what the web side works with."""

from __future__ import annotations

from array import array
from typing import Any

from mmoment_api.encodings import encoded
from mmoment_api.graph_state import Json
from mmoment_api.person_sessions import GONE
from mmoment_api.service_calls import ServiceCalls
from mmoment_api.session_control import (
    SESSIONS,
    Challenge,
    CheckInWish,
    ErasedPerson,
    GivenTemplate,
    OpenedSession,
    SealedTemplate,
    SessionRecord,
    WithdrawnConsent,
    refused_by_session,
    token_refused,
)
from mmoment_interfaces.msg import Session, SessionEvent
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

SERVICES = {
    'create_challenge': CreateChallenge,
    'check_in': CheckIn,
    'check_out': CheckOut,
    'get_session': GetSession,
    'list_sessions': ListSessions,
    'revoke_session': RevokeSession,
    'grant_rights': GrantRights,
    'give_consent': GiveConsent,
    'keep_template': KeepTemplate,
    'get_template': GetTemplate,
    'forget_template': ForgetTemplate,
    'forget_person': ForgetPerson,
}
CHANGES = {
    SessionEvent.CHECKED_IN: 'checked_in',
    SessionEvent.CHECKED_OUT: 'checked_out',
    SessionEvent.RENEWED: 'renewed',
    SessionEvent.RIGHTS_CHANGED: 'rights_changed',
    SessionEvent.REVOKED: 'revoked',
    SessionEvent.FORGOTTEN: 'forgotten',
}
ENDINGS = frozenset({SessionEvent.CHECKED_OUT, SessionEvent.REVOKED, SessionEvent.FORGOTTEN})
# What wipes templates, media and log entries may wait for the disk and for other nodes.
FORGET_WAIT_S = 15.0
# Who was told in vain would be checked in all the same: `session_node` asks the face part first.
CHECK_IN_WAIT_S = 10.0


class SessionCalls(ServiceCalls):
    """See `SessionControl`."""

    PART = SESSIONS
    SERVICES = SERVICES

    async def create_challenge(
        self, wallet: str, domain: str, source: str, with_memo: bool
    ) -> Challenge:
        """See `SessionControl`."""
        request = CreateChallenge.Request(
            wallet=wallet, domain=domain, source=source, with_memo=with_memo
        )
        answer = await self.ask('create_challenge', request)
        if not answer.success:
            raise refused_by_session(
                answer.error_code, answer.message, answer.retry_after_s, otherwise=403
            )
        return Challenge(
            answer.text,
            answer.nonce,
            answer.memo_transaction,
            milliseconds_of(answer.issued),
            milliseconds_of(answer.expires),
        )

    async def check_in(self, wish: CheckInWish) -> OpenedSession:
        """See `SessionControl`."""
        request = CheckIn.Request(
            wallet=wish.wallet,
            message=wish.message,
            signature=wish.signature,
            memo_transaction=wish.memo_transaction,
            display_name=wish.display_name,
            source=wish.source,
            replaces=wish.replaces,
        )
        request.wrapped_key = array('B', wish.wrapped_key)
        answer = await self.ask('check_in', request, CHECK_IN_WAIT_S)
        if not answer.success:
            raise refused_by_session(answer.error_code, answer.message, answer.retry_after_s)
        withheld = tuple(zip(answer.withheld, answer.withheld_because, strict=False))
        return OpenedSession(answer.token, session_record(answer.session), answer.message, withheld)

    async def check_out(self, token: str) -> None:
        """See `SessionControl`."""
        _check(await self.ask('check_out', CheckOut.Request(token=token)))

    async def get_session(self, token: str, right: str, is_action: bool) -> SessionRecord:
        """See `SessionControl`."""
        request = GetSession.Request(token=token, right=right, passive=not is_action)
        answer = await self.ask('get_session', request)
        if not answer.success:
            raise token_refused(answer.error_code, answer.message)
        return session_record(answer.session)

    async def note_presence(self, session_id: str) -> None:
        """See `SessionControl`."""
        _check(await self.ask('get_session', GetSession.Request(session_id=session_id)))

    async def renew_session(self, token: str) -> OpenedSession:
        """See `SessionControl`."""
        answer = await self.ask('get_session', GetSession.Request(token=token, renew=True))
        if not answer.success:
            raise token_refused(answer.error_code, answer.message)
        return OpenedSession(answer.new_token, session_record(answer.session))

    async def list_sessions(self) -> list[SessionRecord]:
        """See `SessionControl`."""
        answer = await self.ask('list_sessions', ListSessions.Request())
        # Who asks is known here already: a refusal is the fault of session_node.
        return [session_record(item) for item in _check(answer, 503).sessions]

    async def revoke_sessions(self, session_id: str, identity: str) -> int:
        """See `SessionControl`."""
        request = RevokeSession.Request(session_id=session_id, identity=identity)
        return int(_check(await self.ask('revoke_session', request), 409).sessions)

    async def grant_rights(
        self, wallet: str, rights: list[str], hours: float, revoke: bool
    ) -> None:
        """See `SessionControl`."""
        request = GrantRights.Request(wallet=wallet, rights=rights, hours=hours, revoke=revoke)
        _check(await self.ask('grant_rights', request), 422)

    async def give_consent(self, token: str, consent_version: str) -> None:
        """See `SessionControl`."""
        request = GiveConsent.Request(token=token, consent_version=consent_version)
        answer = await self.ask('give_consent', request)
        if answer.error_code in GONE:
            raise token_refused(answer.error_code, answer.message)
        _check(answer)

    async def keep_template(self, token: str, template: GivenTemplate, consent_version: str) -> str:
        """See `SessionControl`."""
        request = KeepTemplate.Request(
            token=token,
            record_id=template.record_id,
            model_id=template.model_id,
            custody=template.custody,
            consent_version=consent_version,
        )
        request.envelope = array('B', template.envelope)
        record_id: str = _check(await self.ask('keep_template', request)).record_id
        return record_id

    async def get_template(self, wallet: str) -> SealedTemplate:
        """See `SessionControl`."""
        answer = await self.ask('get_template', GetTemplate.Request(wallet=wallet))
        if not answer.success:
            error = refused_by_session(answer.error_code, answer.message, otherwise=404)
            # Whom to seal to, if a person wants the camera to be the keeper.
            error.details['camera_key'] = encoded(bytes(answer.camera_key))
            error.details['camera_id'] = answer.camera_id
            raise error
        return SealedTemplate(
            answer.record_id,
            answer.model_id,
            answer.custody,
            bytes(answer.envelope),
            bytes(answer.camera_key),
            answer.camera_id,
        )

    async def forget_template(self, token: str, wallet: str) -> WithdrawnConsent:
        """See `SessionControl`."""
        request = ForgetTemplate.Request(token=token, wallet=wallet)
        answer = _check(await self.ask('forget_template', request, FORGET_WAIT_S))
        return WithdrawnConsent(
            answer.templates, answer.consents, answer.face_forgotten, answer.message
        )

    async def forget_person(self, token: str, wallet: str, confirm_media: bool) -> ErasedPerson:
        """See `SessionControl`."""
        request = ForgetPerson.Request(token=token, wallet=wallet, confirm_media=confirm_media)
        answer = _check(await self.ask('forget_person', request, FORGET_WAIT_S))
        return ErasedPerson(
            answer.erased,
            answer.face_forgotten,
            answer.traces_cleaned,
            answer.media_erased,
            answer.message,
        )


def session_record(message: Session) -> SessionRecord:
    """One live session."""
    return SessionRecord(
        session_id=message.session_id,
        identity=message.identity,
        display_name=message.display_name,
        rights=frozenset(message.rights),
        source=message.source,
        created_ms=milliseconds_of(message.created),
        expires_ms=milliseconds_of(message.expires),
        last_seen_ms=milliseconds_of(message.last_seen),
        face_known=message.face_known,
    )


def session_event(message: SessionEvent) -> Json:
    """What happened to a session; without a person it names none."""
    return {
        'change': CHANGES.get(message.kind, 'unknown'),
        'sequence': message.sequence,
        'identity': message.identity or None,
        'session': (message.session_id or None) if message.identity else None,
        'reason': message.reason or None,
    }


def milliseconds_of(stamp: Any) -> int:
    """A time of a message in ms since 1970."""
    return int(stamp.sec) * 1000 + int(stamp.nanosec) // 1_000_000


def _check(answer: Any, otherwise: int = 401) -> Any:
    if not answer.success:
        raise refused_by_session(answer.error_code, answer.message, otherwise=otherwise)
    return answer
