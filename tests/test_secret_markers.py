from __future__ import annotations

import base64
import math

import numpy as np
import pytest

from mmoment_chain.secret_bytes import SecretBytes
from mmoment_vision.face_template import FaceTemplate
from tests.secret_markers import PAGE, WINDOW_BYTES, Markers, without_empty_pages


def secret_template():
    embedding = np.random.default_rng(1).standard_normal(128).astype(np.float32)
    template = FaceTemplate.quantised('model', embedding)
    secret = SecretBytes.taken_from(template.to_bytes())
    markers = Markers()
    markers.template(secret)
    return template, markers


@pytest.mark.parametrize('begin', range(0, 128 - WINDOW_BYTES + 1, 7))
def test_any_part_of_a_template_is_found(begin):
    template, markers = secret_template()
    part = template.values[begin : begin + WINDOW_BYTES].tobytes()
    assert markers.found(math.pi.hex().encode() + part + b'rest') == {'template'}


def test_a_template_is_found_in_every_form_that_programs_give_it():
    template, markers = secret_template()
    unit = template.embedding()
    for form in (
        unit,
        unit.astype(np.float64),
        template.values.astype(np.float32) * template.scale,
    ):
        assert markers.found(b'x' + form[9:40].tobytes()) == {'template'}
    assert markers.found(str(template.values.tolist()).encode()) == {'template'}
    assert markers.found(bytes(4096) + bytes(range(256))) == set()


def test_a_key_is_found_in_every_spelling():
    markers = Markers()
    with SecretBytes.random(32) as secret:
        markers.key('key', secret)
        content = bytes(secret.view)
    for text in (content.hex(), base64.b64encode(content).decode(), repr(content)):
        assert markers.found(f'the key is {text}!'.encode()) == {'key'}
    assert markers.found(without_empty_pages(PAGE * 3 + b'x' + content + PAGE)) == {'key'}
