import pytest

from mmoment_api.graph_state import DiagnosticState, GraphState, StageState
from mmoment_api.health import START_GRACE_S, judge, why_no_picture, why_no_video

NODES = ('camera_node', 'face_node')


@pytest.fixture
def state(clock):
    return GraphState(clock)


@pytest.fixture
def hear(state, clock, camera):
    """Everybody says that all is well, now."""

    def hear(**camera_changes):
        state.hear_camera(camera(heard_s=clock.now_s, **camera_changes))
        state.hear_stage(StageState(clock.now_s, 'face_node', '', 30.0, 0.0, 0.0, 0, 0, 0))

    return hear


def concern(clock, node, level, message='hot'):
    return DiagnosticState(clock.now_s, node, 'temperature', level, message)


def test_all_well(state, hear):
    hear()
    health = judge(state, NODES)
    assert health.status == 'ok'
    assert {part.state for part in health.parts.values()} == {'ok'}


def test_nodes_may_take_their_time_to_start(state, clock):
    health = judge(state, NODES)
    assert health.status == 'degraded'
    assert {part.state for part in health.parts.values()} == {'starting'}
    clock.now_s += START_GRACE_S
    health = judge(state, NODES)
    assert health.status == 'error'
    assert health.parts['face_node'].state == 'silent'
    assert 'face_node' in health.message


def test_a_silent_node_is_named(state, hear, clock, camera):
    hear()
    clock.now_s += 3.1
    state.hear_camera(camera(heard_s=clock.now_s))
    health = judge(state, NODES)
    assert health.status == 'degraded'
    assert health.parts['face_node'].state == 'silent'
    assert health.message == 'face_node: nothing heard from face_node for 3 s'


def test_a_silent_camera_node_is_an_error(state, hear, clock):
    hear()
    clock.now_s += 3.1
    state.hear_stage(StageState(clock.now_s, 'face_node', '', 30.0, 0.0, 0.0, 0, 0, 0))
    assert judge(state, NODES).status == 'error'


@pytest.mark.parametrize('connection', ['waiting_to_retry', 'failed', 'idle', 'connecting'])
def test_no_live_picture_is_an_error_with_its_reason(state, hear, connection):
    hear(connection=connection, last_error='no answer from rtsp://***@cam', retries=2)
    health = judge(state, NODES)
    assert health.status == 'error'
    assert 'no answer from rtsp://***@cam' in health.parts['camera_node'].message


def test_the_first_attempt_is_not_an_error_yet(state, hear):
    hear(connection='connecting', frames=0)
    assert judge(state, NODES).parts['camera_node'].state == 'starting'
    assert judge(state, NODES).status == 'degraded'


def test_a_camera_at_half_its_rate_is_degraded(state, hear):
    hear(fps=14.0)
    assert judge(state, NODES).status == 'degraded'
    hear(fps=16.0)
    assert judge(state, NODES).status == 'ok'


@pytest.mark.parametrize(('level', 'part'), [('warn', 'degraded'), ('error', 'error')])
def test_what_a_node_says_of_itself_counts(state, hear, clock, level, part):
    hear()
    state.hear_diagnostic(concern(clock, 'face_node', level))
    health = judge(state, NODES)
    assert health.parts['face_node'].state == part
    assert health.parts['face_node'].message == 'temperature: hot'
    assert health.status == 'degraded'
    clock.now_s += 3.1
    hear()
    assert judge(state, NODES).status == 'ok'


def test_an_error_of_the_camera_node_is_one_of_the_whole(state, hear, clock):
    hear()
    state.hear_diagnostic(concern(clock, 'camera_node', 'error'))
    assert judge(state, NODES).status == 'error'


def test_the_worst_concern_is_told(state, hear, clock):
    hear()
    state.hear_diagnostic(DiagnosticState(clock.now_s, 'face_node', 'a', 'warn', 'slow'))
    state.hear_diagnostic(DiagnosticState(clock.now_s, 'face_node', 'b', 'error', 'broken'))
    assert judge(state, NODES).parts['face_node'].message == 'b: broken'


def test_the_part_to_blame_for_no_picture_is_named(state, hear, clock):
    nodes = ('camera_node', 'overlay_node')

    def hear_overlay():
        state.hear_stage(StageState(clock.now_s, 'overlay_node', '', 30.0, 0.0, 0.0, 0, 0, 0))

    hear()
    hear_overlay()
    # Not noticed by its words yet, but by its pictures.
    assert why_no_picture(state, nodes) == 'overlay_node delivers no pictures'
    clock.now_s += 4.0
    hear()
    assert why_no_picture(state, nodes).startswith('overlay_node: nothing heard')
    hear(connection='waiting_to_retry', last_error='gone')
    assert 'gone' in why_no_picture(state, nodes)


def test_the_part_to_blame_for_no_video_is_named(state, hear, clock):
    nodes = ('camera_node', 'overlay_node', 'encoder_node')

    def hear_stages(*names):
        for name in names:
            state.hear_stage(StageState(clock.now_s, name, '', 30.0, 0.0, 0.0, 0, 0, 0))

    hear()
    hear_stages('overlay_node', 'encoder_node')
    assert why_no_video(state, nodes) == ('encoder_node', 'encoder_node delivers no video')
    clock.now_s += 4.0
    hear()
    hear_stages('overlay_node')
    assert why_no_video(state, nodes)[0] == 'encoder_node'
    assert 'nothing heard' in why_no_video(state, nodes)[1]
    clock.now_s += 4.0
    hear()
    assert why_no_video(state, nodes)[0] == 'overlay_node'
    hear(connection='waiting_to_retry', last_error='gone')
    assert why_no_video(state, nodes)[0] == 'camera_node'
