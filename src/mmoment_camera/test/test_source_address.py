"""The text that names a source: what is understood, what is refused and how, what is hidden."""

import traceback

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
        ('/dev/v4l/by-id/usb-Eye-index0', 'v4l2', '/dev/v4l/by-id/usb-Eye-index0'),
        ('/dev/null', 'v4l2', '/dev/null'),
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


def test_a_link_to_a_device_is_that_device_by_a_name_that_stays(tmp_path):
    link = tmp_path / 'eye'
    link.symlink_to('/dev/null')
    assert parse_source(str(link)) == SourceAddress('v4l2', str(link))


@pytest.mark.parametrize(
    'text',
    [
        'rtsp://anna:ge/heim@camera/live',
        'rtsp://anna:12/heim@camera/live',
        'rtsp://anna:12?heim@camera/live',
        'rtsp://anna:12#heim@camera/live',
        'rtsp://anna:ge?heim@camera/live',
        'rtsp://anna:ge#heim@camera/live',
        'rtsp://anna:ge@x/heim@camera/live',
        'rtsp://anna:ge heim@camera/live',
        'rtsp://anna:ge[heim@camera/live',
        'rtsp://anna:geheim',
        'https://camera:geheim/x',
    ],
)
def test_an_unescaped_password_is_refused_and_no_part_of_it_told(text):
    with pytest.raises(SourceAddressError, match='percent-encode the password') as caught:
        parse_source(text)
    assert_silent(caught.value, 'heim', 'ge/', '12', 'anna')


@pytest.mark.parametrize(
    'text',
    [
        'anna:geheim@camera/live',
        'anna:ge/heim@camera/live',
        'anna:geheim@camera',
        'rtsp:/anna:geheim@camera/live',
        'rtsp:anna:geheim',
        'camera/live?password=geheim',
        'camera/user=anna_password=geheim.mp4',
        'ftp://anna:geheim@camera/live',
        'rtsp://:geheim@/live',
    ],
)
def test_what_only_resembles_an_address_is_not_repeated(text):
    with pytest.raises(SourceAddressError) as caught:
        parse_source(text)
    assert_silent(caught.value, 'heim', 'anna')


def assert_silent(error, *secrets):
    """Nothing that is logged of an error, its causes included, holds a secret."""
    told = ''.join(traceback.format_exception(error))
    # The lines of this file are quoted in a traceback, the texts of the errors are what counts.
    texts = [line for line in told.splitlines() if 'Error' in line and ': ' in line]
    assert any(str(error) in line for line in texts)
    for secret in secrets:
        assert secret not in '\n'.join(texts)


def test_an_escaped_password_arrives():
    address = parse_source('rtsp://anna:ge%2Fheim@camera/live%40home')
    assert address.has_credentials
    assert address.description == 'rtsp://***@camera/live%40home'


@pytest.mark.parametrize('password', ['ge@heim', 'ge:heim'])
def test_what_can_be_told_apart_is_hidden_whole(password):
    assert parse_source(f'rtsp://anna:{password}@camera/').description == 'rtsp://***@camera/'


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
