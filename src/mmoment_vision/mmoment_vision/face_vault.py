"""Face templates on their way out of this process and back in: sealed, whenever they are outside.

The keys of the device are read when a template comes in, and wiped right afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmoment_chain import vault
from mmoment_chain.device_keys import SigningKey, UnsealingKeys
from mmoment_chain.envelope import Custody, Envelope, Record, WrappedKey, new_record_id
from mmoment_chain.errors import Refused
from mmoment_chain.sealing import KEY_BYTES
from mmoment_chain.secret_bytes import wipe
from mmoment_vision.face_template import FaceTemplate, TemplateError

# Where a camera keeps its template itself, it is known until its session ends.
NO_END_MS = 0


@dataclass(frozen=True, slots=True)
class SealedTemplate:
    """A template that only the owner of a key can open."""

    record_id: str
    envelope: bytes


@dataclass(frozen=True, slots=True)
class OpenedTemplate:
    """A template that may be known until `ends_ms` (since 1970); 0: until somebody forgets it."""

    template: FaceTemplate
    ends_ms: int


class FaceVault:
    """Seals and opens templates for one camera, whose keys lie in the folder `keys`."""

    def __init__(self, keys: Path) -> None:
        self._keys = keys

    def seal(self, template: FaceTemplate, identity: str, owner_key: bytes) -> SealedTemplate:
        """Seal to somebody's X25519 public key; the camera's own one makes it the keeper.

        Raises Refused 'bad_key'.
        """
        if len(owner_key) != KEY_BYTES:
            raise Refused('bad_key', f'A public key has {KEY_BYTES} bytes')
        record = Record(identity, template.model_id, new_record_id())
        content = template.to_bytes()
        try:
            envelope = vault.seal(content, owner_key, record, self._custody(owner_key))
        finally:
            wipe(content)
        return SealedTemplate(record.record_id, envelope.to_bytes())

    def open(
        self, envelope: bytes, wrapped_key: bytes, record: Record, now_ms: int
    ) -> OpenedTemplate:
        """Open with the key that the owner wrapped, or as the keeper where there is none.

        now_ms: since 1970. Raises Refused with a stable code, TemplateError for what is no
        template, DeviceKeyError for keys that cannot be used.
        """
        sealed = Envelope.from_bytes(envelope)
        with UnsealingKeys.load(self._keys) as keys:
            if wrapped_key:
                wrapped = WrappedKey.from_bytes(wrapped_key)
                with SigningKey.load(self._keys) as signing:
                    camera_id = signing.camera_id
                secret = vault.open_wrapped(sealed, wrapped, record, camera_id, keys, now_ms)
                ends_ms = wrapped.expires_ms
            else:
                secret, ends_ms = vault.open_in_custody(sealed, record, keys), NO_END_MS
        with secret:
            template = FaceTemplate.from_bytes(secret.view)
        if template.model_id != record.model_id:
            template.wipe()
            raise TemplateError('this template is of another model than its record says')
        return OpenedTemplate(template, ends_ms)

    def _custody(self, owner_key: bytes) -> Custody:
        if not self._keys.exists():
            return Custody.USER
        with UnsealingKeys.load(self._keys) as keys:
            return Custody.CAMERA if owner_key == keys.public else Custody.USER
