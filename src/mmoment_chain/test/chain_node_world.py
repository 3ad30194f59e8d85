"""session_node and chain_node on a dev chain, and wallets that sign what is built for them."""

import base64
import os
import subprocess
import sys

from devchain_world import asked, confirmed, server
from session_world import LATCHED, SessionWorld, Wallet, wait_until
from solders.message import to_bytes_versioned
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from mmoment_chain.chain_node import ChainNode
from mmoment_chain.program_addresses import camera_address
from mmoment_chain.program_build import PROGRAM_ID, program
from mmoment_chain.program_layout import Camera
from mmoment_chain.session_node import SessionNode
from mmoment_chain.wallet import parse_wallet
from mmoment_interfaces.msg import ChainStatus
from mmoment_interfaces.srv import BuildTransaction, SubmitTransaction, VerifyNft

SOL = 10**9
REGISTRY = {'program_id': PROGRAM_ID, 'program': program()}
# Without an alarm the faucet gives nothing, so a test knows what there is.
QUICK = {'flush_s': 0.05, 'check_s': 0.25, 'timeout_s': 2.0, 'low_balance_sol': 0.0}
RUN = 'from mmoment_chain.chain_node import main; main()'


class DevChain:
    """A dev chain that can be away and come back, at the same address with all it had."""

    def __init__(self, folder):
        self._folder = folder
        self._server = server(folder, **REGISTRY)
        self._server.__enter__()
        self.url = self._server.url
        self._port = int(self.url.rpartition(':')[2])

    def stop(self):
        self._server.__exit__(None, None, None)
        self._server = None

    def start(self):
        self._server = server(self._folder, port=self._port, **REGISTRY)
        self._server.__enter__()

    def close(self):
        if self._server is not None:
            self.stop()

    def fund(self, address, lamports=SOL):
        async def work(asking):
            key = Pubkey.from_string(address)
            await confirmed(asking, (await asking.request_airdrop(key, lamports)).value)

        asked(self, work)

    def account(self, key):
        async def work(asking):
            found = (await asking.get_account_info(Pubkey.from_bytes(key))).value
            return None if found is None else bytes(found.data)

        return asked(self, work)


class ChainNodeWorld(SessionWorld):
    """Both nodes, from the first `start_both` on; `status` is what chain_node said last."""

    def __init__(self, folder, chain):
        super().__init__(folder)
        self.chain = chain
        self.owner = Wallet()
        self._statuses = self.listen(ChainStatus, 'chain_status', LATCHED)

    def start_both(self, gates=(), **parameters):
        self.sessions_node = self.start(SessionNode, **({'gates': list(gates)} if gates else {}))
        self.chain_node = self.start_chain(**parameters)

    def start_chain(self, **parameters):
        given = {'endpoints': [self.chain.url], **QUICK, **parameters}
        return self.start(ChainNode, **given)

    def start_process(self, **parameters):
        """chain_node in a process of its own; to be killed by whoever starts it."""
        given = {'endpoints': f"['{self.chain.url}']", 'data_folder': self.folder, **QUICK}
        words = [f'-p{name}:={value}' for name, value in {**given, **parameters}.items()]
        words = [word for each in words for word in ('-p', each[2:])]
        environment = os.environ | {
            'PYTHONPATH': os.pathsep.join(each for each in sys.path if each),
            'ROS_DOMAIN_ID': str(self.context.get_domain_id()),
        }
        return subprocess.Popen(
            [sys.executable, '-c', RUN, '--ros-args', '-r', f'__ns:=/{self.namespace}', *words],
            env=environment,
        )

    # --- what chain_node says ---

    @property
    def status(self):
        return self._statuses[-1] if self._statuses else ChainStatus()

    def wait_for(self, is_true, what='a status'):
        try:
            wait_until(lambda: is_true(self.status), what)
        except AssertionError as error:
            raise AssertionError(f'{error}: {self.status}') from None

    def wait_until_told(self):
        """All that has happened so far is on the chain."""
        node = self.sessions_node
        with node._store.reading() as query:
            count = query.count('SELECT count(*) FROM events')
        self.wait_for(
            lambda now: (
                now.log_here >= count and now.log_there == now.log_here and not now.visits_waiting
            ),
            f'{count} records',
        )

    def camera(self):
        """The camera's account."""
        key = parse_wallet(self.status.device)
        data = self.chain.account(camera_address(PROGRAM_ID, key))
        return None if data is None else Camera.from_bytes(data)

    # --- what is asked of it ---

    def build(self, kind, wallet, session_id='', **values):
        return self.call(
            BuildTransaction, 'build_transaction', kind=kind, wallet=wallet.address,
            session_id=session_id, names=list(values), values=list(values.values()),
        )  # fmt: skip

    def submit(self, built, wallet):
        transaction = signed_by(wallet, built.transaction)
        return self.call(
            SubmitTransaction, 'submit_transaction', id=built.id, transaction=transaction
        )

    def perform(self, kind, wallet, session_id='', **values):
        """Build, sign and submit, one after the other; returns the last answer."""
        built = self.build(kind, wallet, session_id, **values)
        while True:
            assert built.success, (built.error_code, built.message)
            done = self.submit(built, wallet)
            assert done.success, (done.error_code, done.message)
            if built.number == built.count:
                return done
            built = self.build(kind, wallet, session_id, after=built.id)

    def register(self, **values):
        self.wait_for(lambda now: now.device, 'the device')
        self.chain.fund(self.status.device)
        self.chain.fund(self.owner.address)
        self.perform('register_camera', self.owner, **{'name': 'Door', **values})
        self.wait_for(lambda now: now.registered, 'the registration')

    def verify(self, wallet, rule, fresh=True):
        return self.call(VerifyNft, 'verify_nft', wallet=wallet.address, rule=rule, fresh=fresh)


def signed_by(wallet, text):
    """The transaction with the signature of this wallet in its place."""
    transaction = VersionedTransaction.from_bytes(base64.b64decode(text))
    signatures = list(transaction.signatures)
    place = list(transaction.message.account_keys).index(wallet.keypair.pubkey())
    raw = to_bytes_versioned(transaction.message)
    signatures[place] = wallet.keypair.sign_message(bytes(raw))
    signed = VersionedTransaction.populate(transaction.message, signatures)
    return base64.b64encode(bytes(signed)).decode()
