"""Teaches the real `ros2 launch` the actions of ours that its YAML front end lacks.

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
from launch.substitution import Substitution
from launch.utilities import perform_substitutions

from launch import LaunchContext
from mmoment_bringup.parameter_text import quoted


@expose_action('set_text_parameter')
class SetTextParameter(Action):
    """Set a parameter of every node that follows in this scope to a text, as it is.

    `set_parameter` reads the value as YAML, and so does the node once more.
    """

    def __init__(
        self, *, name: list[Substitution], value: list[Substitution], **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self._name = name
        self._value = value

    @classmethod
    def parse(cls, entity: Entity, parser: Parser) -> tuple[type, dict[str, Any]]:
        """Read the action from a launch file."""
        _, arguments = super().parse(entity, parser)
        for key in ('name', 'value'):
            arguments[key] = parser.parse_substitution(entity.get_attr(key))
        return cls, arguments

    def execute(self, context: LaunchContext) -> None:
        """Append to what launch_ros puts on the command line of every node, as its own action."""
        name = perform_substitutions(context, self._name)
        value = quoted(perform_substitutions(context, self._value))
        context.launch_configurations.setdefault('global_params', []).append((name, value))


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
