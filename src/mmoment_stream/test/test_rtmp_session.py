import struct

import pytest
from rtmp_peer import ANSWERS, command, message_bytes, status

from mmoment_stream import amf0
from mmoment_stream.push_target import PushError
from mmoment_stream.rtmp_chunks import (
    ACKNOWLEDGEMENT,
    BANDWIDTH,
    COMMAND,
    DATA,
    SET_CHUNK_SIZE,
    USER_CONTROL,
    VIDEO,
    WINDOW,
    ChunkReader,
)
from mmoment_stream.rtmp_session import CHUNK_BYTES, WINDOW_BYTES, RtmpSession

KEY = 'cafe-1234'


def publishing():
    """A session that has come so far."""
    session = RtmpSession((KEY,))
    session.connect('live', 'rtmp://a.example/live')
    for answer in ANSWERS.values():
        session.receive(answer)
    assert session.is_publishing
    session.replies()
    return session


def said(data, reader=None):
    """Messages that the session wants to send."""
    return list((reader or ChunkReader(10**7)).feed(data))


def refusal(session, data):
    with pytest.raises(PushError) as caught:
        session.receive(data)
    return caught.value


def test_the_first_words_are_our_chunk_size_and_the_application():
    words = RtmpSession().connect('live/x', 'rtmp://a.example/live/x')
    assert words.startswith(message_bytes(SET_CHUNK_SIZE, CHUNK_BYTES.to_bytes(4, 'big')))
    (connect,) = said(words)
    name, number, facts = amf0.decode(connect.body)
    assert (name, number, facts['app']) == ('connect', 1, 'live/x')
    assert facts['tcUrl'] == 'rtmp://a.example/live/x'
    assert facts['flashVer'].startswith('FMLE/')


def test_the_stream_is_announced_and_asked_for():
    messages = said(RtmpSession().create_stream(KEY))
    assert (messages[0].kind, messages[0].body) == (WINDOW, WINDOW_BYTES.to_bytes(4, 'big'))
    words = [amf0.decode(message.body) for message in messages[1:]]
    assert [each[0] for each in words] == ['releaseStream', 'FCPublish', 'createStream']
    assert words[1][3] == KEY


def test_answers_lead_from_step_to_step():
    session = RtmpSession()
    assert (session.is_connected, session.stream_id, session.is_publishing) == (False, None, False)
    session.receive(ANSWERS['connect'])
    assert session.is_connected
    session.receive(ANSWERS['createStream'])
    assert session.stream_id == 7
    (publish,) = said(session.publish(KEY))
    assert publish.stream_id == 7
    assert amf0.decode(publish.body) == ['publish', 5, None, KEY, 'live']
    session.receive(ANSWERS['publish'])
    assert session.is_publishing


def test_media_goes_to_the_stream_of_the_server():
    session = publishing()
    (message,) = said(b''.join(session.media(VIDEO, b'picture', 40)))
    assert (message.kind, message.stream_id, message.time_ms) == (VIDEO, 7, 40)
    (message,) = said(b''.join(session.media(DATA, b'facts', 40)))
    assert (message.kind, message.stream_id) == (DATA, 7)


def test_the_end_is_said():
    words = [amf0.decode(message.body) for message in said(publishing().unpublish(KEY))]
    assert words == [['FCUnpublish', 6, None, KEY], ['deleteStream', 7, None, 7]]


def test_pings_are_answered_once():
    session = publishing()
    session.receive(message_bytes(USER_CONTROL, struct.pack('>HI', 6, 0xABCDEF01)))
    (pong,) = said(session.replies())
    assert (pong.kind, pong.body) == (USER_CONTROL, struct.pack('>HI', 7, 0xABCDEF01))
    assert session.replies() == b''


def test_other_user_controls_are_not_answered():
    session = publishing()
    session.receive(message_bytes(USER_CONTROL, struct.pack('>HI', 0, 1)))
    assert session.replies() == b''


def test_what_was_received_is_acknowledged_once_a_window():
    session = publishing()
    before = sum(map(len, ANSWERS.values()))
    window = message_bytes(WINDOW, struct.pack('>I', 1000))
    session.receive(window)
    filler = message_bytes(USER_CONTROL, bytes(50))
    total, acknowledged = before + len(window), []
    for _ in range(60):
        total += len(filler)
        session.receive(filler)
        for message in said(session.replies()):
            assert message.kind == ACKNOWLEDGEMENT
            assert message.body == struct.pack('>I', total)
            acknowledged.append(total)
    assert len(acknowledged) == 3


@pytest.mark.parametrize(
    ('wanted_bytes', 'answered_bytes'), [(2_500_000, WINDOW_BYTES), (5_000, 5_000)]
)
def test_a_bandwidth_is_answered_with_a_window(wanted_bytes, answered_bytes):
    session = publishing()
    session.receive(message_bytes(BANDWIDTH, struct.pack('>IB', wanted_bytes, 2)))
    (answer,) = said(session.replies())
    assert (answer.kind, answer.body) == (WINDOW, struct.pack('>I', answered_bytes))


def test_acknowledgements_of_the_server_are_counted():
    session = publishing()
    for count in range(3):
        assert session.acknowledgements == count
        session.receive(message_bytes(ACKNOWLEDGEMENT, struct.pack('>I', 1000 * count)))


@pytest.mark.parametrize(
    ('words', 'code'),
    [
        (status('NetStream.Publish.BadName', 'error', 'Already publishing'), 'already_publishing'),
        (status('NetStream.Publish.Denied', 'error', 'no such key'), 'key_rejected'),
        (status('NetStream.Authenticate.Failed', 'error'), 'key_rejected'),
        (command('_error', 1, None, {'description': 'no such app'}), 'closed'),
        (command('_error', 4, None, None), 'closed'),
        (status('NetConnection.Connect.Closed'), 'closed'),
        (command('close', 0, None), 'closed'),
        (command('_result', 4, None, 'seven'), 'protocol'),
        (command('_result', 4, None, -1), 'protocol'),
        (command('_result', 4, None, float('nan')), 'protocol'),
        (message_bytes(COMMAND, b'\x02\xff\xff'), 'protocol'),
    ],
)
def test_a_refusal_has_its_code(words, code):
    session = RtmpSession()
    assert refusal(session, words).code == code
    assert not session.is_publishing


def test_an_error_in_mid_stream_is_an_end_not_a_wrong_key():
    error = refusal(publishing(), status('NetStream.Failed', 'error', 'out of disk'))
    assert error.code == 'closed'
    assert 'out of disk' in error.text


def test_refusals_of_what_is_optional_do_not_matter():
    session = RtmpSession()
    for words in (('_error', 2, None, None), ('_error', 3, None, None), ('onBWDone', 0), ()):
        session.receive(command(*words))
    session.receive(ANSWERS['connect'])
    assert session.is_connected


def test_the_reason_of_the_server_is_told_without_the_key():
    reason = f'stream {KEY} of\x1b[31m somebody\nis {KEY} too'
    text = refusal(RtmpSession((KEY,)), status('X', 'error', reason)).text
    assert KEY not in text
    assert 'stream *** of [31m somebody is *** too' in text


def test_a_reason_is_cut_but_never_in_a_key():
    reason = 'x' * 195 + KEY + 'y' * 1000
    text = refusal(RtmpSession((KEY,)), status('X', 'error', reason)).text
    assert KEY[:4] not in text
    assert len(text) < 300


def test_a_flood_of_pings_is_not_kept():
    ping = message_bytes(USER_CONTROL, struct.pack('>HI', 6, 1))
    assert refusal(publishing(), ping * 10_000).code == 'protocol'
