import io

from mmoment_bringup.console import Console


class Terminal(io.StringIO):
    def isatty(self):
        return True


class GoneReader(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


def test_each_node_keeps_its_colour_on_a_terminal():
    stream = Terminal()
    console = Console(stream, {})
    for label in ('a-1', 'b-2', 'a-1'):
        console.node_line(label, 'x')
    first, second, third = stream.getvalue().splitlines()
    assert first == third == '\033[36m[a-1]\033[0m x'
    assert second == '\033[32m[b-2]\033[0m x'


def test_no_colour_in_a_file_or_where_nobody_wants_it():
    for stream, environment in ((io.StringIO(), {}), (Terminal(), {'NO_COLOR': ''})):
        Console(stream, environment).node_line('a-1', 'x')
        assert stream.getvalue() == '[a-1] x\n'


def test_a_reader_that_went_away_does_not_end_the_graph():
    console = Console(GoneReader(), {})
    console.info('one')
    console.info('two')
