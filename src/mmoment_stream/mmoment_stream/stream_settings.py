"""What is pushed and when, as configured."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from mmoment_stream.errors import Refused
from mmoment_stream.push_target import NONE, PushTarget
from mmoment_stream.stream_targets import checked_targets
from mmoment_stream.video_channel import ANNOTATED, PUBLIC

ALWAYS, WHILE_CHECKED_IN = 'always', 'while_checked_in'
CHANNELS = (PUBLIC, ANNOTATED)
SCHEDULES = (ALWAYS, WHILE_CHECKED_IN)
# No encoder of ours goes lower; far above what any server takes.
LEAST_KBPS, MOST_KBPS = 100, 100_000
FIELDS = ('channel', 'schedule', 'bitrate_kbps', 'targets')


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """See mmoment_interfaces/StreamSettings. bitrate_kbps: at most, 0: as the encoder has it."""

    channel: str = PUBLIC
    schedule: str = ALWAYS
    bitrate_kbps: int = 0
    targets: tuple[PushTarget, ...] = ()

    @property
    def pushed(self) -> tuple[PushTarget, ...]:
        """Targets that are pushed to while the stream is wanted."""
        return tuple(each for each in self.targets if each.enabled and each.provider != NONE)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all targets."""
        return tuple(each.name for each in self.targets)

    def check_pushed(self, name: str) -> None:
        """Raises Refused: unknown_target, target_left_out; the first does not repeat what was asked."""
        if name not in self.names:
            known = ', '.join(self.names) or 'none is configured'
            raise Refused('unknown_target', f'There is no target of this name, but: {known}')
        if name not in {each.name for each in self.pushed}:
            raise Refused(
                'target_left_out', f'The settings leave the target {name} out: enable it first'
            )


def checked(settings: StreamSettings, *, paths: Collection[str] | None = ()) -> StreamSettings:
    """The settings, if there is nothing wrong with them. Raises Refused: malformed.

    paths: see `stream_targets.checked_targets`.
    """
    for name, choices in (('channel', CHANNELS), ('schedule', SCHEDULES)):
        if getattr(settings, name) not in choices:
            raise Refused('malformed', f'The {name} is one of: {", ".join(choices)}')
    if settings.bitrate_kbps and not LEAST_KBPS <= settings.bitrate_kbps <= MOST_KBPS:
        raise Refused(
            'malformed', f'The bitrate is {LEAST_KBPS} to {MOST_KBPS} kbit/s; 0: no limit'
        )
    return replace(settings, targets=checked_targets(settings.targets, paths=paths))
