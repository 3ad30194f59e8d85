"""Fakes of what the web side works with: a clock, a graph, pictures, and a caller of the app."""

import asyncio
import json
import socket
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import numpy as np
import pytest
import websockets

from mmoment_api.access import SignIn
from mmoment_api.app import create_app, guarded
from mmoment_api.errors import part_not_running
from mmoment_api.events import EventHub
from mmoment_api.face_requests import EnrolmentOutcome, FoundFaces
from mmoment_api.graph_state import CameraState, GraphState
from mmoment_api.mjpeg_hub import LiveHub
from mmoment_api.person_sessions import PersonSessions
from mmoment_api.services import Services, Settings
from mmoment_api.session_control import (
    Challenge,
    ErasedPerson,
    OpenedSession,
    SealedTemplate,
    SessionRecord,
    WithdrawnConsent,
    refused_by_session,
    token_refused,
)
from mmoment_api.web_protocol import ConnectionLimits
from mmoment_api.web_server import WebServer, bind

# Tests of this package share the helpers beside them.
sys.path.insert(0, str(Path(__file__).parent))

from fake_media import FakeMedia

WAIT_S = 5.0
UNLIMITED = ConnectionLimits(connections=10_000, request_wait_s=3600.0)
BASE_URL = 'http://127.0.0.1:5002'


class FakeClock:
    """A clock that stands still until told otherwise."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


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


class FakeSessionControl:
    """A session_node that lets everybody in who signs 'signed', unless it is said to be away."""

    def __init__(self):
        self.is_away = False
        self.refusal = None
        self.asked = []
        self.opened = {}
        self.kept = {}
        self.withdrawn = WithdrawnConsent(1, 2, True)
        self.erased = ErasedPerson(3, True, True, False)
        self.utc_ms = 1_700_000_000_000

    def open(self, wallet, rights=('view', 'enroll', 'recognize'), **changes):
        """A session, as if its person had checked in."""
        number = len(self.opened) + 1
        token = f'{number:02d}' + 41 * 't'
        record = SessionRecord(
            session_id=f's{number}',
            identity=wallet,
            rights=frozenset(rights),
            source='siws',
            created_ms=self.utc_ms,
            expires_ms=self.utc_ms + 3_600_000,
            last_seen_ms=self.utc_ms,
        )
        self.opened[token] = replace(record, **changes)
        return OpenedSession(token, self.opened[token])

    def _ask(self, *question):
        self.asked.append(question)
        if self.is_away:
            raise part_not_running('session_node')
        if self.refusal:
            raise self.refusal

    def asked_for(self, name):
        return [question for question in self.asked if question[0] == name]

    def _record(self, token):
        if token not in self.opened:
            raise token_refused('bad_token', 'This token opens no session')
        return self.opened[token]

    async def create_challenge(self, wallet, domain, source, with_memo):
        self._ask('create_challenge', wallet, domain, source, with_memo)
        text = f'{domain} wants {wallet} to sign'
        memo = 'bWVtbw==' if with_memo else ''
        return Challenge(text, 'nonce', memo, self.utc_ms, self.utc_ms + 300_000)

    async def check_in(self, wish):
        self._ask('check_in', wish)
        if 'signed' not in (wish.signature, wish.memo_transaction):
            raise refused_by_session('bad_signature', 'Not that of this wallet')
        opened = self.open(wish.wallet, display_name=wish.display_name)
        self.opened.pop(wish.replaces, None)
        return opened

    async def check_out(self, token):
        self._ask('check_out', token)
        self._record(token)
        del self.opened[token]

    async def get_session(self, token, right, is_action):
        self._ask('get_session', token, right, is_action)
        record = self._record(token)
        if right and right not in record.rights and 'admin' not in record.rights:
            raise token_refused('missing_right', 'Not yours')
        return record

    async def note_presence(self, session_id):
        self._ask('note_presence', session_id)

    async def renew_session(self, token):
        self._ask('renew_session', token)
        record = self._record(token)
        del self.opened[token]
        new_token = 'n' + token[:-1]
        self.opened[new_token] = record
        return OpenedSession(new_token, record)

    async def list_sessions(self):
        self._ask('list_sessions')
        return list(self.opened.values())

    async def revoke_sessions(self, session_id, identity):
        self._ask('revoke_sessions', session_id, identity)
        ended = [
            token
            for token, record in self.opened.items()
            if record.session_id == session_id or record.identity == identity
        ]
        for token in ended:
            del self.opened[token]
        return len(ended)

    async def grant_rights(self, wallet, rights, hours, revoke):
        self._ask('grant_rights', wallet, rights, hours, revoke)

    async def give_consent(self, token, consent_version):
        self._ask('give_consent', token, consent_version)
        self._record(token)

    async def keep_template(self, token, template, consent_version):
        self._ask('keep_template', token, template, consent_version)
        wallet = self._record(token).identity
        self.kept[wallet] = SealedTemplate(
            template.record_id,
            template.model_id,
            template.custody,
            template.envelope,
            b'k' * 32,
            'camera',
        )
        return template.record_id

    async def get_template(self, wallet):
        self._ask('get_template', wallet)
        if wallet not in self.kept:
            raise refused_by_session('no_template', 'None is kept')
        return self.kept[wallet]

    async def forget_template(self, token, wallet):
        self._ask('forget_template', token, wallet)
        gone = self._record(token).identity if token else wallet
        self.kept.pop(gone, None)
        return self.withdrawn

    async def forget_person(self, token, wallet, confirm_media):
        self._ask('forget_person', token, wallet, confirm_media)
        gone = self._record(token).identity if token else wallet
        self.opened = {key: item for key, item in self.opened.items() if item.identity != gone}
        return self.erased


@dataclass
class FakePicture:
    """A picture that somebody may have overwritten."""

    sequence: int
    monotonic_ns: int
    image: np.ndarray = field(default_factory=lambda: np.zeros((72, 128, 3), np.uint8))
    live: bool = True
    is_intact: bool = True

    def intact(self):
        return self.is_intact


class FakeSource:
    """Pictures that a test puts in, for one channel."""

    def __init__(self, annotated):
        self.annotated = annotated
        self.is_closed = False
        self.taken = 0
        self._pictures = []
        self._changed = threading.Condition()

    def put(self, picture):
        with self._changed:
            self._pictures.append(picture)
            self._changed.notify_all()

    def newest(self, timeout_s):
        with self._changed:
            self._changed.wait_for(lambda: self._pictures, timeout_s)
            if not self._pictures:
                return None
            self.taken += 1
            return self._pictures.pop(0)

    def close(self):
        self.is_closed = True


class FakeSources:
    """Makes sources and remembers them."""

    def __init__(self):
        self.opened = []

    def __call__(self, annotated):
        self.opened.append(FakeSource(annotated))
        return self.opened[-1]


class Caller:
    """Calls the app as a client would; `cookie` is sent when set."""

    def __init__(self, services):
        self.services = services
        self.app = create_app(services)
        self.cookie = None

    def __call__(self, method, path, headers=None, **arguments):
        headers = {**({'Cookie': self.cookie} if self.cookie else {}), **(headers or {})}

        async def call():
            transport = httpx.ASGITransport(guarded(self.app), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
                return await client.request(method, path, headers=headers, **arguments)

        return asyncio.run(call())

    def get(self, path, **arguments):
        return self('GET', path, **arguments)

    def post(self, path, **arguments):
        return self('POST', path, **arguments)

    def signed_in(self):
        """The same caller with the owner's cookie."""
        value = self.services.sign_in.exchange(self.services.sign_in.new_token(), 'test')
        self.cookie = f'{self.services.settings.cookie_name}={value}'
        return self

    def checked_in(self, opened):
        """The same caller with the cookie of a person's session."""
        self.cookie = f'{self.services.settings.person_cookie_name}={opened.token}'
        return self


class Served:
    """A running server, its port, and the owner's cookie."""

    def __init__(self, services, limits):
        self.services = services
        self.listener = bind('127.0.0.1', 0, stalled_s=10.0)
        self.port = self.listener.getsockname()[1]
        value = services.sign_in.exchange(services.sign_in.new_token(), 'test')
        self.cookie = f'{services.settings.cookie_name}={value}'
        self.faults = []
        app = guarded(create_app(services))
        self.server = WebServer(app, self.listener, services, stalled_s=10.0, limits=limits)
        self.server.start(self._spawn)
        self.until(lambda: self.get('/')['success'])

    def _spawn(self, work, name):
        def guarded_work():
            try:
                work()
            except Exception as error:
                self.faults.append(error)

        thread = threading.Thread(target=guarded_work, name=name, daemon=True)
        thread.start()
        return thread

    def get(self, path):
        request = urllib.request.Request(
            f'http://127.0.0.1:{self.port}{path}', headers={'Cookie': self.cookie}
        )
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return json.load(answer)

    def connect(self, receive_buffer=0):
        """A connection on which nothing is said yet."""
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(WAIT_S)
        connection.connect(('127.0.0.1', self.port))
        return connection

    def look(self, query='', receive_buffer=0):
        """A viewer's connection; nothing is read yet."""
        return self._ask(f'/mjpeg-stream{query}', '', receive_buffer)

    def listen_plainly(self):
        """A WebSocket on which nothing is read yet."""
        return self._ask(
            '/api/events',
            'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
            'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n',
        )

    def _ask(self, path, headers='', receive_buffer=0):
        connection = self.connect(receive_buffer)
        connection.sendall(
            f'GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {self.cookie}\r\n{headers}\r\n'.encode()
        )
        return connection

    def open_connections(self):
        """How many connections the server holds."""
        return self.server.connections

    def until(self, condition):
        deadline_s = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline_s, 'it never came true'
            time.sleep(0.005)

    def listen(self, query=''):
        return websockets.connect(
            f'ws://127.0.0.1:{self.port}/api/events{query}',
            additional_headers={'Cookie': self.cookie},
        )


LIVE_CAMERA = CameraState(
    heard_s=1000.0,
    connection='live',
    since_s=990.0,
    last_error='',
    retries=0,
    kind='v4l2',
    source='/dev/video3',
    chosen_by_auto=True,
    width=1280,
    height=720,
    pixel_format='MJPG',
    target_fps=30.0,
    fps=29.7,
    frames=300,
    dropped=2,
    frame_age_s=0.01,
)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def session_control():
    return FakeSessionControl()


@pytest.fixture
def sources():
    return FakeSources()


@pytest.fixture
def make_services(clock, sources, session_control):
    def make(viewers_at_most=4, **settings):
        return Services(
            settings=Settings(**settings),
            state=GraphState(clock),
            control=FakeControl(),
            sign_in=SignIn(clock, 1800.0, 3600.0),
            events=EventHub(listeners_at_most=2),
            live=LiveHub(sources, viewers_at_most, lambda: 80, lambda _: 'why', linger_s=0.0),
            sessions=PersonSessions(session_control, clock, lambda: session_control.utc_ms),
            media=FakeMedia(),
            clock=clock,
        )

    return make


@pytest.fixture
def services(make_services):
    return make_services()


@pytest.fixture
def caller(services):
    return Caller(services)


@pytest.fixture
def owner(services):
    return Caller(services).signed_in()


@pytest.fixture
def caller_of():
    return Caller


@pytest.fixture
def camera():
    def make(**changes):
        return replace(LIVE_CAMERA, **changes)

    return make


@pytest.fixture
def picture():
    return FakePicture


@pytest.fixture
def served_by():
    """Starts servers; they are stopped behind the test, and must not have failed."""
    started = []

    def start(services, limits=UNLIMITED):
        started.append(Served(services, limits))
        return started[-1]

    yield start
    for served in started:
        served.server.stop()
        assert served.faults == []


@pytest.fixture
def served(served_by, services):
    return served_by(services)
