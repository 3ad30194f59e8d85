"""SRT through ffmpeg, to a real listener: what arrives, what a refusal is, and who sees the key."""

import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from coded_video import START_NS, coded, shown
from push_world import until

from mmoment_stream.ffmpeg_sink import FfmpegLimits, FfmpegSink
from mmoment_stream.h264 import parameter_sets
from mmoment_stream.push_target import Cancelled, Ingest, PushError, VideoFormat

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(shutil.which('ffmpeg') is None, reason='ffmpeg is not installed'),
]
KEY = '#!::r=live/cam=1,m=publish,token=7f3'
PACKETS = coded(90)
FORMAT = VideoFormat(320, 180, parameter_sets(PACKETS[0].data))
QUICK = FfmpegLimits(connect_s=0.5, stall_s=0.5)


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Listener:
    """ffmpeg that listens for SRT, and writes what comes into a file."""

    def __init__(self, folder, options=''):
        self.port = free_port()
        self.path = folder / 'received.mkv'
        url = f'srt://127.0.0.1:{self.port}?mode=listener{options}'
        words = f'ffmpeg -v error -nostdin -y -i {url} -map 0 -c copy -f matroska {self.path}'
        self.process = subprocess.Popen(words.split(), stderr=subprocess.DEVNULL)
        until(lambda: f':{self.port:04X} ' in Path('/proc/net/udp').read_text())

    @property
    def url(self):
        return f'srt://127.0.0.1:{self.port}?latency=20000'

    def end(self):
        self.process.wait(10)

    def kill(self):
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def listening(tmp_path):
    listeners = []

    def listen(options=''):
        listeners.append(Listener(tmp_path, options))
        return listeners[-1]

    yield listen
    for listener in listeners:
        listener.kill()


class Wire:
    """Passes datagrams on, both ways, and keeps what went to the listener."""

    def __init__(self, port):
        self._near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._near.bind(('127.0.0.1', 0))
        self._far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._far.connect(('127.0.0.1', port))
        self.port = self._near.getsockname()[1]
        self.seen = []
        self._client = None
        for one in (self._near, self._far):
            one.settimeout(0.05)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=each) for each in (self._up, self._down)]
        for thread in self._threads:
            thread.start()

    def _up(self):
        while not self._ended.is_set():
            try:
                data, self._client = self._near.recvfrom(2048)
                self.seen.append(data)
                self._far.send(data)
            except OSError:
                continue

    def _down(self):
        while not self._ended.is_set():
            try:
                self._near.sendto(self._far.recv(2048), self._client)
            except OSError:
                continue

    def close(self):
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._near.close()
        self._far.close()


def as_srt_writes(text):
    """In the handshake of SRT letters stand in words of four, last first."""
    data = text.encode() + bytes(-len(text) % 4)
    return b''.join(data[n : n + 4][::-1] for n in range(0, len(data), 4))


def send(sink, packets, *, pace=True):
    began_s = time.monotonic()
    for packet in packets:
        time_ms = (packet.monotonic_ns - START_NS) // 1_000_000
        if pace:
            time.sleep(max(0.0, began_s + time_ms / 3000 - time.monotonic()))
        sink.send(packet, time_ms)


def child_of(sink):
    return sink._process.pid


def is_running(pid):
    stat = Path(f'/proc/{pid}/stat')
    # Dead ones may still wait for whoever is their parent now.
    return stat.exists() and stat.read_text().rpartition(')')[2].split()[0] != 'Z'


def flood(sink, times, pause_s=0.0):
    for number in range(times):
        sink.poll()
        sink.send(PACKETS[0], number)
        time.sleep(pause_s)


def test_pictures_arrive_with_their_times_and_the_key_is_for_the_server_alone(listening):
    listener = listening()
    wire = Wire(listener.port)
    sink = FfmpegSink()
    try:
        sink.open(Ingest(f'srt://127.0.0.1:{wire.port}', KEY), FORMAT, silent_audio=True)
        pid = child_of(sink)
        words = Path(f'/proc/{pid}/cmdline').read_bytes()
        assert b'srt://' in words
        assert KEY.encode() not in words
        assert KEY.encode() not in Path(f'/proc/{pid}/environ').read_bytes()
        send(sink, PACKETS)
        assert sink.queued_bytes() < 100_000
        # What is under way when a connection ends is lost.
        time.sleep(0.3)
        sink.close()
        listener.end()
    finally:
        sink.close()
        wire.close()
    assert any(as_srt_writes(KEY) in data for data in wire.seen)
    numbers = shown(listener.path)
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 85
    probe = f'ffprobe -v error -show_entries packet=codec_type,pts_time -of csv=p=0 {listener.path}'
    lines = subprocess.run(probe.split(), capture_output=True, text=True, check=True).stdout.split()
    times = [float(line.split(',')[1]) for line in lines if line.startswith('video')]
    assert times[60] - times[0] == pytest.approx(2.0, abs=0.01)
    assert sum(line.startswith('audio') for line in lines) > 100
    assert not is_running(pid)


def test_a_passphrase_encrypts_and_is_seen_by_nobody(listening):
    phrase = 'open-sesame-7f3'
    listener = listening(f'&passphrase={phrase}&enforced_encryption=1')
    wire = Wire(listener.port)
    wrong = opening(Ingest(f'srt://127.0.0.1:{listener.port}', KEY, passphrase='close-sesame'))
    assert wrong.code == 'key_rejected'
    sink = FfmpegSink()
    try:
        ingest = Ingest(f'srt://127.0.0.1:{wire.port}', KEY, passphrase=phrase)
        sink.open(ingest, FORMAT, silent_audio=False)
        pid = child_of(sink)
        for name in ('cmdline', 'environ'):
            assert phrase.encode() not in Path(f'/proc/{pid}/{name}').read_bytes()
        send(sink, PACKETS)
        time.sleep(0.3)
        sink.close()
        listener.end()
    finally:
        sink.close()
        wire.close()
    assert not any(phrase.encode() in data for data in wire.seen)
    assert len(shown(listener.path)) >= 85


def test_another_epoch_goes_on_in_the_same_connection(listening):
    listener = listening()
    others = coded_later(coded(30, epoch=8, size=(160, 96)), PACKETS[29])
    sink = FfmpegSink()
    sink.open(Ingest(listener.url), FORMAT, silent_audio=False)
    send(sink, PACKETS[:30])
    sink.change(VideoFormat(160, 96, parameter_sets(others[0].data)))
    send(sink, others)
    time.sleep(0.3)
    sink.close()
    listener.end()
    numbers = shown(listener.path)
    assert numbers[:30] == list(range(30))
    assert len(numbers) > 50


def coded_later(packets, after):
    by_ns = after.monotonic_ns - START_NS + 33_000_000
    return [dataclasses.replace(one, monotonic_ns=one.monotonic_ns + by_ns) for one in packets]


def opening(ingest, limits=QUICK, **more):
    sink = FfmpegSink(limits, **more)
    with pytest.raises(PushError) as refused:
        sink.open(ingest, FORMAT, silent_audio=False)
    assert KEY not in refused.value.text
    return refused.value


def test_why_there_is_no_connection_is_told(listening):
    nobody = opening(Ingest(f'srt://127.0.0.1:{free_port()}', KEY))
    assert nobody.code == 'timed_out'
    assert opening(Ingest('srt://no-such-host.invalid:9000', KEY)).code == 'name_unknown'
    strict = listening('&passphrase=0123456789abcdef&enforced_encryption=1')
    assert opening(Ingest(f'srt://127.0.0.1:{strict.port}', KEY)).code == 'key_rejected'
    assert opening(Ingest('udp://127.0.0.1:9', KEY)).code == 'bad_address'
    assert opening(Ingest('srt://127.0.0.1:9', f'{KEY}\nlatency=1')).code == 'no_key'
    missing = opening(Ingest('srt://127.0.0.1:9', KEY), program='no_such_program')
    assert (missing.code, 'not installed' in missing.text) == ('tool', True)


def test_a_program_that_does_not_understand_is_told_with_its_words(tmp_path):
    odd = tmp_path / 'odd'
    odd.write_text('#!/bin/sh\necho "Unrecognized option" >&2\nexit 1\n')
    odd.chmod(0o755)
    error = opening(Ingest('srt://127.0.0.1:9'), program=str(odd))
    assert error.code == 'tool'
    assert 'Unrecognized option' in error.text
    # It would not keep the key for itself either.
    error = opening(Ingest('srt://127.0.0.1:9', KEY), program=str(odd))
    assert (error.code, 'show the key' in error.text) == ('tool', True)


def test_a_listener_that_ends_is_noticed(listening):
    listener = listening()
    sink = FfmpegSink()
    sink.open(Ingest(listener.url), FORMAT, silent_audio=False)
    pid = child_of(sink)
    send(sink, PACKETS[:10])
    # In good order; of one that is killed SRT takes five seconds to be sure.
    listener.process.terminate()
    with pytest.raises(PushError) as lost:
        flood(sink, 500, 0.01)
    assert lost.value.code == 'closed'
    sink.close()
    assert not is_running(pid)


def test_a_program_that_takes_nothing_is_noticed_and_ended(listening):
    listener = listening()
    sink = FfmpegSink(QUICK)
    sink.open(Ingest(listener.url), FORMAT, silent_audio=False)
    pid = child_of(sink)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(PushError) as stalled:
        flood(sink, 1000)
    assert stalled.value.code == 'stalled'
    sink.close()
    assert not is_running(pid)


@pytest.mark.parametrize('when', ['opening', 'sending'])
def test_cancel_ends_what_blocks_at_once(listening, when):
    sink = FfmpegSink(FfmpegLimits(connect_s=30, stall_s=30))
    ended = []

    def work():
        try:
            sink.open(ingest, FORMAT, silent_audio=False)
            os.kill(child_of(sink), signal.SIGSTOP)
            flood(sink, 1000)
        except Cancelled:
            ended.append(time.monotonic())
        finally:
            sink.close()

    if when == 'opening':
        ingest = Ingest(f'srt://127.0.0.1:{free_port()}')
    else:
        ingest = Ingest(listening().url)
    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.6)
    assert thread.is_alive()
    cancelled_s = time.monotonic()
    sink.cancel()
    thread.join(10)
    assert ended[0] - cancelled_s < 0.5


NODE = """
import sys, time
from test_ffmpeg_sink import FORMAT, FfmpegSink, Ingest, child_of
sink = FfmpegSink()
sink.open(Ingest(sys.argv[1]), FORMAT, silent_audio=False)
print(child_of(sink), flush=True)
time.sleep(60)
"""


def test_the_program_ends_with_the_process_that_started_it(listening):
    node = subprocess.Popen(
        [sys.executable, '-c', NODE, listening().url],
        stdout=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': ':'.join([str(Path(__file__).parent), *sys.path])},
    )
    pid = int(node.stdout.readline())
    assert is_running(pid)
    node.kill()
    node.communicate()
    until(lambda: not is_running(pid))


def test_it_works_in_no_state_after_its_end():
    sink = FfmpegSink()
    sink.close()
    assert sink.queued_bytes() == 0
    sink.cancel()
    with pytest.raises(Cancelled):
        sink.open(Ingest('srt://127.0.0.1:9'), FORMAT, silent_audio=False)
