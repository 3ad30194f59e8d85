"""A camera on a dev chain: its store, its outbox, and people who come and go."""

import asyncio
import contextlib
import dataclasses
import hashlib
from pathlib import Path

from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from mmoment_chain import event_log, session_records, visits
from mmoment_chain.blinding import BlindingKey
from mmoment_chain.clock import SystemClock
from mmoment_chain.devchain_server import DevchainServer, DevchainSettings
from mmoment_chain.outbox import Outbox, OutboxSettings
from mmoment_chain.outbox_records import LogHeads
from mmoment_chain.outbox_sending import ChainPlace, account_at
from mmoment_chain.program_addresses import camera_address, session_address
from mmoment_chain.program_build import PROGRAM_ID, program
from mmoment_chain.program_instructions import Description, register_camera
from mmoment_chain.program_layout import Camera, ChainSession, Mode
from mmoment_chain.rpc_pool import PoolSettings, RpcPool
from mmoment_chain.session_records import Session
from mmoment_chain.store import Store
from mmoment_chain.transaction_building import BuildSettings, TransactionBuilder
from mmoment_chain.transaction_sending import SendSettings, TransactionSender
from mmoment_chain.transaction_verdict import Verdicts, camera_table
from mmoment_chain.wallet import wallet_text
from mmoment_node.recovery import BackOff

CLOCK = SystemClock()
SHORT_BACK_OFF = BackOff(first_s=0.02, cap_s=0.1)
FLUSH_AT_ONCE = OutboxSettings(
    flush_records=1,
    flush_after_s=0.0,
    poll_s=0.02,
    look_s=0.2,
    again_s=0.02,
    back_off=SHORT_BACK_OFF,
)
VERDICTS = Verdicts({PROGRAM_ID: camera_table()})


def dev_chain(folder, **settings):
    """A chain that runs within `with`: blocks every 10 ms, final after four more."""
    quick = {'port': 0, 'block_ms': 10, 'finalized_after_blocks': 4, **settings}
    return DevchainServer(DevchainSettings(Path(folder), program=program(), **quick))


class Key:
    def __init__(self, seed):
        self.pair = Keypair.from_seed(hashlib.sha256(str(seed).encode()).digest())
        self.public = bytes(self.pair.pubkey())

    def sign(self, message):
        return bytes(self.pair.sign_message(message))


class Client:
    """All that an outbox needs of a chain; of one event loop."""

    def __init__(self, urls, device, timeout_s=1.0, **sending):
        settings = PoolSettings(timeout_s=timeout_s, back_off=SHORT_BACK_OFF)
        self.pool = RpcPool(urls, CLOCK, settings)
        self.builder = TransactionBuilder(
            self.pool, device, VERDICTS, BuildSettings(price_at_most=0)
        )
        short = {'resend_every_s': 0.1, 'ask_first_s': 0.005, 'ask_every_s': 0.02, **sending}
        self.sender = TransactionSender(self.pool, VERDICTS, CLOCK, SendSettings(**short))


class CameraWorld:
    """One camera: `seed` names its keys, so a process of another name knows the same ones."""

    def __init__(self, folder, urls, seed, *, beside=False, settings=FLUSH_AT_ONCE):
        self.folder = Path(folder)
        self.urls = urls
        self.device, self.owner = Key(f'device {seed}'), Key(f'owner {seed}')
        self.place = ChainPlace(
            PROGRAM_ID, camera_address(PROGRAM_ID, self.device.public), self.device.public
        )
        self.settings = settings
        keys = self.folder / 'keys'
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.store = Store(self.folder / 'store.sqlite3', CLOCK, beside=beside)
        self.blinding = BlindingKey.load(keys)
        self.number = 0
        self.loop = asyncio.new_event_loop()
        self._client = None

    def close(self):
        self.connect(self.urls)
        self.loop.close()
        self.store.close()
        self.blinding.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def connect(self, urls):
        """From now on use these servers."""
        client, self._client, self.urls = self._client, None, urls
        if client is not None:
            self.loop.run_until_complete(client.pool.close())

    # --- on the chain -----------------------------------------------------------------------------

    def run(self, work):
        """What `work(client)` returns. Making a client takes a third of a second: there is one."""

        async def begun():
            if self._client is None:
                self._client = Client(self.urls, self.device)
            return await work(self._client)

        return self.loop.run_until_complete(begun())

    def fund(self, lamports=10**12):
        key = Pubkey.from_bytes(self.device.public)

        async def ask(client):
            await client.pool.read(lambda rpc: rpc.request_airdrop(key, lamports), 10.0)
            while not (await client.pool.read(lambda rpc: rpc.get_balance(key))).value:
                await asyncio.sleep(0.01)

        self.run(ask)

    def spend_all(self):
        """Leave the device nothing to pay with."""
        device, to = self.device.pair.pubkey(), Key('somebody').pair.pubkey()

        async def balance(client):
            return (await client.pool.read(lambda rpc: rpc.get_balance(device))).value

        lamports = self.run(balance) - 5000
        self.send([transfer(TransferParams(from_pubkey=device, to_pubkey=to, lamports=lamports))])

    def register(self, mode=Mode.PRIVATE, **about):
        self.fund()
        self.send(
            [
                register_camera(
                    PROGRAM_ID,
                    device=self.device.public,
                    owner=self.owner.public,
                    payer=self.device.public,
                    mode=mode,
                    about=Description('Door', **about),
                )
            ],
            self.owner,
        )

    def send(self, instructions, *signers):
        """Have the chain do this, signed by the device and these."""
        self.run(lambda client: self.sending(client, instructions, *signers))

    async def sending(self, client, instructions, *signers):
        latest = await client.pool.read(lambda rpc: rpc.get_latest_blockhash())
        payer = Pubkey.from_bytes(self.device.public)
        message = MessageV0.try_compile(payer, instructions, [], latest.value.blockhash)
        pairs = {bytes(each.pair.pubkey()): each.pair for each in (self.device, *signers)}
        count = message.header.num_required_signatures
        keys = [pairs[bytes(key)] for key in message.account_keys[:count]]
        wire = bytes(VersionedTransaction(message, keys))
        height = latest.value.last_valid_block_height
        sent = await client.sender.send(wire, height, 'finalized')
        assert sent.is_confirmed, sent

    def outbox(self, client, **changes):
        settings = dataclasses.replace(self.settings, **changes)
        return Outbox(
            self.store, self.place, self.blinding, client.pool, client.builder, client.sender,
            CLOCK, settings,
        )  # fmt: skip

    def drain(self, **settings):
        async def work(client):
            return await self.outbox(client, **settings).drain()

        return self.run(work)

    def drain_through(self, limit_s=60.0, **settings):
        """Run the outbox as the node does, until nothing waits."""

        async def work(client):
            outbox = self.outbox(client, **settings)
            running = asyncio.ensure_future(outbox.run())
            deadline_s = CLOCK.elapsed_s() + limit_s
            while not running.done():
                await asyncio.sleep(0.01)
                status = outbox.status
                if status.recovery.state == 2 and not status.waits and not outbox._visits.is_busy:
                    break
                assert CLOCK.elapsed_s() < deadline_s, status
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            return outbox.status

        return self.run(work)

    def chain_camera(self):
        async def work(client):
            found = await account_at(client.pool, PROGRAM_ID, self.place.camera)
            return None if found.data is None else Camera.from_bytes(found.data)

        return self.run(work)

    async def seen(self, client, subject):
        """The account of that subject's visit, confirmed."""
        address = session_address(PROGRAM_ID, self.place.camera, subject)
        found = await account_at(client.pool, PROGRAM_ID, address)
        return None if found.data is None else ChainSession.from_bytes(found.data)

    def chain_session(self, subject):
        return self.run(lambda client: self.seen(client, subject))

    # --- in the store -----------------------------------------------------------------------------

    def log(self, count=1, kind='photo_taken'):
        with self.store.transaction() as tx:
            for number in range(count):
                event_log.append(tx, kind, None, {'number': number})

    def come(self, wallet=None):
        """Somebody checks in; returns the session."""
        self.number += 1
        now_ms = CLOCK.utc_ms()
        name = hashlib.sha256(f'{self.folder} {now_ms} {self.number}'.encode()).hexdigest()[:32]
        session = Session(
            id=name,
            wallet=wallet or wallet_text(Key(f'person {name}').public),
            display_name=None,
            rights=frozenset({'view'}),
            token_hash=hashlib.sha256(name.encode()).digest(),
            previous_token_hash=None,
            created_ms=now_ms,
            expires_ms=now_ms + 600_000,
            renewed_ms=now_ms,
            last_seen_ms=now_ms,
        )
        with self.store.transaction() as tx:
            session_records.add(tx, session)
            event_log.append(tx, 'checked_in', session.wallet, None, {'session': session.id})
        return session

    def go(self, session, reason='asked'):
        with self.store.transaction() as tx:
            assert session_records.end(tx, session.id, CLOCK.utc_ms(), reason)
            event_log.append(tx, 'checked_out', session.wallet, {'reason': reason})

    def visit_state(self, session):
        with self.store.reading() as query:
            sql = 'SELECT state FROM chain_visits WHERE session_id = ?'
            return query.one(sql, session.id)['state']

    def assert_told(self, present=0, visits_told=None):
        """The chain has exactly what the store has."""
        camera = self.chain_camera()
        with self.store.reading() as query:
            count, _ = event_log.head(query)
            head = LogHeads().at(query, count)
            ever = query.count('SELECT count(*) FROM sessions')
            assert visits.waiting(query) == 0
        assert (camera.log_count, camera.log_head) == (count, head)
        assert camera.visits == (ever if visits_told is None else visits_told)
        assert (camera.present, camera.sessions) == (present, present)
        return camera
