import dataclasses

import pytest

from mmoment_api.graph_state import GestureState, Hands, StageState

STAGES = (
    'face_node',
    'gesture_node',
    'overlay_node',
    'encoder_node',
    'capture_node',
    'stream_node',
    'session_node',
    'chain_node',
)


def stage(name, heard_s=1000.0):
    return StageState(heard_s, name, 'model', 29.5, 21.0, 40.0, 300, 3, 1)


@pytest.fixture
def running(services, camera):
    services.state.hear_camera(camera())
    for name in STAGES:
        services.state.hear_stage(stage(name))
    return services


def test_root_names_the_camera(caller):
    answer = caller.get('/').json()
    assert answer['name'] == 'Mmoment camera'
    assert answer['version'] == '0.1.0'
    assert answer['links']['page'] == '/test-page'


def test_of_several_stages_of_a_part_the_fastest_is_told(running, owner):
    running.state.hear_stage(StageState(1000.0, 'encoder_node', 'libx264', 0.0, 0.0, 0.0, 0, 0, 0))
    running.state.hear_stage(
        StageState(1000.0, 'encoder_node/overlay', 'libx264', 28.0, 9.0, 12.0, 10, 0, 0)
    )
    part = owner.get('/api/health').json()['detail']['parts']['encoder_node']
    assert (part['fps'], part['latency_p50_ms']) == (28.0, 9.0)


def test_health_summary_for_everybody(running, caller):
    answer = caller.get('/api/health').json()
    assert answer['status'] == 'ok'
    assert answer['camera'] == {
        'index': 3,
        'preferred_device': None,
        'resolution': '1280x720',
        'target_fps': 30.0,
    }
    assert answer['buffer_fps'] == 29.7
    assert answer['active_sessions'] == 0
    assert answer['timestamp'] > 1_600_000_000_000
    assert answer['parts'] == {'camera_node': 'ok', **dict.fromkeys(STAGES, 'ok')}
    assert answer['detail'] is None


def test_health_detail_for_the_owner(running, owner):
    answer = owner.get('/api/health').json()
    assert answer['camera']['preferred_device'] == '/dev/video3'
    assert answer['detail']['source']['chosen_by_auto'] is True
    assert answer['detail']['source']['since_s'] == 10.0
    overlay = answer['detail']['parts']['overlay_node']
    assert (overlay['fps'], overlay['dropped'], overlay['backend']) == (29.5, 3, 'model')
    assert answer['detail']['live_view']['viewers'] == 0


def test_status_tells_the_same_twice(running, caller):
    answer = caller.get('/api/status').json()
    assert answer['success'] is True
    assert answer['isOnline'] is True
    assert answer['isStreaming'] is False
    assert answer['isRecording'] is False
    assert answer['activeSessionCount'] == 0
    assert answer['streamInfo'] == {'playbackId': None, 'isActive': False, 'format': None}
    assert answer['recordingInfo'] == {
        'isActive': False,
        'currentFilename': None,
        'recordings': [],
    }
    assert answer['supportedFormats']['live'] == ['mjpeg']
    assert answer['lastSeen'] == answer['timestamp']
    assert answer['data'] == {
        key: value for key, value in answer.items() if key not in ('success', 'timestamp', 'data')
    }


def test_status_without_a_camera(services, caller, camera, clock):
    assert caller.get('/api/status').json()['lastSeen'] is None
    services.state.hear_camera(camera())
    clock.now_s += 10.0
    answer = caller.get('/api/status').json()
    assert answer['isOnline'] is False
    assert answer['timestamp'] - answer['lastSeen'] == 10_000


def test_camera_info_lists_what_works_now(running, caller, clock):
    answer = caller.get('/api/camera/info').json()
    assert (answer['type'], answer['model']) == ('camera', 'v4l2')
    assert answer['camera_pda'] is None
    assert answer['device_pubkey'] is None
    assert answer['capabilities']['live_view'] is True
    assert answer['capabilities']['face_detection'] is True
    assert answer['capabilities']['photo'] is True
    assert answer['capabilities']['video'] is True
    assert answer['capabilities']['streaming'] is False
    clock.now_s += 4.0
    gone = caller.get('/api/camera/info').json()['capabilities']
    assert not any(gone.values())


def test_stream_info(running, owner):
    answer = owner.get('/api/stream/info').json()
    assert answer == {
        'success': True,
        'playbackId': None,
        'isActive': False,
        'streamType': 'mjpeg',
        'resolution': '1280x720',
        'fps': 29.7,
        'streamUrl': 'http://127.0.0.1:5002/mjpeg-stream',
    }


def test_gesture_with_its_confidence(running, owner):
    assert owner.get('/api/gesture/current').json()['gesture'] == 'none'
    state = running.state
    state.hear_gesture(GestureState('peace', 0.8, 4, 999.0, 123, 7), begins=True)
    state.hear_hands(Hands(1000.0, {4: ('peace', 0.91)}))
    answer = owner.get('/api/gesture/current').json()
    assert answer == {
        'success': True,
        'gesture': 'peace',
        'confidence': 0.91,
        'timestamp': 123,
        'hand_track_id': 4,
        'face_track_id': 7,
    }


@pytest.mark.parametrize(
    ('layer', 'parameters'),
    [
        ('face', ['show_faces']),
        ('gesture', ['show_hands', 'show_gestures']),
        ('privacy', ['blur_strangers']),
    ],
)
def test_layers_are_parameters_of_the_overlay(owner, services, layer, parameters):
    path = f'/api/visualization/{layer}'
    assert owner.post(path, json={'enabled': False}).json() == {'success': True, 'enabled': False}
    switches = services.control.switches
    assert [name for name, value in switches.items() if not value] == parameters
    assert owner.get('/api/visualization').json()['layers'][layer] is False
    # Without a value, the switch is turned over.
    assert owner.post(path).json()['enabled'] is True
    assert all(switches.values())


def test_there_is_no_pose_layer(owner):
    answer = owner.post('/api/visualization/pose', json={'enabled': True})
    assert answer.status_code == 404
    assert answer.json()['error'] == 'no_such_layer'
    assert 'pose' not in owner.get('/api/visualization').json()['layers']


def test_a_missing_overlay_is_named(owner, services):
    services.control.is_away = True
    answer = owner.post('/api/visualization/face', json={'enabled': True})
    assert answer.status_code == 503
    assert answer.json()['error'] == 'part_not_running'
    assert answer.json()['part'] == 'overlay_node'


def test_source_is_handed_to_the_camera(owner, services):
    assert owner.post('/api/camera/source', json={'source': 'demo'}).status_code == 200
    assert services.control.sources == ['demo']
    answer = owner.post('/api/camera/source', json={'source': 'nonsense'})
    assert answer.status_code == 422
    assert answer.json()['field'] == 'source'
    assert 'choose' in answer.json()['message']


@pytest.mark.parametrize(
    ('method', 'alias', 'target'),
    [
        ('GET', '/health', '/api/health'),
        ('GET', '/current_gesture', '/api/gesture/current'),
        ('GET', '/detect_gesture', '/api/gesture/current'),
        ('POST', '/toggle_face_detection', '/api/visualization/face'),
        ('POST', '/toggle_face_visualization', '/api/visualization/face'),
        ('POST', '/toggle_gesture_visualization', '/api/visualization/gesture'),
    ],
)
def test_aliases_answer_like_their_targets(running, owner, method, alias, target):
    body = {'json': {'enabled': True}} if method == 'POST' else {}
    answers = [owner(method, path, **body).json() for path in (alias, target)]
    for answer in answers:
        answer.pop('timestamp', None)
    assert answers[0] == answers[1]


def test_unknown_fields_of_legacy_clients_are_ignored(owner):
    legacy = {'enabled': True, 'wallet_address': 'x', 'session_id': 'y'}
    assert owner.post('/toggle_face_detection?_t=123', json=legacy).status_code == 200
    assert owner.get('/api/status?_t=123').status_code == 200


def test_the_ten_addresses_of_the_specification_answer(running, owner):
    for method, path in (
        ('GET', '/health'),
        ('POST', '/connect'),
        ('POST', '/enroll_face'),
        ('POST', '/recognize_face'),
        ('GET', '/api/stream/status'),
        ('GET', '/test-page'),
        ('GET', '/local-test'),
        ('GET', '/api/health'),
        ('POST', '/api/capture'),
    ):
        # Both want to know who it is.
        expected = (422,) if path in ('/connect', '/enroll_face') else (200, 503)
        assert owner(method, path).status_code in expected, path


def test_errors_have_one_shape(owner, services):
    services.control.fault = RuntimeError('secret of the inside')
    cases = [
        (owner.get('/nowhere'), 404, 'not_found'),
        (owner('DELETE', '/api/health'), 405, 'method_not_allowed'),
        (owner.post('/api/camera/source', json={}), 422, 'invalid'),
        (owner.post('/api/visualization/face', json={'enabled': 'maybe'}), 422, 'invalid'),
        (owner.get('/mjpeg-stream?fps=many'), 422, 'invalid'),
        (owner.get('/api/events?types=faces,weather'), 422, 'invalid'),
        (
            owner.post(
                '/api/camera/source', content='{', headers={'Content-Type': 'application/json'}
            ),
            400,
            'malformed',
        ),
        (owner.get('/api/visualization'), 500, 'internal'),
    ]
    for answer, status, code in cases:
        body = answer.json()
        assert answer.status_code == status
        assert (body['success'], body['error']) == (False, code)
        assert body['message']
        assert 'Traceback' not in answer.text
        assert 'secret' not in answer.text
    assert cases[2][0].json()['field'] == 'source'


def test_every_answer_is_marked(caller, owner):
    for answer in (
        caller.get('/'),
        caller.get('/test-page'),
        caller.get('/nowhere'),
        owner.get('/test-page'),
    ):
        assert answer.headers['Cache-Control'] == 'no-store'
        assert answer.headers['Referrer-Policy'] == 'no-referrer'
        assert answer.headers['X-Content-Type-Options'] == 'nosniff'
        policy = answer.headers['Content-Security-Policy']
        assert "default-src 'none'" in policy
        assert 'unsafe' not in policy


def test_settings_are_a_value(services):
    with pytest.raises(dataclasses.FrozenInstanceError):
        services.settings.name = 'other'
