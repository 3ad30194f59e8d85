"""A session book on a fake clock, and answered challenges to open sessions with."""

from fake_clock import FakeClock
from solders.keypair import Keypair

from mmoment_chain import session_records
from mmoment_chain.challenges import ChallengeBook, ChallengeSettings
from mmoment_chain.rate_limit import RateLimit
from mmoment_chain.session_settings import SessionSettings
from mmoment_chain.sessions import SessionBook
from mmoment_chain.store import Store
from mmoment_chain.wall_clock import WallClockWatch

DOMAIN = 'localhost:5002'
MANY = RateLimit(1_000_000, 0.001)
NO_LIMITS = ChallengeSettings(source_limit=MANY, wallet_limit=MANY, answer_limit=MANY)


def wallet(number):
    return str(Keypair.from_seed(bytes([number]) * 32).pubkey())


ANNA, BEN, CARA, OWNER = (wallet(number) for number in range(1, 5))
_KEYS = {wallet(number): Keypair.from_seed(bytes([number]) * 32) for number in range(1, 40)}


class BookWorld:
    """A camera's sessions; `restart` begins a new process on the same store."""

    def __init__(self, folder, withheld=lambda wallet: frozenset(), **settings):
        self.folder = folder
        self.withheld = withheld
        self.clock = FakeClock()
        self.boot_id = 'boot-1'
        self.changes = []
        self.redated = 0
        self.departures = []
        self.camera_id = 'lobby'
        self.settings = SessionSettings(**settings)
        self.open()

    def open(self):
        self.store = Store(self.folder / 'store.sqlite3', self.clock)
        self.challenges = ChallengeBook(self.store, self.camera_id, [DOMAIN], NO_LIMITS, self.clock)
        self.book = SessionBook(
            self.store,
            self.challenges,
            self.camera_id,
            self.settings,
            self.clock,
            WallClockWatch(self.clock, self.boot_id),
            steps=[self],
            tell=self.changes.append,
            redated=self._count_redated,
            withheld=self.withheld,
        )

    def close(self):
        self.store.close()

    def restart(self, off_s=0.0):
        self.close()
        self.clock.advance(off_s)
        self.open()
        return self.book

    def begin(self, departure):
        self.departures.append(departure)

    def _count_redated(self):
        self.redated += 1

    def answer(self, who):
        text = self.challenges.issue(who, DOMAIN, 'test').text.encode()
        signature = bytes(_KEYS[who].sign_message(text))
        return self.challenges.check(who, text, signature, 'test')

    def check_in(self, who=ANNA, name='', source='siws', replaces=''):
        return self.book.check_in(self.answer(who), source, name, replaces)

    def wait(self, seconds):
        """Let time go by as it does while the camera runs: with a look every second."""
        for _ in range(int(seconds)):
            self.clock.advance(1.0)
            self.book.presence.look()
            self.book.tick()

    def stored(self):
        """The one session as the store has it."""
        with self.store.reading() as query:
            (session,) = session_records.open_sessions(query)
        return session

    def reasons(self):
        return [(departure.wallet, departure.reason) for departure in self.departures]
