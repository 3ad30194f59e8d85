"""The `vision` section of the health: what sees, by which model, how fast and with what loss.

Made of what the stages say of themselves once a second. A figure that nobody gave lately is null.
"""

from __future__ import annotations

import math

from mmoment_api.graph_state import GraphState
from mmoment_api.models import VisionAnswer, VisionFaces, VisionStage

FACES = 'face_node'
GESTURES = 'gesture_node'
OVERLAY = 'overlay_node'
RECOGNITION = 'recognition'
# Everybody is told these; how much is done and known, only the owner: faces are looked at for who
# they are when somebody comes.
PUBLIC_OF_FACES = {'fps', 'detector', 'model_id'}
PUBLIC_OF_STAGES = {'fps', 'model'}


def vision_answer(state: GraphState, is_owner: bool) -> VisionAnswer:
    """All stages; for others than the owner models and rates only."""
    faces, gestures, overlay = _faces(state), _stage(state, GESTURES), _stage(state, OVERLAY)
    if not is_owner:
        faces = VisionFaces(**faces.model_dump(include=PUBLIC_OF_FACES))
        gestures = VisionStage(**gestures.model_dump(include=PUBLIC_OF_STAGES))
        overlay = VisionStage(**overlay.model_dump(include=PUBLIC_OF_STAGES))
    return VisionAnswer(faces=faces, gestures=gestures, overlay=overlay)


def embedder_model_id(state: GraphState) -> str | None:
    """The model that faces are compared with; None: none is loaded, or nobody says so."""
    diagnostic = state.fresh_diagnostic(FACES, RECOGNITION)
    return (diagnostic.values.get('model_id') or None) if diagnostic is not None else None


def _faces(state: GraphState) -> VisionFaces:
    stage = _stage(state, FACES)
    diagnostic = state.fresh_diagnostic(FACES, RECOGNITION)
    values = diagnostic.values if diagnostic is not None else {}
    embeds_per_s = state.rate_of(FACES, RECOGNITION, 'embedded')
    return VisionFaces(
        fps=stage.fps,
        detector=stage.model,
        model_id=embedder_model_id(state),
        embeds_per_s=None if embeds_per_s is None else round(embeds_per_s, 2),
        latency_p50_ms=stage.latency_p50_ms,
        latency_p99_ms=stage.latency_p99_ms,
        dropped=stage.dropped,
        embedder=values.get('embedder') or None,
        embed_ms_p50=_figure(values.get('embed_ms_p50')),
        embed_ms_p99=_figure(values.get('embed_ms_p99')),
        waiting=_count(values.get('waiting')),
        people=_count(values.get('people')),
        templates=_count(values.get('templates')),
    )


def _stage(state: GraphState, node: str) -> VisionStage:
    stage = state.fresh_stage(node)
    if stage is None:
        return VisionStage()
    return VisionStage(
        fps=round(stage.fps, 2),
        model=stage.backend or None,
        latency_p50_ms=round(stage.latency_p50_ms, 2),
        latency_p99_ms=round(stage.latency_p99_ms, 2),
        dropped=stage.dropped,
    )


def _figure(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return round(value, 2) if math.isfinite(value) else None


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
