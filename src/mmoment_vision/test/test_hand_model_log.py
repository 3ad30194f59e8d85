import os

import pytest

from mmoment_vision.hand_model_log import chatter_removed, without_chatter


def test_chatter_goes_and_everything_else_stays(capfd):
    with chatter_removed():
        os.write(2, b'INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n')
        os.write(2, b'E0000 cannot open the model\n')
    os.write(2, b'later\n')
    assert capfd.readouterr().err == 'E0000 cannot open the model\nlater\n'


def test_nothing_is_lost_when_the_block_raises(capfd):
    def fails():
        with chatter_removed():
            os.write(2, b'why it failed\n')
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert 'why it failed' in capfd.readouterr().err


def test_only_known_lines_are_chatter():
    kept = [b'W0000 something else\n']
    assert (
        without_chatter(
            [b'W0 Feedback manager requires a model with a single signature inference.\n', *kept]
        )
        == kept
    )
