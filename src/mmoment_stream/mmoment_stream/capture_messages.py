"""Messages of capture_node: photos, clips, and what is being recorded."""

from __future__ import annotations

from collections.abc import Iterable

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from mmoment_chain.media_records import MediaRecord
from mmoment_chain.media_signature import CLIP
from mmoment_interfaces.msg import MediaEvent, MediaItem, Recording, RecordingArray
from mmoment_stream.clip_summary import NS_PER_S
from mmoment_stream.media_draft import Origin
from mmoment_stream.media_library import MediaLibrary
from mmoment_stream.media_maker import NS_PER_MS, RunningClip


def media_item(record: MediaRecord, library: MediaLibrary) -> MediaItem:
    """A photo or clip that is kept, with where its files lie."""
    facts = record.facts
    path, thumbnail = library.file(record), library.thumbnail(record)
    return MediaItem(
        media_id=facts.media_id,
        kind=MediaItem.CLIP if facts.kind == CLIP else MediaItem.PHOTO,
        filename=record.filename,
        path=str(path) if path is not None else '',
        thumbnail_path=str(thumbnail) if thumbnail is not None else '',
        identity=record.wallet or '',
        session_id=record.session_id or '',
        started=_time(facts.started_ms * NS_PER_MS),
        duration_s=facts.duration_ms / 1000,
        bytes=facts.bytes,
        width=facts.width,
        height=facts.height,
        mime_type=facts.mime_type,
        trigger=facts.trigger,
        gesture=facts.gesture,
        people=list(record.people),
        annotated=facts.annotated,
        favourite=record.favourite,
        uploaded=record.uploaded_ms is not None,
        sha256=facts.sha256,
    )


def beginning_item(clip: RunningClip) -> MediaItem:
    """A clip that is being recorded, as far as it is known."""
    item = wished_item(MediaItem.CLIP, clip.origin)
    item.media_id = clip.media_id
    item.started = _time(clip.recording.started_utc_ns)
    return item


def wished_item(kind: int, origin: Origin) -> MediaItem:
    """What somebody asked for, of which there is nothing yet."""
    return MediaItem(
        kind=kind,
        identity=origin.wallet or '',
        session_id=origin.session_id or '',
        trigger=origin.trigger,
        gesture=origin.gesture,
        annotated=origin.annotated,
    )


def recordings_message(header: Header, clips: Iterable[RunningClip]) -> RecordingArray:
    """What is being recorded."""
    return RecordingArray(header=header, recordings=[_recording(clip) for clip in clips])


def event_message(
    header: Header, kind: int, media: MediaItem, reason: str = '', message: str = ''
) -> MediaEvent:
    """Something happened to a photo or clip."""
    return MediaEvent(header=header, kind=kind, media=media, reason=reason, message=message)


def _recording(clip: RunningClip) -> Recording:
    recording = clip.recording
    return Recording(
        media_id=clip.media_id,
        identity=clip.origin.wallet or '',
        session_id=clip.origin.session_id or '',
        started=_time(recording.started_utc_ns),
        elapsed_s=recording.elapsed_s,
        limit_s=(recording.ends_ns - recording.started_ns) / NS_PER_S,
        trigger=clip.origin.trigger,
    )


def _time(utc_ns: int) -> Time:
    return Time(sec=utc_ns // NS_PER_S, nanosec=utc_ns % NS_PER_S)
