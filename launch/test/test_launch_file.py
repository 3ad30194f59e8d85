import pytest

from mmoment_bringup import launch_file as lf
from mmoment_bringup.errors import LaunchFileError


def read(tmp_path, text):
    path = tmp_path / 'it.launch.yaml'
    path.write_text(text, encoding='utf-8')
    return lf.read_launch_file(path)


def test_reads_arguments_groups_and_nodes(tmp_path):
    file = read(
        tmp_path,
        """
launch:
- arg: {name: who, default: me, description: whoever, choice: [{value: me}, {value: you}]}
- group:
  - push_ros_namespace: {namespace: $(var who), if: 'true'}
  - node:
      pkg: p
      exec: e
      name: n
      ros_args: --log-level $(env LEVEL info) --x
      respawn: true
      respawn_delay: 1.5
""",
    )
    argument, group = file.actions
    assert argument.body == lf.Argument('who', ('me',), 'whoever', ('me', 'you'))
    push, node = group.body.actions
    assert push.condition.wanted
    assert node.body.respawn == ('true',)
    assert node.body.respawn_delay_s == 1.5
    assert len(node.body.ros_arguments) == 3
    assert node.where.endswith('it.launch.yaml:6: node')


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('launch:\n- timer: {period: 3}', r'it.launch.yaml:2: timer: .*not supported.*known: arg'),
        (
            'launch:\n- arg: {name: a}\n- node: {pkg: p, exec: e, name: n, cwd: /}',
            r"it.launch.yaml:3: node: key 'cwd' is not supported here; known: .*exec",
        ),
        (
            'launch:\n- group:\n  - let: {name: a, value: b, extra: c}',
            r"it.launch.yaml:3: let: key 'extra'",
        ),
        # `ros2 launch` counts them over its whole life: who crashed five times in a year stays dead
        (
            'launch:\n- node: {pkg: p, exec: e, name: n, respawn_max_retries: 5}',
            "key 'respawn_max_retries' is not supported here",
        ),
        ('launch:\n- node: {pkg: p, name: n}', "node: key 'exec' is missing"),
        ('launch:\n- let: {name: a, value: 3}', "key 'value' must be text; write '3' in quotes"),
        ('launch:\n- let: {name: a, value: b, if: x, unless: y}', 'exclude each other'),
        ('launch:\n- let: {name: a, value: b, name: c}', "line 2: key 'name' stands twice"),
        ('launch:\n- let: {name: a, value: $(eval 1)}', r':2: let: substitution .*eval'),
        ('launch:\n- stop_on_exit_code: {code: two}', "'code' must be a number"),
        ('launch: 3', "'launch' must hold a list"),
        ('launch:\n- {arg: {name: a}, let: {name: b}}', 'must be one key'),
        ('start: []', "must be 'launch'"),
        ('launch: [', 'not valid YAML'),
    ],
)
def test_refuses_everything_else_by_name_with_file_and_line(tmp_path, text, reason):
    with pytest.raises(LaunchFileError, match=reason) as caught:
        read(tmp_path, text)
    assert '\n' not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(LaunchFileError, match=r'cannot read .*gone.yaml: No such file'):
        lf.read_launch_file(tmp_path / 'gone.yaml')
