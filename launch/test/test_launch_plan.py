import pytest

from mmoment_bringup.errors import LaunchFileError
from mmoment_bringup.launch_file import read_launch_file
from mmoment_bringup.launch_plan import declared_arguments, make_plan

NODE = '{pkg: fake, exec: run, name: one}'


@pytest.fixture
def plan(workspace, monkeypatch):
    workspace.add_package('fake', run='true', other='true')
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(workspace.prefix))

    def make(text, arguments=None, environment=None):
        file = read_launch_file(workspace.write_launch_file('launch:\n' + text))
        return make_plan(file, arguments or {}, environment or {})

    return make


def words(planned):
    return ' '.join(planned.command[1:])


def test_builds_the_command_line_of_launch_ros(plan, workspace, tmp_path):
    parameters = tmp_path / 'p.yaml'
    parameters.touch()
    made = plan(
        f"""
- arg: {{name: space, default: cam}}
- arg: {{name: source, default: default}}
- group:
  - push_ros_namespace: {{namespace: $(var space)}}
  - set_parameters_from_file: {{filename: {parameters}}}
  - group:
    - set_parameter: {{name: source, value: $(var source), unless: $(equals $(var source) default)}}
    - node: {{pkg: fake, exec: run, name: one, ros_args: --log-level debug}}
  - node: {{pkg: fake, exec: other, name: two}}
""",
        {'source': '/dev/video0'},
    )
    one, two = made.processes
    assert one.command[0] == str(workspace.prefix / 'lib/fake/run')
    assert words(one) == (
        f'--ros-args --log-level debug -r __node:=one -r __ns:=/cam '
        f'--params-file {parameters} -p source:=/dev/video0'
    )
    assert words(two) == f'--ros-args -r __node:=two -r __ns:=/cam --params-file {parameters}'
    assert (one.label, two.label, one.namespace) == ('run-1', 'other-2', '/cam')


def test_a_text_parameter_is_quoted_and_another_is_yaml(plan):
    made = plan(
        f"""
- arg: {{name: source}}
- set_text_parameter: {{name: source, value: $(var source)}}
- set_parameter: {{name: width, value: '640'}}
- node: {NODE}
""",
        {'source': 'clip #1 "x".mp4'},
    )
    assert made.processes[0].command[-4:] == (
        *('-p', r'source:="clip #1 \"x\".mp4"'),
        *('-p', 'width:=640'),
    )


def test_an_argument_left_at_its_default_sets_no_parameter(plan):
    made = plan(f"""
- arg: {{name: source, default: default}}
- set_parameter: {{name: source, value: $(var source), unless: $(equals $(var source) default)}}
- node: {NODE}
""")
    assert '-p' not in made.processes[0].command


def test_what_a_group_sets_ends_with_it(plan):
    made = plan(f"""
- group:
  - set_env: {{name: COLOUR, value: blue}}
  - let: {{name: pet, value: cat}}
  - set_parameter: {{name: a, value: b}}
  - push_ros_namespace: {{namespace: inner}}
  - node: {NODE}
- set_env: {{name: PET, value: $(var pet none)}}
- node: {NODE}
""")
    inner, outer = made.processes
    assert inner.environment['COLOUR'] == 'blue'
    assert outer.environment == {'PET': 'none'}
    assert words(outer) == '--ros-args -r __node:=one -r __ns:=/'


def test_the_environment_of_the_person_wins_where_the_file_says_so(plan):
    text = f'\n- set_env: {{name: A, value: $(env A ours)}}\n- node: {NODE}\n'
    assert plan(text).processes[0].environment['A'] == 'ours'
    assert plan(text, environment={'A': 'theirs'}).processes[0].environment['A'] == 'theirs'


def test_an_included_file_gets_its_arguments_and_keeps_its_variables(plan, workspace):
    workspace.write_launch_file(
        f"""launch:
- arg: {{name: where, default: nowhere}}
- push_ros_namespace: {{namespace: $(var where)}}
- node: {NODE}
""",
        name='inner',
    )
    made = plan(f"""
- include: {{file: $(dirname)/inner.launch.yaml, arg: [{{name: where, value: there}}]}}
- node: {NODE}
""")
    assert [one.namespace for one in made.processes] == ['/there', '/']


def test_exit_codes_messages_and_respawn(plan):
    made = plan("""
- log: {message: hello}
- stop_on_exit_code: {code: 2}
- node: {pkg: fake, exec: run, name: n, respawn: 'true', respawn_delay: 2.0}
""")
    assert (made.fatal_exit_codes, made.messages) == ({2}, ('hello',))
    planned = made.processes[0]
    assert (planned.is_respawned, planned.respawn_delay_s) == (True, 2.0)


@pytest.mark.parametrize(
    ('text', 'arguments', 'reason'),
    [
        (f'- arg: {{name: a, default: b}}\n- node: {NODE}', {'b': '1'}, "unknown .*'b'; known: a"),
        (f'- arg: {{name: a}}\n- node: {NODE}', {}, "it.launch.yaml:2: arg: argument 'a' must be"),
        (
            f'- arg: {{name: a, default: x, choice: [{{value: x}}]}}\n- node: {NODE}',
            {'a': 'y'},
            "must be one of x, not 'y'",
        ),
        ('- node: {pkg: nope, exec: run, name: n}', {}, "'nope' is not installed: build"),
        (
            '- node: {pkg: fake, exec: walk, name: n}',
            {},
            "no executable 'walk'; it has: other, run",
        ),
        ('- push_ros_namespace: {namespace: 1st}', {}, "namespace '1st' is not valid"),
        ('- set_parameters_from_file: {filename: gone.yaml}', {}, "'gone.yaml' does not exist"),
        ('- let: {name: a, value: b}', {}, 'starts no node'),
        ('- include: {file: $(dirname)/it.launch.yaml}', {}, 'includes itself'),
    ],
)
def test_refuses_what_cannot_start(plan, text, arguments, reason):
    with pytest.raises(LaunchFileError, match=reason):
        plan(text, arguments)


def test_declared_arguments_have_their_defaults_worked_out(workspace):
    workspace.add_package('fake')
    file = read_launch_file(
        workspace.write_launch_file(
            'launch:\n- arg: {name: a, default: x}\n- arg: {name: b, default: $(var a)/y}\n'
            '- arg: {name: c}'
        )
    )
    assert [one.default for one in declared_arguments(file, {})] == ['x', 'x/y', None]
