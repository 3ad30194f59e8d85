"""Says how the camera is, part by part, from what its nodes last said about themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from mmoment_api.graph_state import SILENT_AFTER_S, CameraState, DiagnosticState, GraphState

CAMERA = 'camera_node'
OVERLAY = 'overlay_node'
ENCODER = 'encoder_node'
# Models take seconds to load; until then a node that has said nothing is starting, not silent.
START_GRACE_S = 15.0
# Below this part of the asked rate the camera is live, but not as it should be.
LEAST_FPS_SHARE = 0.5

PartState = Literal['ok', 'starting', 'degraded', 'error', 'silent']
Overall = Literal['ok', 'degraded', 'error']

_BY_LEVEL: dict[str, PartState] = {'warn': 'degraded', 'error': 'error', 'stale': 'degraded'}
_WORSE: tuple[PartState, ...] = ('ok', 'starting', 'degraded', 'error', 'silent')


@dataclass(frozen=True, slots=True)
class PartHealth:
    """One part: the worst of what is known about it, in a word and a sentence."""

    state: PartState
    message: str
    concerns: tuple[DiagnosticState, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """The whole camera."""

    status: Overall
    message: str
    parts: dict[str, PartHealth] = field(default_factory=dict)


def judge(state: GraphState, expected: Sequence[str]) -> Health:
    """The health of the nodes named in `expected`, of the camera node first of all.

    error: there is no live picture. degraded: there is one, but a part is starting, silent, or
    says that something is wrong with it.
    """
    parts = {node: _judge_part(state, node) for node in expected}
    faulty = [f'{node}: {part.message}' for node, part in parts.items() if part.state != 'ok']
    camera = parts.get(CAMERA)
    if camera is not None and camera.state in ('error', 'silent'):
        status: Overall = 'error'
    else:
        status = 'degraded' if faulty else 'ok'
    return Health(status, '; '.join(faulty) or 'all parts work', parts)


def why_no_picture(state: GraphState, expected: Sequence[str]) -> str:
    """Which part is to blame while a channel delivers no pictures; all come from the overlay."""
    return _culprit(state, expected, (CAMERA, OVERLAY))[1] or f'{OVERLAY} delivers no pictures'


def why_no_video(state: GraphState, expected: Sequence[str]) -> tuple[str, str]:
    """The part to blame while the encoder's packets do not come, and why in a sentence."""
    part, reason = _culprit(state, expected, (CAMERA, OVERLAY, ENCODER))
    return part or ENCODER, reason or f'{ENCODER} delivers no video'


def _culprit(state: GraphState, expected: Sequence[str], nodes: Sequence[str]) -> tuple[str, str]:
    """The first of these nodes that fails, and why; empty: none of them says so."""
    parts = judge(state, expected).parts
    for node in nodes:
        part = parts.get(node)
        if part is not None and part.state in ('error', 'silent'):
            return node, f'{node}: {part.message}'
    return '', ''


def _judge_part(state: GraphState, node: str) -> PartHealth:
    now_s = state.clock()
    heard_s = state.last_heard_s(node)
    if node == CAMERA and state.camera is not None:
        heard_s = max(heard_s or 0.0, state.camera.heard_s)
    if heard_s is None:
        if now_s - state.started_s < START_GRACE_S:
            return PartHealth('starting', f'{node} has not been heard yet')
        return PartHealth('silent', f'{node} has never been heard; is it running?')
    silence_s = now_s - heard_s
    if silence_s > SILENT_AFTER_S:
        return PartHealth('silent', f'nothing heard from {node} for {silence_s:.0f} s')
    concerns = tuple(
        item
        for item in state.diagnostics.values()
        if item.node == node and now_s - item.heard_s <= SILENT_AFTER_S
    )
    findings: list[tuple[PartState, str]] = [
        (_BY_LEVEL[item.level], f'{item.concern}: {item.message}')
        for item in concerns
        if item.level in _BY_LEVEL
    ]
    if node == CAMERA:
        findings += _judge_camera(state.live_camera())
    worst = max(findings, key=lambda item: _WORSE.index(item[0]), default=('ok', 'works'))
    return PartHealth(worst[0], worst[1], concerns)


def _judge_camera(camera: CameraState | None) -> list[tuple[PartState, str]]:
    if camera is None:
        return [('error', 'tells nothing about its picture source')]
    if not camera.is_live:
        reason = f': {camera.last_error}' if camera.last_error else ''
        waiting = camera.connection.replace('_', ' ')
        first_try = camera.connection == 'connecting' and camera.frames == 0 and not camera.retries
        return [('starting' if first_try else 'error', f'no live picture, {waiting}{reason}')]
    if 0 < camera.fps < LEAST_FPS_SHARE * camera.target_fps:
        return [('degraded', f'{camera.fps:.1f} of {camera.target_fps:.0f} pictures per second')]
    return []
