"""What a page needs of chain_node: transactions whose signatures are really checked."""

import base64
from array import array

import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import Transaction

from mmoment_interfaces.msg import ChainStatus, ComponentState, StageStatus
from mmoment_interfaces.srv import BuildTransaction, FetchFace, SubmitTransaction, VerifyNft

PROGRAM = Pubkey.from_string('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr')
STEPS = {'mint_face': 2}
SLOT = 77
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class PlayedChainNode:
    """Registers a camera, mints faces in two steps, burns them; each as its wallet has signed it.

    What a wallet has sent itself is taken for sent if it has signed it.
    """

    def __init__(self, camera):
        self.node = rclpy.create_node(
            'chain_node', namespace=camera.namespace, context=camera.context
        )
        self.node.create_service(BuildTransaction, 'build_transaction', self._build)
        self.node.create_service(SubmitTransaction, 'submit_transaction', self._submit)
        self.node.create_service(VerifyNft, 'verify_nft', self._verify)
        self.node.create_service(FetchFace, 'fetch_face', self._fetch)
        self.status = self.node.create_publisher(ChainStatus, 'chain_status', LATCHED)
        self.stage = self.node.create_publisher(StageStatus, 'stage_status', 5)
        self.node.create_timer(0.3, self._tell)
        self.device, self.mint = Keypair(), Keypair().pubkey()
        self.owner, self.holders = '', set()
        self.mode, self.cluster = 'private', 'localnet'
        # Envelope (bytes), model and record of the face that is there.
        self.face = None
        self.built, self.confirmed, self.asked = {}, [], []
        # Codes that the next submissions are answered with.
        self.refusals = []
        # The same of what follows in a row.
        self.build_refusals = []
        # Nothing of it got onto the chain: there is nothing to burn.
        self.lost_all = False
        # Ids of what wallets have sent themselves.
        self.sent_by_wallets = []

    def close(self):
        self.node.destroy_node()

    def _tell(self):
        self.stage.publish(StageStatus(stage='chain_node'))
        self.status.publish(
            ChainStatus(
                connection=ComponentState(state=ComponentState.LIVE),
                cluster=self.cluster,
                camera_address=str(self.mint),
                device=str(self.device.pubkey()),
                owner=self.owner,
                registered=bool(self.owner),
                active=True,
                mode=self.mode if self.owner else '',
                balance_lamports=2_500_000_000,
                log_here=12,
                log_there=9,
            )
        )

    def _build(self, request, answer):
        values = dict(zip(request.names, request.values, strict=True))
        self.asked.append((request.kind, request.wallet, values))
        answer.number = 1
        if before := values.get('after'):
            is_done = before in self.confirmed
            answer.number = self.built[before][2] + (1 if is_done else 0)
        wallet = Pubkey.from_string(request.wallet)
        accounts = [AccountMeta(wallet, is_signer=True, is_writable=False)]
        memo = Instruction(PROGRAM, f'{request.kind} {len(self.built)}'.encode(), accounts)
        message = Message.new_with_blockhash([memo], self.device.pubkey(), Hash.new_unique())
        transaction = Transaction.new_unsigned(message)
        transaction.partial_sign([self.device], message.recent_blockhash)
        if self.lost_all and 'mint' in values:
            answer.error_code, answer.message = 'not_there', 'There is no such NFT'
            return answer
        if self.build_refusals and 'after' in values:
            answer.error_code, answer.message = self.build_refusals.pop(0), 'It exists already'
            return answer
        # A visit the camera signs itself, when it is submitted.
        answer.wallet_can_send = request.kind != 'check_in'
        answer.accounts = [str(self.mint)] if request.kind == 'mint_face' else []
        answer.id, answer.count = f'b{len(self.built)}', STEPS.get(request.kind, 1)
        self.built[answer.id] = (request, message, answer.number, answer.count)
        answer.transaction = base64.b64encode(bytes(transaction)).decode()
        answer.summary = [f'Do {request.kind}']
        answer.fee_lamports, answer.rent_lamports = 10_000, 3_000_000
        answer.success = True
        return answer

    def _submit(self, request, answer):
        kind, message, number, count = self.built[request.id]
        if request.signature:
            named = Signature.from_string(request.signature)
            assert named.verify(Pubkey.from_string(kind.wallet), bytes(message))
            assert not request.transaction
            self.sent_by_wallets.append(request.id)
        else:
            sent = Transaction.from_bytes(base64.b64decode(request.transaction))
            sent.verify()
            assert sent.message == message
            named = sent.signatures[0]
        if self.refusals:
            answer.error_code, answer.message = self.refusals.pop(0), 'Not now'
            return answer
        self.confirmed.append(request.id)
        if number == count:
            if kind.kind == 'register_camera':
                self.owner = kind.wallet
            if kind.kind == 'mint_face':
                self.holders.add(kind.wallet)
            if kind.kind == 'burn_face' and 'mint' not in kind.names:
                self.holders.discard(kind.wallet)
        answer.accounts = [str(self.mint)]
        answer.signature, answer.slot = str(named), SLOT
        answer.success = True
        return answer

    def _fetch(self, request, answer):
        answer.success = request.wallet in self.holders
        envelope, answer.model_id, answer.record_id = self.face
        answer.envelope = array('B', envelope)
        answer.mint = str(self.mint)
        return answer

    def _verify(self, request, answer):
        answer.holds = request.wallet in self.holders
        answer.reason = 'holds' if answer.holds else 'none'
        answer.message = 'It is there' if answer.holds else 'This wallet has no face NFT'
        answer.mint = str(self.mint) if answer.holds else ''
        answer.success = True
        return answer
