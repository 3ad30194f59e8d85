"""The two channels of pictures that encoder_node makes video of, and the names of their topics."""

from __future__ import annotations

from dataclasses import dataclass

PUBLIC, ANNOTATED = 'public', 'annotated'


@dataclass(frozen=True, slots=True)
class VideoChannel:
    """All names are relative to the camera's namespace."""

    name: str  # as EncoderStatus has it
    frames: str  # topic of its pictures
    part: str  # begins the name of all that encoder_node has for it, but for the usual channel

    @property
    def video(self) -> str:
        """Topic of the packets, made only while subscribed to."""
        return self.named('video')

    @property
    def status(self) -> str:
        """Topic that tells of the encoder."""
        return self.named('encoder_status')

    @property
    def limit(self) -> str:
        """Topic on which fewer bits are asked for."""
        return self.named('video_limit')

    @property
    def request_keyframe(self) -> str:
        """Service that has the next packet be one to begin with."""
        return self.named('request_keyframe')

    def named(self, leaf: str) -> str:
        """The name that something of this channel has."""
        return f'{self.part}/{leaf}' if self.part else leaf


VIDEO_CHANNELS = {
    PUBLIC: VideoChannel(PUBLIC, 'public/frames', ''),
    # Drawings name people: for the owner of the camera, and for whomever the owner lets see them.
    ANNOTATED: VideoChannel(ANNOTATED, 'overlay/frames', 'overlay'),
}
"""By name. In both, strangers are blurred if overlay_node is told to."""
