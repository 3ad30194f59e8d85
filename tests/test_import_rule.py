"""Cores know nothing of ROS or of the web framework: `cli/layers.py` says which modules are edges."""

from pathlib import Path

import pytest

from cli import layers

ROOT = Path(__file__).resolve().parent.parent


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize('path', layers.cores(ROOT), ids=relative)
def test_core_imports_no_edge(path: Path):
    found = [f'line {line}: {name}' for line, name in layers.edge_imports(path.read_text('utf-8'))]

    assert not found, f'{relative(path)} is a core; move this to an edge module: {found}'


def test_every_edge_pattern_names_something():
    names = [relative(path) for path in layers.modules(ROOT)]
    unused = [
        pattern
        for pattern in layers.EDGE_MODULES
        if not any(layers.matches(name, pattern) for name in names)
    ]

    assert not unused


@pytest.mark.parametrize(
    'source',
    [
        'import rclpy',
        'import rclpy.node as n',
        'from fastapi import FastAPI',
        'def late():\n    from mmoment_interfaces.msg import Frame',
        'from sensor_msgs.msg import Image',
    ],
)
def test_forbidden_imports_are_seen(source: str):
    assert list(layers.edge_imports(source))


@pytest.mark.parametrize(
    'source', ['import numpy', 'from . import rclpy', 'import mmoment_camera.frame_ring']
)
def test_other_imports_are_left_alone(source: str):
    assert not list(layers.edge_imports(source))


def test_unlisted_module_of_a_package_is_a_core(tmp_path: Path):
    package = tmp_path / 'src' / 'thing' / 'thing'
    package.mkdir(parents=True)
    (tmp_path / 'src' / 'thing' / 'test').mkdir()
    for name in ('__init__.py', 'algorithm.py', 'thing_node.py'):
        (package / name).touch()
    (tmp_path / 'src' / 'thing' / 'test' / 'test_algorithm.py').touch()

    assert [path.name for path in layers.cores(tmp_path)] == ['__init__.py', 'algorithm.py']
