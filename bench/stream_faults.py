"""The faults that a push has to survive by itself, each with how it is caused and ended."""

from __future__ import annotations

import contextlib
import math
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.stream_busy_camera import BusyCamera
from bench.stream_scores import (
    PAUSED,
    Limits,
    Moment,
    Outcome,
    codes_since,
    waited_s,
)
from bench.stream_world import (
    BY_NAME,
    DIRECT,
    KEY,
    MAIN,
    SERVER_NAME,
    THROUGH_CABLE,
    THROUGH_RELAY,
    WRONG_KEY,
    World,
)
from mmoment_node.recovery import RecoveryState

# Of being live before a fault, so that media flows.
SETTLE_S = 1.5
# Longer than the longest pause, a time-out and a connection together.
PATIENCE_S = 30.0
# After being live: the next keyframe, and a viewer that has to open the stream again.
PICTURE_PATIENCE_S = 25.0
# The server keeps a publisher that went silent for 10 s, and refuses its key meanwhile.
GHOST_S = 12.0
RESETS_PER_ROUND = 4
NS_PER_S = 10**9
Deed = Callable[[World], object]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    cause, cure: begin and end it. way: from camera to server. lasts_s: at least, and until it is
    noticed. is_before: it is there before the push begins. is_of_pictures: not the way to the
    server is broken: nothing comes to be pushed, and a slate is. codes: one of these has to be told.
    """

    name: str
    cause: Deed
    cure: Deed
    limits: Limits
    way: str = DIRECT
    codes: tuple[str, ...] = ()
    lasts_s: float = 3.0
    is_before: bool = False
    is_of_pictures: bool = False


def nothing(world: World) -> None:
    """It ends by itself."""


def _signal(node: str, number: signal.Signals) -> Deed:
    return lambda world: world.camera.process(node).send_signal(number)


def _of_cable(name: str) -> Deed:
    return lambda world: getattr(world.cable, name)()


def matrix(camera_away_s: float) -> tuple[Fault, ...]:
    """All of them, but for connections that are reset."""
    return (*_of_server(), *_of_way(), *_of_pictures(camera_away_s))


def _of_server() -> tuple[Fault, ...]:
    """It is gone, silent, or does not take the key."""
    return (
        Fault(
            'server_killed',
            lambda world: world.server.kill(),
            lambda world: world.server.start(),
            Limits(0.5),
            codes=('closed',),
        ),
        Fault(
            'refused',
            lambda world: world.server.kill(),
            lambda world: world.server.start(),
            Limits(1.0),
            codes=('refused',),
            is_before=True,
        ),
        Fault(
            'never_reads',
            lambda world: world.server.stop(),
            lambda world: world.server.resume(),
            Limits(5.0),
            codes=('stalled',),
        ),
        Fault(
            'never_answers',
            lambda world: world.server.stop(),
            lambda world: world.server.resume(),
            # An attempt that has begun may get its answer, or not.
            Limits(6.0, late_s=6.0),
            codes=('timed_out', 'stalled'),
            is_before=True,
        ),
        Fault(
            'wrong_key',
            lambda world: world.write_key(WRONG_KEY),
            lambda world: world.write_key(KEY),
            Limits(2.0),
            codes=('key_rejected',),
            is_before=True,
        ),
    )


def _of_way() -> tuple[Fault, ...]:
    """The server is well, and cannot be reached."""
    half_open = {'way': THROUGH_CABLE, 'codes': ('stalled', 'unreachable', 'timed_out', 'closed')}
    return (
        Fault(
            'name_unknown',
            lambda world: world.names.forget(),
            lambda world: world.names.learn(SERVER_NAME),
            Limits(5.0),
            way=BY_NAME,
            codes=('name_unknown',),
            is_before=True,
        ),
        Fault(
            'cable_pulled',
            _of_cable('pull'),
            _of_cable('plug'),
            Limits(5.0),
            lasts_s=GHOST_S,
            **half_open,
        ),
        Fault(
            'packets_lost',
            _of_cable('lose'),
            _of_cable('deliver'),
            # An attempt that has begun sends its packet again after 1, 3 and 7 s.
            Limits(5.0, late_s=5.0),
            lasts_s=GHOST_S,
            **half_open,
        ),
    )


def _of_pictures(camera_away_s: float) -> tuple[Fault, ...]:
    """Nothing comes to be pushed."""
    return (
        Fault(
            'encoder_killed',
            _signal('encoder_node', signal.SIGKILL),
            nothing,
            # Until the supervisor has started it again; others use the same two cores.
            Limits(4.0, late_s=15.0),
            lasts_s=0.0,
            is_of_pictures=True,
        ),
        Fault(
            'camera_lost',
            _signal('camera_node', signal.SIGSTOP),
            _signal('camera_node', signal.SIGCONT),
            Limits(4.0, late_s=10.0),
            lasts_s=camera_away_s,
            is_of_pictures=True,
        ),
    )


def camera_killed(busy: BusyCamera, away_s: float) -> Fault:
    """A network camera loses its power, and comes back."""
    return Fault(
        'camera_killed',
        lambda world: busy.kill(),
        lambda world: busy.start(),
        # Its node tries again after pauses of its own, of up to 15 s.
        Limits(4.0, late_s=20.0),
        lasts_s=away_s,
        is_of_pictures=True,
    )


def endure(world: World, fault: Fault) -> Outcome:
    """Cause it, and see how the push comes through."""
    camera = world.camera
    if not fault.is_before:
        camera.await_live(MAIN, world.push(fault.way))
        time.sleep(SETTLE_S)
    caused_s = time.monotonic()
    fault.cause(world)
    try:
        if fault.is_before:
            caused_s = world.push(fault.way)
        noticed_s = (_slate_s if fault.is_of_pictures else _loss_s)(world, caused_s)
        time.sleep(max(0.0, caused_s + fault.lasts_s - time.monotonic()))
    finally:
        fault.cure(world)
    cured_s = caused_s if fault.cure is nothing else time.monotonic()
    came_through = outcome(world, fault.name, noticed_s, caused_s, cured_s)
    if fault.is_of_pictures:
        # The push may have been live all the time.
        return replace(came_through, recover_s=came_through.picture_s)
    return came_through


def outcome(world: World, name: str, noticed_s: float, caused_s: float, cured_s: float) -> Outcome:
    """Wait until all is well, and say how it went; noticed_s: NaN if it was not."""
    since_s = cured_s if math.isnan(noticed_s) else max(cured_s, noticed_s)
    live = world.camera.await_moment(MAIN, _is_well, since_s, PATIENCE_S)
    picture = None
    if live is not None:
        with contextlib.suppress(TimeoutError):
            picture = world.viewer.first_taken_after(round(cured_s * NS_PER_S), PICTURE_PATIENCE_S)
    moments = world.camera.moments(MAIN, caused_s)
    return Outcome(
        name,
        notice_s=noticed_s - caused_s,
        recover_s=math.nan if live is None else live.at_s - cured_s,
        picture_s=math.nan if picture is None else picture.decoded_ns / NS_PER_S - cured_s,
        waited_s=0.0 if live is None else waited_s(moments, cured_s, live.at_s),
        codes=codes_since(moments, caused_s),
    )


def resets(world: World, count: int, chance: random.Random) -> list[Outcome]:
    """The connection is reset at moments that nothing announces."""
    outcomes: list[Outcome] = []
    while len(outcomes) < count:
        # Pauses grow while a connection does not last; begin anew before they are long.
        world.camera.await_live(MAIN, world.push(THROUGH_RELAY))
        for _ in range(min(RESETS_PER_ROUND, count - len(outcomes))):
            time.sleep(chance.uniform(0.05, SETTLE_S))
            caused_s = time.monotonic()
            world.relay.reset_all()
            noticed_s = _loss_s(world, caused_s)
            outcomes.append(outcome(world, 'reset', noticed_s, caused_s, caused_s))
    return outcomes


def _loss_s(world: World, since_s: float) -> float:
    """When the camera says that its push is lost (CLOCK_MONOTONIC); NaN: it does not."""
    lost = world.camera.await_moment(
        MAIN, lambda moment: moment.state in PAUSED, since_s, PATIENCE_S
    )
    return math.nan if lost is None else lost.at_s


def _slate_s(world: World, since_s: float) -> float:
    """When a viewer is shown that the camera is away (CLOCK_MONOTONIC); NaN: never."""
    try:
        picture = world.viewer.first_slate(round(since_s * NS_PER_S), PATIENCE_S)
    except TimeoutError:
        return math.nan
    return picture.decoded_ns / NS_PER_S


def _is_well(moment: Moment) -> bool:
    return moment.state == RecoveryState.LIVE and not moment.slate
