import pytest

from mmoment_stream import rtmp_handshake
from mmoment_stream.push_target import PushError


def test_the_first_words_have_the_form_of_the_specification():
    hello = rtmp_handshake.hello()
    assert len(hello) == 1537
    # Version 3; time 0; zeros that say that no digest is wanted.
    assert hello[:9] == bytes.fromhex('03 00000000 00000000')
    assert hello != rtmp_handshake.hello()


def test_the_answer_repeats_the_packet_of_the_server():
    packet = bytes(range(256)) * 6
    assert rtmp_handshake.answer(b'\x03' + packet + bytes(1536)) == packet


def test_another_protocol_is_refused_by_its_first_byte():
    with pytest.raises(PushError) as caught:
        rtmp_handshake.check_version(b'HTTP/1.1 400'[0])
    assert caught.value.code == 'protocol'
