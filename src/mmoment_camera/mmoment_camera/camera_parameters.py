"""The camera node's parameters."""

from __future__ import annotations

from dataclasses import dataclass

from mmoment_camera.orientation import FLIPS, ROTATIONS
from mmoment_camera.source import SourceSettings
from mmoment_node.parameters import parameter


@dataclass(frozen=True, slots=True)
class CameraParameters:
    """One row per parameter."""

    source: str = parameter(
        'auto',
        'Where pictures come from: auto, demo, pattern, csi, /dev/videoN (written whole: ROS refuses '
        'a bare number), /dev/v4l/by-id/..., rtsp://HOST/PATH, '
        'http://HOST/PATH (MJPEG), a video file; or secret:FILE: a file whose first line says it, '
        'for addresses with a password',
        read_only=True,
    )
    width: int = parameter(
        1280,
        'Picture width asked for; network cameras and files keep their own',
        unit='px',
        minimum=16,
        maximum=16384,
        read_only=True,
    )
    height: int = parameter(
        720,
        'Picture height asked for; network cameras and files keep their own',
        unit='px',
        minimum=16,
        maximum=16384,
        read_only=True,
    )
    fps: float = parameter(
        30.0,
        'Pictures per second asked for; network cameras and files keep their own',
        unit='Hz',
        minimum=1.0,
        maximum=240.0,
        read_only=True,
    )
    pixel_format: str = parameter(
        'auto',
        'Format of a V4L2 device; auto: YUYV where it reaches the rate, else MJPG',
        choices=('auto', 'MJPG', 'YUYV'),
        read_only=True,
    )
    rotation: int = parameter(
        0,
        'Turns pictures clockwise: 0, 90, 180 or 270',
        unit='degrees',
        minimum=0,
        maximum=270,
    )
    flip: str = parameter('none', 'Mirrors pictures, after turning', choices=tuple(FLIPS))
    frame_id: str = parameter(
        'camera_optical_frame', 'Coordinate frame in the header of each picture', read_only=True
    )
    calibration_file: str = parameter(
        '',
        'Calibration (YAML), read at start and written by set_camera_info; '
        'empty: camera_info/NAMESPACE.yaml in $ROS_HOME or ~/.ros',
        read_only=True,
    )
    jpeg_quality: int = parameter(
        85, 'JPEG quality of image_raw/compressed', minimum=1, maximum=100
    )
    open_timeout_s: float = parameter(
        5.0,
        'Longest wait for a connection or a device',
        unit='s',
        minimum=0.1,
        maximum=60.0,
        read_only=True,
    )
    read_timeout_s: float = parameter(
        2.0,
        'Longest wait for one picture before the source is given up',
        unit='s',
        minimum=0.1,
        maximum=60.0,
        read_only=True,
    )
    stall_timeout_s: float = parameter(
        3.0,
        'Age of the newest picture at which a reader that hangs in its driver is left behind; '
        'above read_timeout_s',
        unit='s',
        minimum=0.2,
        maximum=120.0,
        read_only=True,
    )
    rtsp_transport: str = parameter(
        'tcp',
        'How an rtsp:// camera sends; over udp a lost packet spoils the picture up to the next '
        'key frame',
        choices=('tcp', 'udp'),
        read_only=True,
    )
    csi_pipeline: str = parameter(
        '',
        'GStreamer elements that make raw pictures, for the source csi; {width}, {height}, {fps} '
        'and {sensor} are filled in; empty: found by itself',
        read_only=True,
    )
    verify_tls: bool = parameter(
        True,
        'Refuse rtsps:// and https:// cameras whose certificate nobody vouches for',
        read_only=True,
    )

    def fault(self) -> str:
        """What is wrong with the parameters together; empty: nothing."""
        if self.rotation not in ROTATIONS:
            choices = ', '.join(str(angle) for angle in ROTATIONS)
            return f'rotation is {self.rotation}, must be one of: {choices}'
        if self.stall_timeout_s <= self.read_timeout_s:
            return (
                f'stall_timeout_s is {self.stall_timeout_s:g}, '
                f'must be above read_timeout_s ({self.read_timeout_s:g} s)'
            )
        return ''

    def source_settings(self) -> SourceSettings:
        """What a source needs of these."""
        return SourceSettings(
            width_px=self.width,
            height_px=self.height,
            fps=self.fps,
            pixel_format=self.pixel_format,
            open_timeout_s=self.open_timeout_s,
            read_timeout_s=self.read_timeout_s,
            rtsp_transport=self.rtsp_transport,
            csi_pipeline=self.csi_pipeline,
            verify_tls=self.verify_tls,
        )
