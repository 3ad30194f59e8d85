"""What the camera node tells, as messages: status, calibration, diagnostics."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CameraInfo

from mmoment_camera.camera_info_store import Calibration
from mmoment_camera.capture_loop import CaptureStatus
from mmoment_camera.frame_segment import SHARED_MEMORY_DIR
from mmoment_camera.units import SECOND_NS
from mmoment_interfaces.msg import CameraStatus, ComponentState
from mmoment_node.recovery import RecoverySnapshot, RecoveryState

MIB = 1024 * 1024
# Below this share of the asked rate a camera that promised it is slow: dark rooms, weak USB.
SLOW_SHARE = 0.8
# Kinds that deliver at the rate asked for; the others have a rate of their own.
PACED_BY_US = ('v4l2', 'csi', 'pattern', 'demo')
OLD_FRAME_S = 1.0

Finding = tuple[str, bytes, str, dict[str, object]]
"""Concern, level, message and values of a diagnostic status."""


def time_message(nanoseconds: int) -> Time:
    """A moment on the ROS clock."""
    return Time(sec=nanoseconds // SECOND_NS, nanosec=nanoseconds % SECOND_NS)


def component_state(recovery: RecoverySnapshot) -> ComponentState:
    """The state of the connection."""
    return ComponentState(
        state=int(recovery.state),
        since=time_message(round(recovery.since_s * SECOND_NS)),
        last_error=recovery.last_error,
        retries=recovery.retries,
        next_try_s=recovery.next_try_s,
    )


def camera_status(status: CaptureStatus, target_fps: float) -> CameraStatus:
    """What the loop does, without header."""
    return CameraStatus(
        connection=component_state(status.recovery),
        kind=status.kind,
        source=status.source,
        chosen_by_auto=status.chosen_by_auto,
        width=status.width_px,
        height=status.height_px,
        pixel_format=status.pixel_format,
        target_fps=target_fps,
        fps=status.fps,
        frames=status.frames,
        dropped=status.dropped,
        frame_age_s=status.frame_age_s,
    )


def calibration_of(info: CameraInfo, camera_name: str) -> Calibration:
    """The calibration in a message; raises CalibrationError where it is none."""
    return Calibration(
        width_px=info.width,
        height_px=info.height,
        camera_matrix=tuple(info.k),
        distortion=tuple(info.d),
        rectification_matrix=tuple(info.r),
        projection_matrix=tuple(info.p),
        distortion_model=info.distortion_model,
        camera_name=camera_name,
    )


def camera_info(calibration: Calibration | None, width_px: int, height_px: int) -> CameraInfo:
    """The calibration for pictures of this size, without header; zeros mean uncalibrated.

    Raises CalibrationError where the pictures have another shape than the calibration.
    """
    info = CameraInfo(width=width_px, height=height_px)
    if calibration is None:
        return info
    fitting = calibration.scaled_to(width_px, height_px)
    info.distortion_model = fitting.distortion_model
    info.d = list(fitting.distortion)
    info.k = list(fitting.camera_matrix)
    info.r = list(fitting.rectification_matrix)
    info.p = list(fitting.projection_matrix)
    return info


def connection_finding(status: CaptureStatus) -> Finding:
    """Whether there is a live picture."""
    recovery = status.recovery
    is_live = recovery.state is RecoveryState.LIVE
    level = DiagnosticStatus.OK if is_live else DiagnosticStatus.WARN
    if recovery.state is RecoveryState.FAILED:
        level = DiagnosticStatus.ERROR
    state = recovery.state.name.lower()
    message = f'live: {status.source}' if is_live else recovery.last_error or state
    values: dict[str, object] = {
        'state': state,
        'source': status.source,
        'kind': status.kind,
        'pixel_format': status.pixel_format,
        'retries': recovery.retries,
        'last_error': recovery.last_error,
        'stuck_readers': status.stuck_readers,
        'abandoned_readers': status.abandoned_readers,
    }
    return 'connection', level, message, values


def rate_finding(status: CaptureStatus, target_fps: float, topics_dropped: int) -> Finding:
    """Whether a camera keeps the rate asked of it."""
    is_slow = status.kind in PACED_BY_US and 0 < status.fps < SLOW_SHARE * target_fps
    message = f'{status.fps:.1f} of {target_fps:g} pictures per second'
    if is_slow:
        message += ': more light, another pixel_format or a smaller picture may help'
    values: dict[str, object] = {
        'fps': f'{status.fps:.2f}',
        'target_fps': f'{target_fps:g}',
        'frames': status.frames,
        'dropped': status.dropped,
        'image_topics_dropped': topics_dropped,
    }
    return 'rate', DiagnosticStatus.WARN if is_slow else DiagnosticStatus.OK, message, values


def age_finding(status: CaptureStatus) -> Finding:
    """Whether the newest picture is new."""
    age_s = status.frame_age_s
    level = DiagnosticStatus.OK if 0 <= age_s < OLD_FRAME_S else DiagnosticStatus.WARN
    message = 'no picture yet' if age_s < 0 else f'newest live picture is {age_s:.2f} s old'
    return 'frame age', level, message, {'frame_age_s': f'{age_s:.3f}'}


def shared_memory_finding(free_bytes: int, ring_bytes: int) -> Finding:
    """Whether another ring of this size still fits."""
    is_scarce = free_bytes < ring_bytes
    message = f'{free_bytes / MIB:.0f} MiB of shared memory free'
    if is_scarce:
        message += f', a ring needs {ring_bytes / MIB:.0f} MiB: enlarge {SHARED_MEMORY_DIR}'
    values: dict[str, object] = {
        'free_mib': f'{free_bytes / MIB:.0f}',
        'ring_mib': f'{ring_bytes / MIB:.0f}',
    }
    level = DiagnosticStatus.WARN if is_scarce else DiagnosticStatus.OK
    return 'shared memory', level, message, values
