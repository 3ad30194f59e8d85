"""Byte strings that must not be found in what others may read, in every form that programs write."""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from mmoment_vision.face_template import FaceTemplate

# A part of a template that is shorter says nothing of anybody.
WINDOW_BYTES = 32
PAGE = bytes(4096)


def spellings(content: bytes) -> list[bytes]:
    """Bytes as they are and as programs write them."""
    codes = (content.hex(), repr(content)[2:-1], str(list(content))[1:-1])
    texts = {base64.b64encode(content), base64.urlsafe_b64encode(content).rstrip(b'=')}
    return [content, *texts, *(code.encode() for code in codes)]


def windows(content: bytes) -> list[bytes]:
    """Whoever has WINDOW_BYTES in a row of `content` has one of these in it."""
    step = WINDOW_BYTES // 2
    return [content[begin : begin + step] for begin in range(0, len(content) - step + 1, step)]


@dataclass
class Markers:
    """Byte strings to search for, by the name of what they give away."""

    patterns: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    def token(self, text):
        self.patterns['token'] += [text.encode(), base64.urlsafe_b64decode(text + '=')]

    def nonce(self, text):
        self.patterns['nonce'].append(re.search(r'\nNonce: (\w+)\n', text)[1].encode())

    def signature(self, signature):
        self.patterns['signature'] += [str(signature).encode(), *spellings(bytes(signature))]

    def key(self, name, secret):
        self.patterns[name] += spellings(bytes(secret.view))

    def template(self, content):
        template = FaceTemplate.from_bytes(content.view)
        values, unit = template.values, template.embedding()
        parts = [values, unit, unit.astype(np.float64), values * np.float32(template.scale)]
        for part in parts:
            self.patterns['template'] += windows(part.tobytes())
        numbers = [str(list(values[:8]))[1:-1], ','.join(map(str, values[:8]))]
        self.patterns['template'] += [text.encode() for text in numbers]

    def found(self, content):
        return {name for name, all_of in self.patterns.items() if any(x in content for x in all_of)}


def without_empty_pages(content: bytes) -> bytes:
    """Most of a segment was never written to."""
    pages = (content[at : at + len(PAGE)] for at in range(0, len(content), len(PAGE)))
    return b''.join(page for page in pages if page != PAGE)
