import pytest

from mmoment_api.graph_state import DiagnosticState, GraphState, StageState
from mmoment_api.vision import embedder_model_id, vision_answer

VALUES = {
    'model_id': 'dlib-resnet-2017',
    'embedder': 'dlib ResNet on the CPU',
    'people': '3',
    'templates': '7',
    'embedded': '100',
    'embed_ms_p50': '12.345',
    'embed_ms_p99': 'nan',
    'waiting': '0',
}


@pytest.fixture
def state(clock):
    return GraphState(clock)


def recognition(clock, **values):
    return DiagnosticState(clock.now_s, 'face_node', 'recognition', 'ok', '', {**VALUES, **values})


def hear(state, clock):
    for node, backend in (('face_node', 'mtcnn'), ('gesture_node', 'mediapipe')):
        state.hear_stage(StageState(clock.now_s, node, backend, 29.5, 21.0, 40.0, 300, 3, 1))
    state.hear_diagnostic(recognition(clock))
    clock.now_s += 2.0
    state.hear_diagnostic(recognition(clock, embedded='110'))


def test_the_owner_is_told_everything(state, clock):
    hear(state, clock)
    answer = vision_answer(state, is_owner=True)
    assert answer.faces.model_dump() == {
        'fps': 29.5,
        'detector': 'mtcnn',
        'model_id': 'dlib-resnet-2017',
        'embeds_per_s': 5.0,
        'latency_p50_ms': 21.0,
        'latency_p99_ms': 40.0,
        'dropped': 3,
        'embedder': 'dlib ResNet on the CPU',
        'embed_ms_p50': 12.35,
        'embed_ms_p99': None,
        'waiting': 0,
        'people': 3,
        'templates': 7,
    }
    assert (answer.gestures.model, answer.gestures.dropped) == ('mediapipe', 3)
    # Nothing was heard of it.
    assert not any(value is not None for value in answer.overlay.model_dump().values())


def test_others_are_told_models_and_picture_rates_only(state, clock):
    hear(state, clock)
    answer = vision_answer(state, is_owner=False)
    told = {key for key, value in answer.faces.model_dump().items() if value is not None}
    # How many faces are compared would tell when people come.
    assert told == {'fps', 'detector', 'model_id'}
    told = {key for key, value in answer.gestures.model_dump().items() if value is not None}
    assert told == {'fps', 'model'}


def test_what_is_missing_or_old_is_null(state, clock):
    state.hear_diagnostic(
        DiagnosticState(clock.now_s, 'face_node', 'recognition', 'ok', '', {'people': 'x'})
    )
    answer = vision_answer(state, is_owner=True)
    assert not any(value is not None for value in answer.faces.model_dump().values())
    state.hear_diagnostic(recognition(clock))
    assert embedder_model_id(state) == 'dlib-resnet-2017'
    clock.now_s += 4.0
    assert embedder_model_id(state) is None
    assert vision_answer(state, is_owner=True).faces.people is None
