"""Status, calibration and diagnostics say what is."""

from dataclasses import replace

import pytest

pytest.importorskip('mmoment_interfaces.msg')

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CameraInfo

from mmoment_camera.camera_messages import (
    age_finding,
    calibration_of,
    camera_info,
    camera_status,
    connection_finding,
    rate_finding,
    shared_memory_finding,
)
from mmoment_camera.capture_loop import CaptureStatus
from mmoment_camera.errors import CalibrationError
from mmoment_interfaces.msg import ComponentState
from mmoment_node.recovery import RecoverySnapshot, RecoveryState

LIVE = CaptureStatus(
    recovery=RecoverySnapshot(state=RecoveryState.LIVE, since_s=12.5),
    kind='v4l2',
    source='/dev/video0',
    chosen_by_auto=True,
    width_px=1280,
    height_px=720,
    pixel_format='MJPG',
    fps=29.9,
    frames=100,
    dropped=2,
    frame_age_s=0.02,
    stuck_readers=0,
    abandoned_readers=0,
)
WAITING = replace(
    LIVE,
    recovery=RecoverySnapshot(
        state=RecoveryState.WAITING_TO_RETRY,
        since_s=1.0,
        last_error='/dev/video0 is not there: plug the camera in',
        retries=4,
        next_try_s=2.5,
    ),
)


def test_the_states_of_message_and_recovery_agree():
    for state in RecoveryState:
        assert getattr(ComponentState, state.name) == state


def test_status_message():
    message = camera_status(WAITING, 30.0)
    assert message.connection.state == ComponentState.WAITING_TO_RETRY
    assert message.connection.retries == 4
    assert message.connection.since.sec == 1
    assert message.chosen_by_auto
    assert (message.width, message.height, message.frames, message.dropped) == (1280, 720, 100, 2)


@pytest.mark.parametrize(
    ('state', 'level'),
    [
        (RecoveryState.LIVE, DiagnosticStatus.OK),
        (RecoveryState.CONNECTING, DiagnosticStatus.WARN),
        (RecoveryState.WAITING_TO_RETRY, DiagnosticStatus.WARN),
        (RecoveryState.FAILED, DiagnosticStatus.ERROR),
    ],
)
def test_connection(state, level):
    status = replace(WAITING, recovery=replace(WAITING.recovery, state=state))
    concern, found, message, values = connection_finding(status)
    assert (concern, found) == ('connection', level)
    assert '/dev/video0' in message
    assert values['retries'] == 4


def test_a_slow_camera_is_told_but_a_slow_file_is_not():
    slow = replace(LIVE, fps=12.0)
    assert rate_finding(LIVE, 30.0, 0)[1] == DiagnosticStatus.OK
    assert rate_finding(slow, 30.0, 0)[1] == DiagnosticStatus.WARN
    assert rate_finding(replace(slow, kind='file'), 30.0, 0)[1] == DiagnosticStatus.OK


def test_an_old_picture_is_told():
    assert age_finding(LIVE)[1] == DiagnosticStatus.OK
    assert age_finding(replace(LIVE, frame_age_s=3.0))[1] == DiagnosticStatus.WARN
    assert age_finding(replace(LIVE, frame_age_s=-1.0))[2] == 'no picture yet'


def test_scarce_shared_memory_is_told_with_both_numbers():
    _, level, message, _ = shared_memory_finding(5 * 2**20, 16 * 2**20)
    assert level == DiagnosticStatus.WARN
    assert '5 MiB' in message
    assert '16 MiB' in message


def info():
    return CameraInfo(
        width=640,
        height=360,
        distortion_model='plumb_bob',
        d=[0.1, 0.0, 0.0, 0.0, 0.0],
        k=[500.0, 0.0, 320.0, 0.0, 500.0, 180.0, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[500.0, 0.0, 320.0, 0.0, 0.0, 500.0, 180.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def test_calibration_goes_through_messages_and_is_scaled():
    calibration = calibration_of(info(), 'gate')
    assert camera_info(calibration, 640, 360) == info()
    assert list(camera_info(calibration, 1280, 720).k)[:3] == [1000.0, 0.0, 640.0]
    with pytest.raises(CalibrationError):
        camera_info(calibration, 640, 480)


def test_uncalibrated_pictures_have_zeros():
    message = camera_info(None, 640, 480)
    assert (message.width, message.height) == (640, 480)
    assert not any(message.k)


def test_an_empty_message_is_no_calibration():
    with pytest.raises(CalibrationError):
        calibration_of(CameraInfo(), 'gate')
