"""People with a template that is sealed to a key of their own."""

from mmoment_chain import consent_texts, vault
from mmoment_chain.envelope import Envelope, Record, new_record_id
from mmoment_chain.sealing import public_of
from mmoment_chain.secret_bytes import SecretBytes
from mmoment_chain.vault import CameraKey
from mmoment_interfaces.srv import CheckOut, GetTemplate, KeepTemplate


class Person:
    """A wallet, the key it seals to, and a template sealed to it."""

    def __init__(self, wallet):
        self.wallet = wallet
        self.own = SecretBytes.random(32)
        self.record = Record(wallet.address, 'model-1', new_record_id())
        self.envelope = vault.seal(b'embedding' * 20, public_of(self.own), self.record)

    def keep(self, world, token, **changes):
        fields = {
            'token': token,
            'envelope': self.envelope.to_bytes(),
            'record_id': self.record.record_id,
            'model_id': self.record.model_id,
            'custody': 'user',
            'consent_version': consent_texts.ACCEPTED[changes.get('custody', 'user')][-1],
        }
        return world.call(KeepTemplate, 'keep_template', **{**fields, **changes})

    def wrapped(self, world, node, minutes=60):
        """As the page does it: by what the camera says of itself."""
        given = world.call(GetTemplate, 'get_template', wallet=self.wallet.address)
        camera = CameraKey(given.camera_id, bytes(given.camera_key))
        ends_ms = node._parts.clock.utc_ms() + round(minutes * 60_000)
        envelope = Envelope.from_bytes(bytes(given.envelope))
        return vault.rewrap(envelope, self.record, self.own, camera, ends_ms).to_bytes()


def kept_person(world, wallet):
    person = Person(wallet)
    opened = world.check_in(wallet)
    assert person.keep(world, opened.token).success
    assert world.call(CheckOut, 'check_out', token=opened.token).success
    return person


class Kept(Person):
    """Somebody whose template the camera has kept."""

    def __init__(self, world, token, wallet):
        super().__init__(wallet)
        answer = self.keep(world, token)
        assert answer.success, answer.message


def check_in_known(world, node, wallet, hours=1.0):
    kept = Kept(world, world.check_in(wallet).token, wallet)
    opened = world.check_in(wallet, wrapped_key=kept.wrapped(world, node, 60 * hours))
    assert opened.session.face_known, opened.message
    return opened
