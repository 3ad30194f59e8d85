import pytest

from mmoment_bringup.parameter_text import quoted

TEXTS = (
    'demo',
    '12',
    'true',
    '',
    'clip #1.mp4',
    'a: b, [c] {d}.mkv',
    'it\'s "mine".mkv',
    'back\\slash\\n.mkv',
    'two\nlines\t.mkv',
    '- dash',
    'grün 📷.mkv',
    ' blanks ',
    'rtsp://host:554/live?a=1&b=%20',
    'a:=b',
)


@pytest.mark.parametrize('text', TEXTS)
def test_a_node_is_given_exactly_this_text(text):
    rclpy = pytest.importorskip('rclpy')
    context = rclpy.Context()
    rclpy.init(args=['--ros-args', '-p', f'source:={quoted(text)}'], context=context)
    try:
        node = rclpy.create_node('reader', context=context)
        assert node.declare_parameter('source', '').value == text
        node.destroy_node()
    finally:
        rclpy.shutdown(context=context)
