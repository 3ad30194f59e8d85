"""An overlay, a camera and a face node that do what a test says."""

import asyncio

from mmoment_api.errors import part_not_running
from mmoment_api.face_requests import EnrolmentOutcome, FoundFaces

KNOWN = EnrolmentOutcome(
    success=True,
    error_code='',
    message='Known from now on',
    reasons=('blurred',),
    quality=0.8,
    quality_rating='good',
    model_id='model-1',
    views=5,
    liveness_passed=True,
)


class FakeControl:
    """An overlay, a camera and a face node that answer, unless they are said to be away."""

    def __init__(self):
        self.switches = dict.fromkeys(
            ('show_faces', 'show_hands', 'show_gestures', 'blur_strangers'), True
        )
        self.is_away = False
        self.fault = None
        self.sources = []
        self.wishes = []
        self.outcome = KNOWN
        # Unset: the enrolment goes on until the test says so.
        self.enrolment_may_end = asyncio.Event()
        self.enrolment_may_end.set()
        self.given_up = []
        self.looked_at = []
        self.found = FoundFaces(True, '', 'nobody', 'model-1', 640, 480)
        self.forgotten = []
        self.is_kept = False

    async def enroll(self, wish):
        if self.is_away:
            raise part_not_running('face_node')
        self.wishes.append(wish)
        try:
            await self.enrolment_may_end.wait()
        except asyncio.CancelledError:
            self.given_up.append(wish)
            raise
        return self.outcome

    async def recognize(self, picture):
        if self.is_away:
            raise part_not_running('face_node')
        self.looked_at.append(picture)
        return self.found

    async def forget(self, identity):
        if self.is_away:
            raise part_not_running('face_node')
        self.forgotten.append(identity)
        return 2

    async def layers(self):
        if self.is_away:
            raise part_not_running('overlay_node')
        if self.fault:
            raise self.fault
        return dict(self.switches)

    async def set_layers(self, switches):
        if self.is_away:
            raise part_not_running('overlay_node')
        self.switches.update(switches)

    async def keep_layers(self):
        self.is_kept = True
        try:
            await asyncio.Event().wait()
        finally:
            self.is_kept = False

    async def set_source(self, source):
        self.sources.append(source)
        if source == 'nonsense':
            return False, "'nonsense' is no source, choose auto, demo or pattern"
        return True, ''
