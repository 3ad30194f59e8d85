"""What this package refuses, and the faults that a person must deal with.

No text made here may hold a token, key, whole nonce, signature or template.
"""

from __future__ import annotations

from mmoment_node.errors import ConfigurationError

REFUSALS = {
    # Sign-in
    'bad_wallet': 'This is no wallet address: base58 of 32 bytes is expected',
    'malformed': 'The signed text is not one that this camera asked for',
    'unknown_nonce': 'This camera did not ask for this sign-in: ask for a new challenge',
    'used_nonce': 'This challenge was used already: ask for a new one',
    'expired': 'This is too old: ask for a new one',
    'not_yet_valid': 'This is dated in the future: set the clock of your device',
    'wrong_domain': 'This was signed for another site',
    'wrong_camera': 'This was signed for another camera',
    'wrong_wallet': 'This was signed for another wallet',
    'wrong_uri': 'This was signed for another address',
    'wrong_chain': 'This was signed for another chain',
    'bad_signature': 'The signature is not that of this wallet over this text',
    'not_enabled': 'This way to sign in is switched off on this camera',
    'too_many': 'Too many requests: wait, then try again',
    # Sessions
    'bad_token': 'This token opens no session: check in again',
    'no_session': 'There is no such session',
    'session_over': 'This session is over: check in again',
    'too_many_sessions': 'As many people as this camera takes are checked in',
    'missing_right': 'You do not have the right to do this',
    'unknown_right': 'There is no such right',
    'bad_duration': 'A right is given for 0 (until it is taken back) to 87660 hours, ten years',
    'not_owner': 'Only the owner of this camera may do this',
    # Vault and consent
    'no_consent': 'This needs a consent that was not given, or was withdrawn',
    'no_template': 'No face template of this wallet is kept here',
    'bad_envelope': 'This sealed template is damaged or was not made for this purpose',
    'wrong_key': 'This key does not open this template',
    'wrong_model': 'This template was made by another model: enrol again',
    'bad_key': 'This is no public key that a template may be sealed to',
    'expires_too_late': 'This key would open the template for longer than this camera takes keys',
    # Keys of people
    'signature_differs': 'This wallet signs the same text differently each time: take a passphrase',
    'weak_passphrase': 'This passphrase is too short',
    'bad_passphrase': 'This passphrase has half a character in it: type it anew',
    'wrong_passphrase': 'The passphrase is wrong, or the backup is damaged',
    'bad_backup': 'This is no backup of a key that this program reads',
    # Transactions
    'would_fail': 'The chain would refuse this',
    'too_large': 'This does not fit one transaction',
    'not_ours': 'This is not the transaction that was built here: ask for a new one',
    'foreign_transaction': 'The chain has a transaction with this signature, but it is not the one '
    'that was built here: send the signature of that one, or ask for a new one',
    'unknown_signature': 'The chain has no transaction with this signature, and takes what was built '
    'here no more: ask for a new one',
    'unsigned': 'A signature is missing or wrong',
    'bad_value': 'A value is missing or cannot be taken',
    'bad_rule': 'This is no rule about what a wallet holds',
    'not_registered': 'This camera is not registered on the chain',
    'already_there': 'This is on the chain already',
    'not_there': 'There is no such thing on the chain',
    'wrong_mode': 'This camera is in another mode',
    'no_group': 'This camera has no group of face NFTs yet: its owner has to make it (create_group)',
    'out_of_order': 'The transaction before this one is not confirmed',
    'too_many_open': 'Too many transactions wait to be signed: submit them, or wait',
    'not_ready': 'The camera has not got so far yet: try again in a moment',
}
"""Stable codes with the sentence a person is told. Codes never change once published."""


class ChainError(Exception):
    """Base class; the text says what is wrong and what to do."""


class Refused(ChainError):
    """Something that was asked for and is not granted.

    `code` is one of REFUSALS; `text` is for the person who asked and says more than the table
    where that helps. `retry_after_s`: when asking again may help; 0 where time changes nothing.
    """

    def __init__(self, code: str, text: str = '', *, retry_after_s: float = 0.0) -> None:
        self.code = code
        self.text = text or REFUSALS[code]
        self.retry_after_s = retry_after_s
        super().__init__(f'{code}: {self.text}')


class StoreError(ChainError):
    """The store could not do what was asked; what was acknowledged before is kept."""


class StoreBusy(StoreError):
    """Another process holds the store; trying again later may help."""


class StoreFull(StoreError):
    """The disk has no room or takes no more writes; nothing of this change was kept."""


class StoreUnusable(StoreError, ConfigurationError):
    """A person must act before this store opens: the text says how."""
