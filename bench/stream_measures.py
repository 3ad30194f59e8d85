"""A push when all is well, several at once, beside a reference, and when the network becomes slow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.runner import Value
from bench.stream_graph import FPS, Load
from bench.stream_puller import PulledPicture, Puller
from bench.stream_reference import NoReference, reference
from bench.stream_scores import continuity, lag
from bench.stream_world import DIRECT, KEY, MAIN, THROUGH_RELAY, World
from bench.whole_graph import quantile

SETTLE_S = 3.0
REFERENCE_KEY, REFERENCE = 'bench-reference', 'ffmpeg'
PUSHES = 4
REFERENCE_PATIENCE_S = 20.0
# Until the figure that is halved is that of the pictures, not of the start.
RATE_SETTLE_S = 6.0
# After the network has become fast again, to see what was lost meanwhile.
AFTER_S = 2.0
NS_PER_S = 10**9


@dataclass(frozen=True, slots=True)
class Seen:
    """What a viewer saw in a time (CLOCK_MONOTONIC, ns)."""

    since_ns: int
    until_ns: int
    pictures: list[PulledPicture]

    @property
    def ages_ms(self) -> list[float]:
        """From capture to the decoded picture."""
        return [picture.age_ms for picture in self.pictures if picture.mark is not None]


def steady(world: World, seconds: float) -> tuple[dict[str, Value], int]:
    """One push of 720p at 30 fps: latency, continuity, CPU; and how many pictures were looked at."""
    camera = world.camera
    asked_s = world.push(DIRECT)
    live_s = camera.await_live(MAIN, asked_s)
    began_ns = time.monotonic_ns()
    world.viewer.first_taken_after(began_ns, REFERENCE_PATIENCE_S)
    time.sleep(SETTLE_S)
    load = Load(camera.process('stream_node'), camera.started)
    seen = _watch(world.viewer, seconds)
    node_percent, others_percent = load.node_percent(), load.others_percent()
    # None is missing after the start, that of the viewer: it begins with a keyframe.
    whole = continuity(world.viewer.pictures(began_ns), camera.encoded_ns())
    status, stat = camera.status(MAIN), world.server.stat().stream(KEY)
    metrics: dict[str, Value] = {
        'latency_p50_ms': quantile(seen.ages_ms, 0.5),
        'latency_p99_ms': quantile(seen.ages_ms, 0.99),
        'missing_frames': whole.missing,
        'doubled_frames': whole.doubled,
        'not_encoded': whole.not_encoded,
        'cpu_percent': round(node_percent, 2),
        'cpu_percent_others': round(others_percent, 1),
        'start_to_live_s': round(live_s - asked_s, 3),
        'fps': round(len(seen.ages_ms) / seconds, 2),
        'kbps': round(status.kbps),
        'server_counts_mib': round(stat.bytes_in / 2**20, 2) if stat else 0.0,
        'node_counts_mib': round(status.bytes_sent / 2**20, 2),
    }
    return metrics, len(seen.ages_ms)


def idle(world: World, seconds: float) -> dict[str, Value]:
    """The node while nothing is pushed."""
    world.camera.halt()
    time.sleep(1.0)
    load = Load(world.camera.process('stream_node'), world.camera.started)
    time.sleep(seconds)
    return {'cpu_percent_idle': round(load.node_percent(), 2)}


def several(world: World, alone_percent: float, seconds: float) -> dict[str, Value]:
    """What each push costs beyond the first."""
    camera, names = world.camera, [f'push-{number}' for number in range(PUSHES)]
    for name in names:
        world.write_key(name, f'{name}.key')
    asked_s = camera.push_to([world.target(DIRECT, name, f'{name}.key') for name in names])
    for name in names:
        camera.await_live(name, asked_s)
    time.sleep(SETTLE_S)
    load = Load(camera.process('stream_node'), camera.started)
    time.sleep(seconds)
    added = (load.node_percent() - alone_percent) / (PUSHES - 1)
    return {'cpu_percent_added_push': round(added, 2)}


def beside_reference(world: World, seconds: float, left_out: list[str]) -> dict[str, Value]:
    """The same packets by us and by a node with ffmpeg, at the same time."""
    camera, server = world.camera, world.server
    camera.await_live(MAIN, world.push(DIRECT))
    try:
        with (
            reference(f'{server.publish_url}/{REFERENCE_KEY}') as other,
            Puller(server.play_url(REFERENCE_KEY)) as viewer,
        ):
            viewer.first_taken_after(time.monotonic_ns(), REFERENCE_PATIENCE_S)
            time.sleep(SETTLE_S)
            load = Load(camera.process('stream_node'), camera.started)
            began_s, all_s, ffmpeg_s = time.monotonic(), other.cpu_s(), other.ffmpeg_cpu_s()
            theirs = _watch(viewer, seconds)
            ours = _seen(world.viewer, theirs.since_ns, theirs.until_ns)
            took_s, ours_percent = time.monotonic() - began_s, load.node_percent()
            theirs_percent = 100 * (other.cpu_s() - all_s) / took_s
            ffmpeg_percent = 100 * (other.ffmpeg_cpu_s() - ffmpeg_s) / took_s
    except (NoReference, TimeoutError) as error:
        left_out.append(f'the reference was left out: {error}')
        return {}
    theirs_ms = quantile(theirs.ages_ms, 0.5)
    return {
        'latency_x_ffmpeg': round(quantile(ours.ages_ms, 0.5) / theirs_ms, 3),
        'cpu_x_ffmpeg': round(ours_percent / theirs_percent, 3),
        'ffmpeg_latency_p50_ms': theirs_ms,
        'ffmpeg_cpu_percent': round(ffmpeg_percent, 2),
        'ffmpeg_node_cpu_percent': round(theirs_percent, 2),
    }


def halved_uplink(world: World, seconds: float) -> dict[str, Value]:
    """The network takes half of what is sent, from one moment to the next."""
    camera, began_ns = world.camera, time.monotonic_ns()
    camera.await_live(MAIN, world.push(THROUGH_RELAY))
    world.viewer.first_taken_after(began_ns, REFERENCE_PATIENCE_S)
    time.sleep(RATE_SETTLE_S)
    before = camera.status(MAIN)
    limit_kbps = before.kbps / 2
    since_ns = time.monotonic_ns()
    world.relay.limit_kbps(limit_kbps)
    try:
        time.sleep(seconds)
        until_ns, slow = time.monotonic_ns(), camera.status(MAIN)
    finally:
        world.relay.limit_kbps(0)
    time.sleep(AFTER_S)
    pictures = world.viewer.pictures(since_ns)
    late = lag(pictures, since_ns, until_ns)
    lost = continuity(pictures, camera.encoded_ns())
    return {
        'uplink_before_kbps': round(before.kbps),
        'uplink_limit_kbps': round(limit_kbps),
        'uplink_lag_worst_s': round(late.worst_s, 3),
        'uplink_lag_final_s': round(late.final_s, 3),
        'uplink_longest_gap_s': round(late.gap_s, 3),
        'uplink_frames_lost': lost.missing,
        'uplink_encoder_asked_kbps': round(slow.target_kbps),
        'uplink_reconnects': int(slow.reconnects - before.reconnects),
        'uplink_frames': round(seconds * FPS),
    }


def _watch(viewer: Puller, seconds: float) -> Seen:
    since_ns = time.monotonic_ns()
    time.sleep(seconds)
    return _seen(viewer, since_ns, time.monotonic_ns())


def _seen(viewer: Puller, since_ns: int, until_ns: int) -> Seen:
    pictures: Sequence[PulledPicture] = viewer.pictures(since_ns)
    return Seen(since_ns, until_ns, [each for each in pictures if each.decoded_ns < until_ns])
