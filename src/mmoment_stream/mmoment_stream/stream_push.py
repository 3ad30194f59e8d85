"""One target that is pushed to for as long as it is wanted: connects, sends, and never gives up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from mmoment_node.recovery import BackOff, Recovery, RecoveryState
from mmoment_stream.bitrate_control import BitrateControl
from mmoment_stream.provider_watch import ProviderWatch
from mmoment_stream.push_address import redacted, without
from mmoment_stream.push_connection import PushConnection, PushVideo
from mmoment_stream.push_figures import PushFigures
from mmoment_stream.push_queue import PushQueue
from mmoment_stream.push_report import PushReport
from mmoment_stream.push_target import (
    Cancelled,
    Ingest,
    PushError,
    PushSink,
    PushTarget,
    StreamProvider,
)
from mmoment_stream.video_packet import VideoPacket

MakeSink = Callable[[Ingest], PushSink]
"""A new sink for one attempt; raises PushError, bad_address if there is none. See push_sinks."""


@dataclass(frozen=True, slots=True)
class PushLimits:
    """Times of one push, in seconds."""

    slate_after_s: float = 2.0  # without packets, while connected
    first_video_s: float = 3.0  # for the encoder to begin, before the slate is pushed
    keyframe_every_s: float = 0.5  # between two requests
    look_again_s: float = 3.0  # at a configuration that could not be used
    refused_s: float = 60.0  # the longest pause after a provider has refused what is configured
    lasting_s: float = 10.0  # of being live, after which pauses start small again
    health_s: float = 12.0  # between two questions to the provider
    queue_s: float = 1.0  # of video that waits; with more, pictures are left out


@dataclass(frozen=True, slots=True)
class PatientBackOff(BackOff):
    """Pauses as long as the other side has asked for, at least."""

    asked_for_s: Callable[[], float] = lambda: 0.0

    def pause_s(self, failures: int, random_0_1: float) -> float:
        """See BackOff."""
        return max(BackOff.pause_s(self, failures, random_0_1), self.asked_for_s())


class StreamPush:
    """Pushes to one target. `run` is for one thread, and once; all else is for any thread.

    States are those of `Recovery`. FAILED means that a person must mend the configuration (see
    CONFIGURATION_ERRORS). Every few seconds the push looks whether that has been done, whether a key
    file is there now, for instance, and goes on by itself. It is LIVE from the first picture that
    was sent. The last error is kept while it is live: the state says whether it still counts.
    """

    def __init__(
        self,
        target: PushTarget,
        provider: StreamProvider,
        make_sink: MakeSink,
        *,
        request_keyframe: Callable[[], None],
        limit: Callable[[int], None],
        on_change: Callable[[], None] = lambda: None,
        figures: PushFigures | None = None,
        back_off: BackOff | None = None,
        limits: PushLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """None of the callbacks may block; they are called from threads of the push.

        request_keyframe: asks the encoder for one; called again until one comes.
        limit: the most this network takes, in kbit/s, 0: no limit any more. Called at each change,
            and once a second while there is a limit.
        on_change: `report` tells of another state, slate or health; not called for mere figures.
        figures: of an earlier push to this target, to go on counting.
        clock: that of the packets, CLOCK_MONOTONIC, in seconds.
        """
        self._target = target
        self._make_sink = make_sink
        self._on_change = on_change
        self._limits = limits = limits or PushLimits()
        self._clock = clock
        self._figures = figures or PushFigures()
        self._queue = PushQueue(
            longest_s=limits.queue_s, on_dropped=self._figures.dropped, clock=clock
        )
        self._video = PushVideo(
            queue=self._queue,
            control=BitrateControl(clock),
            figures=self._figures,
            request_keyframe=request_keyframe,
            limit=limit,
            slate_after_s=limits.slate_after_s,
            keyframe_every_s=limits.keyframe_every_s,
            clock=clock,
        )
        self._watch = ProviderWatch(
            provider, every_s=limits.health_s, on_change=on_change, clock=clock
        )
        self._video_until_s = 0.0
        self._asked_pause_s = 0.0
        self._recovery = self._patient_recovery(back_off or BackOff(), wall_clock)
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._sink: PushSink | None = None
        self._connection: PushConnection | None = None
        self._ingest: Ingest | None = None
        self._useless: Ingest | None = None  # a sink has said that it cannot be used
        self._refusals = 0  # of the provider, in a row
        self._error_code = ''
        self._was_live = False

    def run(self) -> None:
        """Push until `stop`. Closes the provider at the end."""
        self._expect_video()
        try:
            while not self._stopped.is_set():
                self._attempt()
        finally:
            self._watch.close()
            self._recovery.idle()

    def offer(self, packet: VideoPacket) -> None:
        """Here is the next picture; never blocks, in no state of the push."""
        self._queue.offer(packet)

    def skip(self) -> None:
        """Send nothing that waits: what comes next shows something else."""
        self._queue.skip()

    def stop(self) -> None:
        """End `run` at once, whatever it is doing; for good."""
        self._stopped.set()
        self._recovery.cancel()
        self._queue.wake()
        with self._lock:
            if self._sink is not None:
                self._sink.cancel()

    def refresh(self) -> None:
        """Ask the provider now how the stream is doing; returns before it has answered."""
        self._watch.refresh()

    def report(self) -> PushReport:
        """The present state."""
        counts = self._figures.counts(self._clock())
        connection, ingest, news = self._connection, self._ingest, self._watch.news
        target, health = self._target, news.health
        report = PushReport(
            name=target.name,
            provider=target.provider,
            address=redacted(ingest.url) if ingest else '',
            enabled=target.enabled,
            push=self._recovery.snapshot,
            error_code=self._error_code,
            bytes_sent=counts.bytes_sent,
            packets_sent=counts.packets_sent,
            dropped=counts.dropped,
            reconnects=counts.reconnects,
            fps=counts.fps,
            kbps=counts.kbps,
            target_kbps=float(self._video.control.limit_kbps) if connection else 0.0,
            queued_bytes=connection.queued_bytes if connection else 0,
            slate=connection.shows_slate if connection else False,
            provider_known=health is not None,
            provider_error=news.error,
        )
        if ingest is not None:
            is_newer = news.playback.playback_id == ingest.playback.playback_id
            report = replace(report, playback=news.playback if is_newer else ingest.playback)
        if health is not None:
            report = replace(
                report,
                provider_active=health.is_active,
                provider_healthy=health.is_healthy,
                provider_issues=health.issues,
                provider_checked_s=health.checked_s,
            )
        return report

    def _patient_recovery(self, back_off: BackOff, wall_clock: Callable[[], float]) -> Recovery:
        """Pauses like `back_off`, but no shorter than the other side has asked for."""
        return Recovery(
            lambda snapshot: self._on_change(),
            back_off=PatientBackOff(
                back_off.first_s, back_off.cap_s, back_off.jitter, lambda: self._asked_pause_s
            ),
            reset_after_s=self._limits.lasting_s,
            wall_clock=wall_clock,
            monotonic=self._clock,
        )

    def _attempt(self) -> None:
        """From asking where to push to the loss of the connection, and the pause after it."""
        secrets: tuple[str, ...] = ()
        try:
            ingest = self._find_ingest()
            secrets = (ingest.key, ingest.passphrase)
            self._recovery.connecting()
            self._push(ingest)
        except Cancelled:
            return
        except PushError as error:
            self._pause(error, without(error.text, *secrets))
        except (OSError, RuntimeError) as error:
            # The system has no descriptor or no thread left, for instance: that passes.
            detail = error.strerror if isinstance(error, OSError) else str(error)
            fault = PushError('unreachable', detail or '')
            self._pause(fault, without(fault.text, *secrets))

    def _find_ingest(self) -> Ingest:
        """Where to push now. Stays FAILED while that cannot be used. Raises PushError, Cancelled."""
        is_failed = self._recovery.snapshot.state is RecoveryState.FAILED
        if not is_failed:
            self._recovery.connecting()
        self._watch.start(f'push_health_{self._target.name}')
        ingest = self._watch.ingest(self._stopped)
        while ingest == self._useless:
            if self._stopped.wait(self._limits.look_again_s):
                raise Cancelled
            ingest = self._watch.ingest(self._stopped)
        self._useless = None
        self._refusals = 0
        if is_failed:
            # Nobody need encode for a push that cannot be.
            self._expect_video()
        self._ingest = ingest
        return ingest

    def _expect_video(self) -> None:
        self._video_until_s = self._clock() + self._limits.first_video_s

    def _push(self, ingest: Ingest) -> None:
        """One connection. Raises PushError when it is lost, or Cancelled."""
        try:
            sink = self._make_sink(ingest)
            self._hold(sink)
            try:
                self._await_video()
                opened_for = self._video.format_now()
                sink.open(ingest, opened_for, silent_audio=self._target.silent_audio)
                self._connection = PushConnection(
                    sink, opened_for, self._video, on_live=self._live, on_slate=self._on_change
                )
                self._connection.run(self._stopped)
            finally:
                self._connection = None
                self._watch.lost()
                self._hold(None)
                sink.close()
        except PushError as error:
            if error.is_configuration:
                self._useless = ingest
            raise

    def _hold(self, sink: PushSink | None) -> None:
        """Let `stop` cancel this sink, also if it came before."""
        with self._lock:
            self._sink = sink
        if sink is not None and self._stopped.is_set():
            sink.cancel()

    def _await_video(self) -> None:
        """Give the encoder time to begin, when the push does; later there is the slate.

        Raises Cancelled.
        """
        limits = self._limits
        wait_s = 0.0
        while not self._queue.await_video(wait_s, limits.slate_after_s):
            if self._stopped.is_set():
                raise Cancelled
            wait_s = min(limits.keyframe_every_s, self._video_until_s - self._clock())
            if wait_s <= 0:
                return
            self._video.request_keyframe()

    def _live(self) -> None:
        if self._was_live:
            self._figures.reconnected()
        self._was_live = True
        self._recovery.live()
        self._watch.live()

    def _pause(self, error: PushError, text: str) -> None:
        """Tell of the error, and wait for as long as it takes to make sense to try again."""
        self._error_code = error.code
        if error.is_configuration:
            self._recovery.failed(text)
            self._stopped.wait(max(self._looking_pause_s(error.code), error.retry_after_s))
        else:
            self._asked_pause_s = error.retry_after_s
            self._recovery.wait_to_retry(text)

    def _looking_pause_s(self, code: str) -> float:
        """Until what only a person can mend is looked at again: files cost nobody anything."""
        limits = self._limits
        if code != 'provider_refused':
            return limits.look_again_s
        self._refusals += 1
        growing = BackOff(limits.look_again_s, limits.refused_s, jitter=0.0)
        return growing.pause_s(self._refusals, 0.0)
