"""Which modules are cores: they import neither ROS nor the web framework, and are type-checked.

Every module of a package is a core unless a pattern below names it. The patterns are the whole rule;
`tests/test_import_rule.py` and the type check both use it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

EDGE_MODULES = (
    # A node wires a core to the graph.
    'src/*/*/*_node.py',
    # Readers and writers of topics, and what makes messages.
    'src/*/*/*_topic.py',
    'src/*/*/*_topics.py',
    'src/*/*/*_messages.py',
    # Services and actions of a node.
    'src/mmoment_vision/mmoment_vision/*_requests.py',
    'src/mmoment_chain/mmoment_chain/session_requests.py',
    'src/mmoment_chain/mmoment_chain/chain_requests.py',
    'src/mmoment_stream/mmoment_stream/capture_requests.py',
    'src/mmoment_stream/mmoment_stream/capture_gestures.py',
    'src/mmoment_stream/mmoment_stream/capture_people.py',
    'src/mmoment_stream/mmoment_stream/stream_requests.py',
    # Calls the services of another node.
    'src/mmoment_chain/mmoment_chain/chain_client.py',
    'src/mmoment_chain/mmoment_chain/face_client.py',
    'src/mmoment_chain/mmoment_chain/media_client.py',
    'src/mmoment_chain/mmoment_chain/gate_client.py',
    'src/mmoment_chain/mmoment_chain/service_client.py',
    'src/mmoment_stream/mmoment_stream/session_client.py',
    'src/mmoment_api/mmoment_api/service_calls.py',
    # What makes a class a node.
    'src/mmoment_node/mmoment_node/managed_node.py',
    'src/mmoment_node/mmoment_node/request_desk.py',
    'src/mmoment_node/mmoment_node/stage.py',
    # Messages to plain values and back.
    'src/*/*/conversions.py',
    # The bridge to the graph, and what speaks HTTP.
    'src/mmoment_api/mmoment_api/app.py',
    'src/mmoment_api/mmoment_api/bridge.py',
    'src/mmoment_api/mmoment_api/mjpeg_response.py',
    'src/mmoment_api/mmoment_api/routes/*.py',
    # A command that calls one service.
    'src/mmoment_api/mmoment_api/sign_in_link.py',
    'src/mmoment_api/mmoment_api/web_*.py',
    # Serves the dev chain.
    'src/mmoment_chain/mmoment_chain/devchain_server.py',
    # Loaded by real `ros2 launch` only.
    'launch/mmoment_bringup/ros2_launch.py',
)
"""Paths, relative to the clone, of modules at the edge to ROS 2 or to the web framework."""
EDGE_IMPORTS = (
    'cv_bridge',
    'fastapi',
    'launch',
    'launch_ros',
    'rclpy',
    'starlette',
    'uvicorn',
)
EDGE_IMPORT_ENDINGS = ('_interfaces', '_msgs')


def modules(root: Path) -> list[Path]:
    """Every Python module of the workspace's packages, tests aside."""
    found = [*root.glob('src/*/*/**/*.py'), *root.glob('launch/*/**/*.py')]
    # A package's own folder has its `__init__.py`; setup files, launch files and tests lie elsewhere.
    return sorted(
        path
        for path in found
        if (_package_folder(root, path) / '__init__.py').is_file()
        and _package_folder(root, path).name not in ('test', 'tests')
    )


def _package_folder(root: Path, path: Path) -> Path:
    parts = path.relative_to(root).parts
    return root.joinpath(*parts[: 3 if parts[0] == 'src' else 2])


def matches(name: str, pattern: str) -> bool:
    """Whether a path relative to the clone is one that a pattern names; `*` stays within a folder."""
    return PurePosixPath(f'/{name}').match(f'/{pattern}')


def is_edge(name: str) -> bool:
    """Whether a path relative to the clone is named by EDGE_MODULES."""
    return any(matches(name, pattern) for pattern in EDGE_MODULES)


def cores(root: Path) -> list[Path]:
    """Every module that is no edge."""
    return [path for path in modules(root) if not is_edge(path.relative_to(root).as_posix())]


def edge_imports(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of each import that a core must not have, wherever in the module it stands."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        for name in names:
            top = name.partition('.')[0]
            if top in EDGE_IMPORTS or top.endswith(EDGE_IMPORT_ENDINGS):
                yield node.lineno, name
