from pathlib import Path

import pytest

from mmoment_chain.places import camera_folder, store_path


@pytest.mark.parametrize(
    ('environ', 'folder'),
    [
        ({'MMOMENT_DATA': '/data'}, '/data/cameras/gym'),
        ({'MMOMENT_DATA': '/data/../x', 'XDG_DATA_HOME': '/y'}, '/x/cameras/gym'),
        ({'XDG_DATA_HOME': '/y'}, '/y/mmoment/cameras/gym'),
    ],
)
def test_the_folder_is_chosen_by_the_environment(environ, folder):
    assert camera_folder('gym', environ) == Path(folder)


@pytest.mark.parametrize('environ', [{}, {'XDG_DATA_HOME': 'relative'}, {'MMOMENT_DATA': ''}])
def test_without_a_choice_it_lies_among_the_data_of_the_user(environ):
    expected = Path.home() / '.local/share/mmoment/cameras/gym'
    assert camera_folder('gym', environ) == expected


def test_each_camera_has_a_store_of_its_own():
    environ = {'MMOMENT_DATA': '/data'}
    names = ['/gym', 'gym/left', '/gym/right/', '']
    found = [store_path(name, environ).relative_to('/data/cameras').as_posix() for name in names]
    assert found == [
        'gym/store.sqlite3',
        'gym.left/store.sqlite3',
        'gym.right/store.sqlite3',
        'camera/store.sqlite3',
    ]
