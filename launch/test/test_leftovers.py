import fcntl
import os

from mmoment_bringup.leftovers import sweep_fast_dds


def make(folder, name, age_s=60.0):
    """Files as Fast DDS makes them for a segment or a port."""
    for file in (name, f'{name}_el', f'sem.{name}_mutex'):
        (folder / file).write_bytes(b'x')
    lock = folder / f'{name}_el'
    then = lock.stat().st_mtime - age_s
    os.utime(lock, (then, then))
    return lock


# From the death of a node to its restart, as the launch file has it
SHORTEST_PAUSE_S = 1.0


def test_a_node_killed_as_soon_as_it_stood_leaves_nothing_for_its_successor(tmp_path):
    make(tmp_path, 'fastrtps_0123456789abcdef', age_s=SHORTEST_PAUSE_S)
    assert sweep_fast_dds(tmp_path) == ['fastrtps_0123456789abcdef']
    assert list(tmp_path.iterdir()) == []


def test_only_what_nobody_holds_is_removed(tmp_path):
    held = make(tmp_path, 'fastrtps_0123456789abcdef')
    make(tmp_path, 'fastrtps_fedcba9876543210')
    make(tmp_path, 'fastrtps_port7413')
    make(tmp_path, 'fastrtps_00000000000000ff', age_s=0.0)
    (tmp_path / 'somebody_el').touch()
    with held.open('rb') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert sorted(sweep_fast_dds(tmp_path)) == [
            'fastrtps_fedcba9876543210',
            'fastrtps_port7413',
        ]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        *(
            f'{one}fastrtps_{two}'
            for one, two in (('', '0123456789abcdef'), ('', '00000000000000ff'))
        ),
        'fastrtps_0123456789abcdef_el',
        'fastrtps_00000000000000ff_el',
        'sem.fastrtps_0123456789abcdef_mutex',
        'sem.fastrtps_00000000000000ff_mutex',
        'somebody_el',
    }
