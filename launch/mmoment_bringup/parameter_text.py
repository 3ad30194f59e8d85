"""Texts as values of `-p NAME:=VALUE`, where ROS 2 expects YAML."""

from __future__ import annotations

import json


def quoted(text: str) -> str:
    """Return the YAML that stands for exactly this text.

    Bare, `clip #1.mp4` would end before the #, and `12` would be a number. YAML reads the strings
    of JSON (YAML 1.2, section 1.3); other characters stay as they are, because libyaml knows no
    pairs of surrogates.
    """
    return json.dumps(text, ensure_ascii=False)
