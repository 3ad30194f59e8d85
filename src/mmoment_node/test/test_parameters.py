"""Parameter tables: types, ranges, choices, and refusals that give the reason."""

from dataclasses import dataclass

import pytest

from mmoment_node.parameters import ParameterError, build, changed, entries, parameter


@dataclass(frozen=True, slots=True)
class Table:
    fps: float = parameter(30.0, 'Pictures per second', unit='Hz', minimum=1.0, maximum=60.0)
    backend: str = parameter('auto', 'What to use', choices=('auto', 'fast'), read_only=True)
    count: int = parameter(3, 'How many', minimum=0)
    mirrored: bool = parameter(False, 'Flip left and right')
    origins: tuple[str, ...] = parameter((), 'Allowed origins')


def test_the_table_tells_names_types_defaults_and_rules_in_order():
    rows = list(entries(Table))
    assert [(row.name, row.type_name, row.default) for row in rows] == [
        ('fps', 'double', 30.0),
        ('backend', 'string', 'auto'),
        ('count', 'int', 3),
        ('mirrored', 'bool', False),
        ('origins', 'string array', ()),
    ]
    assert [row.rule.constraint() for row in rows] == [
        '1 to 60',
        'one of: auto, fast',
        'at least 0',
        '',
        '',
    ]


def test_values_become_the_fields_types():
    table = build(Table, {'fps': 25, 'count': 4.0, 'origins': ['a', 'b']})
    assert table == Table(fps=25.0, count=4, origins=('a', 'b'))
    assert isinstance(table.fps, float)
    assert isinstance(table.count, int)


def test_an_empty_string_array_is_written_as_one_empty_string():
    assert build(Table, {'origins': ['']}) == Table(origins=())


@pytest.mark.parametrize(
    ('values', 'reason'),
    [
        ({'fps': 61}, 'fps is 61, must be 1 to 60 Hz'),
        ({'fps': float('nan')}, 'fps is nan, must be 1 to 60 Hz'),
        ({'fps': 'fast'}, "fps is 'fast', must be of type double"),
        ({'fps': True}, 'fps is True, must be of type double'),
        ({'count': 2.5}, 'count is 2.5, must be of type int'),
        ({'count': float('inf')}, 'count is inf, must be of type int'),
        ({'count': -1}, 'count is -1, must be at least 0'),
        ({'backend': 'slow'}, "backend is 'slow', must be one of: auto, fast"),
        ({'mirrored': 1}, 'mirrored is 1, must be of type bool'),
        ({'origins': 'a'}, "origins is 'a', must be of type string array"),
        ({'fsp': 30}, 'fsp is unknown, choose one of: fps, backend, count, mirrored, origins'),
    ],
)
def test_a_wrong_value_is_refused_with_what_would_be_right(values, reason):
    with pytest.raises(ParameterError) as refusal:
        build(Table, values)
    assert str(refusal.value) == reason


def test_a_change_makes_a_new_table_and_leaves_the_old_one():
    old = Table()
    assert changed(old, {'fps': 10.0}) == Table(fps=10.0)
    assert old.fps == 30.0


def test_a_read_only_parameter_keeps_its_value():
    assert changed(Table(), {'backend': 'auto'}) == Table()
    with pytest.raises(ParameterError, match='backend is read-only: set it before the node'):
        changed(Table(), {'backend': 'fast'})


def test_a_field_without_description_is_a_fault_of_the_programmer():
    @dataclass(frozen=True)
    class Bare:
        fps: float = 1.0

    with pytest.raises(TypeError, match=r'Bare\.fps: make it with parameter'):
        list(entries(Bare))
