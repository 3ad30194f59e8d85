"""The services of stream_node. Whose session it is, session_node says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from std_msgs.msg import Header
from std_srvs.srv import Trigger

from mmoment_interfaces.srv import ConfigureStream, StartStream, StopStream
from mmoment_node.managed_node import ManagedNode
from mmoment_node.request_desk import RequestDesk
from mmoment_stream.errors import Refused, SessionRefused
from mmoment_stream.mistakes import INTERNAL, INTERNAL_TEXT, log_mistake
from mmoment_stream.session_client import SessionClient
from mmoment_stream.stream_director import StreamDirector
from mmoment_stream.stream_memory import StreamMemory
from mmoment_stream.stream_messages import settings_message, settings_of_message, status_message

STREAM, ADMIN = 'stream', 'admin'


class StreamRequests:
    """Answers until `close`. changed: called after everything that was done.

    key_folder: told to the owner, who puts key files there.
    """

    def __init__(
        self,
        node: ManagedNode[Any],
        director: StreamDirector,
        memory: StreamMemory,
        key_folder: str,
        changed: Callable[[], None],
    ) -> None:
        self._node = node
        self._director = director
        self._memory = memory
        self._key_folder = key_folder
        self._changed = changed
        self._sessions = SessionClient(node)
        self._desk = RequestDesk(node)
        self._desk.serve(StartStream, 'start_stream', self._guarded(self._start))
        self._desk.serve(StopStream, 'stop_stream', self._guarded(self._stop))
        self._desk.serve(ConfigureStream, 'configure_stream', self._guarded(self._configure))
        self._desk.serve(Trigger, 'refresh_stream', self._refresh)
        self._desk.open()

    def close(self) -> None:
        """Answer no more; who waits for session_node is told so."""
        self._sessions.close()
        self._desk.close()

    def _guarded(self, answer_to: Callable[[Any, Any], None]) -> Callable[[Any, Any], Any]:
        def callback(request: Any, answer: Any) -> Any:
            try:
                answer_to(request, answer)
                answer.success = True
            except (Refused, SessionRefused) as refusal:
                if refusal.__cause__ is not None:
                    self._node.get_logger().error(f'{refusal}: {refusal.__cause__}')
                answer.error_code, answer.message = refusal.code, refusal.text
            except Exception as error:
                log_mistake(self._node.get_logger(), error)
                answer.error_code, answer.message = INTERNAL, INTERNAL_TEXT
            self._changed()
            return answer

        return callback

    def _start(self, request: StartStream.Request, answer: StartStream.Response) -> None:
        self._sessions.holder(request.session_id, STREAM)
        self._director.start(request.target)
        what = f'The target {request.target}' if request.target else 'The stream'
        answer.message = f'{what} is wanted, until it is stopped.'
        answer.status = self._status()

    def _stop(self, request: StopStream.Request, answer: StopStream.Response) -> None:
        self._sessions.holder(request.session_id, STREAM)
        self._director.stop(request.target)
        where = f' to the target {request.target}' if request.target else ''
        answer.message = f'Nothing is pushed{where}.'
        answer.status = self._status()

    def _configure(
        self, request: ConfigureStream.Request, answer: ConfigureStream.Response
    ) -> None:
        is_change = bool(request.forget or request.fields)
        self._sessions.holder(request.session_id, ADMIN, is_action=is_change)
        if request.forget and request.fields:
            raise Refused('malformed', 'Either forget or name fields, not both')
        if request.forget:
            self._memory.forget()
        elif request.fields:
            settings = settings_of_message(request.settings)
            self._memory.configure(tuple(request.fields), settings)
        if is_change:
            self._director.settle()
        answer.message = 'The settings are kept.' if is_change else 'These are the settings.'
        answer.settings = settings_message(self._memory.wish.settings)
        answer.key_folder = self._key_folder

    def _refresh(self, request: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        self._director.refresh()
        answer.success, answer.message = True, 'The providers are asked.'
        return answer

    def _status(self) -> Any:
        header = Header(stamp=self._node.get_clock().now().to_msg())
        return status_message(self._director.report(), header)
