"""Sessions and what happens to them as messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from mmoment_chain import session_records
from mmoment_chain.check_out import Change
from mmoment_chain.rights import in_order
from mmoment_interfaces.msg import Person, PersonArray, Session, SessionArray, SessionEvent


def time_message(utc_ms: int) -> Time:
    """A time of the wall clock; one that no message can hold becomes the nearest that it can."""
    utc_ms = min(max(utc_ms, 0), (2**31 - 1) * 1000)
    return Time(sec=utc_ms // 1000, nanosec=utc_ms % 1000 * 1_000_000)


def session_message(session: session_records.Session, face_known: bool) -> Session:
    """One session."""
    return Session(
        session_id=session.id,
        identity=session.wallet or '',
        display_name=session.display_name or '',
        rights=in_order(session.rights),
        source=session.source or '',
        created=time_message(session.created_ms),
        expires=time_message(session.expires_ms),
        last_seen=time_message(session.last_seen_ms),
        face_known=face_known,
    )


def sessions_message(
    header: Header,
    run: str,
    number: int,
    sessions: Iterable[session_records.Session],
    is_known: Callable[[str], bool],
) -> SessionArray:
    """All live sessions, as the list of this number; `is_known`: whether face_node knows a wallet."""
    messages = [session_message(each, is_known(each.wallet or '')) for each in sessions]
    return SessionArray(header=header, run=run, number=number, sessions=messages)


def people_message(header: Header, sessions: Iterable[session_records.Session]) -> PersonArray:
    """Everybody who has a session, once, with their rights."""
    rights = {each.wallet: each.rights for each in sessions if each.wallet}
    people = [Person(identity=wallet, rights=in_order(held)) for wallet, held in rights.items()]
    return PersonArray(header=header, people=people)


def event_message(header: Header, change: Change) -> SessionEvent:
    """Something that happened to a session."""
    return SessionEvent(
        header=header,
        kind=int(change.kind),
        sequence=change.sequence,
        session_id=change.session_id,
        identity=change.wallet,
        reason=change.reason,
    )
