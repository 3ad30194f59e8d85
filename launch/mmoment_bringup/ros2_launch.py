"""Teaches the real `ros2 launch` the one action of ours that its YAML front end lacks.

Loaded by `launch` through the entry point group `launch.frontend.launch_extension`; never imported
by the supervisor, which works without `launch`.
"""

# mypy: disable-error-code="attr-defined"
from __future__ import annotations

from typing import Any

from launch.action import Action
from launch.actions import RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.frontend import Entity, Parser, expose_action

from launch import LaunchContext


class FatalExitError(RuntimeError):
    """Raised inside the launch service: it then ends every process and exits with non-zero."""


@expose_action('stop_on_exit_code')
class StopOnExitCode(Action):
    """End the whole launch when a process ends with the exit code `code`.

    `on_exit: shutdown` of the front end would do so after any exit, and leave with exit code 0.
    """

    def __init__(self, *, code: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._code = code

    @classmethod
    def parse(cls, entity: Entity, parser: Parser) -> tuple[type, dict[str, Any]]:
        """Read the action from a launch file."""
        _, arguments = super().parse(entity, parser)
        arguments['code'] = entity.get_attr('code', data_type=int)
        return cls, arguments

    def execute(self, context: LaunchContext) -> list[RegisterEventHandler]:
        """Watch every process that follows."""
        return [RegisterEventHandler(OnProcessExit(on_exit=self._on_exit))]

    def _on_exit(self, event: ProcessExited, context: LaunchContext) -> None:
        if event.returncode == self._code:
            raise FatalExitError(
                f'{event.process_name} cannot work as configured (exit code {self._code}); '
                'its error message stands above'
            )
