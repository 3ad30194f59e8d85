from mmoment_stream.key_file import is_plain_name
from mmoment_stream.stream_places import livepeer_memory


def test_what_is_remembered_of_livepeer_is_no_key_file(tmp_path):
    path = livepeer_memory(tmp_path, 'studio')
    assert path.parent == tmp_path
    assert 'studio' in path.name
    assert not is_plain_name(path.name)
