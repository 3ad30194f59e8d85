from pathlib import Path

from cli import cmake_paths

WHEEL = (
    'set(_include "/opt/python/cp311-cp311/include/python3.11;/usr/include")\n'
    'list(APPEND x "/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include")\n'
    'list(APPEND y "/opt/_internal/cpython-3.11.9/lib/python3.11/site-packages/numpy/core/include")\n'
)


def test_headers_of_the_build_machine_are_replaced(tmp_path: Path):
    path = tmp_path / 'share' / 'thing' / 'cmake' / 'export.cmake'
    path.parent.mkdir(parents=True)
    path.write_text(WHEEL)

    assert cmake_paths.repair(tmp_path, '/inc/python3.11', '/numpy/include') == 1
    assert path.read_text() == (
        'set(_include "/inc/python3.11;/usr/include")\n'
        'list(APPEND x "/numpy/include")\n'
        'list(APPEND y "/numpy/include")\n'
    )
    assert cmake_paths.repair(tmp_path, '/inc/python3.11', '/numpy/include') == 0
