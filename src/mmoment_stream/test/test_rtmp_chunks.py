import random

import pytest

from mmoment_stream.push_target import PushError
from mmoment_stream.rtmp_chunks import (
    COMMAND,
    MAX_CHUNK_STREAMS,
    MAX_MESSAGE_BYTES,
    VIDEO,
    ChunkReader,
    ChunkWriter,
    Message,
)


def written(message, chunk_stream=6, chunk_bytes=128):
    return b''.join(ChunkWriter(chunk_bytes).parts(message, chunk_stream))


def read(data, reader=None):
    return list((reader or ChunkReader()).feed(data))


def refusal(data, reader=None):
    with pytest.raises(PushError) as caught:
        read(data, reader)
    return caught.value.code


def control(kind, body):
    return written(Message(kind, 0, 0, body), 2)


def test_a_message_has_the_bytes_of_the_specification():
    assert written(Message(VIDEO, 1, 0x010203, b'abc')) == bytes.fromhex(
        '06 010203 000003 09 01000000 616263'
    )


def test_a_long_message_is_cut():
    assert written(Message(VIDEO, 1, 5, b'abcdefg'), chunk_bytes=3) == bytes.fromhex(
        '06 000005 000007 09 01000000 616263 c6 646566 c6 67'
    )


def test_a_time_beyond_24_bits_is_repeated_in_every_chunk():
    assert written(Message(VIDEO, 1, 0x01000002, b'abcd'), chunk_bytes=3) == bytes.fromhex(
        '06 ffffff 000004 09 01000000 01000002 616263 c6 01000002 64'
    )


@pytest.mark.parametrize(
    'time_ms', [0, 1, 0xFFFFFE, 0xFFFFFF, 0x1000000, 0xFFFFFFFF, 0x1_0000_0000, 0x1_0000_0007]
)
def test_times_come_back_modulo_32_bits(time_ms):
    message = Message(VIDEO, 1, time_ms, bytes(300))
    (seen,) = read(written(message))
    assert seen.time_ms == time_ms % 2**32
    assert seen.body == message.body


def test_a_message_without_content_is_one():
    assert read(written(Message(COMMAND, 3, 0, b''))) == [Message(COMMAND, 3, 0, b'')]


def test_an_impossible_chunk_stream_is_refused():
    for number in (0, 1, 64):
        with pytest.raises(ValueError):
            written(Message(VIDEO, 1, 0, b''), number)


def test_headers_repeat_what_they_leave_out():
    messages = read(
        bytes.fromhex(
            '04 000064 000002 08 05000000 6161'  # all is said
            '44 00000a 000001 09 62'  # same stream, 10 ms later
            '84 000003 63'  # same length and kind, 3 ms later
            'c4 64'  # all the same, 3 ms later
        )
    )
    assert messages == [
        Message(8, 5, 100, b'aa'),
        Message(9, 5, 110, b'b'),
        Message(9, 5, 113, b'c'),
        Message(9, 5, 116, b'd'),
    ]


def test_long_numbers_of_chunk_streams_are_read():
    assert read(bytes.fromhex('00 05 000000 000001 14 00000000 61'))[0].body == b'a'
    assert read(bytes.fromhex('01 0501 000000 000001 14 00000000 62'))[0].body == b'b'


def test_messages_of_several_chunk_streams_may_be_interleaved():
    first, second = Message(VIDEO, 1, 0, b'v' * 200), Message(COMMAND, 0, 0, b'c' * 200)
    a, b = written(first, 6), written(second, 3)
    cut = 12 + 128
    assert read(a[:cut] + b[:cut] + a[cut:] + b[cut:]) == [first, second]


def test_the_size_of_chunks_is_obeyed():
    message = Message(COMMAND, 0, 0, bytes(range(200)) * 20)
    for size in (1, 100, 4096, 100_000):
        data = control(1, size.to_bytes(4, 'big')) + written(message, 3, chunk_bytes=size)
        assert read(data) == [message]


def test_an_abandoned_message_is_forgotten():
    begun = written(Message(COMMAND, 0, 0, bytes(200)), 3)[: 12 + 128]
    whole = Message(COMMAND, 0, 0, b'whole')
    data = begun + control(2, (3).to_bytes(4, 'big')) + written(whole, 3)
    assert read(data) == [whole]


def test_messages_arrive_in_any_pieces():
    messages = [Message(COMMAND, 1, n * 0x900000, bytes([n]) * (100 * n)) for n in range(5)]
    data = control(1, (150).to_bytes(4, 'big'))
    data += b''.join(written(message, 3, chunk_bytes=150) for message in messages)
    chance = random.Random(2)
    for longest in (1, 7, 200):
        reader, seen, at = ChunkReader(), [], 0
        while at < len(data):
            size = chance.randint(1, longest)
            seen += read(data[at : at + size], reader)
            at += size
        assert seen == messages


def test_what_precedes_a_fault_is_still_told():
    seen = []
    with pytest.raises(PushError):
        seen.extend(ChunkReader().feed(written(Message(COMMAND, 0, 0, b'reason'), 3) + b'\xff'))
    reader = ChunkReader().feed(written(Message(COMMAND, 0, 0, b'reason'), 3) + b'\xff')
    assert next(reader).body == b'reason'


@pytest.mark.parametrize(
    'data',
    [
        'c3 61',  # nothing to repeat
        '43 000000 000001 14 61',
        '03 000000 ffffff 14 00000000',  # too long
        '02 000000 000004 01 00000000 00000000',  # chunks of no size
        '02 000000 000004 01 00000000 80000001',
        '02 000000 000002 01 00000000 0001',
        '03 000000 000100 14 00000000' + '00' * 128 + '03 000000 000001 14 00000000 61',
    ],
)
def test_what_breaks_the_rules_is_refused(data):
    assert refusal(bytes.fromhex(data)) == 'protocol'


def test_unfinished_messages_are_bounded():
    reader = ChunkReader()
    size = MAX_MESSAGE_BYTES
    read(control(1, size.to_bytes(4, 'big')), reader)
    header = bytes.fromhex('000000') + size.to_bytes(3, 'big') + bytes.fromhex('14 00000000')
    read(control(1, (size - 1).to_bytes(4, 'big')), reader)
    assert read(bytes((3,)) + header + bytes(size - 1), reader) == []
    assert read(bytes((4,)) + header + bytes(size - 1), reader) == []
    assert refusal(bytes((5,)) + header + bytes(size - 1), reader) == 'protocol'


def test_the_number_of_chunk_streams_is_bounded():
    reader = ChunkReader()
    header = bytes.fromhex('000000 000001 14 00000000 61')
    for number in range(MAX_CHUNK_STREAMS):
        read(bytes((0, number)) + header, reader)
    assert refusal(bytes((0, MAX_CHUNK_STREAMS)) + header, reader) == 'protocol'
