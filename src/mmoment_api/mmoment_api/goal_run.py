"""One goal of an action, from the executor's side to the event loop's.

rclpy notes which goal a request was for only after sending it, so everything but `answer` happens
in the executor's thread: in another one, a quick answer would be taken for a stranger's.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any


class GoalRun:
    """A goal that is sent, awaited, or abandoned at any moment in between.

    answer: settled in the loop with the result, or with None if the goal is not accepted.
    news: settled in the loop with the first feedback.
    """

    def __init__(self, client: Any, goal: Any) -> None:
        self._client = client
        self._goal = goal
        self._loop = asyncio.get_running_loop()
        self._handle: Any = None
        self._is_abandoned = False
        self._has_news = False
        self.answer: asyncio.Future[Any] = self._loop.create_future()
        self.news: asyncio.Future[Any] = self._loop.create_future()
        # Whether the action's server has answered at all; set in the loop.
        self.is_accepted = False

    # --- executor's thread ----------------------------------------------------------------

    def send(self) -> None:
        """Ask for the goal, unless nobody wants it any more."""
        if not self._is_abandoned:
            sent = self._client.send_goal_async(self._goal, feedback_callback=self._on_feedback)
            sent.add_done_callback(self._on_response)

    def abandon(self) -> None:
        """Cancel the goal, now or as soon as it is accepted."""
        self._is_abandoned = True
        if self._handle is not None:
            self._handle.cancel_goal_async()

    def _on_response(self, pending: Any) -> None:
        handle = pending.result()
        if not handle.accepted:
            self._in_loop(None)
            return
        self._handle = handle
        self._in_loop_call(self._note_accepted)
        handle.get_result_async().add_done_callback(self._on_result)
        if self._is_abandoned:
            handle.cancel_goal_async()

    def _on_result(self, pending: Any) -> None:
        self._handle = None
        self._in_loop(pending.result().result)

    def _on_feedback(self, message: Any) -> None:
        if not self._has_news:
            self._has_news = True
            self._in_loop_call(self._note, self.news, message.feedback)

    def _in_loop(self, result: Any) -> None:
        self._in_loop_call(self._note, self.answer, result)

    def _in_loop_call(self, call: Any, *arguments: Any) -> None:
        # The loop is gone if the node stops just now.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *arguments)

    # --- event loop -----------------------------------------------------------------------

    def _note_accepted(self) -> None:
        self.is_accepted = True

    def _note(self, future: asyncio.Future[Any], result: Any) -> None:
        if not future.done():
            future.set_result(result)
