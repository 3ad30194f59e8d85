"""A capture_node that is played: real files, real services, action and topics; no camera."""

import hashlib
import os
import threading
import time

import rclpy
from builtin_interfaces.msg import Time
from media_samples import HEIGHT, WIDTH, jpeg, mp4
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.qos import DurabilityPolicy, QoSProfile

from mmoment_interfaces.action import RecordClip
from mmoment_interfaces.msg import (
    MediaEvent,
    MediaItem,
    Recording,
    RecordingArray,
    SessionArray,
    StageStatus,
)
from mmoment_interfaces.srv import CapturePhoto, ChangeMedia, GetMedia, ListMedia, StopRecording

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
PREROLL_S, LIMIT_S = 1.0, 60.0


class Refused(Exception):
    """What is answered instead; its text is the code."""


def stamp(seconds):
    return Time(sec=int(seconds), nanosec=int(seconds % 1 * 1e9))


class Running:
    """A clip that is being recorded."""

    def __init__(self, media_id, identity, session_id):
        self.media_id, self.identity, self.session_id = media_id, identity, session_id
        self.began_s = time.time() - PREROLL_S
        self.is_to_end = threading.Event()
        self.is_kept = threading.Event()
        self.item = None

    def message(self):
        return Recording(
            media_id=self.media_id,
            identity=self.identity,
            session_id=self.session_id,
            started=stamp(self.began_s),
            elapsed_s=time.time() - self.began_s,
            limit_s=LIMIT_S,
            trigger='api',
        )


class PlayedCaptureNode:
    """Whose session it is comes from session_node; `refusal` is answered to all while it is set."""

    def __init__(self, context, namespace, folder):
        self.folder = folder
        self.node = rclpy.create_node('capture_node', namespace=namespace, context=context)
        self.items, self.running, self.identities = [], {}, {}
        self.refusal = ''
        group = ReentrantCallbackGroup()
        for kind, name, work in (
            (CapturePhoto, 'capture_photo', self._photo),
            (StopRecording, 'stop_recording', self._stop),
            (ListMedia, 'list_media', self._list),
            (GetMedia, 'get_media', self._get),
            (ChangeMedia, 'change_media', self._change),
        ):
            self.node.create_service(kind, name, self._answering(work), callback_group=group)
        self.action = ActionServer(
            self.node,
            RecordClip,
            'record_clip',
            self._record,
            callback_group=group,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
        )
        self.node.create_subscription(SessionArray, 'sessions', self._on_sessions, LATCHED)
        self._recordings = self.node.create_publisher(RecordingArray, 'recordings', LATCHED)
        self._events = self.node.create_publisher(MediaEvent, 'media_events', 1000)
        self._stage = self.node.create_publisher(StageStatus, 'stage_status', 5)
        self.node.create_timer(0.5, self._tell, callback_group=group)

    def keep(self, kind, identity='', session_id='', media_id='', seconds=4.0, **changes):
        """Make a photo or clip, and tell of it."""
        item = MediaItem(kind=kind, identity=identity, session_id=session_id, trigger='api')
        item.media_id = media_id or os.urandom(16).hex()
        is_clip = kind == MediaItem.CLIP
        item.filename = f'{os.urandom(12).hex()}.{"mp4" if is_clip else "jpg"}'
        path = self.folder / item.filename
        hue = len(self.items) * 37 % 180
        if is_clip:
            mp4(path, seconds, hue)
        else:
            path.write_bytes(jpeg(len(self.items), hue))
        thumbnail = path.with_suffix('.thumbnail.jpg')
        thumbnail.write_bytes(jpeg(len(self.items), hue, 160))
        content = path.read_bytes()
        item.path, item.thumbnail_path = str(path), str(thumbnail)
        item.started = stamp(time.time() - (seconds if is_clip else 0.0))
        item.duration_s = seconds if is_clip else 0.0
        item.bytes, item.sha256 = len(content), hashlib.sha256(content).hexdigest()
        item.width, item.height = WIDTH, HEIGHT
        item.mime_type = 'video/mp4' if is_clip else 'image/jpeg'
        for name, value in changes.items():
            setattr(item, name, value)
        self.items.append(item)
        self.tell(MediaEvent.RECORDED if is_clip else MediaEvent.TAKEN, item)
        return item

    def tell(self, kind, item, reason='', message=''):
        self._events.publish(MediaEvent(kind=kind, media=item, reason=reason, message=message))

    def close(self):
        self.action.destroy()
        self.node.destroy_node()

    # --- what is asked ------------------------------------------------------------------------

    def _answering(self, work):
        def answer_to(request, answer):
            try:
                if self.refusal:
                    raise Refused(self.refusal)
                work(request, answer)
                answer.success = True
            except Refused as refusal:
                answer.error_code, answer.message = str(refusal), f'Because of {refusal}'
            return answer

        return answer_to

    def _identity(self, session_id):
        if not session_id:
            return ''
        if session_id not in self.identities:
            raise Refused('no_session')
        return self.identities[session_id]

    def _seen_by(self, session_id):
        identity = self._identity(session_id)
        seen = [item for item in self.items if not session_id or item.identity == identity]
        return sorted(seen, key=lambda item: (item.started.sec, item.started.nanosec), reverse=True)

    def _one(self, session_id, name):
        for item in self._seen_by(session_id):
            if name in (item.media_id, item.filename):
                return item
        raise Refused('no_media')

    def _photo(self, request, answer):
        identity = self._identity(request.session_id)
        answer.media = self.keep(
            MediaItem.PHOTO, identity, request.session_id, annotated=request.annotated
        )

    def _record(self, handle):
        goal = handle.request
        try:
            if self.refusal:
                raise Refused(self.refusal)
            identity = self._identity(goal.session_id)
        except Refused as refusal:
            handle.abort()
            return RecordClip.Result(error_code=str(refusal), message=f'Because of {refusal}')
        clip = Running(os.urandom(16).hex(), identity, goal.session_id)
        self.running[clip.media_id] = clip
        self._tell()
        item = MediaItem(media_id=clip.media_id, identity=identity, kind=MediaItem.CLIP)
        self.tell(MediaEvent.STARTED, item)
        ends_s = time.time() + (goal.duration_s or LIMIT_S)
        while not clip.is_to_end.wait(0.1) and time.time() < ends_s:
            handle.publish_feedback(
                RecordClip.Feedback(media_id=clip.media_id, elapsed_s=time.time() - clip.began_s)
            )
        clip.item = self.keep(MediaItem.CLIP, identity, goal.session_id, clip.media_id)
        del self.running[clip.media_id]
        self._tell()
        clip.is_kept.set()
        handle.succeed()
        return RecordClip.Result(success=True, media=clip.item)

    def _stop(self, request, answer):
        identity = self._identity(request.session_id)
        named = [
            clip
            for clip in self.running.values()
            if not request.media_id or clip.media_id == request.media_id
        ]
        own = [clip for clip in named if not request.session_id or clip.identity == identity]
        if not own:
            raise Refused('no_recording')
        for clip in own:
            clip.is_to_end.set()
        for clip in own:
            clip.is_kept.wait(10.0)
        answer.media = [clip.item for clip in own]

    def _list(self, request, answer):
        kinds = {'': (0, 1), 'photo': (0,), 'clip': (1,)}[request.kind]
        seen = [item for item in self._seen_by(request.session_id) if item.kind in kinds]
        start = int(request.cursor or '0')
        end = start + request.limit
        answer.media, answer.total = seen[start:end], len(seen)
        answer.next_cursor = str(end) if end < len(seen) else ''

    def _get(self, request, answer):
        answer.media = self._one(request.session_id, request.media)

    def _change(self, request, answer):
        item = self._one(request.session_id, request.media)
        if request.change == ChangeMedia.Request.DELETE:
            self.items.remove(item)
            os.unlink(item.path)
            self.tell(MediaEvent.DELETED, item, reason='asked')
        else:
            item.favourite = request.change == ChangeMedia.Request.KEEP

    # --- what is told -------------------------------------------------------------------------

    def _on_sessions(self, message):
        self.identities = {item.session_id: item.identity for item in message.sessions}

    def _tell(self):
        self._stage.publish(StageStatus(stage='capture_node'))
        clips = [clip.message() for clip in list(self.running.values())]
        self._recordings.publish(RecordingArray(recordings=clips))
