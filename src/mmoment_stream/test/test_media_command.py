import json
import os
import shutil
import subprocess
import sys

import pytest
from library_world import ANNA, BEN, person, world_at

from mmoment_chain.device_keys import SigningKey
from mmoment_chain.wallet import wallet_text
from mmoment_stream.media_command import main

NAMESPACE = 'gym'


@pytest.fixture
def world(tmp_path):
    home = tmp_path / 'cameras' / NAMESPACE
    home.mkdir(parents=True)
    with world_at(home) as made:
        made.first, made.second = made.photo(ANNA), made.clip(BEN)
        made.words = ['--namespace', NAMESPACE, '--data-folder', str(tmp_path)]
        yield made


def test_what_is_good_is_told_while_the_camera_runs(world, capsys):
    assert main(['verify', *world.words]) == 0
    assert capsys.readouterr().out.startswith('2 photos and clips: each file')
    assert main(['verify', *world.words, '--json']) == 0
    assert json.loads(capsys.readouterr().out) == {'checked': 2, 'good': True, 'findings': []}


def test_what_is_wrong_is_told_with_its_name(world, capsys):
    world.library.file(world.first).write_bytes(b'forged')
    assert main(['verify', *world.words]) == 1
    told = capsys.readouterr()
    assert told.out == ''
    expected = f'error: {world.first.filename}: its file is not the one that was kept\n'
    assert told.err == expected
    assert main(['verify', *world.words, '--json']) == 1
    content = json.loads(capsys.readouterr().out)
    assert (content['checked'], content['good']) == (2, False)
    assert content['findings'][0]['fault'] == 'changed'
    assert content['findings'][0]['name'] == world.first.filename


def test_the_public_key_alone_is_enough(world, capsys):
    with SigningKey.load(world.home / 'keys') as key:
        public = wallet_text(key.public)
    shutil.rmtree(world.home / 'keys')
    assert main(['verify', *world.words]) == 2
    assert 'error: ' in capsys.readouterr().err
    assert main(['verify', *world.words, '--public-key', public]) == 0
    assert main(['verify', *world.words, '--public-key', ANNA]) == 1
    assert main(['verify', *world.words, '--public-key', ANNA, '--public-key', public]) == 0


def test_a_key_that_is_none_is_refused(world, capsys):
    with pytest.raises(SystemExit):
        main(['verify', *world.words, '--public-key', 'x'])
    assert 'x is no public key of a camera' in capsys.readouterr().err


def test_the_list_is_newest_first(world, capsys):
    world.library.set_favourite(person(ANNA), world.first.media_id, True)
    assert main(['list', *world.words]) == 0
    newer, older = capsys.readouterr().out.splitlines()
    assert newer.startswith('2026-11-25 22:10:31Z  clip ')
    assert newer.endswith(f'{world.second.filename}  {BEN}')
    assert older.endswith(f'{world.first.filename}  {ANNA}  favourite')


@pytest.mark.parametrize(
    ('words', 'expected'),
    [
        ([], ['second', 'first']),
        (['--kind', 'photo'], ['first']),
        (['--wallet', BEN], ['second']),
        (['--limit', '1'], ['second']),
    ],
)
def test_a_program_gets_the_list_as_json(world, capsys, words, expected):
    assert main(['list', *world.words, '--json', *words]) == 0
    listed = json.loads(capsys.readouterr().out)
    found = [item['media_id'] for item in listed]
    assert found == [getattr(world, name).media_id for name in expected]
    assert listed[0]['sha256'] == getattr(world, expected[0]).facts.sha256


def test_a_camera_that_is_not_there_is_one_line(tmp_path, capsys):
    for action in ('verify', 'list'):
        assert main([action, '--data-folder', str(tmp_path)]) == 2
        err = capsys.readouterr().err
        assert 'there is no store at' in err
        assert err.count('\n') == 1
    assert list(tmp_path.iterdir()) == []


def test_it_runs_as_a_program(world):
    words = [sys.executable, '-m', 'mmoment_stream.media_command', 'verify', *world.words]
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, '')
