"""A stand-in for session_node, which says whose session it is."""

from __future__ import annotations

import secrets

import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile
from spinning import PATIENCE_S

from mmoment_interfaces.msg import Session, SessionArray, SessionEvent
from mmoment_interfaces.srv import GetSession

LATCHED_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
EVENTS_QOS = QoSProfile(depth=50)
ALL_RIGHTS = ('view', 'capture', 'record')


class PlayedSessionNode:
    """Says whose session it is, as session_node does, and believes whatever it is told."""

    def __init__(self, node):
        self._node = node
        self._sessions = {}
        self._silent = None
        self._service = node.create_service(GetSession, 'get_session', self._get)
        self._list = node.create_publisher(SessionArray, 'sessions', LATCHED_QOS)
        self._events = node.create_publisher(SessionEvent, 'session_events', EVENTS_QOS)
        self.asked = []
        self.tell()

    def check_in(self, wallet, *rights):
        """Returns the public name of the session."""
        session_id = secrets.token_hex(8)
        session = Session(session_id=session_id, identity=wallet, rights=list(rights or ALL_RIGHTS))
        self._sessions[session_id] = session
        self._happened(SessionEvent.CHECKED_IN, session)
        self.tell()
        return session_id

    def check_out(self, session_id, reason='asked'):
        self._happened(SessionEvent.CHECKED_OUT, self._sessions.pop(session_id), reason)
        self.tell()

    def replace(self, session_id, wallet):
        """Another session at the same browser, in the order in which session_node tells it."""
        old, new = self._sessions.pop(session_id), secrets.token_hex(8)
        self._sessions[new] = Session(session_id=new, identity=wallet, rights=list(ALL_RIGHTS))
        self._happened(SessionEvent.CHECKED_OUT, old, 'replaced')
        self._happened(SessionEvent.CHECKED_IN, self._sessions[new])
        self.tell()
        return new

    def lose(self, session_id):
        """It is over, and nobody hears an event of it."""
        del self._sessions[session_id]
        self.tell()

    def give(self, session_id, *rights):
        """These rights, and no others."""
        self._sessions[session_id].rights = list(rights)
        self.tell()

    def tell(self):
        self._list.publish(SessionArray(sessions=list(self._sessions.values())))

    def go_away(self):
        self._node.destroy_service(self._service)

    def fall_silent(self):
        """It is there, and answers nothing any more."""
        self.go_away()
        context, namespace = self._node.context, self._node.get_namespace()
        self._silent = rclpy.create_node('silent', context=context, namespace=namespace)
        self._silent.create_service(GetSession, 'get_session', self._get)
        heard = self._silent.create_client(GetSession, 'get_session')
        assert heard.wait_for_service(PATIENCE_S)

    def come_back(self):
        self._service = self._node.create_service(GetSession, 'get_session', self._get)

    def _happened(self, kind, session, reason=''):
        event = SessionEvent(kind=kind, session_id=session.session_id, identity=session.identity)
        event.reason = reason
        self._events.publish(event)

    def _get(self, request, answer):
        self.asked.append(request)
        session = self._sessions.get(request.session_id)
        if session is None:
            answer.error_code, answer.message = 'no_session', 'There is no such session'
        elif request.right and request.right not in session.rights:
            answer.error_code, answer.message = 'missing_right', f'It lacks {request.right}'
        else:
            answer.success, answer.session = True, session
        return answer
