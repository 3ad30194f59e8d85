"""Makes the two hubs of live views, which share seats and tell why nothing comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmoment_api.graph_state import GraphState
from mmoment_api.health import OVERLAY, why_no_picture, why_no_video
from mmoment_api.layer_keeper import LayerKeeper
from mmoment_api.mjpeg_hub import LiveHub, PictureSource
from mmoment_api.video_hub import VideoHub, VideoSource


def live_hubs(
    open_source: Callable[[bool], PictureSource],
    video_source: VideoSource,
    keeper: LayerKeeper,
    state: GraphState,
    nodes: Sequence[str],
    viewers_at_most: int,
    jpeg_quality: Callable[[], int],
) -> tuple[LiveHub, VideoHub]:
    """For pictures in JPEG, and for the packets of the encoder. nodes: those that are expected."""
    live = LiveHub(
        open_source,
        viewers_at_most,
        jpeg_quality,
        lambda _: keeper.why_held_back or why_no_picture(state, nodes),
    )

    def why_nothing() -> tuple[str, str]:
        if keeper.why_held_back:
            return OVERLAY, keeper.why_held_back
        return why_no_video(state, nodes)

    return live, VideoHub(video_source, live.seats, why_nothing)
