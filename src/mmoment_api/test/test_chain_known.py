from fake_chain import CAMERA, DEVICE, STATUS

from mmoment_api.chain_known import SILENT_AFTER_S, ChainKnown


def test_nothing_is_known_before_it_is_heard(clock):
    known = ChainKnown(clock)
    assert (known.now(), known.last(), known.camera_address, known.device) == (None,) * 4
    assert not known.has_gone_silent()


def test_addresses_outlast_silence(clock):
    known = ChainKnown(clock)
    known.hear(STATUS)
    assert known.now() == STATUS
    clock.now_s += SILENT_AFTER_S
    assert known.now() == STATUS
    clock.now_s += 0.1
    assert known.now() is None
    assert known.has_gone_silent()
    assert (known.camera_address, known.device) == (CAMERA, DEVICE)
