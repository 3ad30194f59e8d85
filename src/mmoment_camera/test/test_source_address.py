"""The text that names a source: what is understood, what is refused and how, what is hidden."""

import pytest

from mmoment_camera.errors import SourceAddressError
from mmoment_camera.source_address import SourceAddress, parse_source, read_source


@pytest.mark.parametrize(
    ('text', 'kind', 'target'),
    [
        ('auto', 'auto', ''),
        (' demo ', 'demo', ''),
        ('pattern', 'pattern', ''),
        ('csi', 'csi', '0'),
        ('csi:1', 'csi', '1'),
        ('/dev/video12', 'v4l2', '/dev/video12'),
        ('0', 'v4l2', '/dev/video0'),
        ('rtsp://camera/live', 'rtsp', 'rtsp://camera/live'),
        ('rtsps://camera/live', 'rtsp', 'rtsps://camera/live'),
        ('http://camera:8080/mjpeg', 'http', 'http://camera:8080/mjpeg'),
        ('HTTPS://camera/mjpeg', 'http', 'HTTPS://camera/mjpeg'),
    ],
)
def test_every_kind_is_understood(text, kind, target):
    assert parse_source(text) == SourceAddress(kind, target)


def test_an_absent_device_is_no_mistake():
    assert parse_source('/dev/video63').kind == 'v4l2'


def test_a_file_is_found_by_path_and_by_address(tmp_path):
    clip = tmp_path / 'a clip.mp4'
    clip.touch()
    assert parse_source(str(clip)) == SourceAddress('file', str(clip))
    assert parse_source(f'file://{clip}').kind == 'file'


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('', 'unknown'),
        ('webcam', 'choose one of: auto, demo, pattern'),
        ('/no/such/clip.mp4', 'not there'),
        ('clip.mp4', 'not there'),
        ('ftp://host/x', "unknown scheme 'ftp'"),
        ('rtsp:///live', 'names no host'),
        ('http://host:99999/', 'no address'),
        ('x' * 5000, 'x'),
    ],
)
def test_mistakes_are_told_with_what_to_do(text, words):
    with pytest.raises(SourceAddressError, match=words):
        parse_source(text)


def test_a_folder_is_no_source(tmp_path):
    with pytest.raises(SourceAddressError, match='no file'):
        parse_source(str(tmp_path))


def test_credentials_are_shown_nowhere():
    address = parse_source('rtsp://anna:geheim@camera/live?token=abc')
    assert address.has_credentials
    for text in (address.description, repr(address), str(address)):
        assert 'geheim' not in text
        assert 'abc' not in text
    assert not parse_source('rtsp://camera/live').has_credentials
    with pytest.raises(SourceAddressError) as caught:
        parse_source('ftp://anna:geheim@camera/live')
    assert 'geheim' not in str(caught.value)


@pytest.mark.parametrize('password', ['ge/heim', 'ge?heim', 'ge#heim', 'ge@heim', '1/heim'])
def test_a_password_with_special_letters_is_shown_nowhere(password):
    try:
        shown = parse_source(f'rtsp://anna:{password}@camera/live').description
    except SourceAddressError as error:
        shown = str(error)
        assert '%2F' in shown
    assert 'ge' not in shown.replace('choose', '')
    assert 'heim' not in shown


def test_an_address_with_a_password_comes_from_a_closed_file(tmp_path):
    file = tmp_path / 'camera'
    file.write_text('rtsp://anna:geheim@camera/live\n')
    file.chmod(0o600)
    assert read_source(file).target == 'rtsp://anna:geheim@camera/live'
    file.chmod(0o644)
    with pytest.raises(SourceAddressError, match='chmod 600') as caught:
        read_source(file)
    assert 'geheim' not in str(caught.value)


def test_the_content_of_a_wrong_secret_file_is_not_repeated(tmp_path):
    file = tmp_path / 'camera'
    file.write_text('geheim\n')
    with pytest.raises(SourceAddressError) as caught:
        read_source(file)
    assert 'geheim' not in str(caught.value)
    with pytest.raises(SourceAddressError, match='cannot be read'):
        read_source(tmp_path / 'absent')
