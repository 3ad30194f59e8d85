"""What `auto` tries, and that a demo never takes the place of a camera that has delivered."""

from mmoment_camera.source_address import SourceAddress
from mmoment_camera.source_plan import SourcePlan

CAMERAS = ['/dev/video0', '/dev/video2']


def auto(devices=lambda: CAMERAS, has_csi=lambda: False):
    return SourcePlan(SourceAddress('auto'), devices=devices, has_csi=has_csi)


def test_a_named_source_is_the_only_candidate():
    address = SourceAddress('rtsp', 'rtsp://camera/')
    assert SourcePlan(address).candidates() == [address]


def test_auto_tries_the_camera_port_then_devices_then_a_drawing():
    kinds = [address.kind for address in auto(has_csi=lambda: True).candidates()]
    assert kinds[:3] == ['csi', 'v4l2', 'v4l2']
    assert kinds[3:] in (['demo'], ['pattern'])


def test_auto_stays_with_cameras_and_with_the_one_that_delivered_first():
    plan = auto()
    first, camera, *_ = plan.candidates()
    plan.delivered(camera)
    assert plan.candidates() == [camera, first]
    assert plan.current == camera


def test_a_camera_that_comes_back_by_another_name_is_found():
    present = ['/dev/video0']
    plan = auto(devices=lambda: present)
    plan.delivered(plan.candidates()[0])
    present[:] = ['/dev/video2']
    paths = [address.target for address in plan.candidates()]
    assert paths == ['/dev/video0', '/dev/video2']


def test_auto_looks_again_for_each_attempt():
    present = []
    plan = auto(devices=lambda: present)
    assert plan.candidates()[0].kind in ('demo', 'pattern')
    present.append('/dev/video0')
    assert plan.candidates()[0] == SourceAddress('v4l2', '/dev/video0')
