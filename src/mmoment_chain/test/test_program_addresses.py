import pytest
from program_world import PROGRAM_ID
from solders.pubkey import Pubkey

from mmoment_chain import program_addresses as addresses

A, B = b'a' * 32, b'b' * 32


@pytest.mark.parametrize(
    ('found', 'seeds'),
    [
        (addresses.camera_address(PROGRAM_ID, A), [b'camera', A]),
        (addresses.session_address(PROGRAM_ID, A, B), [b'session', A, B]),
        (addresses.grant_address(PROGRAM_ID, A, B), [b'grant', A, B]),
        (addresses.face_address(PROGRAM_ID, A, 200), [b'face', A, b'\xc8']),
    ],
)
def test_addresses_follow_from_these_seeds(found, seeds):
    address = Pubkey.from_bytes(found)
    assert not address.is_on_curve()
    program = Pubkey.from_bytes(PROGRAM_ID)
    highest = next(
        bump for bump in range(255, -1, -1) if _is_address([*seeds, bytes([bump])], program)
    )
    assert address == Pubkey.create_program_address([*seeds, bytes([highest])], program)


def _is_address(seeds, program):
    try:
        Pubkey.create_program_address(seeds, program)
    except Exception as error:
        # solders does not give the class of it.
        if type(error).__name__ != 'PubkeyError':
            raise
        return False
    return True
