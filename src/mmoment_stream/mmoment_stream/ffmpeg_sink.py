"""Publishes packets where we have no publisher of our own: `ffmpeg` does it, fed through a pipe.

It gets H.264 with the time of each picture (see matroska_pipe) and passes it on without encoding. As
it connects before the first picture, and says so, a refusal is told as one.

The key is neither among the words of the command nor in the environment, which others may read while
it runs: see ffmpeg_options. Where ffmpeg would need it there, nothing is pushed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import subprocess
import termios
import time
from collections import deque
from dataclasses import dataclass

from mmoment_node.guarded_program import guarded
from mmoment_node.redaction import redact_text
from mmoment_stream import flv_tags, matroska_pipe
from mmoment_stream.cancel_switch import CancelSwitch
from mmoment_stream.encoder_pipe import FFMPEG
from mmoment_stream.ffmpeg_options import check_heeds_hidden_options, hidden_options, words_for
from mmoment_stream.push_address import parse_address, without
from mmoment_stream.push_target import Ingest, PushError, VideoFormat
from mmoment_stream.video_packet import VideoPacket

# The container, and the name that the key has among ffmpeg's options.
FORMATS = {'srt': ('mpegts', 'streamid')}
LONGEST_KEY = 512  # of SRT
PASSPHRASE_KEY_BYTES = '16'  # as SRT has it by itself; the address may say otherwise
OPENED = 'Output #0'
# What it says, and which of our errors that is; the first that fits counts.
REASONS = (
    ('Failed to resolve hostname', 'name_unknown'),
    ('REJECT', 'key_rejected'),
    ('Connection refused', 'refused'),
    ('Network is unreachable', 'unreachable'),
    ('No route to host', 'unreachable'),
    ('timed out', 'timed_out'),
)
LAST_LINES = 20
READ_BYTES = 65536
# A program that has closed its pipes is about to end.
END_S = 0.3


@dataclass(frozen=True, slots=True)
class FfmpegLimits:
    """How long what may take, in seconds."""

    start_s: float = 3.0  # until the program runs, beside the connection
    connect_s: float = 4.0
    stall_s: float = 4.0  # without one byte taken


class FfmpegSink:
    """One connection: a mmoment_stream.push_target.PushSink. It cannot be opened a second time.

    The program ends with the sink, and with the thread that opened it. What it has taken is gone: SRT
    itself leaves out what would come too late, so that a slow network is not seen here, and of a server
    that vanishes without a word it takes five seconds to be sure.
    """

    def __init__(self, limits: FfmpegLimits | None = None, *, program: str = FFMPEG) -> None:
        self._limits = limits or FfmpegLimits()
        self._program = program
        self._switch = CancelSwitch()
        self._process: subprocess.Popen[bytes] | None = None
        self._input = self._complaints = -1
        self._unread = b''
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._is_open = False
        self._secrets: tuple[str, ...] = ()
        self._silence: flv_tags.Silence | None = None

    def open(self, ingest: Ingest, video: VideoFormat, *, silent_audio: bool) -> None:
        """Start the program and connect; returns once the server takes media.

        Raises PushError (bad_address, no_key, tool, and why there is no connection), Cancelled; then
        it is closed.
        """
        self._secrets = (ingest.key, ingest.passphrase)
        self._silence = flv_tags.Silence() if silent_audio else None
        limits = self._limits
        began_s = time.monotonic()
        try:
            self._switch.arm()
            self._start(ingest)
            self._write(matroska_pipe.header(video, silent_audio=silent_audio))
            deadline_s = began_s + limits.start_s + limits.connect_s
            while not self._is_open:
                if not self._switch.wait(self._complaints, select.POLLIN, deadline_s):
                    raise PushError('timed_out')
                if not self._listen():
                    raise self._why_ended(time.monotonic() - began_s)
        except BaseException:
            self.close()
            raise

    def change(self, video: VideoFormat) -> None:
        """Another epoch begins: its parameter sets are in its first picture, and that is enough."""

    def send(self, packet: VideoPacket, time_ms: int) -> None:
        """Hand over one picture, taken time_ms after the first.

        Raises PushError (stalled, closed, tool), Cancelled.
        """
        parts = []
        if self._silence is not None:
            due = self._silence.due(time_ms)
            parts = [matroska_pipe.silence(due_ms) for due_ms in due]
        parts.append(matroska_pipe.picture(packet.data, time_ms, keyframe=packet.keyframe))
        self._write(b''.join(parts))
        self.poll()

    def poll(self) -> None:
        """Notice that the program has ended. Raises PushError (closed, tool), Cancelled."""
        self._switch.check()
        if not self._listen():
            raise self._why_ended()

    def queued_bytes(self) -> int:
        """What the program has not read yet; what it keeps itself is not known."""
        if self._input < 0:
            return 0
        return int.from_bytes(fcntl.ioctl(self._input, termios.FIONREAD, bytes(4)), 'little')

    def close(self) -> None:
        """Let the program end, and kill it if that takes time; works in every state."""
        if self._input >= 0:
            os.close(self._input)
            self._input = -1
        process, self._process = self._process, None
        if process is not None:
            if not self._switch.is_on:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(END_S)
            process.kill()
            process.wait()
            assert process.stderr is not None
            process.stderr.close()
        self._switch.release()

    def cancel(self) -> None:
        """Have everything that blocks raise Cancelled at once; from any thread, for good."""
        self._switch.cancel()

    def _start(self, ingest: Ingest) -> None:
        address = parse_address(ingest.url)
        if address.scheme not in FORMATS:
            raise PushError('bad_address', f'ffmpeg pushes to {", ".join(FORMATS)} only')
        if any(len(each) > LONGEST_KEY or not each.isprintable() for each in self._secrets):
            raise PushError('no_key', f'it has to be one line of {LONGEST_KEY} letters at most')
        if shutil.which(self._program) is None:
            raise PushError('tool', f'{self._program} is not installed')
        container, key_option = FORMATS[address.scheme]
        options = {'connect_timeout': str(round(self._limits.connect_s * 1000))}
        if ingest.key:
            options[key_option] = ingest.key
        if ingest.passphrase:
            options |= {'passphrase': ingest.passphrase, 'pbkeylen': PASSPHRASE_KEY_BYTES}
        if ingest.key or ingest.passphrase:
            check_heeds_hidden_options(self._program, self._switch)
        with hidden_options(options) as descriptor:
            try:
                process = self._process = subprocess.Popen(
                    _words(self._program, words_for(descriptor), container, ingest.url),
                    bufsize=0,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    pass_fds=(descriptor,),
                )
            except OSError as error:
                raise PushError('tool', f'it cannot be started: {error.strerror}') from error
        assert process.stdin is not None
        assert process.stderr is not None
        # From now on this is the only owner.
        self._input = os.dup(process.stdin.fileno())
        process.stdin.close()
        self._complaints = process.stderr.fileno()
        for pipe in (self._input, self._complaints):
            os.set_blocking(pipe, False)

    def _write(self, data: bytes) -> None:
        """Give it all to the program, as long as it goes on taking some."""
        waiting = memoryview(data)
        while waiting:
            try:
                waiting = waiting[os.write(self._input, waiting) :]
            except BlockingIOError:
                deadline_s = time.monotonic() + self._limits.stall_s
                if not self._switch.wait(self._input, select.POLLOUT, deadline_s):
                    raise PushError('stalled') from None
            except OSError as error:
                raise self._why_ended() from error
            self._switch.check()

    def _listen(self) -> bool:
        """Read what the program says; False: it has ended."""
        while True:
            try:
                piece = os.read(self._complaints, READ_BYTES)
            except BlockingIOError:
                return True
            if not piece:
                return False
            *lines, self._unread = (self._unread + piece).split(b'\n')
            for line in lines:
                text = line.decode('utf-8', 'replace').strip()
                self._is_open = self._is_open or text.startswith(OPENED)
                self._lines.append(text)

    def _why_ended(self, after_s: float = 0.0) -> PushError:
        """The error that the program's last words tell of; after_s: of connecting."""
        deadline_s = time.monotonic() + END_S
        while self._listen() and self._switch.wait(self._complaints, select.POLLIN, deadline_s):
            pass
        if self._is_open:
            return PushError('closed')
        for words, code in REASONS:
            if any(words in line for line in self._lines):
                return PushError(code)
        if after_s >= self._limits.connect_s:
            return PushError('timed_out')
        said = [line for line in self._lines if line]
        return PushError('tool', redact_text(without(said[-1], *self._secrets)) if said else '')


def _words(program: str, options: tuple[str, str], container: str, url: str) -> list[str]:
    # All that it would find out about the input is in its header.
    source = (
        '-hide_banner -loglevel info -nostats -nostdin -nofind_stream_info -f matroska -i pipe:0'
    )
    output = '-map 0 -c copy -flush_packets 1 -muxdelay 0 -muxpreload 0 -f'
    return guarded([program, *source.split(), *options, *output.split(), container, url])
