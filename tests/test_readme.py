"""The README names what there is: routes, topics, services, commands and error texts."""

import importlib
import re
from pathlib import Path

import pytest
import yaml

from cli.main import parser
from mmoment_api.access_table import ACCESS
from mmoment_stream.video_channel import VIDEO_CHANNELS
from mmoment_vision.face_enrolment import ERRORS
from mmoment_vision.face_quality import REASONS
from mmoment_vision.request_errors import REQUEST_ERRORS

ROOT = Path(__file__).parent.parent
README = (ROOT / 'README.md').read_text()
PRODUCT = [
    path
    for folder in ('src', 'launch', 'cli')
    for path in (ROOT / folder).rglob('*.py')
    if 'test' not in path.parts
]
SOURCE_TEXT = '\n'.join(path.read_text() for path in PRODUCT)
# Names that are put together stand in no source.
COMPOSED = {
    name
    for channel in VIDEO_CHANNELS.values()
    for name in (channel.video, channel.status, channel.limit, channel.request_keyframe)
}


def section(title: str) -> str:
    return README.split(f'\n## {title}\n', 1)[1].split('\n## ', 1)[0]


def test_every_picture_it_shows_is_there():
    pictures = re.findall(r'!\[[^\]]+\]\(([^)]+)\)', README)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)


def test_every_route_of_its_table_exists():
    paths = {key.split(' ', 1)[1] for key in ACCESS}
    named = re.findall(r'^\| (`.+?) \|', section('REST'), re.MULTILINE)
    for path in re.findall(r'(?<!\w)(/[\w/{}-]*)', '\n'.join(named)):
        assert any(known.endswith(path) for known in paths), path


@pytest.mark.parametrize('title', ['Topics', 'Services'])
def test_every_topic_and_service_is_made_somewhere(title):
    names = re.findall(
        r'`([a-z_/]+)`', '\n'.join(re.findall(r'^\| (.+?) \|', section(title), re.M))
    )
    assert names
    for name in names:
        if name != 'NODE/change_state' and name not in COMPOSED:
            leaf = name.removesuffix('/compressed')
            assert re.search(rf"['\"/]{re.escape(leaf)}['\"/]", SOURCE_TEXT), name


def test_reasons_and_errors_of_enrolment_are_those_of_the_code():
    table = README.split('<!-- reasons:begin -->')[1].split('<!-- reasons:end -->')[0]
    rows = re.findall(r'^\| `(\w+)` \| .+? \| (.+) \|$', table, re.MULTILINE)
    assert dict(rows) == {**ERRORS, **REQUEST_ERRORS, **REASONS}
    assert len(rows) == len(dict(rows))


def test_every_command_is_listed():
    text = parser().format_help()
    for command in re.findall(r'^\| `\./mmoment (\w+)', README, re.MULTILINE):
        assert command in text


def test_every_error_text_it_explains_is_said_by_the_code():
    cells = re.findall(r'^\| (.+?) \| .+ \|$', section('When something is wrong'), re.MULTILINE)
    for text in re.findall(r'`([^`]+)`', '\n'.join(cells)):
        if text == 'image_raw':
            continue
        for part in filter(None, (piece.strip(" '") for piece in re.split(r'…|\bN\b', text))):
            assert part in SOURCE_TEXT, part


def test_every_service_call_it_shows_has_the_fields_of_the_service():
    shown = re.findall(
        r'^ros2 service call /mmoment/\w+ (\w+)/srv/(\w+)(?: "(\{.*\})")?$', README, re.MULTILINE
    )
    assert len(shown) == README.count('\nros2 service call ')
    for package, name, text in shown:
        service = getattr(importlib.import_module(f'{package}.srv'), name)
        refuse_unknown(service.Request, yaml.safe_load(text) if text else {})


def refuse_unknown(kind, given):
    """Refuse fields that a message of this kind, or one within it, does not have."""
    types = kind.get_fields_and_field_types()
    assert set(given) <= set(types), (kind, given)
    for name, value in given.items():
        within = re.search(r'(\w+)/(\w+)', types[name])
        if within:
            part = getattr(importlib.import_module(f'{within[1]}.msg'), within[2])
            for each in value if isinstance(value, list) else [value]:
                refuse_unknown(part, each)
