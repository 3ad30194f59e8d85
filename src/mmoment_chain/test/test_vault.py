import dataclasses

import pytest
from vault_vectors import (
    CAMERA_ID,
    EXPIRES_MS,
    FILE,
    NOW_MS,
    OTHER_WALLET,
    RECORD,
    all_sealed,
    camera_keys,
    fixed,
    secret,
    small_order_keys,
    user_private,
    user_public,
    wrapped,
    written,
)

from mmoment_chain import vault
from mmoment_chain.envelope import Custody, Envelope, Record, WrappedKey
from mmoment_chain.errors import Refused
from mmoment_chain.sealing import key_id, public_of

TEMPLATE = fixed('a template', 540)
CAMERA = vault.CameraKey(CAMERA_ID, camera_keys().public)
OTHER_RECORDS = [
    dataclasses.replace(RECORD, wallet=OTHER_WALLET),
    dataclasses.replace(RECORD, model_id='facenet-casia'),
    dataclasses.replace(RECORD, record_id='b0b1c2d3e4f5a0b1c2d3e4f5'),
]
OTHER_NAMES = ['wallet', 'model', 'record']


@pytest.fixture
def user():
    with user_private() as private:
        yield private


@pytest.fixture
def camera():
    with camera_keys() as keys:
        yield keys


@pytest.fixture
def envelope():
    return vault.seal(TEMPLATE, user_public(), RECORD)


@pytest.fixture
def kept():
    """In the keeping of the camera."""
    return vault.seal(TEMPLATE, camera_keys().public, RECORD, Custody.CAMERA)


def code_of(call, *arguments, **named):
    with pytest.raises(Refused) as refused:
        call(*arguments, **named)
    # What goes wrong inside may hold key material: nothing of it is passed on.
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None or refused.value.__suppress_context__
    return refused.value.code


def opened(secret_bytes):
    with secret_bytes as content:
        return bytes(content.view)


def open_wrapped(envelope, key, camera, record=RECORD, camera_id=CAMERA_ID, now_ms=NOW_MS):
    return vault.open_wrapped(envelope, key, record, camera_id, camera, now_ms)


def test_the_bytes_are_those_of_the_test_vectors():
    assert written() == FILE.read_text(encoding='utf-8')


def test_from_enrolment_to_check_in(user, camera):
    """All that passes between the three parties, as bytes."""
    stored = vault.seal(TEMPLATE, public_of(user), RECORD).to_bytes()
    sent = vault.rewrap(Envelope.from_bytes(stored), RECORD, user, CAMERA, EXPIRES_MS).to_bytes()
    template = open_wrapped(Envelope.from_bytes(stored), WrappedKey.from_bytes(sent), camera)
    assert template.locked
    assert opened(template) == TEMPLATE
    assert template.closed


def test_the_owner_opens_their_own(envelope, user):
    assert opened(vault.open_own(envelope, RECORD, user)) == TEMPLATE


def test_two_envelopes_of_one_template_have_nothing_in_common(envelope):
    again = vault.seal(TEMPLATE, user_public(), RECORD)
    for name in ('sealed_key', 'nonce', 'body'):
        assert getattr(envelope, name) != getattr(again, name)


@pytest.mark.parametrize('length', [1, 16 * 1024])
def test_templates_of_any_length_up_to_the_limit(user, length):
    envelope = Envelope.from_bytes(vault.seal(bytes(length), user_public(), RECORD).to_bytes())
    assert opened(vault.open_own(envelope, RECORD, user)) == bytes(length)


@pytest.mark.parametrize('length', [0, 16 * 1024 + 1])
def test_templates_beyond_it_are_not_sealed(length):
    with pytest.raises(ValueError, match='1 to 16384 bytes'):
        vault.seal(bytes(length), user_public(), RECORD)


def test_a_locked_template_is_sealed_without_a_copy(user):
    with secret(TEMPLATE) as template:
        envelope = vault.seal(template.view, user_public(), RECORD)
    assert opened(vault.open_own(envelope, RECORD, user)) == TEMPLATE


@pytest.mark.parametrize('record', OTHER_RECORDS, ids=OTHER_NAMES)
def test_nothing_opens_as_another_record(envelope, kept, user, camera, record):
    assert code_of(vault.open_own, envelope, record, user) == 'bad_envelope'
    assert code_of(vault.rewrap, envelope, record, user, CAMERA, EXPIRES_MS) == 'bad_envelope'
    assert code_of(open_wrapped, envelope, wrapped(envelope), camera, record) == 'bad_envelope'
    assert code_of(vault.open_in_custody, kept, record, camera) == 'bad_envelope'


def test_a_wrapped_key_opens_its_own_envelope_only(envelope, camera):
    again = vault.seal(TEMPLATE, user_public(), RECORD)
    assert code_of(open_wrapped, again, wrapped(envelope), camera) == 'bad_envelope'


def test_parts_of_two_envelopes_do_not_mix(envelope, user):
    again = vault.seal(TEMPLATE, user_public(), RECORD)
    mixed = dataclasses.replace(envelope, nonce=again.nonce, body=again.body)
    assert code_of(vault.open_own, mixed, RECORD, user) == 'bad_envelope'


def test_somebody_elses_key_opens_nothing(envelope, camera):
    with secret(fixed('somebody else')) as other:
        assert code_of(vault.open_own, envelope, RECORD, other) == 'wrong_key'
        # Nor if the envelope is made to look as if it were sealed to them.
        posing = dataclasses.replace(envelope, recipient_id=key_id(public_of(other)))
        assert code_of(vault.open_own, posing, RECORD, other) == 'bad_envelope'


def test_the_camera_alone_opens_no_envelope_of_a_person(envelope, camera):
    assert code_of(vault.open_in_custody, envelope, RECORD, camera) == 'bad_envelope'
    posing = dataclasses.replace(
        envelope, custody=Custody.CAMERA, recipient_id=key_id(camera.public)
    )
    assert code_of(vault.open_in_custody, posing, RECORD, camera) == 'bad_envelope'


@pytest.mark.parametrize(
    ('now_ms', 'code'),
    [
        (EXPIRES_MS - 1, None),
        (EXPIRES_MS, 'expired'),
        (EXPIRES_MS + 1, 'expired'),
        (EXPIRES_MS - vault.LONGEST_WRAP_MS, None),
        (EXPIRES_MS - vault.LONGEST_WRAP_MS - 1, 'expires_too_late'),
        (0, 'expires_too_late'),
    ],
)
def test_a_wrapped_key_opens_until_it_expires(envelope, camera, now_ms, code):
    key = wrapped(envelope)
    if code is None:
        assert opened(open_wrapped(envelope, key, camera, now_ms=now_ms)) == TEMPLATE
    else:
        assert code_of(open_wrapped, envelope, key, camera, now_ms=now_ms) == code


def test_nobody_moves_the_moment_at_which_it_expires(envelope, camera):
    later = dataclasses.replace(wrapped(envelope), expires_ms=EXPIRES_MS + 1)
    assert code_of(open_wrapped, envelope, later, camera) == 'bad_envelope'


def test_another_camera_opens_nothing(envelope):
    key = wrapped(envelope)
    with camera_keys('another camera') as other:
        assert code_of(open_wrapped, envelope, key, other) == 'wrong_camera'
        posing = dataclasses.replace(key, camera_key_id=key_id(other.public))
        assert code_of(open_wrapped, envelope, posing, other) == 'bad_envelope'


def test_a_camera_with_the_same_key_and_another_name_opens_nothing(envelope, camera):
    key = wrapped(envelope)
    assert code_of(open_wrapped, envelope, key, camera, camera_id='camera-2') == 'bad_envelope'


def test_a_key_wrapped_before_the_rotation_still_opens(envelope):
    with camera_keys('new camera key', 'camera key') as rotated:
        assert opened(open_wrapped(envelope, wrapped(envelope), rotated)) == TEMPLATE
    with camera_keys('new camera key') as dropped:
        assert code_of(open_wrapped, envelope, wrapped(envelope), dropped) == 'wrong_camera'


def test_custody_of_the_camera(kept, camera, user):
    assert opened(vault.open_in_custody(kept, RECORD, camera)) == TEMPLATE
    assert code_of(vault.open_own, kept, RECORD, user) == 'wrong_key'
    assert code_of(open_wrapped, kept, wrapped(all_sealed()[0].envelope()), camera) == (
        'bad_envelope'
    )
    with camera_keys('another camera') as other:
        assert code_of(vault.open_in_custody, kept, RECORD, other) == 'wrong_key'


def test_after_a_rotation_kept_templates_are_sealed_anew(kept):
    with camera_keys('new camera key', 'camera key') as rotated:
        again = vault.reseal(kept, RECORD, rotated)
        assert again.recipient_id == key_id(rotated.public)
        assert again.body == kept.body
        assert opened(vault.open_in_custody(kept, RECORD, rotated)) == TEMPLATE
    with camera_keys('new camera key') as dropped:
        assert opened(vault.open_in_custody(again, RECORD, dropped)) == TEMPLATE
        assert code_of(vault.open_in_custody, kept, RECORD, dropped) == 'wrong_key'
    with camera_keys() as old:
        assert code_of(vault.open_in_custody, again, RECORD, old) == 'wrong_key'


@pytest.mark.parametrize('record', OTHER_RECORDS, ids=OTHER_NAMES)
def test_nothing_is_sealed_anew_as_another_record(kept, camera, record):
    assert code_of(vault.reseal, kept, record, camera) == 'bad_envelope'


def test_an_envelope_of_a_person_is_not_sealed_anew(envelope, camera):
    assert code_of(vault.reseal, envelope, RECORD, camera) == 'bad_envelope'


@pytest.mark.parametrize('public', small_order_keys(), ids=bytes.hex)
def test_nothing_is_sealed_to_a_key_of_small_order(envelope, user, public):
    assert code_of(vault.seal, TEMPLATE, public, RECORD) == 'bad_key'
    camera = vault.CameraKey(CAMERA_ID, public)
    assert code_of(vault.rewrap, envelope, RECORD, user, camera, EXPIRES_MS) == 'bad_key'


def open_bytes(data, private):
    return vault.open_own(Envelope.from_bytes(data), RECORD, private)


def open_with_bytes(envelope, data, camera):
    return open_wrapped(envelope, WrappedKey.from_bytes(data), camera)


def flipped(data):
    """`data` with each of its bits changed, one at a time."""
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def test_no_bit_of_an_envelope_can_be_changed(user):
    data = all_sealed()[0].envelope().to_bytes()
    codes = [code_of(open_bytes, changed, user) for changed in flipped(data)]
    recipient_id = range(8 * 8, 8 * 16)
    assert codes == [
        'wrong_key' if bit in recipient_id else 'bad_envelope' for bit in range(8 * len(data))
    ]


def test_no_bit_of_a_wrapped_key_can_be_changed(envelope, camera):
    data = wrapped(envelope).to_bytes()
    codes = [code_of(open_with_bytes, envelope, changed, camera) for changed in flipped(data)]
    key_bits, time_bits = range(8 * 5, 8 * 13), range(8 * 13, 8 * 21)
    for bit, code in enumerate(codes):
        if bit in key_bits:
            assert code == 'wrong_camera'
        elif bit in time_bits:
            assert code in ('expired', 'expires_too_late', 'bad_envelope')
        else:
            assert code == 'bad_envelope'


def test_no_bit_that_a_wrapped_key_needs_can_be_changed(envelope, camera):
    data, key = envelope.to_bytes(), wrapped(envelope)
    # The key that opens comes from elsewhere: what it is not needed for may differ.
    unused = range(8 * 8, 8 * 96)
    for bit, changed in enumerate(flipped(data)):
        if bit not in unused:
            code = code_of(
                lambda data: open_wrapped(Envelope.from_bytes(data), key, camera), changed
            )
            assert code == 'bad_envelope'


@pytest.mark.parametrize('camera_id', ['', 'two words', 'camera\n', 'ü', 'x' * 65, '-'])
def test_a_camera_is_named_as_it_must_be(camera_id):
    with pytest.raises(ValueError, match='camera id'):
        vault.CameraKey(camera_id, bytes(32))


@pytest.mark.parametrize('expires_ms', [-1, 2**53])
def test_a_wrapped_key_ends_at_a_possible_moment(envelope, user, expires_ms):
    with pytest.raises(ValueError, match='milliseconds'):
        vault.rewrap(envelope, RECORD, user, CAMERA, expires_ms)


def test_no_text_of_a_refusal_shows_a_template_or_key(envelope, camera):
    damaged = dataclasses.replace(envelope, body=bytes(len(envelope.body)))
    with pytest.raises(Refused) as refused:
        open_wrapped(damaged, wrapped(envelope), camera)
    for hidden in (TEMPLATE, fixed('camera key'), envelope.body):
        assert repr(hidden)[2:20] not in repr(refused.value) + str(refused.value)


def test_records_are_told_apart_by_name_not_by_spelling_alone(user):
    """Model and record id do not run into each other."""
    one = Record(RECORD.wallet, 'model', 'record')
    other = Record(RECORD.wallet, 'modelrec', 'ord')
    envelope = vault.seal(TEMPLATE, user_public(), one)
    assert code_of(vault.open_own, envelope, other, user) == 'bad_envelope'
