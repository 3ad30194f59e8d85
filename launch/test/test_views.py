"""The rviz and rqt files: as far as can be told without those programs.

Checked: syntax, the fields their loaders need, and that the topics are ours. Not checked: that the
windows look right.
"""

import ast
import json
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parents[1]
OVERLAY = '/mmoment/overlay/image'


def test_rviz_shows_the_overlay_and_asks_for_it_best_effort():
    view = yaml.safe_load((FOLDER / 'rviz/mmoment.rviz').read_text(encoding='utf-8'))
    manager = view['Visualization Manager']
    displays = {one['Topic']['Value']: one for one in manager['Displays']}
    assert displays[OVERLAY]['Class'] == 'rviz_default_plugins/Image'
    assert displays[OVERLAY]['Enabled'] is True
    assert displays['/mmoment/image_raw']['Enabled'] is False
    assert {one['Topic']['Reliability Policy'] for one in displays.values()} == {'Best Effort'}
    assert manager['Global Options']['Fixed Frame'] == 'camera_optical_frame'
    assert all('Class' in panel for panel in view['Panels'])


def test_rqt_opens_the_image_view_on_the_overlay():
    """The importer of rqt takes JSON whose every value is the `repr` of a Python object."""

    def values(group):
        for key, value in group['keys'].items():
            assert value['type'] == 'repr'
            yield key, ast.literal_eval(value['repr'])
        for inner in group['groups'].values():
            yield from values(inner)

    text = (FOLDER / 'rqt/mmoment.perspective').read_text(encoding='utf-8')
    found = dict(values(json.loads(text)))
    assert found['topic'] == OVERLAY
    assert found['running-plugins']['rqt_image_view/ImageView'] == [1]
